"""A table's rows, cells and columns: pipe tables, and the HTML that recognisers write.

Only what a chunk needs is read: where rows and cells begin, which rows are the header, what each column is called, and
which cells and group titles of earlier rows reach down into a row. A header over several columns or in several rows is
flattened to "a / b". Offsets are into the table's own text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

_TAG = re.compile(r"<(/?)(table|thead|tbody|tfoot|tr|caption)(?=[\s>/])[^<>]*>", re.IGNORECASE)
_CELL_TAG = re.compile(r"<(/?)(table|td|th)(?=[\s>/])([^<>]*)>", re.IGNORECASE)
_ANY_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_SPAN = re.compile(r"\b(colspan|rowspan)\s*=\s*[\"']?(\d{1,6})", re.IGNORECASE)
_CELL = re.compile(r"(?:[^|\\]|\\.)*", re.DOTALL)
_LONE_CELL = re.compile(r"[ \t]*\|?(?:[^|\\\r\n]|\\.)*\|[ \t|]*$")
_GAP = re.compile(r">\s*</t[dh]>|<t[dh]>\s*<t[dhr]|span", re.IGNORECASE)
_LINE = re.compile(r"[^\r\n]+")
_MARKUP = re.compile(r"\\[A-Za-z]+|</?[A-Za-z][^<>]*>")
_MAX_SPAN = 100
_MAX_COLUMNS = 500
_MAX_HEADER_ROWS = 6


class Cell(NamedTuple):
    """One cell: its text without markup on one line, where it stands, and over how many columns and rows it reaches."""

    text: str
    start: int
    end: int
    colspan: int = 1
    rowspan: int = 1
    heading: bool = False


@dataclass(frozen=True)
class Row:
    """One row, its cells read when they are asked for: most tables are cut without looking at most cells.

    Attributes:
        source: the table's text.
        start: where the row begins in it.
        end: where it ends.
        in_head: a `<thead>` holds it.
        is_html: else a line of a pipe table.
    """

    source: str
    start: int
    end: int
    in_head: bool = False
    is_html: bool = False

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Left to right."""
        return tuple((_html_cells if self.is_html else _pipe_cells)(self.source, self.start, self.end))

    @property
    def may_reach_down(self) -> bool:
        """False when a look at the text shows that it neither spans rows nor is the title of a group of rows."""
        if self.is_html:
            return bool(_GAP.search(self.source, self.start, self.end))
        return bool(_LONE_CELL.match(self.source, self.start, self.end))


@dataclass(frozen=True, slots=True)
class Reaching:
    """What rows above say about a row.

    Attributes:
        group: title of the group of rows that it belongs to, empty without one.
        cells: column -> text of a cell that spans down into it.
    """

    group: str
    cells: dict[int, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it was read.

    Attributes:
        columns: names, left to right, "" where there is none.
        header: rows that name the columns; may be empty.
        body: the other rows.
        caption: an HTML table's own.
    """

    columns: tuple[str, ...]
    header: tuple[Row, ...]
    body: tuple[Row, ...]
    caption: str = ""

    def reaching(self) -> Iterator[Reaching]:
        """For each row of the body, what reaches into it."""
        above: dict[int, tuple[int, str]] = {}
        group = ""
        for row in self.body:
            yield Reaching(group, {column: text for column, (_, text) in sorted(above.items()) if text})
            if above or row.may_reach_down:
                group = self.group_title(row) or group
                above = place(row, above)[1]

    def group_title(self, row: Row) -> str:
        """The text of a row that only names the rows below it, else empty."""
        filled = [cell for cell in row.cells if cell.text]
        if len(filled) != 1 or filled[0] is not row.cells[0] or is_number(filled[0].text):
            return ""
        alone = len(row.cells) > 1 or (filled[0].colspan > 1 and filled[0].rowspan == 1)
        return filled[0].text if alone and len(self.columns) > 1 else ""


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


def place(row: Row, above: dict[int, tuple[int, str]]) -> tuple[list[str], dict[int, tuple[int, str]]]:
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


def _pipe_rows(text: str) -> list[Row]:
    lines = list(_LINE.finditer(text))
    return [Row(text, line.start(), line.end()) for line in (*lines[:1], *lines[2:])]  # without the delimiter row


def _pipe_cells(text: str, start: int, end: int) -> Iterator[Cell]:
    while start < end and text[start] in " \t":
        start += 1
    while end > start and text[end - 1] in " \t":
        end -= 1
    at = start + text.startswith("|", start, end)
    if end > at and text[end - 1] == "|" and text[end - 2] != "\\":
        end -= 1
    while at <= end:
        found = _CELL.match(text, at, end)
        stop = found.end() if found else end
        yield Cell(_plain(text[at:stop].replace("\\|", "|")), at, stop)
        if stop >= end:
            return
        at = stop + 1


def is_number(text: str) -> bool:
    r"""True for values such as `12.5 ± 0.3`, `$1.1\cdot10^{21}$` or `< 5 %`: at least two digits a letter."""
    bare = _MARKUP.sub(" ", text)
    digits = sum(map(str.isdecimal, bare))
    return digits > 0 and digits >= 2 * sum(map(str.isalpha, bare))


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
            caption, captioned = _plain(text[captioned : tag.start()]), -1
        if name == "tr" and not closing:
            starts.append((tag.start(), in_head))
        elif name == "caption" and not closing:
            captioned = tag.end()
        elif name in ("thead", "tbody", "tfoot"):
            in_head = name == "thead" and not closing
    ends = [*(at for at, _ in starts[1:]), end][: len(starts)]
    return [Row(text, at, stop, head, True) for (at, head), stop in zip(starts, ends, strict=True)], caption


def _html_cells(text: str, start: int, end: int) -> Iterator[Cell]:
    """Cells of one row; a nested table is text of its cell."""
    depth = 0
    opened: re.Match[str] | None = None
    for tag in _CELL_TAG.finditer(text, start, end):
        closing, name = bool(tag[1]), tag[2].lower()
        if name == "table":
            depth += -1 if closing else 1
            continue
        if depth > 0:
            continue
        if opened:
            matching = closing and name == opened[2].lower()
            yield _html_cell(opened, text[opened.end() : tag.start()], tag.end() if matching else tag.start())
            opened = None
        if not closing:
            opened = tag
    if opened:
        yield _html_cell(opened, text[opened.end() : end], end)


def _html_cell(opened: re.Match[str], inside: str, end: int) -> Cell:
    attributes = opened[3]
    spans = {}
    if "span" in attributes.lower():
        spans = {key.lower(): min(max(int(n), 1), _MAX_SPAN) for key, n in _SPAN.findall(attributes)}
    heading = opened[2].lower() == "th"
    return Cell(_plain(inside), opened.start(), end, spans.get("colspan", 1), spans.get("rowspan", 1), heading)


def _plain(inside: str) -> str:
    if "<" in inside:
        inside = _ANY_TAG.sub(" ", inside)
    if "&" in inside:
        inside = html.unescape(inside)
    return " ".join(inside.split())


def _flatten(rows: Sequence[Row], *, gaps_span: bool = False) -> list[str]:
    """Column names; in a pipe table a gap right of a name, above another name, means that the name spans it."""
    columns: list[list[str]] = []
    above: dict[int, tuple[int, str]] = {}
    for number, row in enumerate(rows):
        texts, above = place(row, above)
        if gaps_span and number + 1 < len(rows):
            texts = _spread(texts, [cell.text for cell in rows[number + 1].cells])
        columns += [[] for _ in range(len(texts) - len(columns))]
        for column, text in zip(columns, texts, strict=False):
            if text and text not in column:
                column.append(text)
    return [" / ".join(column) for column in columns]


def _spread(texts: list[str], below: Sequence[str]) -> list[str]:
    spread: list[str] = []
    for column, text in enumerate(texts):
        gap = not text and column > 1 and column < len(below) and below[column]
        spread.append(spread[-1] if gap else text)
    return spread
