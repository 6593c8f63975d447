"""Boxes and crops of pages that were read before are made as they are wanted by now, and no page is read for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import lancedb
import pytest

from rag_ingest.load.pdf import PdfLoader
from rag_ingest.ocr.figures import FigureOptions
from rag_ingest.ocr.layout import LayoutEngine, LayoutOptions
from rag_ingest.ocr.lightonocr import LightOnOCR, LightOnOcrOptions
from rag_ingest.ocr.places import BoxOptions
from rag_ingest.ocr.placing import wanted
from rag_ingest.report import DocumentReport
from rag_ingest.store import chunks, documents, ledger
from rag_ingest.store.figure_files import FigureFiles
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.types import Failure, Page, PageMarkdown, SourceDocument
from tests.cli.conftest import Run, json_lines
from tests.cli.placing import Remembering, all_of, ingest

NO_CROPS, NO_BOXES = FigureOptions(keep="none"), BoxOptions(find=False)
FILES, COLUMN = FigureOptions(), FigureOptions(keep="column")
BOXES = BoxOptions()

Wanted = tuple[FigureOptions, BoxOptions]
CHANGES: list[tuple[str, Wanted, Wanted, int, bool]] = [
    ("boxes", (FILES, NO_BOXES), (FILES, BOXES), 3, False),
    ("boxes beside the engine's own", (COLUMN, NO_BOXES), (COLUMN, BOXES), 3, True),
    ("both", (NO_CROPS, NO_BOXES), (FILES, BOXES), 3, True),
    ("into the table", (FILES, BOXES), (COLUMN, BOXES), 2, False),
    ("into files", (COLUMN, BOXES), (FILES, BOXES), 2, True),
    ("otherwise", (FILES, BOXES), (FigureOptions(format="jpeg", margin_pt=20), BOXES), 2, False),
]


@pytest.fixture
def paper(corpus: Path) -> Path:
    return corpus / "tide-gauges.pdf"


@pytest.mark.parametrize(("before", "after", "pages", "own"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_rows_and_crops_are_those_of_a_clean_run(
    paper: Path, tmp_path: Path, before: Wanted, after: Wanted, pages: int, own: bool
) -> None:
    ingest(tmp_path / "db", [paper], *before, own=own)
    ran = ingest(tmp_path / "db", [paper], *after, own=own)
    assert (ran.read, ran.embedded, ran.report.pages_read) == ([], [], 0)
    assert (ran.report.pages_placed, ran.report.pages_cached, ran.report.documents) == (pages, 3, {"updated": 1})
    ingest(tmp_path / "clean", [paper], *after, own=own)
    assert all_of(tmp_path / "db") == all_of(tmp_path / "clean")
    assert ingest(tmp_path / "db", [paper], *after, own=own).report.documents == {"unchanged": 1}


@pytest.mark.parametrize("fewer", [(NO_CROPS, BOXES), (FILES, NO_BOXES), (NO_CROPS, NO_BOXES)])
def test_what_is_no_longer_wanted_stays_and_costs_nothing(paper: Path, tmp_path: Path, fewer: Wanted) -> None:
    ingest(tmp_path, [paper])
    before = all_of(tmp_path)
    assert ingest(tmp_path, [paper], *fewer).report.documents == {"unchanged": 1}
    assert all_of(tmp_path) == before
    assert ingest(tmp_path, [paper]).report.documents == {"unchanged": 1}
    with KnowledgeBase.open(tmp_path) as kb:
        assert kb.status(None, wanted(*fewer)).stale == ()


def test_status_says_what_is_to_be_made_of_how_many_pages(run: Run, corpus: Path, tmp_path: Path) -> None:
    files = [corpus / "bus-holding.pdf", corpus / "tide-gauges.pdf"]

    def stale() -> list[tuple[str, int]]:
        found = json_lines(run("status", "--db", tmp_path, "--json"))[0]["stale"]
        return [(Path(row["source"]).name, row["pages"]) for row in found]

    ingest(tmp_path, files, NO_CROPS, NO_BOXES)
    assert stale() == []
    with KnowledgeBase.open(tmp_path) as kb:
        found = kb.status(None, wanted(FILES, NO_BOXES)).stale
    assert [(row["pages"], row["why"]) for row in found] == [
        (2, "crops of figures (files png 3) are to be made, from the file and the pages that were read")
    ] * 2
    report = ingest(tmp_path, files[:1], NO_CROPS).report.as_json()
    assert report["pages"] == {"read": 0, "cached": 3, "failed": 0, "cut": 0, "empty": 0, "placed": 3}
    assert stale() == [("tide-gauges.pdf", 3)]
    said = run("status", "--db", tmp_path).stdout
    assert "1 documents with 3 pages to place: boxes of text are to be made" in said
    ingest(tmp_path, files, NO_CROPS)
    assert stale() == []


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


COLUMNS = ("boxes_by", "crops_by")


@pytest.mark.parametrize("earlier", [(FILES, BOXES), (COLUMN, BOXES), (NO_CROPS, BOXES)])
def test_a_database_of_an_earlier_version_shows_what_it_has(paper: Path, tmp_path: Path, earlier: Wanted) -> None:
    ingest(tmp_path, [paper], *earlier)
    before = all_of(tmp_path, *COLUMNS)
    for name in ("documents", "pages"):
        lancedb.connect(tmp_path).open_table(name).drop_columns(list(COLUMNS))
    with KnowledgeBase.open(tmp_path) as kb:
        assert kb.status(None, wanted(*earlier)).stale == ()
        assert len(kb.done_pages(*next((d.doc_id, d.ocr_fingerprint) for d in kb.documents()))) == 3
    assert ingest(tmp_path, [paper], *earlier).report.documents == {"unchanged": 1}
    assert all_of(tmp_path, *COLUMNS) == before
    made = 0 if earlier[0] == FILES else 2
    assert ingest(tmp_path, [paper]).report.pages_placed == made


def test_pages_without_a_column_of_boxes_get_them(paper: Path, tmp_path: Path) -> None:
    ingest(tmp_path / "db", [paper], boxes=NO_BOXES)
    for name, columns in (("documents", COLUMNS), ("pages", (*COLUMNS, "boxes"))):
        lancedb.connect(tmp_path / "db").open_table(name).drop_columns(list(columns))
    assert ingest(tmp_path / "db", [paper]).report.pages_placed == 3
    ingest(tmp_path / "clean", [paper])
    assert all_of(tmp_path / "db", "crops_by") == all_of(tmp_path / "clean", "crops_by")


def test_layout_pages_get_theirs_without_the_model(corpus: Path, tmp_path: Path) -> None:
    layout = Remembering(LayoutEngine(LayoutOptions()))
    settings = ((NO_CROPS, NO_BOXES), (FILES, BOXES))
    assert_placed_as_if_read(layout, corpus / "tide-gauges.pdf", tmp_path, settings, pages=3)
    assert len(all_of(tmp_path / "db")["files"]) == 1


def test_scans_get_boxes_without_lightonocr(root: Path, tmp_path: Path) -> None:
    tiny = root / "tests" / "tiny_lightonocr"
    options = LightOnOcrOptions(model=str(tiny / "model"), device="cpu", temperature=0.0, retries=0, fallback="none")
    engine = Remembering(LightOnOCR(options))
    settings = ((FILES, BOXES), (FILES, BoxOptions(scans="rapidocr")))
    assert_placed_as_if_read(engine, tiny / "pages" / "01.png", tmp_path, settings, pages=1)
    assert any(row["bboxes"] for row in all_of(tmp_path / "db")["chunks"])


def assert_placed_as_if_read(
    engine: Remembering, file: Path, folder: Path, settings: tuple[Wanted, Wanted], pages: int
) -> None:
    before, after = settings
    ingest(folder / "db", [file], *before, engine=engine)
    engine.asked.clear()
    ran = ingest(folder / "db", [file], *after, engine=engine)
    assert (engine.asked, ran.report.pages_read, ran.report.pages_placed) == ([], 0, pages)
    ingest(folder / "clean", [file], *after, engine=engine)
    assert engine.asked
    assert all_of(folder / "db") == all_of(folder / "clean")
