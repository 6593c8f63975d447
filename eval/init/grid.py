"""Rows of cells into a table whose cells can be looked up: which rows are the header, and what a column is called."""

from __future__ import annotations

import re
from typing import NamedTuple

from eval.init.source import Table

MAX_HEADER_ROWS = 3

_NUMBERED = re.compile(r"^\s*(?:Supplementary\s+|Appendix\s+)?(?:Table|Tab\.|TABLE)\s*[A-Z]?[\dIVX.]*\s*[.:|–—-]?\s*")


class Grid(NamedTuple):
    """Cells with spans resolved: a cell over two columns stands in both.

    Attributes:
        rows: may differ in length.
        rules: numbers of rows that a rule stands before; `len(rows)` is the end.
        header: how many rows the source says are the header; 0 when it doesn't say.
    """

    rows: list[list[str]]
    rules: set[int]
    header: int = 0


def table(grid: Grid, caption: str) -> Table | None:
    """The table; None when rows differ in length or nothing can be told to be the header."""
    width = max(map(len, grid.rows), default=0)
    rows = [row for row in grid.rows if len(row) == width]
    head = grid.header or next((rule for rule in sorted(grid.rules) if 0 < rule < len(grid.rows)), 1)
    header = [row for row in grid.rows[:head] if len(row) == width]
    if width < 2 or not header or len(header) > MAX_HEADER_ROWS or len(rows) - len(header) < 2:
        return None
    kept = [i for i in range(width) if any(row[i].strip() for row in rows)]
    columns = tuple(_label([row[i] for row in header]) for i in kept)
    body = tuple(tuple(row[i] for i in kept) for row in grid.rows[head:] if len(row) == width)
    return Table(_NUMBERED.sub("", caption).strip(), columns, body)


def _label(parts: list[str]) -> str:
    return " / ".join(dict.fromkeys(part.strip() for part in parts if part.strip()))
