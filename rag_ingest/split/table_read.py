"""Reads tables: pipe tables, and the HTML that recognisers write.

Which rows are the header is told by tags, by the delimiter row, and where these are silent by what the cells hold. A
header over several columns or in several rows is flattened to "a / b".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_ingest.split.table_cells import is_number, plain
from rag_ingest.split.table_model import Row, Table, place

_TAG = re.compile(r"<(/?)(table|thead|tbody|tfoot|tr|caption)(?=[\s>/])[^<>]*>", re.IGNORECASE)
_LINE = re.compile(r"[^\r\n]+")
_EMPHASIS = re.compile(r"(?<![\\*])\*{1,3}(?!\*)")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_MAX_HEADER_ROWS = 6


def read_table(text: str) -> Table:
    """Reads a table's text, pipe or HTML."""
    if text.lstrip()[:6].lower() == "<table":
        rows, caption = _html_rows(text)
        heads = _html_heads(rows)
        columns = _flatten(rows[:heads])
    else:
        rows, caption = _pipe_rows(text), ""
        heads = _pipe_heads(rows)
        columns = _flatten(rows[:heads], gaps_span=True)
    return Table(tuple(columns), tuple(rows[:heads]), tuple(rows[heads:]), caption)


def _pipe_rows(text: str) -> list[Row]:
    lines = list(_LINE.finditer(text))
    return [Row(text, line.start(), line.end()) for line in (*lines[:1], *lines[2:])]  # without the delimiter row


def _html_rows(text: str) -> tuple[list[Row], str]:
    """Rows of the outermost table, and its caption."""
    starts: list[tuple[int, bool]] = []
    depth, in_head, caption, captioned, end = 0, False, "", -1, len(text)
    for tag in _TAG.finditer(text):
        closing, name = bool(tag[1]), tag[2].lower()
        if name == "table":
            depth += -1 if closing else 1
            end = tag.start() if closing and not depth else end
        if depth != 1:
            continue
        if captioned >= 0:
            caption, captioned = plain(text[captioned : tag.start()]), -1
        if name == "tr" and not closing:
            starts.append((tag.start(), in_head))
        elif name == "caption" and not closing:
            captioned = tag.end()
        elif name in ("thead", "tbody", "tfoot"):
            in_head = name == "thead" and not closing
    ends = [*(at for at, _ in starts[1:]), end][: len(starts)]
    return [Row(text, at, stop, head, True) for (at, head), stop in zip(starts, ends, strict=True)], caption


def _pipe_heads(rows: Sequence[Row]) -> int:
    """The header row, and rows of names below it that fill its gaps, or have no stub."""
    heads = min(1, len(rows) - 1)
    while 0 < heads < min(len(rows) - 1, _MAX_HEADER_ROWS) and _continues_header(rows, heads):
        heads += 1
    return heads


def _continues_header(rows: Sequence[Row], at: int) -> bool:
    texts = [cell.text for cell in rows[at].cells]
    filled = [text for text in texts if text]
    if not filled:
        return True
    if len(filled) < 2 or any(map(is_number, filled)):
        return False
    above = [cell.text for cell in rows[at - 1].cells]
    if not any(cell.text for row in rows[:at] for cell in row.cells) or not texts[0]:
        return True
    fills = any(text and not name for text, name in zip(texts[1:], above[1:], strict=False))
    return fills and any(is_number(cell.text) for cell in rows[at + 1].cells[1:])


def _html_heads(rows: Sequence[Row]) -> int:
    heads = 0
    while heads < len(rows) and (
        rows[heads].in_head or (rows[heads].cells and all(cell.heading for cell in rows[heads].cells))
    ):
        heads += 1
    if heads == len(rows):
        return 0
    return heads or _unmarked_heads(rows)


def _unmarked_heads(rows: Sequence[Row]) -> int:
    """A first row of names over columns of numbers is a header though no tag says so; its cells may span rows."""
    if len(rows) < 2 or len(rows[0].cells) < 2:
        return 0
    names = [cell.text for cell in rows[0].cells if cell.text]
    if not names or any(map(is_number, names)):
        return 0
    heads = max(cell.rowspan for cell in rows[0].cells)
    if heads == 1 and any(cell.colspan > 1 for cell in rows[0].cells):
        heads = 2
    heads = min(heads, len(rows) - 1, _MAX_HEADER_ROWS)
    numbers = any(is_number(cell.text) for row in rows[heads : heads + 8] for cell in row.cells[1:])
    return heads if numbers else 0


def _flatten(rows: Sequence[Row], *, gaps_span: bool = False) -> list[str]:
    """Column names; in a pipe table a gap right of a name, above another name, means that the name spans it."""
    columns: list[list[str]] = []
    above: dict[int, tuple[int, str]] = {}
    for number, row in enumerate(rows):
        texts, above = place(row, above)
        if gaps_span and number + 1 < len(rows):
            texts = _spread(texts, [cell.text for cell in rows[number + 1].cells])
        columns += [[] for _ in range(len(texts) - len(columns))]
        for column, text in zip(columns, map(_column_name, texts), strict=False):
            if text and text not in column:
                column.append(text)
    return [" / ".join(column) for column in columns]


def _spread(texts: list[str], below: Sequence[str]) -> list[str]:
    spread: list[str] = []
    for column, text in enumerate(texts):
        gap = not text and column > 1 and column < len(below) and below[column]
        spread.append(spread[-1] if gap else text)
    return spread


def _column_name(text: str) -> str:
    """A name as it is said: without emphasis and escapes."""
    return _ESCAPE.sub(r"\1", _EMPHASIS.sub("", text)).strip() if "*" in text or "\\" in text else text
