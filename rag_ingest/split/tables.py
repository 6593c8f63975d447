"""Where a table may be cut, and what a piece of it repeats."""

from __future__ import annotations

from dataclasses import dataclass

from rag_ingest.split.table_model import Reaching, Row, Table, place
from rag_ingest.split.table_read import read_table

_LONG_LABEL = 120


@dataclass(frozen=True, slots=True)
class TableRows:
    """Where a table may be cut.

    Attributes:
        cuts: offsets in the table's text at which rows begin; header rows and the first row after them are one piece.
        header: the columns' names on one line, empty when there are none.
        caption: an HTML table's own caption.
        carried: for each cut, what rows above say about that row: "group; column: cell".
        titles: cuts behind a row that only names those below it.
        table: as it was read.
    """

    cuts: tuple[int, ...]
    header: str
    caption: str
    carried: tuple[str, ...]
    titles: frozenset[int]
    table: Table


def table_rows(text: str) -> TableRows:
    """Reads a table's text, pipe or HTML."""
    table = read_table(text)
    reaching = table.reaching()
    cuts = tuple([row.start for row in table.body[1:]])
    carried = tuple([_carried(above, table) for above in reaching[1:]]) or ("",) * len(cuts)
    titles: frozenset[int] = frozenset()
    if reaching:
        behind = zip(table.body, cuts, strict=False)
        titles = frozenset(cut for row, cut in behind if row.may_reach_down and table.group_title(row))
    return TableRows(cuts, header_line(table.columns), table.caption, carried, titles, table)


def header_line(columns: tuple[str, ...]) -> str:
    """Column names on one line, columns without one left out."""
    return " | ".join(filter(None, columns))


@dataclass(frozen=True, slots=True)
class CellCut:
    """Where a wide row may be cut.

    Attributes:
        at: offset in the table's text at which a cell begins.
        header: names of that column and those after it.
        label: what row this is: its first cell or two with their columns' names.
    """

    at: int
    header: str
    label: str


def cell_cuts(table: Table, row: Row) -> list[CellCut]:
    """Cuts before the third and later cells of a row; the first stays with the second."""
    label = _label(table, place(row, {})[0])
    cuts: list[CellCut] = []
    column = 0
    for number, cell in enumerate(row.cells):
        if number > 1 and cell.text:
            cuts.append(CellCut(cell.start, header_line(table.columns[column:]), label))
        column += cell.colspan
    return cuts


def _label(table: Table, placed: list[str]) -> str:
    """The first cell, which may be a number or a group that many rows share, and the second while they are short."""
    parts = [named(table.columns, column, text) for column, text in enumerate(placed[:2]) if text]
    return "; ".join(parts) if sum(map(len, parts)) <= _LONG_LABEL else "".join(parts[:1])[:_LONG_LABEL]


def named(columns: tuple[str, ...], column: int, text: str) -> str:
    """The text behind its column's name, or the text alone where the column has no name."""
    name = columns[column] if column < len(columns) else ""
    return f"{name}: {text}" if name and name != text else text


def _carried(reaching: Reaching, table: Table) -> str:
    if not reaching.cells:
        return reaching.group
    spanning = dict.fromkeys(named(table.columns, column, text) for column, text in reaching.cells.items() if text)
    return "; ".join([reaching.group, *spanning] if reaching.group else spanning)
