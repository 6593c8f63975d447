"""Chunks that were lost, or that an earlier version made, are made again by the next ingest, from the ledger.

A table `chunks` that is gone is made anew, and columns that an older one lacks are added, all null. Rows of `documents`
that call such chunks up to date lose their marks before that: a process that is killed in between leaves rows that say
less than is there, and the same ingest again splits and embeds these documents without reading a page.

Documents of versions that did not put down how far places were looked for get that from their pages.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from rag_ingest.store.documents import Documents
from rag_ingest.store.placed import placings
from rag_ingest.store.schema import Identity, chunks_schema
from rag_ingest.store.tables import create_table, lacking, open_table
from rag_ingest.store.upkeep import SLOW_ROWS, Told
from rag_ingest.types import Placing

if TYPE_CHECKING:
    from lancedb.db import DBConnection
    from lancedb.table import Table

__all__ = ["lost", "tell_placings", "unmark_lost"]

ROWS_A_COMMIT = 10_000
"""Of `documents`."""


def lost(chunks: Table | None, identity: Identity) -> str:
    """What documents that have chunks lack in this table, as `Status.stale` says why; empty where nothing."""
    if chunks is None or not chunks.count_rows():
        return "its chunks are gone"
    columns = [field.name for field in lacking(chunks, chunks_schema(identity))]
    return f"its chunks lack {', '.join(columns)}, as an earlier version made them" if columns else ""


def unmark_lost(db: DBConnection, identity: Identity, alone: Callable[[], bool]) -> None:
    """Takes the marks off rows of `documents` whose chunks are lost; to be called before `chunks` is made or completed.

    Args:
        db: the database.
        identity: that `chunks` has or is going to have.
        alone: whether the caller holds the lease.
    """
    chunks = open_table(db, "chunks")
    if open_table(db, "documents") is None or not lost(chunks, identity):
        return
    documents = Documents(create_table(db, "documents", identity), alone)
    empty = chunks is None or not chunks.count_rows()
    marked = [record for record in documents.all() if record.chunk_count and (empty or record.split_fingerprint)]
    unmarked = [
        replace(record, split_fingerprint="", stamp="", chunk_count=0 if empty else record.chunk_count)
        for record in marked
    ]
    for start in range(0, len(unmarked), ROWS_A_COMMIT):
        documents.write(unmarked[start : start + ROWS_A_COMMIT])


def tell_placings(documents: Documents, pages: Table, told: Told) -> None:
    """Puts down, in rows that don't say it, how far places were looked for; one that is killed leaves the rest so.

    All pages are looked through where there is such a row, once; where there is none, nothing is read.
    """
    unknown = {record.source: f"{record.doc_id}:{record.ocr_fingerprint}" for record in documents.unplaced()}
    if not unknown:
        return
    if (rows := pages.count_rows()) > SLOW_ROWS:
        told(f"an earlier version wrote this: looking once which of {rows:,} pages have boxes and crops")
    seen: dict[str, set[Placing]] = defaultdict(set)
    for key, placing in placings(pages, set(unknown.values())):
        seen[key].add(placing)
    found = [(source, Placing.of_all(seen[key])) for source, key in unknown.items()]
    for start in range(0, len(found), ROWS_A_COMMIT):
        documents.set_placings(dict(found[start : start + ROWS_A_COMMIT]))
