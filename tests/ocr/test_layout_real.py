"""Real papers: headings, reading order, table cells and equations where a person sees them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rag_ingest.load.options import LoadOptions
from rag_ingest.load.pdf import PdfLoader
from rag_ingest.ocr.layout import LayoutEngine, LayoutOptions
from rag_ingest.types import PageMarkdown, Source

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def read(real_data: Path) -> Iterator[Callable[[str, int], PageMarkdown]]:
    engine = LayoutEngine(LayoutOptions(threads=1))
    with PdfLoader(LoadOptions(workers=1)) as loader:

        def page(paper: str, number: int) -> PageMarkdown:
            document = loader.open(Source(str(real_data / "papers" / paper / "paper.pdf"), "pdf"))
            [result] = engine.recognize(list(loader.pages(document, [number])))  # type: ignore[arg-type]
            assert isinstance(result, PageMarkdown)
            return result

        yield page
    engine.close()


def headings(markdown: str) -> list[str]:
    return re.findall(r"^#+ .*$", markdown, re.MULTILINE)


def rows(markdown: str) -> list[list[str]]:
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>.*?</tr>", markdown)]


def test_title_and_abstract_are_headings_and_authors_are_not(read: Callable[[str, int], PageMarkdown]):
    assert headings(read("1706.03762", 1).markdown) == ["# Attention Is All You Need", "## Abstract"]


def test_numbered_headings_get_their_levels(read: Callable[[str, int], PageMarkdown]):
    assert headings(read("1706.03762", 5).markdown) == [
        "#### 3.2.3 Applications of Attention in our Model", "### 3.3 Position-wise Feed-Forward Networks",
        "### 3.4 Embeddings and Softmax",
    ]  # fmt: skip


def test_a_table_with_spanning_headers(read: Callable[[str, int], PageMarkdown]):
    markdown = read("1706.03762", 8).markdown
    assert "Table 2: The Transformer achieves better BLEU scores" in markdown
    assert [c for c in rows(markdown)[-1] if c][:3] == ["Transformer (big)", "28.4", "41.8"]
    assert ["GNMT + RL Ensemble [38]", "26.30", "41.16", "1.8 · 10²⁰", "1.1 · 10²¹"] in rows(markdown)
    assert '<th colspan="2">BLEU</th>' in markdown


def test_two_columns_are_read_one_after_the_other(read: Callable[[str, int], PageMarkdown]):
    markdown = read("PMC1397864", 4).markdown
    places = [
        markdown.index(text)
        for text in (
            "procedure for the localization of Bax", "Myocardial apoptosis was quantified",
            "Score (+): Focal areas", "Statistical analysis", "124.7 ± 9.4 mm Hg",
        )
    ]  # fmt: skip
    assert places == sorted(places)
    assert ["Cl-IR", "4.4 ± 0.28**", "7.7 + 0.62***", "0.8 ± 0.04*"] in rows(markdown)


def test_equations_come_as_tex(read: Callable[[str, int], PageMarkdown]):
    assert r"FFN(x) = \max(0, xW_{1} + b_{1} )W_{2} + b_{2} \tag{2}" in read("1706.03762", 5).markdown
    assert r"\frac{d^{2}}{dt^{2}} + \frac{\omega_{0}}{Q} \frac{d}{dt}" in read("celerite", 7).markdown


def test_a_table_across_the_sheet_is_turned(read: Callable[[str, int], PageMarkdown]):
    result = read("PMC6079351", 7)
    assert result.checks["turned"] == 90
    assert any(row[0] == "ISSR-3" and "42.9" in row for row in rows(result.markdown))
