from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from eval.quality.content import read_content
from eval.quality.raw_tables import RawCell, RawTable, html_tables, latex_tables


def shape(table: RawTable) -> list[list[tuple[str, int, int]]]:
    return [[(cell.source.strip(), cell.colspan, cell.rowspan) for cell in row] for row in table.rows]


def test_html_spans_headers_and_caption() -> None:
    text = (
        "before <table border=1><caption>Trees</caption><thead><tr><td colspan='2'>name</td></tr></thead>"
        '<tr><th rowspan="0">oak<td>1 < 2</tr><tr><td>x</td></tr></table> after'
    )
    (table,) = html_tables(text)
    assert text[table.start : table.end].startswith("<table")
    assert text[table.end :] == " after"
    assert table.caption == "Trees"
    assert shape(table) == [[("name", 2, 1)], [("oak", 1, 2), ("1 < 2", 1, 1)], [("x", 1, 1)]]
    assert [[cell.heading for cell in row] for row in table.rows] == [[True], [True, False], [False]]


def test_a_nested_table_is_text_of_its_cell() -> None:
    (table,) = html_tables("<table><tr><td>a<table><tr><td>b</td></tr></table></td><td>c</td></tr></table>")
    assert len(table.rows) == 1
    assert len(table.rows[0]) == 2
    assert "b" in table.rows[0][0].source


def test_an_unclosed_table_ends_with_the_text() -> None:
    (table,) = html_tables("<table><tr><td>a</td>")
    assert table.end == len("<table><tr><td>a</td>")


def test_latex_rules_spans_and_escapes() -> None:
    (table,) = latex_tables(
        r"\begin{tabular}[t]{|l|p{2cm}|c|}\hline \multicolumn{2}{|c|}{Q \& A} & \textbf{n} \\[2pt] \cline{1-2}"
        r"\multirow{2}{*}{R} & a & 1 \\ & b & $x \\ y$ \\ \bottomrule \end{tabular}"
    )
    assert shape(table)[0] == [(r"Q \& A", 2, 1), (r"\textbf{n}", 1, 1)]
    assert shape(table)[1] == [("R", 1, 2), ("a", 1, 1), ("1", 1, 1)]
    assert shape(table)[2][0] == ("b", 1, 1)


def test_a_tabular_in_a_cell_stays_in_it() -> None:
    (table,) = latex_tables(r"\begin{tabular}{l}\begin{tabular}{c}a \\ b\end{tabular} & c \\\end{tabular}")
    assert len(table.rows) == 1
    assert len(table.rows[0]) == 2


def test_html_latex_and_pipes_are_one_table() -> None:
    html = "<table><tr><th>name</th><th>n</th></tr><tr><td>oak</td><td>12</td></tr></table>"
    latex = r"\begin{tabular}{ll} name & n \\ \hline oak & 12 \\ \end{tabular}"
    pipes = "| name | n |\n|---|---|\n| oak | 12 |\n"
    read = [read_content(source) for source in (html, latex, pipes)]
    assert read[0] == read[1] == read[2]
    assert read[0].blocks == ()


def test_tables_in_code_are_code() -> None:
    content = read_content("```html\n<table><tr><td>a</td></tr></table>\n```\n")
    assert content.tables == ()
    assert content.words == ["a"]


def test_a_caption_is_text() -> None:
    content = read_content("<table><caption>All trees</caption><tr><td>oak</td></tr></table>")
    assert content.words == ["all", "trees"]


def test_formulas_of_a_cell_are_of_the_cell() -> None:
    content = read_content(r"\begin{tabular}{l} $$x = 1$$ & b \\ \end{tabular}")
    assert content.formulas == ()
    assert [[cell.text for cell in row] for row in content.tables[0]] == [["x = 1", "b"]]


def test_an_unclosed_formula_costs_only_its_mark() -> None:
    content = read_content("$$ x = 1\n\nLong text.\n\n$$y = 2$$\n")
    assert content.formulas == ("y = 2",)
    assert content.words[-2:] == ["long", "text"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["<table>", "<tr>", "<td>", "</td>", "</tr>", "</table>", "x", "$$", "|", "\n"])))
def test_any_tags_are_read(parts: list[str]) -> None:
    text = " ".join(parts)
    tables = list(html_tables(text))
    assert all(0 <= t.start < t.end <= len(text) for t in tables)
    assert all(isinstance(cell, RawCell) for t in tables for row in t.rows for cell in row)
    read_content(text)
