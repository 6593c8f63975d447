"""What paths, folders, globs and URLs stand for."""

from __future__ import annotations

import bz2
import functools
import gzip
import http.server
import lzma
import os
import sys
import threading
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_ingest.errors import LoadError, MissingExtraError
from rag_ingest.load.arxiv_dumps import listing_of
from rag_ingest.load.discover import find_sources
from rag_ingest.load.media import media_by_content
from rag_ingest.load.options import LoadOptions
from rag_ingest.load.pdf import PdfLoader
from rag_ingest.types import Failure, Page, Source

PNG = b"\x89PNG\r\n\x1a\n and so on"


@pytest.fixture
def papers(tmp_path, plain_pdf) -> Path:
    """papers/{a.pdf, B.PDF, notes.txt, .hidden.pdf, sub/{c.png, d.Jpeg}, .git/e.pdf}."""
    folder = tmp_path / "papers"
    for name in ("a.pdf", "B.PDF", ".hidden.pdf", ".git/e.pdf"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(plain_pdf)
    (folder / "sub").mkdir()
    (folder / "sub" / "c.png").write_bytes(PNG)
    (folder / "sub" / "d.Jpeg").write_bytes(b"\xff\xd8\xff and so on")
    (folder / "notes.txt").write_text("no paper")
    return folder


@pytest.fixture
def memory(plain_pdf):
    """memory://papers/{a.pdf, notes.txt, sub/b.png}."""
    fs = fsspec.filesystem("memory")
    fs.pipe({"/papers/a.pdf": plain_pdf, "/papers/notes.txt": b"x", "/papers/sub/b.png": PNG})
    yield fs
    fs.rm("/papers", recursive=True)


def names(found, folder):
    return [(os.path.relpath(s.uri, folder), s.media) for s in found]


def reasons(found):
    found = list(found)
    assert all(isinstance(f, Failure) and f.stage == "load" and f.page is None for f in found), found
    return [f.reason for f in found]


def test_a_folder_gives_known_suffixes_sorted_without_hidden_names(papers):
    expected = [("B.PDF", "pdf"), ("a.pdf", "pdf"), ("sub/c.png", "image"), ("sub/d.Jpeg", "image")]
    assert names(find_sources([papers]), papers) == expected


def test_uris_are_absolute(papers, monkeypatch):
    monkeypatch.chdir(papers)
    for given_path in ("a.pdf", "./sub/../a.pdf", ".", "*.pdf"):
        found = [s for s in find_sources([given_path]) if s.uri.endswith("/a.pdf")]
        assert [s.uri for s in found] == [str(papers / "a.pdf")]


def test_globs(papers):
    assert names(find_sources([f"{papers}/**/*.p*"]), papers) == [("a.pdf", "pdf"), ("sub/c.png", "image")]
    assert names(find_sources([f"{papers}/s*"]), papers) == [("sub/c.png", "image"), ("sub/d.Jpeg", "image")]


def test_a_file_whose_name_looks_like_a_pattern(papers):
    (papers / "a.pdf").rename(papers / "x[1].pdf")
    assert names(find_sources([papers / "x[1].pdf"]), papers) == [("x[1].pdf", "pdf")]


def test_each_file_once(papers):
    (papers / "link.pdf").symlink_to(papers / "a.pdf")
    found = list(find_sources([papers / "a.pdf", papers, f"{papers}/*.pdf", papers / "link.pdf"]))
    assert [s.uri for s in found].count(str(papers / "a.pdf")) == 1
    assert str(papers / "link.pdf") not in [s.uri for s in found]


def test_a_named_file_is_judged_by_its_content(papers, plain_pdf):
    (papers / "scan").write_bytes(PNG)
    (papers / "paper.dat").write_bytes(b"\n junk first\n" + plain_pdf)
    assert names(find_sources([papers / "scan", papers / "paper.dat"]), papers) == [
        ("scan", "image"),
        ("paper.dat", "pdf"),
    ]
    (papers / "lies.pdf").write_text("<html>not found</html>")
    assert reasons(find_sources([papers / "lies.pdf"])) == ["not a PDF or image: starts with b'<html>no'"]


def test_nothing_there_is_a_failure_that_says_so(papers, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "nil.pdf").touch()
    given_paths = [tmp_path / "gone.pdf", tmp_path / "empty", f"{tmp_path}/*.xyz", tmp_path / "nil.pdf"]
    found = list(find_sources(given_paths))
    assert [f.source for f in found] == [str(p) for p in given_paths]
    missing, folder, pattern, nil = reasons(found)
    assert missing == "no such file or folder"
    assert folder.startswith("folder has no file of a known kind (.pdf .png")
    assert pattern.startswith("pattern matches no file of a known kind")
    assert nil == "file is empty"
    assert list(find_sources([])) == []


def test_one_bad_path_does_not_stop_the_others(papers):
    found = list(find_sources([papers / "gone.pdf", papers / "a.pdf"]))
    assert [type(f) for f in found] == [Failure, Source]


def test_file_urls_become_paths(papers):
    (papers / "a.pdf").rename(papers / "with space.pdf")
    url = (papers / "with space.pdf").as_uri()
    assert "%20" in url
    assert names(find_sources([url]), papers) == [("with space.pdf", "pdf")]


def test_urls_of_folders_globs_and_files(memory):
    everything = [Source("memory:///papers/a.pdf", "pdf"), Source("memory:///papers/sub/b.png", "image")]
    for url in ("memory://papers", "memory://papers/", "memory://papers/**"):
        found = list(find_sources([url]))
        assert [(s.uri.replace("memory:///", "memory://"), s.media) for s in found] == [
            (s.uri.replace("memory:///", "memory://"), s.media) for s in everything
        ]
    assert list(find_sources(["memory://papers/a.pdf"])) == [Source("memory://papers/a.pdf", "pdf")]
    assert "not a PDF or image" in reasons(find_sources(["memory://papers/notes.txt"]))[0]
    assert reasons(find_sources(["memory://papers/gone.pdf"])) == ["no such file or folder"]
    assert "known kind" in reasons(find_sources(["memory://papers/*.tif"]))[0]
    assert "nosuch" in reasons(find_sources(["nosuch://papers"]))[0]


def test_a_remote_pdf_loads_and_leaves_no_copy(memory, tmp_path, monkeypatch, plain_pdf):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with PdfLoader(LoadOptions(workers=1)) as loader:
        document = loader.open(Source("memory://papers/a.pdf", "pdf"))
        assert document.source == "memory://papers/a.pdf"
        pages = list(loader.pages(document, [2], image=False))
        assert [p.text_layer[0].text for p in pages] == ["Page number 2"]
        assert list(tmp_path.iterdir())
        with pytest.raises(LoadError, match=r"gone\.pdf: not found"):
            loader.open(Source("memory://papers/gone.pdf", "pdf"))
    assert not list(tmp_path.iterdir())


def test_only_a_few_copies_are_kept_and_a_changed_one_is_noticed(memory, tmp_path, monkeypatch, plain_pdf):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    urls = [f"memory://papers/n{i}.pdf" for i in range(12)]
    memory.pipe({url.removeprefix("memory:/"): plain_pdf for url in urls})
    with PdfLoader(LoadOptions(workers=1)) as loader:
        documents = [loader.open(Source(url, "pdf")) for url in urls]
        assert len(list(tmp_path.glob("*/*"))) < 6
        (page,) = loader.pages(documents[0], [1], image=False)
        assert isinstance(page, Page)
        memory.pipe("/papers/n1.pdf", plain_pdf + b"%changed")
        (failure,) = loader.pages(documents[1], [1], image=False)
        assert isinstance(failure, Failure)
        assert "changed" in failure.reason


def test_http(papers, plain_pdf, monkeypatch):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=str(papers))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        (source,) = find_sources([f"{base}/a.pdf?download=1"])
        assert (source.uri, source.media, source.stamp != "") == (f"{base}/a.pdf?download=1", "pdf", True)
        (listed,) = [found for found in find_sources([f"{base}/"]) if found.uri.endswith("a.pdf")]
        assert [source] == list(find_sources([source.uri]))
        assert listed.stamp == source.stamp
        (papers / "a.pdf").write_bytes((papers / "a.pdf").read_bytes() + b"\n")
        (changed,) = find_sources([source.uri])
        assert changed.stamp != source.stamp
        assert reasons(find_sources([f"{base}/gone.pdf"])) == ["no such file or folder"]
        with PdfLoader(LoadOptions(workers=1)) as loader:
            assert loader.open(source).page_count == 7
            server.shutdown()
            server.server_close()
            with pytest.raises(LoadError, match="can't be fetched") as caught:
                loader.open(Source(f"{base}/B.PDF", "pdf"))
            assert "\n" not in str(caught.value)
        for url in (f"{base}/a.pdf", f"{base}/a.tar!/2301/2301.00001.pdf"):
            (reason,) = reasons(find_sources([url]))
            assert reason.startswith("its server can't be reached: ")
            assert "no such file" not in reason


@pytest.mark.parametrize("status", [403, 500])
def test_http_that_answers_something_else_than_the_file(status):
    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(status)

        do_HEAD = do_GET

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/a.pdf"
        assert reasons(find_sources([url])) == [f"the server answers {status}"]
        server.shutdown()


@pytest.mark.parametrize("name", ["dump.tar.gz", "dump.tgz", "dump.tar"])
def test_a_compressed_dump_is_to_be_unpacked(tmp_path, name):
    for pack, packer in ((gzip, "gzip"), (bz2, "bzip2"), (lzma, "xz")):
        (tmp_path / name).write_bytes(pack.compress(b"x" * 4000))
        (reason,) = reasons(find_sources([tmp_path / name]))
        assert reason.startswith(f"compressed by {packer}: unpack it")
        with pytest.raises(LoadError, match=f"compressed by {packer}: unpack it"):
            listing_of(str(tmp_path / name), 1)


def test_s3_without_s3fs_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(MissingExtraError, match=r"rag-ingest\[s3\]"):
        list(find_sources(["s3://bucket/papers"]))


@given(st.binary(max_size=1100))
def test_content_is_judged_without_failing(head):
    assert media_by_content(head) in (None, "pdf", "image")
    assert media_by_content(b"%PDF-1.4" + head) == "pdf"
