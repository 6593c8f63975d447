"""Paragraphs, hyphens, and text that Markdown must not misread."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rag_ingest.ocr.layout_lines import Line, Run, pieces, visual_lines
from rag_ingest.ocr.layout_text import continues, escape, join_lines, paragraphs, vocabulary_of
from rag_ingest.types import TextLine, Word


def line(text: str, top: float, left: float = 50.0, *, size: float = 10.0, bold: bool = False) -> Line:
    runs = []
    x = left
    for word in text.split():
        width = 0.5 * size * len(word)
        runs.append(Run(word, (x, top, x + width, top + size), size, bold))
        x += width + 0.3 * size
    return Line(tuple(runs))


def texts(lines: list[Line], **kwargs: bool) -> list[str]:
    return [join_lines([part.text for part in para.lines]) for para in paragraphs(lines, **kwargs)]


@pytest.mark.parametrize(
    ("lines", "vocabulary", "joined"),
    [
        (["a multi-", "plicative factor"], frozenset(), "a multiplicative factor"),
        (["a self-", "attention layer"], frozenset(), "a self-attention layer"),
        (["the multi-", "head layer"], frozenset({"multi-head"}), "the multi-head layer"),
        (["pre-", "training"], frozenset({"pretraining"}), "pretraining"),
        (["English-", "to-German translation"], frozenset(), "English-to-German translation"),
        (["the root-", "mean-square error"], frozenset({"root"}), "the root-mean-square error"),
        (["as chlorpyri-", "fos-induced"], frozenset({"induced"}), "as chlorpyrifos-induced"),
        (["root-mean-", "square"], frozenset({"root-mean-square"}), "root-mean-square"),
        (["state-of-the-", "art"], frozenset(), "state-of-the-art"),
        (["the experi-", "ment-driven"], frozenset({"experiment"}), "the experiment-driven"),
        (["a cross-vali-", "dation"], frozenset(), "a cross-validation"),
        (["see https://example.org/a/", "page.html"], frozenset(), "see https://example.org/a/page.html"),
        (["catechin-4-ol-O-", "glycopyranoside"], frozenset(), "catechin-4-ol-O-glycopyranoside"),
        (["either/", "or"], frozenset(), "either/ or"),
        (["Kanda-", "Smith"], frozenset(), "Kanda-Smith"),
        (["pages 10-", "20"], frozenset(), "pages 10-20"),
        (["one", "two"], frozenset(), "one two"),
        (["", "x", ""], frozenset(), "x"),
    ],
)
def test_hyphens_at_line_ends(lines: list[str], vocabulary: frozenset[str], joined: str):
    assert join_lines(lines, vocabulary) == joined


def test_the_page_teaches_its_compounds():
    assert "multi-head" in vocabulary_of(["We use Multi-head attention, trans-"])
    assert vocabulary_of(["Attention, trans-", "lation with", "The root is"]) == {
        "attention",
        "with",
        "the",
        "root",
        "is",
    }


def test_an_indent_begins_a_paragraph():
    lines = [
        line("The first paragraph runs over two lines and it", 10),
        line("ends here at last.", 22),
        line("The second one is set in by an em or so and", 34, left=62),
        line("goes on for one more line that fills the width", 46),
    ]
    assert [t.split()[1] for t in texts(lines)] == ["first", "second"]


def test_a_gap_begins_a_paragraph():
    lines = [line("one one one", 10), line("two two two", 22), line("three three", 50), line("four four", 62)]
    assert texts(lines) == ["one one one two two two", "three three four four"]


def test_bullets_and_numbered_references_begin_their_own():
    bullets = [line("• first item of the list", 10), line("wrapped here", 22, left=60), line("• second item", 34)]
    assert texts(bullets) == ["• first item of the list wrapped here", "• second item"]
    entries = [
        line("[1] Author A. A title that is long", 10), line("and wraps. Journal.", 22, left=64),
        line("[2] Author B. Another title which", 34), line("wraps as well. Journal.", 46, left=64),
    ]  # fmt: skip
    assert [t[:3] for t in texts(entries, references=True)] == ["[1]", "[2]"]


def test_a_change_of_weight_parts_a_heading_from_its_text():
    lines = [line("Statistical analysis", 10, bold=True), line("All numerical data are expressed as", 22)]
    assert texts(lines) == ["Statistical analysis", "All numerical data are expressed as"]


def test_sentences_run_on_only_in_lower_case():
    assert continues("the weight assigned to each", "value is computed")
    assert continues("a multi-", "plicative")
    assert not continues("It ends here.", "then more")
    assert not continues("the weight assigned to each", "Value")


PARSER = MarkdownIt("commonmark").enable("table")


def shown(markdown: str) -> str:
    rendered = PARSER.render(markdown)
    assert re.fullmatch(r"<p>[^<]*</p>\n", rendered), rendered
    return html.unescape(rendered[3:-5])


@pytest.mark.parametrize(
    "text",
    [
        "# not a heading", "* not a list", "+ plus", "- minus", "1. not a list", "12) neither", "> no quote",
        "costs $5 and $6", "<table> of contents", "p < 0.05 and x<y", "a_b_c and _x_", "**bold** p*, q**", "`code`",
        r"C:\new and \* star",
        "[link](target)", "&amp; and &lt;", "===", "---", "| a | b |", "~~~", "![image](x)", "#", "*∗† Equal",
    ],
)  # fmt: skip
def test_what_markdown_would_misread_is_shown_as_it_was(text: str):
    assert shown(escape(text)) == text


@given(st.text(alphabet="ab1 #*_`$<>&;\\[]()!|-+=~.:\"'", min_size=1, max_size=30))
def test_any_line_is_shown_as_it_was(text: str):
    wanted = " ".join(text.split())
    if wanted:
        assert shown(escape(wanted)) == wanted


def test_harmless_signs_stay_as_they_are():
    for text in ("p < 0.05", "x * y", "snake_case", "a - b", "3 > 2", "see [12]", "AT&T"):
        assert escape(text) == text


def test_dollars_never_open_mathematics():
    assert escape("from $5 to $6") == r"from \$5 to \$6"


def test_lines_are_cut_at_wide_gaps_and_joined_by_height():
    words = (Word("left", (50, 10, 70, 20)), Word("end", (74, 10, 90, 20)), Word("right", (310, 10, 340, 20)))
    parts = pieces([TextLine("left end right", (50, 10, 340, 20), 10.0, False, words)])
    assert [p.text for p in parts] == ["left end", "right"]
    assert [v.text for v in visual_lines(parts)] == ["left end right"]
