from __future__ import annotations

import time
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from eval.quality.content import Grid, TableCell, read_content
from eval.quality.teds import teds

cells = st.builds(TableCell, st.text("ab", max_size=2), st.integers(1, 2), st.integers(1, 2))
grids = st.lists(st.lists(cells, max_size=3).map(tuple), max_size=3).map(tuple)


def grid(markdown: str) -> Grid:
    (table,) = read_content(markdown).tables
    return table


PIPES = "| name | width |\n|---|---|\n| oak | 12 |\n| elm | 7 |\n"
HTML = (
    "<table><thead><tr><th>name</th><th>width</th></tr></thead>"
    "<tbody><tr><td>oak</td><td>12</td></tr><tr><td>elm</td><td>7</td></tr></tbody></table>"
)


def test_pipes_and_html_are_equal() -> None:
    assert grid(PIPES) == grid(HTML)
    assert teds(grid(PIPES), grid(HTML)) == 1.0


def test_a_dropped_row_costs_its_nodes() -> None:
    less = grid("| name | width |\n|---|---|\n| oak | 12 |\n")
    assert teds(grid(PIPES), less) == pytest.approx(1 - 3 / 9)
    assert teds(grid(PIPES), less, structure=True) == pytest.approx(1 - 3 / 9)


def test_a_wrong_digit_costs_its_share_of_the_cell_and_nothing_in_structure() -> None:
    wrong = grid(PIPES.replace("12", "13"))
    assert teds(grid(PIPES), wrong) == pytest.approx(1 - 0.5 / 9)
    assert teds(grid(PIPES), wrong, structure=True) == 1.0


def test_a_span_costs_a_change_and_the_cell_that_it_swallows() -> None:
    spanned = grid(HTML.replace("<th>name</th><th>width</th>", '<th colspan="2">name</th>'))
    assert teds(grid(HTML), spanned, structure=True) == pytest.approx(1 - 2 / 9)


def test_the_minus_sign_of_a_number_counts() -> None:
    assert teds(grid(PIPES.replace("12", "-12")), grid(PIPES.replace("12", "\u221212"))) == 1.0
    assert teds(grid(PIPES.replace("12", "-12")), grid(PIPES)) < 1.0


def test_two_hundred_rows_take_seconds() -> None:
    long = tuple(tuple(TableCell(f"{i * j % 97}.{i}") for j in range(10)) for i in range(200))
    started = time.perf_counter()
    assert teds(long, long[:100] + long[101:]) == pytest.approx(1 - 11 / 2200)
    assert time.perf_counter() - started < 20


def test_one_row_of_very_many_cells_takes_seconds_too() -> None:
    wide = (tuple(TableCell(str(i)) for i in range(2000)), (TableCell("end"),))
    started = time.perf_counter()
    assert teds(wide, (wide[0][1:], wide[1])) == pytest.approx(1 - 1 / 2003)
    assert time.perf_counter() - started < 20


def test_a_table_beyond_the_limit_is_not_better_than_what_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.quality.teds.MAX_CELLS", 4)
    assert teds(grid(PIPES), grid(PIPES)) == pytest.approx(1 - 3 / 9)
    assert teds(grid(PIPES), grid(PIPES)[:1]) < teds(grid(PIPES), grid(PIPES))


@settings(deadline=None)
@given(grids)
def test_identity_is_one(a: Grid) -> None:
    assert teds(a, a) == 1.0
    assert teds(a, a, structure=True) == 1.0


@settings(deadline=None)
@given(grids, grids)
def test_symmetric_and_bounded(a: Grid, b: Grid) -> None:
    score = teds(a, b)
    assert score == pytest.approx(teds(b, a))
    assert 0.0 <= score <= 1.0


@settings(deadline=None)
@given(grids, grids)
def test_equals_the_recursive_definition(a: Grid, b: Grid) -> None:
    nodes = max(sum(1 + len(row) for row in side) for side in (a, b))
    expected = 1 - _forests(_trees(a), _trees(b)) / nodes if nodes else 1.0
    assert teds(a, b) == pytest.approx(max(0.0, expected))


def _trees(table: Grid) -> tuple[tuple[object, ...], ...]:
    return tuple((None, tuple((cell, ()) for cell in row)) for row in table)


@cache
def _forests(a: tuple, b: tuple) -> float:
    """Edit distance of two ordered forests by its textbook recursion: delete, insert or change the last root."""
    if not a and not b:
        return 0.0
    options = []
    if a:
        options.append(_forests(a[:-1] + a[-1][1], b) + 1)
    if b:
        options.append(_forests(a, b[:-1] + b[-1][1]) + 1)
    if a and b:
        (x, below_a), (y, below_b) = a[-1], b[-1]
        options.append(_forests(a[:-1], b[:-1]) + _forests(below_a, below_b) + _change(x, y))
    return min(options)


def _change(x: TableCell | None, y: TableCell | None) -> float:
    if x is None or y is None:
        return 0.0 if x is y else 1.0
    if (x.colspan, x.rowspan) != (y.colspan, y.rowspan):
        return 1.0
    return Levenshtein.normalized_distance(x.text, y.text)
