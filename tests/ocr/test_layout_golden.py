"""Pages made with Typst, read by the real models, against Markdown that a person can check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import typst
from rapidfuzz import fuzz

from rag_ingest.load.options import LoadOptions
from rag_ingest.load.pdf import PdfLoader
from rag_ingest.ocr.layout import LayoutEngine, LayoutOptions
from rag_ingest.types import Page, PageMarkdown, Source

GOLDEN = Path(__file__).parent / "golden_layout"


@pytest.fixture(scope="module")
def engine() -> Iterator[LayoutEngine]:
    made = LayoutEngine(LayoutOptions(threads=1))
    yield made
    made.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], list[Page]]]:
    folder = tmp_path_factory.mktemp("golden")
    with PdfLoader(LoadOptions(workers=1)) as loader:

        def load(name: str) -> list[Page]:
            pdf = folder / f"{name}.pdf"
            pdf.write_bytes(typst.compile(GOLDEN / f"{name}.typ"))
            document = loader.open(Source(str(pdf), "pdf"))
            found = list(loader.pages(document, range(1, document.page_count + 1)))
            assert all(isinstance(page, Page) for page in found)
            return [page for page in found if isinstance(page, Page)]

        yield load


@pytest.mark.parametrize("name", sorted(p.stem for p in GOLDEN.glob("*.typ")))
def test_golden(name: str, engine: LayoutEngine, pages: Callable[[str], list[Page]]):
    made = [r for r in engine.recognize(pages(name)) if isinstance(r, PageMarkdown)]
    wanted = (GOLDEN / f"{name}.md").read_text(encoding="utf-8")
    assert "\n\n".join(r.markdown for r in made) + "\n" == wanted
    assert all(r.checks["route"] == "text-layer" for r in made)


def test_what_is_left_out_of_the_golden_page_is_on_record(engine: LayoutEngine, pages: Callable[[str], list[Page]]):
    [result] = engine.recognize(pages("two_columns"))
    assert isinstance(result, PageMarkdown)
    assert sorted(result.checks["furniture"]) == ["17", "2024", "Proceedings of Small Things, volume 3"]
    assert result.checks["figure_text"] == ["time in hours"]
    [figure] = result.figures
    assert figure.placeholder == "image_1.png"
    assert figure.bbox is not None
    assert figure.bbox[2] - figure.bbox[0] > 180


@pytest.mark.slow
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_an_image_without_text_reads_alike_whichever_way_up(
    turns: int, engine: LayoutEngine, pages: Callable[[str], list[Page]]
):
    [page] = pages("one_column")
    assert page.image is not None
    width, height = page.size_pt
    image = page.image.reduce(2).rotate(90 * turns, expand=True)
    scan = replace(page, text_layer=None, image=image, size_pt=(height, width) if turns % 2 else (width, height))
    [result] = engine.recognize([scan])
    assert isinstance(result, PageMarkdown)
    assert result.checks["route"] == "ocr"
    assert result.checks.get("turned", 0) == 90 * turns
    wanted = (GOLDEN / "one_column.md").read_text(encoding="utf-8")
    assert fuzz.ratio(result.markdown, wanted) > 90
