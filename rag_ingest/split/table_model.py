"""A table: its rows, what its columns are called, and what reaches from a row down into others.

Offsets are into the table's own text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from rag_ingest.split.table_cells import Cell, html_cells, is_number, pipe_cells

_LONE_CELL = re.compile(r"[ \t]*\|?(?:[^|\\\r\n]|\\.)*\|[ \t|]*(?=[\r\n]|$)")
_LONE_CELLS = re.compile(rf"(?:^|(?<=\r)){_LONE_CELL.pattern}", re.MULTILINE)
_GAP = re.compile(r">(?:\s*</[tT][dDhH]>|(?<=<[tT][dDhH]>)\s*<[tT][dDhHrR])")
_SPAN = re.compile(r"[sS][pP][aA][nN]")
_MAX_COLUMNS = 500


@dataclass(slots=True, eq=False)
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
    _cells: tuple[Cell, ...] | None = field(default=None, init=False, repr=False)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Left to right."""
        if self._cells is None:
            self._cells = tuple((html_cells if self.is_html else pipe_cells)(self.source, self.start, self.end))
        return self._cells

    @property
    def may_reach_down(self) -> bool:
        """False when a look at the text shows that it neither spans rows nor is the title of a group of rows."""
        if self.is_html:
            return _has_gap(self.source, self.start, self.end)
        return bool(_LONE_CELL.match(self.source, self.start, self.end))

    @property
    def may_any_reach_down(self) -> bool:
        """The same of all rows from this one on, where lines end with LF."""
        if self.is_html:
            return _has_gap(self.source, self.start, len(self.source))
        return bool(_LONE_CELLS.search(self.source, self.start))


def _has_gap(source: str, start: int, end: int) -> bool:
    return bool(_GAP.search(source, start, end) or _SPAN.search(source, start, end))


@dataclass(frozen=True, slots=True)
class Reaching:
    """What rows above say about a row.

    Attributes:
        group: title of the group of rows that it belongs to, empty without one.
        cells: column -> text, which may be empty, of a cell that spans down into it.
    """

    group: str
    cells: dict[int, str]


NOTHING = Reaching("", {})


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

    def reaching(self) -> list[Reaching]:
        """For each row of the body, what reaches into it; empty where a look at the text shows that nothing does."""
        if not self.body or not self.body[0].may_any_reach_down:
            return []
        return list(self._reaching())

    def _reaching(self) -> Iterator[Reaching]:
        above: dict[int, tuple[int, str]] = {}
        group = ""
        for row in self.body:
            title = self.group_title(row) if row.may_reach_down else ""
            yield Reaching("" if title else group, {column: text for column, (_, text) in sorted(above.items())})
            group = title or group
            if above or row.may_reach_down:
                above = place(row, above)[1]

    def group_title(self, row: Row) -> str:
        """The text of a row that only names the rows below it, else empty."""
        filled = [cell for cell in row.cells if cell.text]
        if len(filled) != 1 or filled[0] is not row.cells[0] or is_number(filled[0].text):
            return ""
        alone = len(row.cells) > 1 or (filled[0].colspan > 1 and filled[0].rowspan == 1)
        return filled[0].text if alone and len(self.columns) > 1 else ""


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
