"""Which indexes the tables have, and from how many rows on.

Keys have one too. `merge_insert` of lancedb 0.40 doubles rows when it uses one, which `tables.upsert` does not let it:
four processes that merged the same 2,400 keys at once, one of them compacting in between, left 2,400 rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lancedb.index import IvfFlat, IvfRq
    from lancedb.table import Table

__all__ = ["SCALAR_INDEX_ROWS", "VECTOR_INDEX_ROWS", "drop_indexes", "ensure_indexes", "vector_index_name"]

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

RABITQ_BITS = 4
"""A dimension: 20 MiB for 100,000 vectors of 384 numbers. With one bit, 6 MiB, five times as many vectors must be
compared exactly, which takes twice as long and finds less (eval/store.md)."""


def ensure_indexes(table: Table, name: str) -> None:
    """Makes those that are missing and worth it; what they hold is brought up to date by `Table.optimize`.

    The name of a vector index says how it was made, so that one of another make is replaced.
    """
    present = [(index.columns[0], index.name) for index in table.list_indices()]
    for column, kind in _wanted(table, name).items():
        called = vector_index_name(kind) if column == "vector" else None
        if not any(known[0] == column and called in (known[1], None) for known in present):
            table.create_index(column, config=kind, name=called)
        for known in present:
            if called and known[0] == column and known[1] != called:
                table.drop_index(known[1])


def vector_index_name(kind: IvfRq | IvfFlat) -> str:
    """Such as "vector_IvfRq_4"."""
    return "_".join(["vector", type(kind).__name__, *([str(kind.num_bits)] if hasattr(kind, "num_bits") else [])])


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
        rabitq = IvfRq(distance_type="cosine", num_bits=RABITQ_BITS)
        wanted["vector"] = rabitq if even else IvfFlat(distance_type="cosine")
    return wanted
