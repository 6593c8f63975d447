"""Tables that are made beside those of a knowledge base and then take their place, each in one commit.

`chunks_next` and `documents_next` are written like `chunks` and `documents`, so that whatever was written stays when
the process is killed; until they take the places, every search finds what was there before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rag_ingest.store.indexes import ensure_indexes
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.schema import Identity
from rag_ingest.store.tables import connect, create_table, foreign_errors, open_table

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.db import DBConnection
    from lancedb.table import Table

__all__ = ["NextTables"]

NEXT = {"chunks": "chunks_next", "documents": "documents_next"}
"""In the order in which they take their places: the rows of `documents` say what is in `chunks`."""


class NextTables:
    """Of the database at `uri`, for the embedder of `identity`; the caller holds the lease."""

    def __init__(self, uri: str, identity: Identity) -> None:
        self.uri = uri
        self.identity = identity
        self._db: DBConnection = connect(uri, create=False)

    def have_begun(self) -> bool:
        """Whether an earlier run left tables for this very embedder; those for another one are dropped."""
        with foreign_errors(f"{self.uri} can't be read"):
            chunks, documents = (open_table(self._db, name) for name in NEXT.values())
            if chunks is not None and Identity.from_metadata(chunks.schema.metadata, self.uri) != self.identity:
                self.drop()
                return False
            return documents is not None

    def open(self) -> KnowledgeBase:
        """The tables as a knowledge base with the pages of the present one; made where they are missing."""
        with foreign_errors(f"{self.uri} can't be written"):
            tables = {
                name: create_table(self._db, name, self.identity, called=called)
                for name, called in (*NEXT.items(), ("pages", "pages"))
            }
        return KnowledgeBase(self.uri, tables, self.identity)

    def take_place(self) -> None:
        """Puts them in the places of the present ones, and drops them; may be done again after it was killed."""
        with foreign_errors(f"{self.uri} can't be written"):
            for name, called in NEXT.items():
                if (made := open_table(self._db, called)) is not None:
                    self._db.create_table(name, data=_rows(made), mode="overwrite")
            ensure_indexes(create_table(self._db, "chunks", self.identity), "chunks")
            create_table(self._db, "documents", self.identity)
            self.drop()

    def drop(self) -> None:
        """Removes what there is of them."""
        with foreign_errors(f"{self.uri} can't be written"):
            for called in NEXT.values():
                self._db.drop_table(called, ignore_missing=True)


def _rows(table: Table) -> pa.RecordBatchReader:
    """All rows, with the metadata of the schema: it names the embedder and the key."""
    import pyarrow as pa

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in table.search().select(schema.names).limit(None).to_batches():
            yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)

    schema = table.schema
    return pa.RecordBatchReader.from_batches(schema, batches())
