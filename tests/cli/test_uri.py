"""A knowledge base under a URI, and papers at one: every command takes the URI as it stands."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.http import HTTPFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from tests.cli.conftest import Run, json_lines
from tests.load.conftest import build_pdf, text_at
from tests.load.dumps import regular, tar_of

COMMANDS = [("status",), ("search", "buses"), ("retry",), ("reembed",), ("optimize",), ("remove", "a.pdf")]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder in which nothing is to appear."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_uri_is_no_folder(run: Run, elsewhere: Path, command: tuple[str, ...]) -> None:
    result = run(*command, "--db", "nowhere://bucket/kb/", expect=1)
    assert "nowhere://bucket/kb/" in result.stderr
    assert not list(elsewhere.iterdir())


def test_ingest_says_which_uri_leads_nowhere(run: Run, corpus: Path, elsewhere: Path) -> None:
    settings = ("--engine", "textlayer", "--set", "figures.keep=none")
    result = run("ingest", corpus, "--db", "nowhere://bucket/kb", *settings, expect=1)
    assert "error: nowhere://bucket/kb" in result.stderr
    assert not list(elsewhere.iterdir())


def test_the_same_commands_work_under_a_uri(run: Run, corpus: Path, elsewhere: Path, tmp_path: Path) -> None:
    paper, db = tmp_path / "late.pdf", f"file://{tmp_path}/kb"
    shutil.copy(corpus / "tide-gauges.pdf", paper)
    report = json_lines(run("ingest", paper, "--db", db, "--engine", "textlayer", "--json"))[0]
    assert (report["db"], report["documents"]) == (db, {"added": 1})
    assert json_lines(run("search", "tide gauges", "--db", db, "--mode", "text", "--json"))
    run("remove", paper, "--db", db)
    assert json_lines(run("status", "--db", db, "--json"))[0]["documents"] == 0
    assert not list(elsewhere.iterdir())


def test_a_folder_may_lie_at_home(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert f"no knowledge base at {tmp_path / 'kb'};" in run("status", "--db", "~/kb/", expect=2).stderr


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Papers that were copied from memory://, or read out of a dump there, since it was emptied."""
    asked: list[str] = []
    get, cat = MemoryFileSystem.get_file, MemoryFileSystem.cat_file

    def copied(self: MemoryFileSystem, path: str, *args: object, **options: object) -> object:
        asked.append(path)
        return get(self, path, *args, **options)

    def read(self: MemoryFileSystem, path: str, start: int | None = None, end: int | None = None) -> object:
        asked.extend([path] if end != 1 else [])  # whether parts can be had
        return cat(self, path, start=start, end=end)

    monkeypatch.setattr(MemoryFileSystem, "get_file", copied)
    monkeypatch.setattr(MemoryFileSystem, "cat_file", read)
    MemoryFileSystem.store.clear()
    yield asked
    MemoryFileSystem.store.clear()


def pdf(word: str) -> bytes:
    return build_pdf([text_at(20, 300, f"A page about {word} and little else.")])


@pytest.mark.parametrize("at", ["memory://papers", "memory://papers/*.pdf"])
def test_what_is_unchanged_in_a_store_is_not_fetched_again(
    run: Run, tmp_path: Path, fetched: list[str], at: str
) -> None:
    store = fsspec.filesystem("memory")
    store.pipe({"/papers/a.pdf": pdf("apples"), "/papers/b.pdf": pdf("pears")})

    def ingest(*paths: str) -> dict[str, int]:
        fetched.clear()
        options = ("--db", tmp_path / "kb", "--engine", "textlayer", "--set", "load.workers=1")
        return dict(json_lines(run("ingest", *paths, *options, "--json"))[0]["documents"])

    assert ingest(at) == {"added": 2}
    assert ingest(at) == {"unchanged": 2}
    assert not fetched
    store.pipe({"/papers/b.pdf": pdf("plums"), "/papers/c.pdf": pdf("cherries")})
    assert ingest(at) == {"unchanged": 1, "updated": 1, "added": 1}
    assert {path.rpartition("/")[2] for path in fetched} == {"b.pdf", "c.pdf"}
    assert ingest("memory:///papers/a.pdf") == {"unchanged": 1}
    assert json_lines(run("search", "plums", "--db", tmp_path / "kb", "--mode", "text", "--json"))
    run("remove", "memory:///papers", "--db", tmp_path / "kb")
    assert json_lines(run("status", "--db", tmp_path / "kb", "--json"))[0]["documents"] == 0


def test_what_is_unchanged_on_a_web_server_is_not_fetched_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    copied = HTTPFileSystem._get_file

    async def get(self: HTTPFileSystem, url: str, *args: object, **options: object) -> object:
        sent.append(url)
        return await copied(self, url, *args, **options)

    monkeypatch.setattr(HTTPFileSystem, "_get_file", get)
    HTTPFileSystem.clear_instance_cache()  # one that is there has its own
    papers = tmp_path / "papers"
    papers.mkdir()
    for name in ("a", "b"):
        (papers / f"{name}.pdf").write_bytes(pdf(name))
    handler = partial(Quiet, directory=str(papers))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"

        def ingest(*paths: str) -> dict[str, int]:
            sent.clear()
            options = ("--db", tmp_path / "kb", "--engine", "textlayer", "--set", "load.workers=1")
            return dict(json_lines(run("ingest", *paths, *options, "--json"))[0]["documents"])

        assert ingest(f"{base}/a.pdf") == {"added": 1}
        assert sent == [f"{base}/a.pdf"]
        assert ingest(f"{base}/") == {"unchanged": 1, "added": 1}
        assert sent == [f"{base}/b.pdf"]
        (papers / "b.pdf").write_bytes(pdf("plums"))
        assert ingest(f"{base}/a.pdf", f"{base}/b.pdf") == {"unchanged": 1, "updated": 1}
        assert sent == [f"{base}/b.pdf"]
        server.shutdown()
    HTTPFileSystem.clear_instance_cache()


class Quiet(SimpleHTTPRequestHandler):
    """Of a folder."""

    def log_message(self, *args: object) -> None:
        pass


def test_papers_of_an_unchanged_dump_in_a_store_are_not_read_again(
    run: Run, tmp_path: Path, fetched: list[str]
) -> None:
    store, dump = fsspec.filesystem("memory"), "/dumps/arXiv_pdf_2001_001.tar"
    names = [f"2001/2001.0000{n}.pdf" for n in (1, 2)]

    def ingest() -> dict[str, int]:
        fetched.clear()
        options = ("--db", tmp_path / "kb", "--engine", "textlayer", "--set", "load.workers=1")
        cache = ("--set", f"arxiv.cache={tmp_path / 'cache'}")
        return dict(json_lines(run("ingest", f"memory:/{dump}", *options, *cache, "--json"))[0]["documents"])

    store.pipe(dump, tar_of([regular(name, pdf(name)) for name in names]))
    assert ingest() == {"added": 2}
    assert ingest() == {"unchanged": 2}
    assert not fetched
    store.pipe(dump, tar_of([regular(names[0], pdf(names[0])), regular(names[1], pdf("another"))]))
    assert ingest() == {"unchanged": 1, "updated": 1}
    assert fetched
