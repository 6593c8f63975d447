"""Which indexes the tables have, and from how many rows on.

Keys have one too. `merge_insert` of lancedb 0.40 doubles rows when it uses one, which `tables.upsert` does not let it:
four processes that merged the same 2,400 keys at once, one of them compacting in between, left 2,400 rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lancedb.table import Table

__all__ = ["SCALAR_INDEX_ROWS", "VECTOR_INDEX_ROWS", "drop_indexes", "ensure_indexes"]

SCALAR_INDEXES = {
    "documents": ("source", "doc_id", "work"),
    "pages": ("doc_id", "source"),
    "chunks": ("id", "doc_id", "source", "arxiv_id", "year"),
}
"""Columns that are looked up or filtered by. Keys are among them: each document asks for its row, and a scan of
millions of rows costs more than all else; `tables.upsert` keeps merges off these indexes."""

BITMAP_INDEXES = {"chunks": ("verdict",)}
"""Columns of a few values."""

SCALAR_INDEX_ROWS = 20_000
"""Below it a look-up is a scan of a few milliseconds."""

VECTOR_INDEX_ROWS = 50_000
"""Below it a scan takes tens of milliseconds (147 ms at 100,000 rows), and an index only loses recall."""

RABITQ_STEP = 8
"""IVF_RQ takes dimensions that are divisible by it; others get IVF_FLAT, which is as large as the vectors."""


def ensure_indexes(table: Table, name: str) -> None:
    """Makes those that are missing and worth it; what they hold is brought up to date by `Table.optimize`."""
    indexed = {index.columns[0] for index in table.list_indices()}
    for column, kind in _wanted(table, name).items():
        if column not in indexed:
            table.create_index(column, config=kind)


def drop_indexes(table: Table) -> None:
    """All of them, a damaged one too."""
    for index in list(table.list_indices()):
        table.drop_index(index.name)


def _wanted(table: Table, name: str) -> dict[str, Any]:
    from lancedb.index import FTS, Bitmap, BTree, IvfFlat, IvfRq

    rows = table.count_rows()
    wanted: dict[str, Any] = {}
    if name == "chunks":
        wanted |= {column: FTS(with_position=column == "search_text") for column in ("search_text", "wider_text")}
    if rows >= SCALAR_INDEX_ROWS:
        wanted |= {column: BTree() for column in SCALAR_INDEXES[name]}
        wanted |= {column: Bitmap() for column in BITMAP_INDEXES.get(name, ())}
    if name == "chunks" and rows >= VECTOR_INDEX_ROWS:
        even = table.schema.field("vector").type.list_size % RABITQ_STEP == 0
        wanted["vector"] = IvfRq(distance_type="cosine") if even else IvfFlat(distance_type="cosine")
    return wanted
