"""Tables: columns, header, spans, wrapped cells, and that no word is lost."""

from __future__ import annotations

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from rag_ingest.ocr.layout_lines import Line, Run
from rag_ingest.ocr.layout_rules import Rule
from rag_ingest.ocr.layout_tables import build_table


def words(text: str, left: float, top: float, *, size: float = 10.0) -> list[Run]:
    runs = []
    for word in text.split():
        width = 0.5 * size * len(word)
        runs.append(Run(word, (left, top, left + width, top + 0.8 * size), size, False))
        left += width + 0.25 * size
    return runs


def row(top: float, *cells: tuple[float, str]) -> Line:
    return Line(tuple(run for left, text in cells for run in words(text, left, top)))


def rule(y: float, left: float = 40.0, right: float = 400.0) -> Rule:
    return Rule(left, right, y)


def cells(markup: str) -> list[list[str]]:
    return [
        [html.unescape(c) for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line)]
        for line in markup.splitlines()
        if line.startswith("<tr>")
    ]


def test_rows_columns_and_header():
    lines = [
        row(10, (50, "Model"), (200, "BLEU"), (300, "Cost")),
        row(30, (50, "Big model"), (200, "28.4"), (300, "2.3")),
        row(45, (50, "Base"), (200, "27.3"), (300, "3.3")),
    ]
    table = build_table(lines, [rule(5), rule(24), rule(60)])
    assert table is not None
    assert table.html() == (
        "<table>\n<thead>\n<tr><th>Model</th><th>BLEU</th><th>Cost</th></tr>\n</thead>\n<tbody>\n"
        "<tr><td>Big model</td><td>28.4</td><td>2.3</td></tr>\n<tr><td>Base</td><td>27.3</td><td>3.3</td></tr>\n"
        "</tbody>\n</table>"
    )


def test_a_header_over_a_short_rule_spans_its_columns():
    lines = [
        row(10, (240, "BLEU")),
        row(28, (50, "Model"), (200, "EN-DE"), (300, "EN-FR")),
        row(50, (50, "Base"), (200, "27.3"), (300, "38.1")),
        row(65, (50, "Big"), (200, "28.4"), (300, "41.8")),
    ]
    table = build_table(lines, [rule(5), Rule(195, 340, 23), rule(44), rule(80)])
    assert table is not None
    assert '<tr><th></th><th colspan="2">BLEU</th></tr>' in table.html()
    assert table.head == 2


def test_empty_cells_stay_empty():
    lines = [
        row(10, (50, "Model"), (200, "A"), (300, "B")),
        row(30, (50, "x"), (200, "1.0"), (300, "2.0")),
        row(45, (50, "y"), (300, "4.0")),
        row(60, (50, "z"), (200, "5.0")),
    ]
    table = build_table(lines, [rule(5), rule(24), rule(75)])
    assert table is not None
    assert cells(table.html())[2:] == [["y", "", "4.0"], ["z", "5.0", ""]]


def test_wrapped_cells_between_rules_are_one_row():
    lines = [
        row(10, (50, "Plant"), (150, "Method")),
        row(30, (50, "Ocimum"), (150, "by chromatography on")),
        row(42, (150, "a silica column")),
        row(62, (50, "Passiflora"), (150, "by layers that were")),
        row(74, (150, "thin enough")),
    ]
    table = build_table(lines, [rule(5), rule(24), rule(56), rule(90)])
    assert table is not None
    assert cells(table.html())[1:] == [
        ["Ocimum", "by chromatography on a silica column"], ["Passiflora", "by layers that were thin enough"],
    ]  # fmt: skip


def test_rows_of_numbers_are_never_joined():
    lines = [row(10 + 11 * i, (50, f"row{i}"), (150, f"{i}.5"), (250, f"{i}.7")) for i in range(8)]
    table = build_table(lines, [])
    assert table is not None
    assert len(table.rows) == 8


def test_markup_is_escaped():
    lines = [row(10, (50, "a<b"), (200, "x&y")), row(30, (50, "</table>"), (200, "1"))]
    table = build_table(lines, [])
    assert table is not None
    assert "a&lt;b" in table.html()
    assert table.html().count("</table>") == 1


def test_one_column_is_no_table():
    assert build_table([row(10, (50, "one")), row(30, (50, "two"))], []) is None


places = st.tuples(st.integers(0, 5), st.integers(0, 7), st.integers(1, 3), st.floats(-15, 15), st.floats(-4, 4))


@given(st.lists(places, min_size=2, max_size=30), st.lists(st.floats(0, 130), max_size=4))
def test_every_word_comes_once(raw: list[tuple[int, int, int, float, float]], ys: list[float]):
    parts = []
    for n, (column, line, count, dx, dy) in enumerate(raw):
        text = " ".join(f"w{n}x{k}" for k in range(count))
        parts.append(Line(tuple(words(text, 50 + 90 * column + dx, 10 + 14 * line + dy))))
    table = build_table(parts, [rule(y, 40, 600) for y in ys])
    if table is not None:
        found = re.findall(r"w\d+x\d+", table.html())
        assert sorted(found) == sorted(run.text for part in parts for run in part.runs)
        width = {
            sum(int(s or 1) for s in re.findall(r'<t[hd](?: colspan="(\d+)")?>', line))
            for line in table.html().splitlines()
            if line.startswith("<tr>")
        }
        assert width == {table.columns}
