from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from eval.quality.olmocr.cells import DOWN, LEFT, RIGHT, UP, CellGraph, read_graphs

SPANS = """<table>
<thead><tr><th>H1</th><th colspan="2">H2-3</th><th>H4</th></tr></thead>
<tr><td rowspan="2">A</td><td>B</td><td>C</td><td rowspan="2">D</td></tr>
<tr><td colspan="2">EF</td></tr>
<tr><td>G</td><td colspan="3">HIJ</td></tr></table>"""


def graph(markdown: str) -> CellGraph:
    (found,) = read_graphs(markdown)
    return found


def test_spans_move_the_cells_behind_them() -> None:
    assert graph(SPANS).texts == {
        (0, 0): "H1", (0, 1): "H2-3", (0, 3): "H4",
        (1, 0): "A", (1, 1): "B", (1, 2): "C", (1, 3): "D",
        (2, 1): "EF",
        (3, 0): "G", (3, 1): "HIJ",
    }  # fmt: skip


def test_neighbours_along_the_whole_edge() -> None:
    table = graph(SPANS)
    assert table.next_to((0, 1), DOWN) == {(1, 1), (1, 2)}
    assert table.next_to((3, 1), UP) == {(2, 1), (1, 3)}
    assert table.next_to((1, 3), LEFT) == {(1, 2), (2, 1)}
    assert table.next_to((1, 0), RIGHT) == {(1, 1), (2, 1)}
    assert table.next_to((0, 0), LEFT) == set()


def test_headings_are_those_that_a_walk_meets_or_else_where_it_ends() -> None:
    table = graph(SPANS)
    assert table.headings == {(0, 0), (0, 1), (0, 3)}
    assert table.heading_of((3, 1), UP) == {(0, 1), (0, 3)}
    assert table.heading_of((1, 2), LEFT) == {(1, 0)}
    assert table.heading_of((0, 1), UP) == set()


def test_headings_of_several_rows_and_columns() -> None:
    table = graph(
        "<table><thead><tr><th rowspan=2 colspan=2></th><th colspan=2>Q1</th></tr>"
        "<tr><th>Jan</th><th>Feb</th></tr></thead>"
        "<tr><th rowspan=2>North</th><th>Sales</th><td>100</td><td>110</td></tr>"
        "<tr><th>Cost</th><td>50</td><td>55</td></tr></table>"
    )
    assert table.heading_of((3, 3), UP) == {(0, 2), (1, 3)}
    assert {(2, 0), (3, 1)} <= table.heading_of((3, 3), LEFT)


def test_pipe_tables_have_headings_above_and_to_the_left() -> None:
    table = graph("text\n| a | b |\n|:--|--:|\n| c | **d** |\n\nmore")
    assert table.texts == {(0, 0): "a", (0, 1): "b", (1, 0): "c", (1, 1): "d"}
    assert table.headings == {(0, 0), (0, 1), (1, 0)}


def test_markup_in_cells_is_not_their_text() -> None:
    assert graph("<table><tr><td>a<br>b &amp; <i>c</i></td></tr></table>").texts == {(0, 0): "a b & c"}


@settings(deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3), min_size=1, max_size=3)
)
def test_neighbours_are_mutual_where_no_gap_lies_between(rows: list[list[tuple[int, int]]]) -> None:
    html = "".join("<tr>" + "".join(f"<td colspan={c} rowspan={r}>x</td>" for c, r in row) + "</tr>" for row in rows)
    table = graph(f"<table>{html}</table>")
    for cell in table.texts:
        for direction, back in ((UP, DOWN), (LEFT, RIGHT)):
            assert all(cell in table.next_to(other, back) for other in table.next_to(cell, direction))
