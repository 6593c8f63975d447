"""The `chunks` table: rows from chunks and vectors.

The chunks of many documents come in one commit, which puts what they leave behind out of sight; the next deletes that
(see `store.gone`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rag_ingest.errors import StoreError
from rag_ingest.store.gone import GONE, gone_rows, sweep
from rag_ingest.store.metadata_lines import metadata_lines
from rag_ingest.store.node_metadata import node_metadata, renamed_metadata
from rag_ingest.store.paper import paper_values
from rag_ingest.store.placing import figure_row, sides_of
from rag_ingest.store.schema import (
    PAPER_COLUMNS,
    WITNESS_COLUMNS,
    DocumentRecord,
    searchable,
    source_key,
    storable,
)
from rag_ingest.store.tables import doc_ids_of, never_alone, upsert
from rag_ingest.store.where_fields import one_line
from rag_ingest.store.wider import wider_texts
from rag_ingest.types import Chunk

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["Chunks", "DocumentChunks"]

_SAME_VECTOR = 1e-4
"""Vectors of one text differ by less from run to run, on one device."""


@dataclass(frozen=True)
class DocumentChunks:
    """One document's chunks.

    Attributes:
        vectors: float32[len(chunks), dimension].
        crops: files of crops that its pages name, where files of others may lie there; None where none can.
    """

    record: DocumentRecord
    chunks: Sequence[Chunk]
    vectors: NDArray[np.float32]
    crops: frozenset[str] | None = None


class Chunks:
    """Writes the `chunks` table."""

    def __init__(self, table: Table, dimension: int, alone: Callable[[], bool] = never_alone) -> None:
        self.table = table
        self._alone = alone  # whether the caller holds the lease
        self.dimension = dimension

    def rows(self, documents: Iterable[DocumentChunks]) -> pa.Table:
        """Arrow rows, one a chunk id.

        Raises:
            StoreError: vectors don't fit the chunks or the table, or two different chunks have one id.
        """
        import numpy as np
        import pyarrow as pa

        rows: dict[str, dict[str, Any]] = {}
        vectors: dict[str, NDArray[np.float32]] = {}
        for document in documents:
            self._check(document)
            wider = wider_texts(document.chunks)
            known, paper = _known(document.record)
            for chunk, vector, wide in zip(document.chunks, document.vectors, wider, strict=True):
                row = _to_row(chunk, known, paper)
                row |= {"wider_text": searchable(wide), "metadata_lines": metadata_lines(row["metadata"])}
                before = rows.get(row["id"])
                if before is not None and (before["doc_id"], before["search_text"]) != (
                    chunk.doc_id,
                    row["search_text"],
                ):
                    raise StoreError(f"{document.record.source}: two different chunks have the id {row['id']}")
                rows[row["id"]], vectors[row["id"]] = row, vector
        schema = self.table.schema
        flat = np.concatenate([np.zeros(0, np.float32), *vectors.values()]).astype(np.float32)
        columns = {
            field.name: pa.FixedSizeListArray.from_arrays(pa.array(flat), self.dimension)
            if field.name == "vector"
            else pa.array([row[field.name] for row in rows.values()], field.type)
            for field in schema
        }
        return pa.table(columns, schema=schema)

    def replace(self, rows: pa.Table, doc_ids: Iterable[str]) -> bool:
        """Makes `rows`, from `rows`, all that is found of these documents, in one commit; False when they were already.

        What that leaves of the old ones goes in a second commit; see `store.gone`.
        """
        import pyarrow as pa
        import pyarrow.compute as pc
        from lancedb.expr import col

        doc_ids = sorted(doc_ids)
        if not rows.num_rows:
            return self._remove(doc_ids)
        theirs = col("doc_id").isin([*doc_ids, GONE])
        found = self.table.search().where(theirs).limit(None).to_arrow()
        before = found.filter(pc.not_equal(found["doc_id"], GONE))
        changes = not _equal(before, rows)
        left = set(before["id"].to_pylist()) - set(rows["id"].to_pylist()) if changes else set()
        if changes:
            new = pa.concat_tables([rows, gone_rows(self.table.schema, left)])
            append = not found.num_rows and self._alone() and not self._have(rows)
            upsert(self.table, "id", new, vectors_may_lack=bool(left), append=append)
        if left or before.num_rows < found.num_rows:
            sweep(self.table)
        return changes

    def _remove(self, doc_ids: Sequence[str]) -> bool:
        """Nothing is read of what goes: it may be most of the table."""
        from lancedb.expr import col

        theirs = col("doc_id").isin(list(doc_ids))
        there = self.table.search().where(theirs).select(["id"]).limit(1).to_arrow().num_rows > 0
        if there:
            self.table.delete(theirs)
        sweep(self.table)
        return bool(there)

    def rename(self, doc_id: str, record: DocumentRecord) -> int:
        """Gives a content's chunks the source, title and paper of another document that has it; returns how many."""
        import pyarrow as pa
        from lancedb.expr import col, lit

        rows = self.table.search().where(col("doc_id") == lit(doc_id)).limit(None).to_arrow().to_pylist()
        known, paper = _known(record)
        for row in rows:
            row |= known
            row["metadata"] = renamed_metadata(row["metadata"], known["title"], known["source"], paper)
            row["metadata_lines"] = metadata_lines(row["metadata"])
        if rows:
            upsert(self.table, "id", pa.Table.from_pylist(rows, schema=self.table.schema))
        return len(rows)

    def vectors(self, doc_id: str) -> dict[str, NDArray[np.float32]]:
        """Of a document's chunks, by id; those that have none are left out."""
        import numpy as np
        from lancedb.expr import col, lit

        rows = self.table.search().where(col("doc_id") == lit(doc_id)).select(["id", "vector"]).limit(None).to_arrow()
        found = zip(rows["id"].to_pylist(), rows["vector"].to_pylist(), strict=True)
        return {chunk_id: np.array(vector, np.float32) for chunk_id, vector in found if vector is not None}

    def source_of(self, doc_id: str) -> str:
        """The source that a content's chunks name; empty where it has none."""
        from lancedb.expr import col, lit

        found = self.table.search().where(col("doc_id") == lit(doc_id)).select(["source"]).limit(1).to_arrow()
        return str(found["source"][0].as_py()) if found.num_rows else ""

    def doc_ids_of(self, sources: Iterable[str]) -> set[str]:
        """Documents that were written for these sources."""
        return doc_ids_of(self.table, sources)

    def _have(self, rows: pa.Table) -> bool:
        """Whether one of these ids is there, under whatever document."""
        from lancedb.expr import col

        ids = col("id").isin(rows["id"].to_pylist())
        return bool(self.table.search().where(ids).select(["id"]).limit(1).to_arrow().num_rows)

    def _check(self, document: DocumentChunks) -> None:
        import numpy as np

        shape = (len(document.chunks), self.dimension)
        if document.vectors.shape != shape:
            raise StoreError(f"{document.record.source}: vectors of shape {document.vectors.shape}, expected {shape}")
        if not np.isfinite(document.vectors).all():
            raise StoreError(f"{document.record.source}: a vector holds values that are no numbers")


def _equal(before: pa.Table, rows: pa.Table) -> bool:
    import numpy as np

    if before.num_rows != rows.num_rows or not rows.num_rows:
        return bool(before.num_rows == rows.num_rows)
    before, rows = before.sort_by("id"), rows.sort_by("id")
    others = [name for name in rows.column_names if name != "vector"]
    if any(before[name].to_pylist() != rows[name].to_pylist() for name in others):
        return False
    old, new = (t["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False) for t in (before, rows))
    return bool(np.allclose(old, new, rtol=0, atol=_SAME_VECTOR))


def _to_row(chunk: Chunk, known: Mapping[str, Any], paper: Mapping[str, Any]) -> dict[str, Any]:
    chunk = _storable_chunk(chunk)
    return {
        "id": chunk.chunk_id,
        "doc_id": chunk.doc_id,
        "text": chunk.text,
        "context": chunk.context,
        **known,
        "search_text": searchable(chunk.embed_text),
        "page_lines": _lines(map(str, chunk.pages)),
        "heading_lines": _lines(chunk.headings),
        "kind_lines": _lines(chunk.kinds),
        "headings": list(chunk.headings),
        "pages": list(chunk.pages),
        "kinds": list(chunk.kinds),
        "first_page": min(chunk.pages, default=None),
        "last_page": max(chunk.pages, default=None),
        "span_start": chunk.span.start,
        "span_end": chunk.span.end,
        "token_count": chunk.token_count,
        "parent_id": chunk.parent_id,
        "previous_id": chunk.previous_id,
        "next_id": chunk.next_id,
        "gap": chunk.gap,
        "sections": [{"id": name, "start": span.start, "end": span.end} for name, span in chunk.sections],
        "bboxes": [{"page": page} | sides_of(box) for page, box in chunk.bboxes],
        "figures": [figure_row(figure) for figure in chunk.figures],
        **{name: chunk.metadata.get(name) for name in (*WITNESS_COLUMNS, "verdict")},
        "metadata": node_metadata(chunk, title=known["title"], source=known["source"], paper=paper),
    }


def _known(record: DocumentRecord) -> tuple[dict[str, Any], dict[str, Any]]:
    """What all chunks of a document say of it: columns, and what nodes have of the paper."""
    paper = paper_values(record.metadata)
    columns = {
        "title": storable(record.title),
        "source": source_key(record.source),
        **{name: paper[name] for name in (*PAPER_COLUMNS, "year", "version")},
        "category_lines": _lines(paper["categories"]),
    }
    return columns, {**paper, "categories": " ".join(paper["categories"])}


def _storable_chunk(chunk: Chunk) -> Chunk:
    return replace(
        chunk,
        text=storable(chunk.text),
        context=storable(chunk.context),
        headings=tuple(map(storable, chunk.headings)),
    )


def _lines(values: Iterable[str]) -> str:
    return "\n" + "".join(f"{one_line(value)}\n" for value in values)
