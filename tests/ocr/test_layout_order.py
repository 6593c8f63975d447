"""Reading order: columns, what spans them, and that nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rag_ingest.ocr.layout_order import reading_order
from rag_ingest.types import BBox

LEFT, RIGHT, BOTH = (50.0, 290.0), (310.0, 550.0), (50.0, 550.0)


def box(column: tuple[float, float], top: float, bottom: float) -> BBox:
    return (column[0], top, column[1], bottom)


def test_title_then_left_column_then_right():
    boxes = [box(RIGHT, 100, 400), box(LEFT, 420, 700), box(BOTH, 40, 80), box(LEFT, 100, 410), box(RIGHT, 405, 700)]
    assert reading_order(boxes) == [2, 3, 1, 0, 4]


def test_gaps_level_in_both_columns_do_not_cut_across():
    boxes = [box(LEFT, 100, 300), box(RIGHT, 100, 300), box(LEFT, 320, 500), box(RIGHT, 320, 500)]
    assert reading_order(boxes) == [0, 2, 1, 3]


def test_a_wide_table_parts_the_columns():
    boxes = [
        box(LEFT, 100, 300), box(RIGHT, 100, 300), box(BOTH, 320, 400), box(LEFT, 420, 600), box(RIGHT, 420, 600),
    ]  # fmt: skip
    assert reading_order(boxes) == [0, 1, 2, 3, 4]


def test_a_heading_in_the_left_column_belongs_to_it():
    boxes = [box(RIGHT, 60, 700), (50.0, 60.0, 110.0, 72.0), box(LEFT, 80, 700)]
    assert reading_order(boxes) == [1, 2, 0]


def test_one_column_reads_downwards():
    boxes = [box(BOTH, 300, 400), box(BOTH, 50, 100), box(BOTH, 120, 290)]
    assert reading_order(boxes) == [1, 2, 0]


coordinates = st.floats(0, 800, allow_nan=False)


@given(st.lists(st.tuples(coordinates, coordinates, st.floats(0, 300), st.floats(0, 300)), max_size=25))
def test_every_box_comes_once(raw: list[tuple[float, float, float, float]]):
    boxes = [(x, y, x + w, y + h) for x, y, w, h in raw]
    assert sorted(reading_order(boxes)) == list(range(len(boxes)))
