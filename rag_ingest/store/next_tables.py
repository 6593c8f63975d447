"""Tables that are made beside those of a knowledge base, and take their place when all is there.

`chunks_next` and `documents_next` are written like `chunks` and `documents`, so that whatever was written stays when
the process is killed; until they take the places, every search finds what was there before.

`chunks_next` replaces `chunks` in one commit, once: as soon as `chunks` names its embedder, what is in `chunks` counts,
whatever came and went since. Rows of `documents` are never replaced as a whole: each is told what its chunks are now,
which may be done again after it was killed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from rag_ingest.store.documents import Documents
from rag_ingest.store.gone import GONE
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.schema import DocumentRecord, Identity, chunks_schema
from rag_ingest.store.tables import connect, create_table, foreign_errors, lacking, open_table

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.db import DBConnection
    from lancedb.table import Table

__all__ = ["NextTables", "same_vectors", "unrecorded"]

NEXT = {"chunks": "chunks_next", "documents": "documents_next"}
"""In the order in which they are made; they are dropped in the opposite one."""

ROWS_A_COMMIT = 10_000
"""Rows of `documents`."""


class NextTables:
    """Of the database at `uri`, for the embedder of `identity`; the caller holds the lease."""

    def __init__(self, uri: str, identity: Identity) -> None:
        self.uri = uri
        self.identity = identity
        self._db: DBConnection = connect(uri, create=False)

    def settle(self, present: Identity) -> bool:
        """Ends what an earlier run left; only tables for this very embedder that are still to take their place stay.

        Args:
            present: whose vectors `chunks` has. Where they are those of the tables beside it, a run was killed after it
                had put them there: what was written since stays.

        Returns:
            Whether such a run was ended.
        """
        with foreign_errors(f"{self.uri} can't be written"):
            chunks, documents = (open_table(self._db, name) for name in NEXT.values())
            if chunks is None or documents is None:
                self.drop()
                return False
            theirs = Identity.from_metadata(chunks.schema.metadata, self.uri)
            if taken := same_vectors(theirs, present):
                self._tell_documents(documents)
            if taken or theirs != self.identity or lacking(chunks, chunks_schema(theirs)):  # of an earlier version
                self.drop()
        return taken

    def open(self) -> KnowledgeBase:
        """The tables as a knowledge base with the pages of the present one; made where they are missing."""
        with foreign_errors(f"{self.uri} can't be written"):
            tables = {
                name: create_table(self._db, name, self.identity, called=called)
                for name, called in (*NEXT.items(), ("pages", "pages"))
            }
        return KnowledgeBase(self.uri, tables, self.identity)

    def versions(self) -> dict[str, int]:
        """Of the tables whose places are to be taken: another one when something was written."""
        with foreign_errors(f"{self.uri} can't be read"):
            return {name: self._db.open_table(name).version for name in NEXT}

    def take_place(self) -> None:
        """Puts the chunks in the place of the present ones, says so in `documents`, and drops both tables.

        Indexes are for `KnowledgeBase.open(create=True)` to make: after all this, for it takes long.
        """
        with foreign_errors(f"{self.uri} can't be written"):
            chunks, documents = (self._db.open_table(name) for name in NEXT.values())
            _drop_strays(chunks, documents)
            self._db.create_table("chunks", data=_rows(chunks), mode="overwrite")
            self._tell_documents(documents)
            self.drop()

    def drop(self) -> None:
        """Removes what there is of them."""
        with foreign_errors(f"{self.uri} can't be written"):
            for called in reversed(NEXT.values()):
                self._db.drop_table(called, ignore_missing=True)

    def _tell_documents(self, made: Table) -> None:
        """Rows of sources whose chunks are in `chunks` by now say so; others stay as they are."""
        present = Documents(self._db.open_table("documents"))
        counts = _count_chunks(self._db.open_table("chunks"))
        fresh = {record.source: record for record in Documents(made).all()}
        told = [
            _told(record, row)
            for record in present.all()
            if (row := fresh.get(record.source)) is not None
            and row.doc_id == record.doc_id
            and row.chunk_count == counts[row.doc_id]
            and record.state != "superseded"
            and not _is_later(record, row)
        ]
        for start in range(0, len(told), ROWS_A_COMMIT):
            present.write(told[start : start + ROWS_A_COMMIT])


def same_vectors(one: Identity, other: Identity) -> bool:
    """Whether both name one embedder, be it with other settings."""
    return (one.embedder, one.dimension) == (other.embedder, other.dimension)


def unrecorded(chunks: Table, records: Iterable[DocumentRecord]) -> Counter[str]:
    """How many chunks, by doc_id, are more than `records` speak of; those that gave way to others aside."""
    counts = _count_chunks(chunks)
    del counts[GONE]
    recorded: dict[str, int] = {}
    for record in records:
        recorded[record.doc_id] = max(record.chunk_count, recorded.get(record.doc_id, 0))
    more = {doc_id: count - recorded.get(doc_id, 0) for doc_id, count in counts.items()}
    return Counter({doc_id: count for doc_id, count in more.items() if count > 0})


def _told(record: DocumentRecord, row: DocumentRecord) -> DocumentRecord:
    """`row`, with what happened to the source meanwhile."""
    told = replace(row, stamp=record.stamp, ingested_at=None)
    return replace(told, state="failed", stage=record.stage, error=record.error) if record.state == "failed" else told


def _is_later(record: DocumentRecord, row: DocumentRecord) -> bool:
    """Whether the source was ingested by the new embedder after `row` was made."""
    if record.embedder != row.embedder or record.ingested_at is None or row.ingested_at is None:
        return False
    return record.ingested_at > row.ingested_at


def _count_chunks(chunks: Table) -> Counter[str]:
    """By doc_id; the empty one are nodes that belong to no document."""
    counts: Counter[str] = Counter()
    for batch in chunks.search().select(["doc_id"]).limit(None).to_batches():
        for found in batch["doc_id"].value_counts().to_pylist():
            counts[found["values"] or ""] += found["counts"]
    return counts


def _drop_strays(chunks: Table, documents: Table) -> None:
    """Removes chunks without a row: their document left after a run had been killed between the two."""
    from lancedb.expr import col

    strays = _count_chunks(chunks).keys() - {record.doc_id for record in Documents(documents).all()}
    if strays:
        chunks.delete(col("doc_id").isin(sorted(strays)))


def _rows(table: Table) -> pa.RecordBatchReader:
    """All rows, with the metadata of the schema: it names the embedder and the key."""
    import pyarrow as pa

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in table.search().select(schema.names).limit(None).to_batches():
            yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)

    schema = table.schema
    return pa.RecordBatchReader.from_batches(schema, batches())
