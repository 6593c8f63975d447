"""The `documents` table: one row a source, written last, so that what it says is there is there."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rag_ingest.store.schema import PLACING_COLUMNS, DocumentRecord, documents_schema, source_key, storable
from rag_ingest.store.tables import NARROW_BATCH_ROWS, fetch, known_columns, never_alone, upsert
from rag_ingest.store.trouble import never_stranded
from rag_ingest.store.versions import Versions, is_there, rank
from rag_ingest.types import Failure, Placing

if TYPE_CHECKING:
    from lancedb.expr import Expr
    from lancedb.table import Table

__all__ = ["Documents"]


BATCH_ROWS = 2048
"""Of a table that is read as a whole: some megabytes."""

_FEW_VALUES = ("state", "stage", "engine", "ocr_fingerprint", "split_fingerprint", "embedder")
"""Columns in which rows say the same; each value is kept once in memory."""


class Documents:
    """Reads and writes the `documents` table."""

    def __init__(self, table: Table, alone: Callable[[], bool] = never_alone) -> None:
        self.table = table
        self._alone = alone  # whether the caller holds the lease
        self._columns = known_columns(table, documents_schema())

    def of_source(self, source: str) -> DocumentRecord | None:
        """The row of one source."""
        from lancedb.expr import col, lit

        found = self._where(col("source") == lit(source_key(source)))
        return found[0] if found else None

    def of_sources(self, sources: Iterable[str]) -> dict[str, DocumentRecord]:
        """Rows by source."""
        from lancedb.expr import col

        return {d.source: d for d in self._where(col("source").isin([source_key(source) for source in sources]))}

    def of_contents(self, doc_ids: Iterable[str]) -> list[DocumentRecord]:
        """Rows with one of these contents."""
        from lancedb.expr import col

        wanted = [doc_id for doc_id in doc_ids if doc_id]
        return self._where(col("doc_id").isin(wanted)) if wanted else []

    def of_works(self, works: Iterable[str]) -> list[DocumentRecord]:
        """Rows of all versions of these works."""
        from lancedb.expr import col

        wanted = [work for work in works if work]
        return self._where(col("work").isin(wanted)) if wanted else []

    def failed(self) -> list[DocumentRecord]:
        """Rows of sources that failed as a whole."""
        from lancedb.expr import col, lit

        return self._where(col("state") == lit("failed"))

    @never_stranded
    def stamps(self) -> list[tuple[str, str]]:
        """(source, stamp) of every row, by source."""
        rows = self.table.search().select(["source", "stamp"]).limit(None).to_arrow().sort_by("source")
        return [(source, stamp or "") for source, stamp in zip(*(c.to_pylist() for c in rows.columns), strict=True)]

    def stamped(
        self, ocr_fingerprint: str, split_fingerprint: str, embedder: str, placing: Placing
    ) -> Iterator[tuple[str, str]]:
        """(source, stamp) of everything that was done in full by these marks, or gave way to what is there."""
        from lancedb.expr import col, lit

        done = (
            (col("state") == lit("done"))
            & (col("ocr_fingerprint") == lit(ocr_fingerprint))
            & (col("split_fingerprint") == lit(split_fingerprint))
            & (col("embedder") == lit(embedder))
        )
        columns = ["source", "stamp", *(name for name in PLACING_COLUMNS if name in self._columns)]
        served: dict[tuple[str | None, ...], bool] = {}
        query = self.table.search().where(done).select(columns).limit(None)
        for batch in query.to_batches(NARROW_BATCH_ROWS):
            for source, stamp, *by in zip(*(batch[name].to_pylist() for name in columns), strict=True):
                if (key := tuple(by)) not in served:
                    served[key] = None in by or not by or Placing(*by).serves(placing)
                if served[key]:
                    yield source, stamp
        yield from self._given_way()

    def _given_way(self) -> Iterator[tuple[str, str]]:
        """Of documents that gave way to another that is there; reads all works, if there are such documents at all."""
        import pyarrow as pa
        import pyarrow.compute as pc
        from lancedb.expr import col, lit

        columns = ["source", "doc_id", "state", "chunk_count", "work", "version", "stamp"]
        gave_way = self._where(col("state") == lit("superseded"), columns)
        if not gave_way:
            return
        works = pa.array({record.work for record in gave_way}, pa.string())
        found: dict[str, DocumentRecord] = {}
        query = self.table.search().where(col("work") != lit("")).select(columns).limit(None)
        for batch in query.to_batches(NARROW_BATCH_ROWS):  # each looks all of `works` over
            for row in batch.filter(pc.is_in(batch["work"], works)).to_pylist():
                record = _to_record(row)
                if is_there(record) and (record.work not in found or rank(found[record.work]) < rank(record)):
                    found[record.work] = record
        versions = Versions(found.values())
        yield from ((record.source, record.stamp) for record in gave_way if versions.superseder(record))

    def restamp(self, stamps: Mapping[str, str]) -> int:
        """Gives sources another stamp, in one commit; returns how many rows changed."""
        records = self.of_sources(stamps).values()
        return self.write([replace(record, stamp=stamps[record.source]) for record in records])

    def remove(self, sources: Iterable[str]) -> int:
        """Deletes rows; returns how many sources were asked for."""
        from lancedb.expr import col

        keys = [source_key(source) for source in sources]
        if keys:
            self.table.delete(col("source").isin(keys))
        return len(keys)

    @never_stranded
    def all(self, *, metadata: bool = True) -> list[DocumentRecord]:
        """Every row, by source; without its metadata, which are most of it, where they aren't asked for."""
        names = [name for name in self._columns if metadata or name != "metadata"]
        query = self.table.search().select(names).limit(None)
        found = [_to_record(row) for batch in query.to_batches(BATCH_ROWS) for row in batch.to_pylist()]
        return sorted(found, key=lambda document: document.source)

    def _where(self, where: Expr, columns: Sequence[str] = ()) -> list[DocumentRecord]:
        found = [_to_record(row) for row in fetch(self.table, where, list(columns) or self._columns)]
        return sorted(found, key=lambda document: document.source)

    def write(self, records: Sequence[DocumentRecord]) -> int:
        """Writes rows in one commit; returns how many changed. A row that says the same as before is left alone."""
        import pyarrow as pa

        if not records:
            return 0
        records = [replace(record, source=source_key(record.source)) for record in records]
        known = self.of_sources(record.source for record in records)
        now = datetime.now(UTC)
        changed: dict[str, dict[str, Any]] = {}
        for record in records:
            row = _to_row(record)
            before = known.get(record.source)
            if before is None or _to_row(before) != row:
                changed[record.source] = {**row, "ingested_at": now}
        if changed:
            rows = pa.Table.from_pylist(list(changed.values()), schema=documents_schema()).select(self._columns)
            upsert(self.table, "source", rows, append=known.keys().isdisjoint(changed) and self._alone())
        return len(changed)

    def unplaced(self) -> list[DocumentRecord]:
        """Rows that don't say how far places were looked for, of earlier versions; without metadata."""
        names = [name for name in documents_schema().names if name != "metadata"]
        query = self.table.search().where("boxes_by IS NULL").select(names).limit(None)
        return [_to_record(row) for batch in query.to_batches(BATCH_ROWS) for row in batch.to_pylist()]

    def set_placings(self, placings: Mapping[str, Placing]) -> None:
        """Puts that into rows of these sources, by `source`, in one commit; nothing else of them changes."""
        import pyarrow as pa

        told = [(record, placings[record.source]) for record in self.of_sources(placings).values()]
        records = [replace(record, boxes_by=found.boxes, crops_by=found.crops) for record, found in told]
        rows = [{**_to_row(record), "ingested_at": record.ingested_at} for record in records]
        if rows:
            upsert(self.table, "source", pa.Table.from_pylist(rows, schema=documents_schema()))

    def write_failure(self, failure: Failure) -> int:
        """Marks a source as failed; what an earlier run stored for it stays, and stays described."""
        before = self.of_source(failure.source)
        if before is None or not before.chunk_count:
            before = DocumentRecord(source=failure.source, doc_id=failure.doc_id)
        return self.write([replace(before, state="failed", stage=failure.stage, error=failure.reason)])

    def forget_failure(self, source: str) -> None:
        """Removes the row of a source that failed and gave no document."""
        from lancedb.expr import col, lit

        found = self.of_source(source)
        if found is not None and found.state == "failed" and not found.chunk_count:
            self.table.delete(col("source") == lit(source_key(source)))


def _to_row(record: DocumentRecord) -> dict[str, Any]:
    row = asdict(record)
    del row["ingested_at"]
    texts = {name: storable(value) for name, value in row.items() if isinstance(value, str)}
    return {**row, **texts, "metadata": json.dumps(dict(record.metadata), sort_keys=True)}


def _to_record(row: Mapping[str, Any]) -> DocumentRecord:
    later = {"work": row["work"] or "", "stamp": row["stamp"] or "", "version": row["version"] or 0}  # null in old rows
    later |= {name: row.get(name) for name in PLACING_COLUMNS}
    same = {name: sys.intern(row[name]) for name in _FEW_VALUES if name in row}
    metadata = json.loads(text) if (text := row.get("metadata")) else {}
    return DocumentRecord(**{**row, **same, "metadata": metadata, **later})
