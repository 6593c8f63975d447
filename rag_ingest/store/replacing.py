"""How documents come into the tables and leave them, so that a search sees the old or the new and nothing between.

Chunks go in one commit, the `documents` rows in the next: a process that is killed between the two leaves rows that say
less than is there, and running again puts that right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rag_ingest.store.chunks import Chunks, DocumentChunks
from rag_ingest.store.documents import Documents
from rag_ingest.store.figure_files import FigureFiles
from rag_ingest.store.ledger import Ledger
from rag_ingest.store.schema import DocumentRecord, source_key

__all__ = ["Replacing"]


class Replacing:
    """Works on the tables of one database; every method returns (chunk commits, document rows) that it made."""

    def __init__(self, documents: Documents, ledger: Ledger, chunks: Chunks, figures: FigureFiles) -> None:
        self._documents = documents
        self._ledger = ledger
        self._chunks = chunks
        self._figures = figures

    def replace(self, documents: Sequence[DocumentChunks]) -> tuple[int, int]:
        """Makes these all there is of their sources, and earlier versions of their works superseded."""
        records = [document.record for document in documents]
        doc_ids = {record.doc_id for record in records}
        older = self._older(records)
        left, renamed = self._left_behind([record.source for record in (*records, *older)], doc_ids)
        changed = self._chunks.replace(self._chunks.rows(documents), doc_ids | left)
        return renamed + int(changed), self._documents.write([*records, *map(superseded, older)])

    def share(self, record: DocumentRecord) -> tuple[int, int]:
        """Writes the row of a source that has no chunks of its own; what it held before goes."""
        left, renamed = self._left_behind([record.source], {record.doc_id} if record.chunk_count else set())
        changed = self._chunks.replace(self._chunks.rows([]), left) if left else False
        return renamed + int(changed), self._documents.write([record])

    def remove(self, records: Sequence[DocumentRecord], *, keep_pages: bool) -> tuple[int, int]:
        """Removes sources: chunks, then pages and crops, then rows, so that a half removed one can be named again.

        What another source has too stays, under that source's name.
        """
        if not records:
            return 0, 0
        left, renamed = self._left_behind([record.source for record in records], set())
        changed = self._chunks.replace(self._chunks.rows([]), left) if left else False
        if not keep_pages:
            gone = {record.doc_id for record in records if record.doc_id} | left
            gone |= self._ledger.doc_ids_of(record.source for record in records)
            gone -= {d.doc_id for d in self._documents.of_contents(gone) if d.source not in _keys(records)}
            self._ledger.remove(gone)
            self._figures.remove(gone)
        return renamed + int(changed), self._documents.remove([record.source for record in records])

    def _older(self, records: Iterable[DocumentRecord]) -> list[DocumentRecord]:
        """Rows of earlier versions of the same works, from other sources."""
        newest: dict[str, int] = {}
        for record in records:
            if record.work and record.version:
                newest[record.work] = max(record.version, newest.get(record.work, 0))
        own = _keys(records)
        known = self._documents.of_works(newest)
        return [d for d in known if 0 < d.version < newest[d.work] and d.state != "superseded" and d.source not in own]

    def _left_behind(self, sources: Sequence[str], doc_ids: set[str]) -> tuple[set[str], int]:
        """Contents that these sources had, by their rows or by chunks of a run that was killed, and no other has.

        Chunks of a content that another source still has are given that source's name; the number is that of commits.
        """
        keys = {source_key(source) for source in sources}
        rows = self._documents.of_sources(sources).values()
        named = self._chunks.doc_ids_of(sources)
        had = ({row.doc_id for row in rows if row.doc_id} | named) - doc_ids
        known = self._documents.of_contents(had) if had else []
        others = {d.doc_id: d.source for d in known if d.source not in keys and d.state != "superseded"}
        renamed = [self._chunks.rename_source(doc_id, others[doc_id]) for doc_id in sorted(named & set(others))]
        return had - set(others), sum(map(bool, renamed))


def superseded(record: DocumentRecord) -> DocumentRecord:
    """The row of a document that gave way to a later version."""
    return replace(record, state="superseded", chunk_count=0, stage="", error="")


def _keys(records: Iterable[DocumentRecord]) -> set[str]:
    return {source_key(record.source) for record in records}
