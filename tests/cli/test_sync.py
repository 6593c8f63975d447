"""`ingest --sync`: what vanished goes, files and members of dumps; what can't be looked at stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rag_ingest.load.arxiv_dumps import missing_members
from rag_ingest.load.arxiv_options import ArxivOptions
from rag_ingest.runners.vanished import has_vanished, vanished
from tests.cli.conftest import Run, json_lines, rows
from tests.load.conftest import build_pdf, text_at
from tests.load.dumps import regular, tar_of, write_manifest

NAMES = [f"1501/1501.0000{n}.pdf" for n in (1, 2, 3)]


def pdf(word: str) -> bytes:
    return build_pdf([text_at(20, 300, f"A page about {word} and little else.")])


def write(file: Path, *names: str) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(tar_of([regular(name, pdf(name)) for name in names]))
    return file


@pytest.fixture
def ingest(run: Run, tmp_path: Path) -> Callable[..., dict[str, int]]:
    def into(*paths: Path, more: tuple[object, ...] = (), expect: int = 0) -> dict[str, int]:
        cache = f"arxiv.cache={tmp_path / 'cache'}"
        options = ("--db", tmp_path / "db", "--engine", "textlayer", "--set", cache, "--set", "load.workers=1", *more)
        return dict(json_lines(run("ingest", *paths, *options, "--json", expect=expect))[0]["documents"])

    return into


def names(db: Path) -> list[str]:
    return sorted(row["source"].rpartition("!/")[2] for row in rows(db, "documents"))


def test_a_member_that_vanished_from_its_dump_is_removed(ingest: Callable[..., dict[str, int]], tmp_path: Path) -> None:
    folder = tmp_path / "dumps"
    dump = write(folder / "arXiv_pdf_1501_001.tar", *NAMES)
    ingest(folder)
    write(dump, *NAMES[1:])
    assert ingest(folder) == {"unchanged": 2}
    assert names(tmp_path / "db") == NAMES
    years = ("--set", "arxiv.year_from=2020", "--sync")  # filters leave all of it out, and nothing of it vanished
    assert ingest(folder, more=years) == {"removed": 1}
    assert names(tmp_path / "db") == NAMES[1:]
    assert len(rows(tmp_path / "db", "pages")) == 3
    assert ingest(folder, more=("--sync",)) == {"unchanged": 2}


def on_record(dump: Path) -> list[tuple[str, str]]:
    return [(f"{dump}!/{name}", f"before@{n}") for n, name in enumerate(NAMES)]


def test_what_cannot_be_listed_to_its_end_lost_no_member(tmp_path: Path) -> None:
    dump = write(tmp_path / "dumps" / "arXiv_pdf_1501_001.tar", *NAMES[:2])
    options = ArxivOptions(cache=str(tmp_path / "cache"))
    whole, gone = dump.read_bytes(), [f"{dump}!/{NAMES[2]}"]

    def found(*failed: str) -> list[str]:
        return vanished(on_record(dump), [dump.parent], set(failed), options)

    assert found() == gone
    assert found(str(dump)) == []
    unended = -(-len(whole.rstrip(b"\0")) // 512) * 512  # without the end mark
    for content in (whole[: whole.index(NAMES[1].encode()) + 600], whole[:unended], b"", b"<html>", tar_of([])):
        dump.write_bytes(content)
        assert found() == [], content[:20]
    dump.write_bytes(whole)
    write_manifest(dump.parent, dump, md5sum="0" * 32)
    assert found() == []
    write_manifest(dump.parent, dump)
    assert found() == gone


def test_a_member_that_is_refused_by_now_is_there(tmp_path: Path) -> None:
    dump = tmp_path / "dump.tar"
    dump.write_bytes(tar_of([regular(NAMES[0], b"%PDF"), regular(f"./{NAMES[1]}", b"%PDF" + b"x" * 2**20)]))
    options = ArxivOptions(cache=str(tmp_path / "cache"), max_member_mb=1)
    assert missing_members(str(dump), NAMES, options) == NAMES[2:]


def test_what_cannot_be_looked_at_has_not_vanished(
    ingest: Callable[..., dict[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "papers"
    for name in ("a", "b", "shut/c"):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / f"{name}.pdf").write_bytes(pdf(name))
    ingest(folder)
    for name in ("b", "shut/c"):
        (folder / f"{name}.pdf").unlink()
    stat = Path.stat

    def shut(self: Path, *, follow_symlinks: bool = True):  # type: ignore[no-untyped-def]
        if "shut" in self.parts:
            raise PermissionError(13, "Permission denied", str(self))
        return stat(self, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", shut)
    assert ingest(folder, more=("--sync",)) == {"removed": 1, "unchanged": 1}
    assert {Path(name).name for name in names(tmp_path / "db")} == {"a.pdf", "c.pdf"}
    assert not has_vanished(str(folder / "shut" / "c.pdf"))
    assert has_vanished(str(folder / "b.pdf"))
    assert has_vanished(str(folder / "a.pdf" / "inside"))


def test_a_version_that_is_left_is_found_again_in_the_same_run(
    ingest: Callable[..., dict[str, int]], tmp_path: Path
) -> None:
    folder = tmp_path / "dumps"
    write(folder / "arXiv_pdf_1501_001.tar", "1501/1501.00001v1.pdf")
    later = write(folder / "arXiv_pdf_1501_002.tar", "1501/1501.00001v2.pdf")
    ingest(folder)
    later.unlink()
    assert ingest(folder, more=("--sync",)) == {"removed": 1, "unchanged": 1, "added": 1}
    assert {row["version"] for row in rows(tmp_path / "db", "chunks")} == {1}
    assert [row["state"] for row in rows(tmp_path / "db", "documents")] == ["done"]
    assert ingest(folder, more=("--sync",)) == {"unchanged": 1}


def test_a_copy_has_the_title_of_its_own_name(run: Run, ingest: Callable[..., dict[str, int]], tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    for name in ("first", "second"):
        (folder / f"{name}.pdf").write_bytes(pdf("nothing"))
    assert ingest(folder) == {"added": 1, "duplicate": 1}
    assert sorted(row["title"] for row in rows(tmp_path / "db", "documents")) == ["first", "second"]
    (folder / "first.pdf").unlink()
    assert ingest(folder, more=("--sync",)) == {"removed": 1, "unchanged": 1}
    (chunk,) = rows(tmp_path / "db", "chunks")
    assert (chunk["title"], chunk["metadata"]["title"]) == ("second", "second")
    (folder / "second.pdf").rename(folder / "third.pdf")
    assert ingest(folder) == {"moved": 1}
    assert {row["title"] for row in rows(tmp_path / "db", "chunks")} == {"third"}


def test_a_folder_among_others_that_is_gone_or_empty_says_so_too(
    ingest: Callable[..., dict[str, int]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folders = [tmp_path / name for name in ("full", "empty", "gone")]
    for folder in folders[:2]:
        folder.mkdir()
    (folders[0] / "a.pdf").write_bytes(pdf("a"))
    assert ingest(*folders, more=("--sync",), expect=3) == {"added": 1, "failed": 2}
    assert f"rag-ingest remove {folders[0]}" not in caplog.text
    assert all(f"rag-ingest remove {folder}" in caplog.text for folder in folders[1:])


def test_a_folder_that_is_gone_or_empty_says_what_to_do(run: Run, tmp_path: Path) -> None:
    folder, db = tmp_path / "my papers", tmp_path / "db"
    remove = f"rag-ingest remove '{folder}' --db {db}"

    def said(*paths: Path) -> str:
        return " ".join(run("ingest", *paths, "--db", db, "--sync", expect=2).stderr.split())

    assert "no such folder" in said(folder)
    assert remove in said(folder)
    folder.mkdir()
    assert "folder has no file of a known kind" in said(folder)
    assert remove in said(folder)
    assert "--sync needs a folder" in said(folder / "*.pdf")
    file = tmp_path / "one.pdf"
    file.write_bytes(pdf("one"))
    assert "--sync needs a folder" in said(file)
    assert not db.exists()
