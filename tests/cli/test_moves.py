"""Files that move, folders that empty, versions that come together, engines that fail by half, and kills in between."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from rag_ingest import Config
from rag_ingest.pipeline import Pipeline
from rag_ingest.report import IngestReport
from rag_ingest.runners.local import run as run_local
from rag_ingest.store.documents import Documents
from rag_ingest.types import Failure, Page, PageMarkdown
from tests.cli.conftest import Run, json_lines, rows
from tests.load.dumps import regular, tar_of

ENGINE = ("--engine", "textlayer")


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def folder(tmp_path: Path, corpus: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    for name in ("bus-holding", "tide-gauges"):
        shutil.copy(corpus / f"{name}.pdf", folder)
    return folder


def sources(db: Path, table: str = "documents") -> set[str]:
    return {Path(row["source"]).name for row in rows(db, table)}


def report_of(run: Run, *arguments: object, expect: int | None = 0) -> dict[str, Any]:
    report: dict[str, Any] = json_lines(run("ingest", *arguments, *ENGINE, "--json", expect=expect))[0]
    return report


def test_a_file_that_moved_is_neither_read_nor_embedded_again(run: Run, folder: Path, tmp_path: Path) -> None:
    db = tmp_path / "db"
    report_of(run, folder, "--db", db)
    chunks = {row["id"]: row["vector"] for row in rows(db, "chunks")}
    (folder / "bus-holding.pdf").rename(folder / "renamed.pdf")
    report = report_of(run, folder, "--db", db)
    assert (report["documents"], report["chunks"], report["pages"]["cached"]) == ({"moved": 1, "unchanged": 1}, 0, 0)
    assert sources(db) == sources(db, "chunks") == {"renamed.pdf", "tide-gauges.pdf"}
    assert {row["id"]: row["vector"] for row in rows(db, "chunks")} == chunks
    assert report_of(run, folder, "--db", db)["documents"] == {"unchanged": 2}


def test_an_emptied_folder_keeps_its_documents_and_sync_keeps_pages(run: Run, folder: Path, tmp_path: Path) -> None:
    """An empty folder may be the mount point of a disk that isn't there."""
    db, other, away = tmp_path / "db", tmp_path / "other", tmp_path / "away"
    other.mkdir()
    (folder / "tide-gauges.pdf").rename(other / "tide-gauges.pdf")
    report_of(run, folder, other, "--db", db)
    before = {table: rows(db, table) for table in ("documents", "pages", "chunks")}
    (other / "tide-gauges.pdf").rename(away)
    report_of(run, folder, other, "--db", db, "--sync", expect=3)
    assert {table: rows(db, table) for table in ("pages", "chunks")} == {t: before[t] for t in ("pages", "chunks")}
    shutil.copy(folder / "bus-holding.pdf", other / "another.pdf")
    synced = report_of(run, folder, other / ".." / "other", "--db", db, "--sync")
    assert synced["documents"]["removed"] == 1
    assert sources(db) == {"bus-holding.pdf", "another.pdf"}
    assert rows(db, "pages") == before["pages"]
    away.rename(other / "tide-gauges.pdf")
    again = report_of(run, other, "--db", db)
    assert (again["pages"]["read"], again["pages"]["cached"]) == (0, 3)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_of_two_versions_in_one_run_the_later_one_answers(
    run: Run, corpus: Path, tmp_path: Path, order: Sequence[int]
) -> None:
    db, papers = tmp_path / "db", {1: "bus-holding", 2: "tide-gauges"}
    tars = []
    for number, version in enumerate(order):
        tar = tmp_path / f"arXiv_pdf_2301_00{number}.tar"
        content = (corpus / f"{papers[version]}.pdf").read_bytes()
        tar.write_bytes(tar_of([regular(f"2301/2301.00001v{version}.pdf", content)]))
        tars.append(tar)
    report_of(run, *tars, "--db", db)
    assert {row["version"] for row in rows(db, "chunks")} == {2}
    assert {(row["version"], row["state"]) for row in rows(db, "documents")} == {(1, "superseded"), (2, "done")}
    assert report_of(run, *tars, "--db", db)["documents"] == {"unchanged": 2}


def test_a_run_killed_between_chunks_and_rows_is_put_right_whatever_is_ingested_next(
    run: Run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is put back with its old time of change: its stamp must not pass for what the chunks are."""
    db, file, kept = tmp_path / "db", tmp_path / "a.pdf", tmp_path / "kept.pdf"
    shutil.copy2(corpus / "bus-holding.pdf", file)
    shutil.copy2(file, kept)
    report_of(run, file, "--db", db)
    first = rows(db, "chunks")
    file.write_bytes((corpus / "tide-gauges.pdf").read_bytes())
    write = Documents.write

    def deadly(self: Documents, records: Sequence[Any]) -> int:
        if any(record.split_fingerprint for record in records):
            raise Killed
        return write(self, records)

    monkeypatch.setattr(Documents, "write", deadly)
    with pytest.raises(Killed), Pipeline(Config(engine="textlayer")) as pipeline:
        run_local(pipeline, [file], str(db), lambda event: None)
    monkeypatch.undo()
    assert rows(db, "chunks") != first
    file.unlink()
    shutil.copy2(kept, file)
    assert report_of(run, file, "--db", db)["documents"] == {"updated": 1}
    assert rows(db, "chunks") == first


class HalfEngine:
    """Reads first pages and fails at the others."""

    name, needs_image, batch_size, fingerprint = "half", False, 4, "half-1"

    def recognize(self, pages: Sequence[Page]) -> list[PageMarkdown | Failure]:
        return [
            PageMarkdown(page.doc_id, page.number, "# Half\n\nSome text.", self.name, self.fingerprint)
            if page.number == 1
            else Failure("", page.number, "ocr", "no more", page.doc_id)
            for page in pages
        ]

    def close(self) -> None:
        pass


def test_an_engine_that_fails_by_half_does_not_take_a_whole_documents_place(
    run: Run, corpus: Path, tmp_path: Path
) -> None:
    db, file = tmp_path / "db", corpus / "bus-holding.pdf"
    report_of(run, file, "--db", db)
    before = rows(db, "chunks")

    def half(paths: list[Path], told: Callable[[object], None] = lambda event: None) -> IngestReport:
        with Pipeline(Config(), engine=HalfEngine()) as pipeline:
            return run_local(pipeline, paths, str(db), told)

    report = half([file])
    assert report.documents == {"failed": 1}
    assert rows(db, "chunks") == before
    (failure,) = [f for f in json_lines(run("status", "--db", db, "--json"))[0]["failures"] if f["page"] is None]
    assert "2 pages failed" in failure["reason"]
    assert "what was read before stays" in failure["reason"]
    assert report_of(run, file, "--db", db)["documents"] == {"updated": 1}  # by the engine of before: from the ledger
    assert rows(db, "chunks") == before
    assert half([corpus / "tide-gauges.pdf"]).documents == {"partial": 1}  # where nothing better is there


def test_an_empty_name_removes_nothing(run: Run, folder: Path, tmp_path: Path) -> None:
    db = tmp_path / "db"
    report_of(run, folder, "--db", db)
    assert "empty name" in run("remove", "", "--db", db, expect=2).stderr
    assert len(rows(db, "documents")) == 2


def test_with_sync_a_file_that_moved_is_known_again_too(run: Run, folder: Path, tmp_path: Path) -> None:
    db = tmp_path / "db"
    report_of(run, folder, "--db", db)
    (folder / "bus-holding.pdf").rename(folder / "renamed.pdf")
    (folder / "tide-gauges.pdf").unlink()
    done = run("ingest", folder, "--db", db, *ENGINE, "--sync", "--json")
    report = json_lines(done)[0]
    assert (report["documents"], report["chunks"]) == ({"moved": 1, "removed": 1}, 0)
    assert sources(db) == {"renamed.pdf"}
    assert "[2/1]" not in done.stderr
