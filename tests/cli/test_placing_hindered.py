"""Placing pages again is hindered: by kills, Ctrl-C, pages and files that can't be loaded. Nothing is lost by it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rag_ingest.load.pdf import PdfLoader
from rag_ingest.ocr.figures import FigureOptions
from rag_ingest.ocr.placing import wanted
from rag_ingest.report import DocumentReport
from rag_ingest.store import chunks, documents, ledger
from rag_ingest.store.figure_files import FigureFiles
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.types import Failure, Page, PageMarkdown, SourceDocument
from tests.cli.placing import BOXES, COLUMN, FILES, NO_BOXES, NO_CROPS, Wanted, all_of, ingest


@pytest.fixture
def paper(corpus: Path) -> Path:
    return corpus / "tide-gauges.pdf"


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("before", [(NO_CROPS, NO_BOXES), (FigureOptions(format="jpeg"), BOXES), (COLUMN, BOXES)])
def test_killed_after_any_write_the_next_run_completes_it(
    paper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: Wanted
) -> None:
    """Before the first one nothing has happened."""
    ingest(tmp_path / "first", [paper], *before)
    ingest(tmp_path / "clean", [paper])
    clean = all_of(tmp_path / "clean")
    for fatal in range(1, 100):
        db, came = tmp_path / f"db-{fatal}", Deaths(fatal)
        shutil.copytree(tmp_path / "first", db)
        if not killed(came, db, paper, monkeypatch):
            break
        ran = ingest(db, [paper])
        assert ran.read == []
        assert all_of(db) == clean
    assert came.calls == 6  # two files, pages, chunks, files that are superseded, row
    assert fatal == came.calls + 1


def killed(came: Deaths, db: Path, paper: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether it was, before all was written."""
    with monkeypatch.context() as patch:
        tables = ((chunks, "upsert"), (documents, "upsert"), (ledger, "upsert"))
        for owner, name in (*tables, (FigureFiles, "_write"), (FigureFiles, "keep_only")):
            patch.setattr(owner, name, came.at(getattr(owner, name)))
        try:
            ingest(db, [paper])
        except Killed:
            return True
    return False


@pytest.mark.parametrize("before", [COLUMN, FigureOptions(format="jpeg")])
def test_killed_amid_it_the_chunks_still_lead_to_their_crops(
    paper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: FigureOptions
) -> None:
    ingest(tmp_path, [paper], before)
    pages_are_written = Deaths(3)
    assert killed(pages_are_written, tmp_path, paper, monkeypatch)
    with KnowledgeBase.open(tmp_path) as kb:
        figures = [(h.doc_id, f) for h in kb.search("tide", None, mode="text", k=50) for f in h.figures]
        assert figures
        assert all(kb.figure_image(*figure) for figure in figures)


class Deaths:
    """From a write on, nothing is written any more, whatever still tries."""

    def __init__(self, fatal: int) -> None:
        self.calls, self.fatal, self.dead = 0, fatal, False

    def at(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.dead:
                raise Killed
            done = write(*args, **kwargs)
            self.calls += 1
            self.dead = self.calls == self.fatal
            if self.dead:
                raise Killed
            return done

        return call


def test_ctrl_c_keeps_the_pages_that_were_placed(paper: Path, tmp_path: Path) -> None:
    ingest(tmp_path / "db", [paper], boxes=NO_BOXES)

    def stop(event: object) -> None:
        if isinstance(event, PageMarkdown) and event.number == 2:
            raise KeyboardInterrupt

    ran = ingest(tmp_path / "db", [paper], progress=stop)
    assert ran.report.interrupted
    assert ingest(tmp_path / "db", [paper]).report.pages_placed == 2
    ingest(tmp_path / "clean", [paper])
    assert all_of(tmp_path / "db") == all_of(tmp_path / "clean")


def test_a_page_that_cannot_be_loaded_keeps_what_it_has(
    paper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    ingest(tmp_path / "db", [paper], boxes=NO_BOXES)
    with monkeypatch.context() as patch:
        patch.setattr(PdfLoader, "pages", torn(PdfLoader.pages))
        ran = ingest(tmp_path / "db", [paper], progress=told.append)
    (failure,) = ran.report.failures
    reason = "torn; what was read of it stays, with the boxes and crops that it had"
    assert (failure.page, failure.reason) == (2, reason)
    assert (ran.report.pages_placed, ran.report.pages_failed, ran.report.documents) == (2, 0, {"updated": 1})
    assert [event.pages_placed for event in told if isinstance(event, DocumentReport)] == [2]
    with KnowledgeBase.open(tmp_path / "db") as kb:
        (stale,) = kb.status(None, wanted(FILES, BOXES)).stale
        assert stale["pages"] == 1
        assert stale["why"].endswith(f"; last time not all could: page 2: {reason}")
        assert kb.status().pages == {"done": 3, "failed": 0}
    assert ingest(tmp_path / "db", [paper]).report.pages_placed == 1
    ingest(tmp_path / "clean", [paper])
    assert all_of(tmp_path / "db") == all_of(tmp_path / "clean")


def torn(load: Callable[..., Iterator[Page | Failure]]) -> Callable[..., Iterator[Page | Failure]]:
    """The same, but for the second page."""

    def broken(
        self: PdfLoader, document: SourceDocument, numbers: Sequence[int], *, image: bool = True
    ) -> Iterator[Page | Failure]:
        for page in load(self, document, numbers, image=image):
            number = page.number if isinstance(page, Page) else page.page
            yield page if number != 2 else Failure(document.source, 2, "load", "torn", document.doc_id)

    return broken


def test_of_two_files_with_one_content_a_page_that_cannot_be_loaded_fails_neither(
    paper: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [Path(shutil.copy(paper, tmp_path / name)) for name in ("a.pdf", "b.pdf")]
    ingest(tmp_path / "db", files, boxes=NO_BOXES)
    with KnowledgeBase.open(tmp_path / "db") as kb:
        assert [stale["pages"] for stale in kb.status(None, wanted(FILES, BOXES)).stale] == [3, 0]
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(PdfLoader, "pages", torn(PdfLoader.pages))
            ran = ingest(tmp_path / "db", files)
        assert {(failure.page, Path(failure.source).name) for failure in ran.report.failures} == {(2, "a.pdf")}
        with KnowledgeBase.open(tmp_path / "db") as kb:
            assert [row.state for row in kb.documents()] == ["done", "done"]
    ingest(tmp_path / "db", files)
    ingest(tmp_path / "clean", files)
    assert all_of(tmp_path / "db", "source") == all_of(tmp_path / "clean", "source")


@pytest.mark.parametrize("by_now", [None, b"no PDF any more"])
def test_a_source_that_is_gone_leaves_all_as_it_is_and_is_told(
    paper: Path, tmp_path: Path, by_now: bytes | None
) -> None:
    file, db = tmp_path / "paper.pdf", tmp_path / "db"
    shutil.copy(paper, file)
    ingest(db, [file], boxes=NO_BOXES)
    before = all_of(db)
    file.unlink() if by_now is None else file.write_bytes(by_now)
    ran = ingest(db, [file])
    assert [failure.source for failure in ran.report.failures] == [str(file)]
    assert {name: rows for name, rows in all_of(db).items() if name != "documents"} == {
        name: rows for name, rows in before.items() if name != "documents"
    }
    if by_now is None:
        with KnowledgeBase.open(db) as kb:
            assert [stale["pages"] for stale in kb.status(None, wanted(FILES, BOXES)).stale] == [3]


def test_of_two_files_with_one_content_the_pages_are_placed_once(paper: Path, tmp_path: Path) -> None:
    files = [tmp_path / "a.pdf", tmp_path / "b.pdf"]
    for file in files:
        shutil.copy(paper, file)
    ingest(tmp_path / "db", files, boxes=NO_BOXES)
    assert ingest(tmp_path / "db", files[:1]).report.pages_placed == 3
    ran = ingest(tmp_path / "db", files)
    assert (ran.report.pages_placed, ran.report.documents) == (0, {"unchanged": 1, "duplicate": 1})
    ingest(tmp_path / "clean", files)
    assert all_of(tmp_path / "db", "source") == all_of(tmp_path / "clean", "source")  # either may stand in `pages`
