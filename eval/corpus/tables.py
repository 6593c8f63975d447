"""HTML tables of the built-in papers: cells as they are written, and the grid that they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser


@dataclass(frozen=True, slots=True)
class Cell:
    """One `<th>` or `<td>`; `text` keeps `<sup>` and the like."""

    text: str
    head: bool
    colspan: int = 1
    rowspan: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """What a table says.

    Attributes:
        columns: name of each column; the names of a head in several rows are joined by " / ".
        rows: texts of the cells below the head; the title of a group of rows stands alone in its row.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def read_table(table: str) -> Table:
    """Columns and rows of `<table>…</table>`."""
    rows = read_cells(table)
    heads = [row for row in rows if all(cell.head for cell in row)]
    grid: list[list[str | None]] = [[None] * sum(cell.colspan for cell in rows[0]) for _ in heads]
    for y, row in enumerate(heads):
        for cell in row:
            x = grid[y].index(None)
            for below in range(cell.rowspan):
                for right in range(cell.colspan):
                    grid[y + below][x + right] = "" if below else cell.text
    columns = (" / ".join(name for name in names if name) for names in zip(*grid, strict=True))
    return Table(tuple(columns), tuple(tuple(cell.text for cell in row) for row in rows[len(heads) :]))


def read_cells(table: str) -> Sequence[Sequence[Cell]]:
    """The cells of each `<tr>`."""
    return _Reader(table).rows


class _Reader(HTMLParser):
    def __init__(self, table: str) -> None:
        super().__init__()
        self.rows: list[list[Cell]] = []
        self._open = False
        self.feed(table)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "tr":
            self.rows.append([])
        elif tag in {"th", "td"}:
            spans = [int(given.get(key) or 1) for key in ("colspan", "rowspan")]
            self.rows[-1].append(Cell("", tag == "th", *spans))
            self._open = True
        else:
            self.handle_data(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"th", "td"}:
            self._open = False
        else:
            self.handle_data(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self._open:
            self.rows[-1][-1] = replace(self.rows[-1][-1], text=self.rows[-1][-1].text + data)
