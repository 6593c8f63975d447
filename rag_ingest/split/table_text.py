"""A table said in words, for embedding: each row with the names of its columns, "Model: X; BLEU: 28.4"."""

from __future__ import annotations

from collections.abc import Iterator

from rag_ingest.split.table_model import Row, Table, place
from rag_ingest.split.table_read import read_table
from rag_ingest.split.tables import named
from rag_ingest.types import Block, Document


class TableText:
    """Says the tables of one document in words."""

    def __init__(self, document: Document) -> None:
        self._text = document.markdown
        self._blocks = [block for block in document.blocks if block.kind == "table"]
        self._next = 0
        self._read: tuple[int, Table] | None = None

    def stated(self, start: int, end: int) -> str:
        """The document's text from `start` to `end` with tables in words; empty when it holds no row of one.

        Calls must come in order of `start`.
        """
        parts: list[str] = []
        at = start
        while self._next < len(self._blocks) and self._blocks[self._next].span.end <= start:
            self._next += 1
        for block in self._blocks[self._next :]:
            if block.span.start >= end:
                break
            said = self._rows(block, max(start, block.span.start), min(end, block.span.end))
            if said:
                parts += [self._text[at : block.span.start].strip() if at < block.span.start else "", said]
                at = min(end, block.span.end)
        if not parts:
            return ""
        return "\n".join(part for part in [*parts, self._text[at:end].strip()] if part)

    def _rows(self, block: Block, start: int, end: int) -> str:
        if self._read is None or self._read[0] != block.span.start:
            self._read = block.span.start, read_table(self._text[block.span.start : block.span.end])
        return "\n".join(state_rows(self._read[1], start - block.span.start, end - block.span.start))


def state_rows(table: Table, start: int, end: int) -> Iterator[str]:
    """One line a row of which a cell begins in [start, end), offsets into the table's text."""
    above: dict[int, tuple[int, str]] = {}
    group = ""
    for row in table.body:
        title = table.group_title(row)
        if any(start <= cell.start < end for cell in row.cells):
            if title:
                yield title
            else:
                yield "; ".join([group] * bool(group) + _cells(table, row, above, start, end))
        group = title or group
        above = place(row, above)[1]


def _cells(table: Table, row: Row, above: dict[int, tuple[int, str]], start: int, end: int) -> list[str]:
    """The cells of a row that begin in [start, end), its first cell always, and what spans into it."""
    stated: list[str] = []
    column = number = 0
    while number < len(row.cells) or column in above:
        if column in above:
            stated.append(named(table.columns, column, above[column][1]))
            column += 1
            continue
        cell = row.cells[number]
        if cell.text and (number == 0 or start <= cell.start < end):
            stated.append(named(table.columns, column, cell.text))
        column += cell.colspan
        number += 1
    return stated
