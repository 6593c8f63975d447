"""Rows and headers of tables: pipe tables, and the HTML that recognisers write.

Only what a chunk needs is read: where rows begin, which of them are the header, and which cells of earlier rows
reach down into a row. A header over several columns is flattened to "a / b".
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_TAG = re.compile(r"<(/?)(table|thead|tbody|tfoot|tr|th|td|caption)(?=[\s>/])[^<>]*>", re.IGNORECASE)
_ANY_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_SPAN = re.compile(r"\b(colspan|rowspan)\s*=\s*[\"']?(\d{1,6})", re.IGNORECASE)
_CELL_BAR = re.compile(r"(?<!\\)\|")
_MAX_SPAN = 100
_MAX_COLUMNS = 500


@dataclass(frozen=True, slots=True)
class TableRows:
    """Where a table may be cut.

    Attributes:
        cuts: offsets in the table's text at which rows begin; header rows and the first row after them are one piece.
        header: the header as text, empty when there is none.
        compact: the same in fewer characters.
        caption: an HTML table's own caption.
        carried: for each cut, the cells above that reach into that row, as "column: cell".
    """

    cuts: tuple[int, ...]
    header: str
    compact: str
    caption: str = ""
    carried: tuple[str, ...] = ()


def table_rows(text: str) -> TableRows:
    """Reads a table's text, pipe or HTML."""
    return _html_rows(text) if text.lstrip()[:6].lower() == "<table" else _pipe_rows(text)


def _pipe_rows(text: str) -> TableRows:
    ends = [m.end() for m in re.finditer(r"\r\n?|\n", text)]
    if len(ends) < 2:
        return TableRows((), "", "")
    first, second = text[: ends[0]].strip(), text[ends[0] : ends[1]].strip()
    columns = max(len(_CELL_BAR.findall(first.strip("|"))) + 1, 1)
    cells = "|".join(cell.strip() for cell in _CELL_BAR.split(first.strip("|")))
    return TableRows(tuple(ends[2:]), f"{first}\n{second}", f"|{cells}|\n|{'-|' * columns}", "", ("",) * len(ends[2:]))


@dataclass(slots=True)
class _Cell:
    text: str
    colspan: int
    rowspan: int
    heading: bool


@dataclass(slots=True)
class _Row:
    start: int
    in_head: bool
    cells: list[_Cell] = field(default_factory=list)


def _html_rows(text: str) -> TableRows:
    rows, caption = _read_html(text)
    heads = 0
    while heads < len(rows) and (
        rows[heads].in_head or (rows[heads].cells and all(c.heading for c in rows[heads].cells))
    ):
        heads += 1
    if heads == len(rows):
        heads = 0
    columns = _flatten(rows[:heads])
    carried = _carried(rows[heads:], columns)
    header = " | ".join(columns)
    return TableRows(tuple(row.start for row in rows[heads + 1 :]), header, header, caption, tuple(carried[1:]))


def _read_html(text: str) -> tuple[list[_Row], str]:
    """Rows of the outermost table; nested tables are text of their cell."""
    rows: list[_Row] = []
    depth, in_head, caption = 0, False, ""
    opened: tuple[str, int, str] | None = None
    for tag in _TAG.finditer(text):
        closing, name = bool(tag[1]), tag[2].lower()
        if name == "table":
            depth += -1 if closing else 1
        if opened and (depth <= 1) and (name != "table" or closing):
            if opened[0] == "caption":
                caption = _plain(text[opened[1] : tag.start()])
            elif rows:
                rows[-1].cells.append(_cell(opened, text[opened[1] : tag.start()]))
            opened = None
        if depth != 1:
            continue
        if name == "thead":
            in_head = not closing
        elif name in ("tbody", "tfoot"):
            in_head = False
        elif name == "tr" and not closing:
            rows.append(_Row(tag.start(), in_head))
        elif name in ("td", "th", "caption") and not closing:
            opened = (name, tag.end(), tag[0])
    return rows, caption


def _cell(opened: tuple[str, int, str], inside: str) -> _Cell:
    spans = {name.lower(): min(max(int(n), 1), _MAX_SPAN) for name, n in _SPAN.findall(opened[2])}
    return _Cell(_plain(inside), spans.get("colspan", 1), spans.get("rowspan", 1), opened[0] == "th")


def _plain(inside: str) -> str:
    return " ".join(html.unescape(_ANY_TAG.sub(" ", inside)).split())


def _place(row: _Row, above: dict[int, tuple[int, str]]) -> tuple[list[str], dict[int, tuple[int, str]]]:
    """The texts of a row by column, and what reaches into the next row: column -> (rows left, text)."""
    texts: list[str] = []
    below = {column: (left - 1, text) for column, (left, text) in above.items() if left > 1}
    for cell in row.cells:
        while len(texts) in above and len(texts) < _MAX_COLUMNS:
            texts.append(above[len(texts)][1])
        for _ in range(cell.colspan):
            if len(texts) < _MAX_COLUMNS:
                if cell.rowspan > 1:
                    below[len(texts)] = (cell.rowspan - 1, cell.text)
                texts.append(cell.text)
    while len(texts) in above and len(texts) < _MAX_COLUMNS:
        texts.append(above[len(texts)][1])
    return texts, below


def _flatten(rows: Sequence[_Row]) -> list[str]:
    columns: list[list[str]] = []
    above: dict[int, tuple[int, str]] = {}
    for row in rows:
        texts, above = _place(row, above)
        columns += [[] for _ in range(len(texts) - len(columns))]
        for column, text in zip(columns, texts, strict=False):
            if text and text not in column:
                column.append(text)
    return [" / ".join(column) for column in columns]


def _carried(rows: Sequence[_Row], columns: Sequence[str]) -> list[str]:
    found: list[str] = []
    above: dict[int, tuple[int, str]] = {}
    for row in rows:
        reaching: dict[str, str] = {}
        for column, (_, text) in sorted(above.items()):
            name = columns[column] if column < len(columns) else ""
            if text:
                reaching.setdefault(f"{name}: {text}" if name else text, "")
        found.append("; ".join(reaching))
        _, above = _place(row, above)
    return found
