"""A table as a graph: which cells lie next to a cell, and which headings lie above it or left of it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eval.quality.olmocr.wording import wording
from eval.quality.raw_tables import RawCell, html_tables

Place = tuple[int, int]
"""Row and column of a cell's upper left corner, 0-based."""

UP, DOWN, LEFT, RIGHT = (-1, 0), (1, 0), (0, -1), (0, 1)

_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--.*?-->", re.DOTALL)
_DELIMITERS = frozenset("- :|")


@dataclass(frozen=True, slots=True)
class CellGraph:
    """Cells of one table.

    Attributes:
        texts: each cell's text, in the form that is compared.
        headings: cells marked as headings.
        covers: what cell each place of the table belongs to; a gap is missing.
    """

    texts: dict[Place, str]
    headings: frozenset[Place]
    covers: dict[Place, Place]

    def next_to(self, cell: Place, direction: Place) -> set[Place]:
        """The nearest other cell from each place along the cell's edge; gaps are passed over."""
        found = set()
        rows, columns = zip(*self.covers, strict=True)
        height, width = max(rows), max(columns)
        for place in [place for place, owner in self.covers.items() if owner == cell]:
            row, column = place[0] + direction[0], place[1] + direction[1]
            while 0 <= row <= height and 0 <= column <= width:
                other = self.covers.get((row, column), cell)
                if other != cell:
                    found.add(other)
                    break
                row, column = row + direction[0], column + direction[1]
        return found

    def heading_of(self, cell: Place, direction: Place) -> set[Place]:
        """Headings that a walk in one direction meets; without any, the cells where it ends."""
        seen, ends, open_ = {cell}, set(), [cell]
        while open_:
            here = open_.pop()
            ahead = self.next_to(here, direction)
            if not ahead:
                ends.add(here)
            open_ += ahead - seen
            seen |= ahead
        return ((seen & self.headings) - {cell}) or (ends - {cell})


def read_graphs(markdown: str, *, pipes: bool = True) -> Iterator[CellGraph]:
    """Every table of a page, pipe tables first."""
    if pipes:
        for rows in _pipe_tables(markdown):
            yield from _graph(rows)
    for table in html_tables(markdown):
        yield from _graph(table.rows)


def _graph(rows: Sequence[Sequence[RawCell]]) -> Iterator[CellGraph]:
    texts: dict[Place, str] = {}
    headings = set()
    covers: dict[Place, Place] = {}
    for row, cells in enumerate(rows):
        column = 0
        for cell in cells:
            while (row, column) in covers:
                column += 1
            here = (row, column)
            texts[here] = wording(html.unescape(_TAG.sub("\n", cell.source)).strip())
            if cell.heading:
                headings.add(here)
            for down in range(min(cell.rowspan, len(rows) - row)):
                for right in range(cell.colspan):
                    covers.setdefault((row + down, column + right), here)
            column += cell.colspan
    if texts:
        yield CellGraph(texts, frozenset(headings), covers)


def _pipe_tables(markdown: str) -> Iterator[list[list[RawCell]]]:
    """Two or more lines with a pipe are a table; its first row and its first column are headings."""
    lines: list[str] = []
    for line in [*markdown.strip().split("\n"), ""]:
        if "|" in line:
            lines.append(line)
            continue
        if len(lines) > 1:
            yield _pipe_rows(lines)
        lines = []


def _pipe_rows(lines: Sequence[str]) -> list[list[RawCell]]:
    rows: list[list[RawCell]] = []
    for line in lines:
        if set(line.strip()) <= _DELIMITERS:
            continue
        parts = [part.strip() for part in line.split("|")]
        parts = parts[1:] if not parts[0] else parts
        parts = parts[:-1] if parts and not parts[-1] else parts
        if parts:
            rows.append([RawCell(part, heading=not rows or not column) for column, part in enumerate(parts)])
    return rows
