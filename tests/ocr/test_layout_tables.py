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


@given(
    st.lists(places, min_size=2, max_size=30),
    st.lists(st.floats(0, 130), max_size=4),
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5), st.floats(0, 130)), max_size=4),
)
def test_every_word_comes_once(
    raw: list[tuple[int, int, int, float, float]], ys: list[float], shorts: list[tuple[int, int, float]]
):
    parts = []
    for n, (column, line, count, dx, dy) in enumerate(raw):
        text = " ".join(f"w{n}x{k}" for k in range(count))
        parts.append(Line(tuple(words(text, 50 + 90 * column + dx, 10 + 14 * line + dy))))
    partial = [Rule(45 + 90 * at, 45 + 90 * (at + n), y) for at, n, y in shorts]
    table = build_table(parts, [*(rule(y, 40, 600) for y in ys), *partial])
    if table is not None:
        found = re.findall(r"w\d+x\d+", table.html())
        assert sorted(found) == sorted(run.text for part in parts for run in part.runs)
        width = {
            sum(int(s or 1) for s in re.findall(r'<t[hd](?: colspan="(\d+)")?>', line))
            for line in table.html().splitlines()
            if line.startswith("<tr>")
        }
        assert width == {table.columns}


def tags(markup: str) -> list[list[tuple[str, int, str]]]:
    """(th or td, colspan, text) of every cell, row by row."""
    return [
        [(t, int(s or 1), html.unescape(c)) for t, s, c in re.findall(r'<(t[hd])(?: colspan="(\d+)")?>(.*?)</', line)]
        for line in markup.splitlines()
        if line.startswith("<tr>")
    ]


DAYS = [
    row(28, (50, "Station"), (180, "Day"), (240, "Night"), (310, "Day"), (370, "Night")),
    row(50, (50, "Harrow"), (180, "21.4"), (240, "9.8"), (310, "11.9"), (370, "7.6")),
    row(62, (50, "Selby"), (180, "17.2"), (240, "8.1"), (310, "10.3"), (370, "6.9")),
    row(74, (50, "Maren"), (180, "28.9"), (240, "12.6"), (310, "14.8"), (370, "9.2")),
]
NAMES = ["Station", "Day", "Night", "Day", "Night"]


def test_one_rule_over_all_columns_but_the_first_does_not_end_the_header():
    table = build_table(
        [row(10, (200, "Before"), (330, "After")), *DAYS], [rule(5), Rule(150, 400, 20), rule(42), rule(90)]
    )
    assert table is not None
    head = tags(table.html())[:2]
    assert head[0] == [("th", 1, ""), ("th", 2, "Before"), ("th", 2, "After")]
    assert head[1] == [("th", 1, name) for name in NAMES]
    assert table.head == 2


def test_names_centred_over_columns_span_them_without_a_rule():
    table = build_table([row(10, (207, "Before"), (340, "After")), *DAYS], [rule(5), rule(42), rule(90)])
    assert table is not None
    assert tags(table.html())[0] == [("th", 1, ""), ("th", 2, "Before"), ("th", 2, "After")]


def test_a_full_rule_inside_the_header_does_not_end_it():
    table = build_table(
        [row(10, (50, "Place"), (180, "a"), (240, "b"), (310, "c"), (370, "d")), *DAYS],
        [rule(5), rule(20), rule(42), rule(90)],
    )
    assert table is not None
    body = [line for line in tags(table.html()) if line[0][0] == "td"]
    assert [line[0][2] for line in body] == ["Harrow", "Selby", "Maren"]


def test_rows_of_words_under_the_first_rule_are_no_header():
    lines = [
        row(10, (50, "Name"), (200, "Kind")), row(30, (50, "Alder"), (200, "tree")),
        row(45, (50, "Basil"), (200, "herb")),
        row(60, (50, "Sum"), (200, "2")), row(75, (50, "Mean"), (200, "1")),
    ]  # fmt: skip
    table = build_table(lines, [rule(5), rule(24), rule(90)])
    assert table is not None
    assert table.head == 1


def test_a_name_raised_over_two_header_rows_comes_down():
    lines = [
        row(10, (200, "BLEU")),
        row(17, (50, "Model")),
        row(24, (180, "EN-DE"), (240, "EN-FR")),
        row(50, (50, "Base"), (180, "27.3"), (240, "38.1")),
        row(65, (50, "Big"), (180, "28.4"), (240, "41.8")),
        row(80, (50, "Huge"), (180, "29.4"), (240, "42.8")),
    ]
    table = build_table(lines, [rule(5), Rule(170, 275, 20), rule(44), rule(95)])
    assert table is not None
    assert tags(table.html())[:2] == [
        [("th", 1, ""), ("th", 2, "BLEU")], [("th", 1, "Model"), ("th", 1, "EN-DE"), ("th", 1, "EN-FR")],
    ]  # fmt: skip


def test_wrapped_names_beside_a_spanning_one_stay_whole():
    lines = [
        row(10, (50, "Data"), (200, "Score"), (310, "Inference")),
        row(22, (50, "set"), (180, "all"), (240, "some"), (310, "time")),
        row(50, (50, "Base"), (180, "27.3"), (240, "38.1"), (310, "1.5")),
        row(65, (50, "Big"), (180, "28.4"), (240, "41.8"), (310, "2.5")),
    ]
    table = build_table(lines, [rule(5), Rule(170, 265, 17), rule(44), rule(95)])
    assert table is not None
    assert tags(table.html())[:2] == [
        [("th", 1, ""), ("th", 2, "Score"), ("th", 1, "")],
        [("th", 1, "Data set"), ("th", 1, "all"), ("th", 1, "some"), ("th", 1, "Inference time")],
    ]


def test_where_only_the_header_lacks_its_rule_the_numbers_below_are_none_of_it():
    lines = [
        row(10, (50, "Variable"), (200, "Coefficient"), (300, "Error")),
        *(row(24 + 14 * i, (50, f"name{i}"), (200, f"{i}.5"), (300, f"0.{i}")) for i in range(4)),
    ]
    table = build_table(lines, [rule(35 + 14 * i) for i in range(4)])
    assert table is not None
    assert tags(table.html())[0] == [("th", 1, "Variable"), ("th", 1, "Coefficient"), ("th", 1, "Error")]
    assert len(table.rows) == 5


def test_a_name_set_between_two_rows_goes_to_the_first_of_its_group():
    lines = [
        row(10, (50, "Layers"), (150, "Form"), (250, "Score")),
        row(30, (150, "short"), (250, "0.965")), row(36, (50, "6")), row(42, (150, "long"), (250, "0.969")),
        row(62, (150, "short"), (250, "0.938")), row(68, (50, "4")), row(74, (150, "long"), (250, "0.952")),
    ]  # fmt: skip
    table = build_table(lines, [rule(5), rule(24), rule(56), rule(90)])
    assert table is not None
    assert cells(table.html())[1:] == [
        ["6", "short", "0.965"], ["", "long", "0.969"], ["4", "short", "0.938"], ["", "long", "0.952"],
    ]  # fmt: skip


def test_lines_of_a_wrapped_cell_keep_their_order_beside_centred_cells():
    lines = [
        row(10, (50, "Plant"), (150, "Solvent"), (300, "Way")),
        row(30, (150, "water,")), row(42, (150, "ethyl")), row(48, (50, "Alder"), (300, "TLC")),
        row(54, (150, "acetate,")), row(66, (150, "butanol")),
        row(90, (50, "Basil"), (150, "ethanol"), (300, "HPLC")),
    ]  # fmt: skip
    table = build_table(lines, [rule(5), rule(24), rule(80), rule(99)])
    assert table is not None
    assert cells(table.html())[1] == ["Alder", "water, ethyl acetate, butanol", "TLC"]
