"""Boxes for blocks from the words of the text layer."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.ocr.blockboxes import boxes, regions
from rag_ingest.types import BBox, Span, Word

LEFT = ["Retrieval over scientific papers needs", "a faithful text because every lost", "sentence is a lost answer"]
RIGHT = ["In 2017 the authors measured 28.4", "points on the test set and 41.8", "points for the larger model"]


def column(lines: list[str], left: float, top: float) -> list[Word]:
    words = []
    for row, line in enumerate(lines):
        x, y = left, top + 12 * row
        for text in line.split():
            words.append(Word(text, (x, y, x + 5 * len(text), y + 10)))
            x += 5 * len(text) + 4
    return words


def around(words: list[Word]) -> BBox:
    left, top, right, bottom = zip(*(word.bbox for word in words), strict=True)
    return min(left), min(top), max(right), max(bottom)


def spans_of(markdown: str) -> list[Span]:
    """Parts between blank lines."""
    ends = [match.span() for match in re.finditer(r"\n\n", markdown)]
    return [Span(a, b) for (_, a), (b, _) in pairwise([(0, 0), *ends, (len(markdown), len(markdown))])]


def test_each_block_gets_the_box_of_its_words():
    left, right = column(LEFT, 50, 100), column(RIGHT, 320, 100)
    markdown = f"{' '.join(LEFT)}\n\n{' '.join(RIGHT)}"
    assert boxes(markdown, spans_of(markdown), left + right) == [around(left), around(right)]
    assert boxes(markdown, spans_of(markdown), right + left) == [around(left), around(right)]


def test_a_paragraph_over_two_columns_has_two_regions():
    left, right = column(LEFT, 50, 600), column(RIGHT, 320, 100)
    text = " ".join(LEFT + RIGHT)
    assert regions(text, [Span(0, len(text))], left + right) == [(around(left), around(right))]
    assert boxes(text, [Span(0, len(text))], left + right) == [around(left + right)]


def test_a_formula_takes_the_words_between_its_neighbours():
    formula = [Word(t, (100 + 20 * n, 150, 110 + 20 * n, 160)) for n, t in enumerate(["ωI", "=", "q", "R3", "ξ"])]
    left, right = column(LEFT, 50, 100), column(RIGHT, 50, 180)
    markdown = f"{' '.join(LEFT)}\n\n$$ \\omega^I = \\sqrt{{R^3}} $$\n\n{' '.join(RIGHT)}"
    found = boxes(markdown, spans_of(markdown), left + formula + right)
    assert found == [around(left), around(formula), around(right)]


def test_what_the_layer_does_not_hold_has_no_box():
    left, right = column(LEFT, 50, 100), column(RIGHT, 50, 180)
    markdown = f"{' '.join(LEFT)}\n\n![image](image_0.png)\n\nnothing alike whatsoever\n\n{' '.join(RIGHT)}"
    found = boxes(markdown, spans_of(markdown), left + right)
    assert found == [around(left), None, None, around(right)]
    assert boxes("", [], left) == []
    assert boxes("text", [Span(0, 4)], []) == [None]


def test_stray_words_far_away_do_not_widen_a_box():
    left, right = column(LEFT, 50, 100), column([f"line {n} of something else entirely" for n in range(30)], 50, 200)
    far = [Word("unrepeated", (500, 700, 550, 710))]
    markdown = f"{' '.join(LEFT)} unrepeated\n\n{' '.join(w.text for w in right)}"
    assert boxes(markdown, spans_of(markdown), left + right + far)[0] == around(left)


@given(st.lists(st.lists(st.text("abcdefg", min_size=1, max_size=6), min_size=1, max_size=12), min_size=1, max_size=6))
@settings(deadline=None)
def test_boxes_lie_within_the_page_and_identical_text_has_its_own(blocks: list[list[str]]):
    groups = [column([" ".join(block)], 50, 50 + 30 * at) for at, block in enumerate(blocks)]
    markdown = "\n\n".join(" ".join(block) for block in blocks)
    found = boxes(markdown, spans_of(markdown), [word for group in groups for word in group])
    assert found == [around(group) for group in groups]
