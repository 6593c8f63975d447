"""What `python -m eval.boxes` counts."""

from __future__ import annotations

import pytest

from eval.boxed_words import Agreement, Tally, agreement
from eval.boxes import beside, blocks_of, lines_in
from rag_ingest.types import PageMarkdown, Span, TextBox, Word

NAMES = ["one", "two", "three", "four", "five", "six"]
WORDS = [Word(text, (10.0 * n, 0.0, 10.0 * n + 8, 10.0)) for n, text in enumerate(NAMES)]


def test_words_inside_the_boxes_are_compared_with_the_texts_own():
    box = (1, (0.0, 0.0, 40.0, 10.0))
    assert agreement("*one* two three four", [box], {1: WORDS}) == Agreement(1.0, 1.0)
    assert agreement("one two three", [box], {1: WORDS}) == Agreement(1.0, 0.75)
    assert agreement("three four five six", [box], {1: WORDS}) == Agreement(0.5, 0.5)
    assert agreement("one two three", [(2, box[1])], {1: WORDS}) == Agreement(0.0, 0.0)
    assert agreement("one two three", [], {1: WORDS}) is None


def test_a_tally_counts_what_has_no_box():
    tally = Tally()
    tally.add("one two three four", [(1, (0.0, 0.0, 40.0, 10.0))], {1: WORDS})
    tally.add("one two three four", [], {1: WORDS})
    assert tally.row("x") == "| x | 2 | 50.0 % | 1.000 | 100.0 % | 1.000 | 100.0 % |"


def test_a_block_is_compared_with_the_lines_that_are_mostly_its_own():
    read = PageMarkdown("d", 1, "# a\n\n![f](f)\n\nbcdef", "layout", "f", boxes=(
        TextBox(Span(0, 3), (0, 0, 1, 1)), TextBox(Span(5, 12), (0, 0, 9, 9)), TextBox(Span(14, 19), (0, 10, 20, 20)),
    ))  # fmt: skip
    [(heading, _), (text, block)] = blocks_of(read)
    assert (heading, text) == ("heading", "text")
    lines = [
        TextBox(Span(12, 15), (0, 0, 5, 5)),
        TextBox(Span(15, 17), (0, 10, 20, 15)),
        TextBox(Span(17, 19), (0, 15, 10, 20)),
    ]
    assert lines_in(lines, block.span) == [(0, 10, 20, 15), (0, 15, 10, 20)]
    assert beside(block, lines) == pytest.approx(1.0)
    assert beside(block, lines[:1]) == -1.0
