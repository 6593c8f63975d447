"""A table said in words, for embedding: each row with the names of its columns, "Model: X; BLEU: 28.4"."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import islice, takewhile

from rag_ingest.split.table_model import NOTHING, Reaching, Row, Table
from rag_ingest.split.table_read import read_table
from rag_ingest.split.tables import named
from rag_ingest.types import Block, Document


class TableText:
    """Says the tables of one document in words."""

    def __init__(self, document: Document) -> None:
        self._text = document.markdown
        self._blocks = [block for block in document.blocks if block.kind == "table"]
        self._next = 0
        self._said: tuple[int, SaidTable] | None = None

    def stated(self, start: int, end: int) -> str:
        """The document's text from `start` to `end` with tables in words; empty when it holds no row of one.

        Calls must come in order of `start`.
        """
        parts: list[str] = []
        at = start
        while self._next < len(self._blocks) and self._blocks[self._next].span.end <= start:
            self._next += 1
        for block in takewhile(lambda b: b.span.start < end, islice(self._blocks, self._next, None)):
            said = self._rows(block, max(start, block.span.start), min(end, block.span.end))
            if said:
                parts += [self._text[at : block.span.start].strip() if at < block.span.start else "", said]
                at = min(end, block.span.end)
        if not parts:
            return ""
        return "\n".join(part for part in [*parts, self._text[at:end].strip()] if part)

    def _rows(self, block: Block, start: int, end: int) -> str:
        if self._said is None or self._said[0] != block.span.start:
            table = read_table(self._text[block.span.start : block.span.end])
            self._said = block.span.start, SaidTable(table)
        return "\n".join(self._said[1].lines(start - block.span.start, end - block.span.start))


class SaidTable:
    """One table, row by row."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._reaching = table.reaching() or [NOTHING] * len(table.body)
        self._starts = [row.start for row in table.body]

    def lines(self, start: int, end: int) -> Iterator[str]:
        """One line a row of which a cell begins in [start, end), offsets into the table's text."""
        first = max(0, bisect_right(self._starts, start) - 1)
        for i in range(first, bisect_left(self._starts, end)):
            row = self._table.body[i]
            if any(start <= cell.start < end for cell in row.cells):
                title = self._table.group_title(row) if row.may_reach_down else ""
                yield title or "; ".join(self._stated(row, self._reaching[i], start, end))

    def _stated(self, row: Row, reaching: Reaching, start: int, end: int) -> Iterator[str]:
        """Its group, what spans into it, and its cells that begin in [start, end), the first one always."""
        columns = self._table.columns
        if reaching.group:
            yield reaching.group
        column = number = 0
        while number < len(row.cells) or column in reaching.cells:
            if column in reaching.cells:
                if reaching.cells[column]:
                    yield named(columns, column, reaching.cells[column])
                column += 1
                continue
            cell = row.cells[number]
            if cell.text and (number == 0 or start <= cell.start < end):
                yield named(columns, column, cell.text)
            column += cell.colspan
            number += 1
