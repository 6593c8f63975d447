"""Boxes for a page's Markdown from the words of the page."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.config import Config
from rag_ingest.errors import ConfigError
from rag_ingest.ocr import places
from rag_ingest.ocr.places import DECIMALS, BoxOptions, filled, on_page, placed, within
from rag_ingest.ocr.places_blocks import place_blocks
from rag_ingest.pipeline import Pipeline
from rag_ingest.types import BBox, Figure, Page, PageMarkdown, Span, TextBox, TextLine, Word

LEFT = ["Retrieval over scientific papers needs", "a faithful text because every lost", "sentence is a lost answer"]
RIGHT = ["In 2017 the authors measured 28.4", "points on the test set and 41.8", "points for the larger model"]
SIZE = (612.0, 792.0)
A4 = (595.276, 841.89)


def row(text: str, left: float, top: float) -> TextLine:
    words, x = [], left
    for word in text.split():
        words.append(Word(word, (x, top, x + 5 * len(word), top + 10)))
        x += 5 * len(word) + 4
    return TextLine(text, around([word.bbox for word in words]), 10.0, False, tuple(words))


def column(lines: list[str], left: float, top: float) -> list[TextLine]:
    return [row(line, left, top + 12 * at) for at, line in enumerate(lines)]


def around(boxes: list[BBox]) -> BBox:
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def boxes_of(lines: list[TextLine]) -> list[BBox]:
    return [line.bbox for line in lines]


def find(markdown: str, lines: list[TextLine], **given_before: tuple) -> tuple[TextBox, ...]:
    read = PageMarkdown("d", 1, markdown, "engine", "f", **given_before)
    return placed(Page("d", 1, None, tuple(lines), SIZE), read, BoxOptions()).boxes


def texts(markdown: str, boxes: tuple[TextBox, ...]) -> list[str]:
    return [markdown[box.span.start : box.span.end].strip() for box in boxes]


def test_each_printed_line_gets_its_box():
    left, right = column(LEFT, 50, 100), column(RIGHT, 320, 100)
    markdown = f"{' '.join(LEFT)}\n\n{' '.join(RIGHT)}"
    for layer in (left + right, right + left):
        found = find(markdown, layer)
        assert texts(markdown, found) == LEFT + RIGHT
        assert [box.bbox for box in found] == boxes_of(left + right)


def test_a_paragraph_that_runs_on_in_the_next_column_has_lines_in_both():
    left, right = column(LEFT, 50, 600), column(RIGHT, 320, 100)
    markdown = " ".join(LEFT + RIGHT)
    found = find(markdown, left + right)
    assert [box.bbox for box in found] == boxes_of(left + right)
    assert "".join(markdown[box.span.start : box.span.end] for box in found) == markdown


def test_a_word_broken_at_the_lines_end_belongs_to_both_lines():
    lines = column([LEFT[0], "a faithful text because every sen-", "tence is a lost answer"], 50, 100)
    markdown = f"{LEFT[0]} a faithful text because every sentence is a lost answer"
    found = find(markdown, lines)
    assert [box.bbox for box in found] == boxes_of(lines)
    assert texts(markdown, found)[1:] == ["a faithful text because every sen", "tence is a lost answer"]


def test_marks_and_list_items_begin_where_the_line_does():
    lines = column(["1. " + LEFT[0], "2. " + LEFT[1], "• " + LEFT[2]], 50, 100)
    markdown = f"1. **{LEFT[0]}**\n2. {LEFT[1]}\n- ${LEFT[2]}$"
    found = find(markdown, lines + column(RIGHT, 50, 300))
    assert texts(markdown, found) == markdown.split("\n")
    assert [box.bbox for box in found] == boxes_of(lines)


def test_a_formula_takes_the_words_between_its_neighbours():
    formula = [row(text, 100 + 20 * n, 150) for n, text in enumerate(["ωI", "=", "q", "R3", "ξ"])]
    left, right = column(LEFT, 50, 100), column(RIGHT, 50, 180)
    display = "$$ \\omega^I = \\sqrt{{R^3}} $$"
    markdown = f"{' '.join(LEFT)}\n\n{display}\n\n{' '.join(RIGHT)}"
    found = find(markdown, left + formula + right)
    assert [box.bbox for box in found if texts(markdown, (box,)) == [display]] == [around(boxes_of(formula))]
    assert len(found) == len(LEFT) + len(RIGHT) + 1


ROWS = [["corpus", "pages", "recall"], ["arxiv", "4182", "0.91"], ["manuals", "377", "0.88"]]


@pytest.mark.parametrize("by_columns", [False, True])
def test_a_table_has_a_box_for_each_row_however_the_layer_holds_it(by_columns: bool):
    cells = [(row(text, 60 + 90 * x, 300 + 12 * y), x) for y, texts in enumerate(ROWS) for x, text in enumerate(texts)]
    layer = [cell for cell, _ in (sorted(cells, key=lambda cell: cell[1]) if by_columns else cells)]
    table = "<table>" + "".join(f"<tr><td>{'</td><td>'.join(texts)}</td></tr>" for texts in ROWS) + "</table>"
    markdown = f"{' '.join(LEFT)}\n\n{table}\n\n{' '.join(RIGHT)}"
    found = find(markdown, column(LEFT, 50, 100) + layer + column(RIGHT, 50, 500))
    rows = found[len(LEFT) : -len(RIGHT)]
    assert [box.bbox[1::2] for box in rows] == [(300, 310), (312, 322), (324, 334)]
    assert "".join(markdown[box.span.start : box.span.end] for box in rows) == table


def test_what_the_page_does_not_hold_has_no_box():
    left, right = column(LEFT, 50, 100), column(RIGHT, 50, 180)
    markdown = f"{' '.join(LEFT)}\n\n![image](image_0.png)\n\nnothing alike whatsoever\n\n{' '.join(RIGHT)}"
    assert [box.bbox for box in find(markdown, left + right)] == boxes_of(left + right)
    assert find("text", []) == find("", left) == ()


def test_a_figures_link_stands_where_the_engine_saw_the_figure():
    markdown = f"{' '.join(LEFT)}\n\n![image](image_1.png)"
    found = find(markdown, column(LEFT, 50, 100), figures=(Figure("image_1.png", (50.0, 200.0, 300.0, 400.0)),))
    assert found[-1] == TextBox(Span(len(markdown) - 21, len(markdown)), (50.0, 200.0, 300.0, 400.0))


def test_figures_of_one_name_take_its_links_in_turn():
    boxes = [(50.0, 200.0, 300.0, 400.0), None, (50.0, 500.0, 300.0, 700.0)]
    link = "![image](image_1.png)"
    found = find("\n\n".join([link] * 3), [], figures=tuple(Figure("image_1.png", box) for box in boxes))
    assert [box.bbox for box in found] == [boxes[0], boxes[2]]
    assert [box.span.start for box in found] == [0, 2 * len(f"{link}\n\n")]


def test_stray_words_far_away_do_not_widen_a_line():
    left, right = column(LEFT, 50, 100), column([f"line {n} of something else entirely" for n in range(30)], 50, 200)
    far = [row("unrepeated", 500, 700)]
    markdown = f"{' '.join(LEFT)} unrepeated\n\n{' '.join(line.text for line in right)}"
    assert [box.bbox for box in find(markdown, left + right + far)[:3]] == boxes_of(left)


@pytest.mark.parametrize("turns", [1, 3])
def test_text_up_or_down_the_page_has_upright_lines(turns: int):
    from rag_ingest.ocr.layout_turn import turn_lines

    lines = list(turn_lines(column(LEFT + RIGHT, 50, 100), turns, SIZE))
    markdown = " ".join(LEFT + RIGHT)
    page = Page("d", 1, None, tuple(lines), SIZE[::-1])
    found = placed(page, PageMarkdown("d", 1, markdown, "engine", "f"), BoxOptions()).boxes
    assert texts(markdown, found) == LEFT + RIGHT
    assert [box.bbox for box in found] == boxes_of(lines)


def test_the_engines_boxes_fill_what_is_not_found():
    given_before = (TextBox(Span(0, 4), (0.0, 0.0, 9.0, 9.0)), TextBox(Span(6, 20), (1.0, 1.0, 2.0, 2.0)))
    finer = (TextBox(Span(8, 12), (5.0, 5.0, 6.0, 6.0)),)
    assert filled(finer, given_before) == (given_before[0], finer[0])
    assert find("unlike anything", [], boxes=given_before[:1]) == given_before[:1]


@pytest.mark.parametrize("wrong", [{"scans": "tesseract"}, {"threads": -1}])
def test_wrong_options_are_refused(wrong: dict):
    with pytest.raises(ConfigError, match=f"boxes.{next(iter(wrong))}"):
        BoxOptions(**wrong)


def test_a_missing_reader_of_scans_is_told_before_the_first_page(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(places, "find_spec", lambda name: None)
    scans = Config(engine="textlayer", boxes=BoxOptions(scans="rapidocr"))
    with Pipeline(scans) as pipeline, pytest.raises(ConfigError, match="rapidocr"):
        _ = pipeline.engine
    with Pipeline(Config(engine="textlayer")) as pipeline:
        assert pipeline.engine


LETTERS = st.text("abcdefg", min_size=1, max_size=6)
BLOCKS = st.lists(st.lists(LETTERS, min_size=1, max_size=12), min_size=1, max_size=6)
MARKUP = ["$$", "<table><tr><td>", "</td></tr></table>", "|", "![a](b)", "# ", "\n\n", "\\[", "```", "\f", "é", "ab"]


@given(BLOCKS)
@settings(deadline=None)
def test_identical_text_has_its_own_place(blocks: list[list[str]]):
    lines = [row(" ".join(block), 50, 50 + 30 * at) for at, block in enumerate(blocks)]
    markdown = "\n\n".join(" ".join(block) for block in blocks)
    found = find(markdown, [*lines, *column(RIGHT + LEFT, 50, 500)])
    assert texts(markdown, found) == [" ".join(block) for block in blocks]
    assert [box.bbox for box in found] == boxes_of(lines)


SIDES = st.floats(-10, 900) | st.floats() | st.sampled_from(A4)


@given(st.tuples(SIDES, SIDES, SIDES, SIDES), st.floats(100, 900))
def test_a_box_on_the_page_is_the_same_after_32_bits_and_rounding(box: BBox, width: float):
    for size in (A4, (width, width)):
        for placed_box in within(iter([(Span(0, 1), box)]), size):
            left, top, right, bottom = cut = placed_box.bbox
            assert cut == tuple(round(float(np.float32(side)), DECIMALS) for side in cut)
            assert 0 <= left < right <= size[0]
            assert 0 <= top < bottom <= size[1]
            assert on_page(cut, size) == cut


@given(st.lists(st.sampled_from([*LEFT, *RIGHT, *MARKUP])), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_spans_are_in_order_and_boxes_on_the_page_whatever_the_markdown(parts: list[str], chance: random.Random):
    markdown = "".join(parts)
    layer = column(LEFT, 50, 100) + column(RIGHT, 320, 100) + column(LEFT, -30, 780)
    chance.shuffle(layer)
    found = find(markdown, layer)
    spans = [box.span for box in found]
    assert all(before.end <= after.start for before, after in pairwise(spans))
    assert all(0 <= span.start < span.end <= len(markdown) for span in spans)
    assert all(0 <= b.bbox[0] < b.bbox[2] <= SIZE[0] and 0 <= b.bbox[1] < b.bbox[3] <= SIZE[1] for b in found)


@given(st.lists(st.sampled_from([*LEFT, *MARKUP, "$x$", "\n", "a | b", "$$ x $$", "| a |\n| b |"])).map(" ".join))
def test_blocks_hold_all_that_is_not_white_space(markdown: str):
    spans = [block.span for block in place_blocks(markdown)]
    edges = [0, *(edge for span in spans for edge in (span.start, span.end)), len(markdown)]
    assert edges == sorted(edges)
    assert not any(markdown[a:b].strip() for a, b in zip(edges[::2], edges[1::2], strict=True))
