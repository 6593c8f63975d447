"""Headings, captions, furniture and footnotes are told apart by what stands there."""

from __future__ import annotations

import pytest

from rag_ingest.ocr.layout_headings import PageStyle, heading_level, is_caption, is_footnote, is_page_number
from rag_ingest.ocr.layout_lines import Line, Run
from rag_ingest.ocr.layout_text import Paragraph

STYLE = PageStyle(body_pt=10.0, bold_body=False, height_pt=800.0)


def para(text: str, *, size: float = 10.0, bold: bool = False, lines: int = 1, top: float = 100.0) -> Paragraph:
    made = tuple(
        Line((Run(text, (50, top + 12 * i, 50 + 4 * len(text), top + 10 + 12 * i), size, bold),)) for i in range(lines)
    )
    return Paragraph(made)


def level(text: str, *, titled: bool = False, size: float = 10.0, bold: bool = False, lines: int = 1) -> int:
    return heading_level(text, para(text, size=size, bold=bold, lines=lines), STYLE, titled=titled)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 Introduction", 2), ("2. Materials and Methods", 2), ("3.2 Attention", 3), ("3.2.1 Scaled Dot-Product", 4),
        ("A.1 Proofs", 3), ("IV. VALIDATION", 2), ("Abstract", 2), ("References", 2), ("REFERENCES", 2),
        ("Appendix B More tables", 2),
    ],
)  # fmt: skip
def test_levels_from_numbers_and_names(text: str, wanted: int):
    assert level(text, titled=True, bold=True) == wanted


def test_size_decides_without_a_number():
    assert level("Surgical procedure", size=12, bold=True) == 2
    assert level("Surgical procedure", bold=True) == 3


@pytest.mark.parametrize(
    "text",
    [
        "In this work we employ eight parallel attention layers, or heads,", "Table 3: Variations on the architecture",
        "Figure 1. The model", "12.5 ± 0.3", "author@example.org", "x = 3", "and continues in lower case",
    ],
)  # fmt: skip
def test_bold_or_large_alone_makes_no_heading(text: str):
    assert level(text, bold=True, size=12) == 0


def test_plain_text_is_none_even_in_a_title_region():
    assert level("The Transformer uses attention in three different ways:", titled=True) == 0
    assert level("3 apples were eaten") == 0


@pytest.mark.parametrize(
    "text", ["Table 3: Variations", "Fig. 2. Ratio", "FIGURE 4 | Growth", "Table S1. Strains", "Table-1: x"]
)
def test_captions(text: str):
    assert is_caption(text, labelled=False)


@pytest.mark.parametrize("text", ["Figure 2 shows the result", "Table 1 lists them", "Figures", "Tables are long"])
def test_sentences_about_figures_are_no_captions(text: str):
    assert not is_caption(text, labelled=False)


def test_page_numbers():
    assert all(is_page_number(t) for t in ("7", "Page 4 of 12", "– 5 –", "iv", "S-3"))
    assert not any(is_page_number(t) for t in ("7 apples", "Introduction", "2019, 4, 5"))


def test_footnotes_are_small_and_low():
    small = para("4To illustrate why", size=8, top=700)
    assert is_footnote("4To illustrate why", small, STYLE)
    assert not is_footnote("4To illustrate why", para("4To illustrate why", size=8, top=100), STYLE)
    assert not is_footnote("4To illustrate why", para("4To illustrate why", size=10, top=700), STYLE)
