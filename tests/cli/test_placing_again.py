"""Boxes and crops of pages that were read before are made as they are wanted by now, and no page is read for it."""

from __future__ import annotations

from pathlib import Path

import lancedb
import pytest

from rag_ingest.ocr.figures import FigureOptions
from rag_ingest.ocr.layout import LayoutEngine, LayoutOptions
from rag_ingest.ocr.lightonocr import LightOnOCR, LightOnOcrOptions
from rag_ingest.ocr.places import BoxOptions
from rag_ingest.ocr.placing import wanted
from rag_ingest.store.knowledge_base import KnowledgeBase
from tests.cli.conftest import Run, json_lines
from tests.cli.placing import BOXES, COLUMN, FILES, NO_BOXES, NO_CROPS, Remembering, Wanted, all_of, ingest

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
