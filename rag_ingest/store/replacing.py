"""How documents come into the tables and leave them, so that a search sees the old or the new and nothing between.

Chunks go in one commit, the `documents` rows in the next. Rows that speak of chunks which are about to go are opened
first: they lose the marks by which they would count as up to date. So a process that is killed in between leaves rows
that say less than is there, and running again, with whichever sources, puts that right.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rag_ingest.store.chunks import Chunks, DocumentChunks
from rag_ingest.store.documents import Documents
from rag_ingest.store.figure_files import FigureFiles
from rag_ingest.store.ledger import Ledger
from rag_ingest.store.schema import DocumentRecord, source_key
from rag_ingest.store.versions import Versions, is_there, rank, superseded

__all__ = ["Replacing"]

log = logging.getLogger(__name__)


class Replacing:
    """Works on the tables of one database; a method's numbers are above zero where it changed (chunks, rows)."""

    def __init__(self, documents: Documents, ledger: Ledger, chunks: Chunks, figures: FigureFiles) -> None:
        self._documents = documents
        self._ledger = ledger
        self._chunks = chunks
        self._figures = figures

    def replace(self, documents: Sequence[DocumentChunks]) -> tuple[int, int]:
        """Makes these all there is of their sources; of the documents of one work only one has chunks."""
        versions = self._versions([document.record for document in documents])
        latest = [document for document in documents if not versions.superseder(document.record)]
        records, earlier = [document.record for document in latest], versions.earlier()
        doc_ids = {record.doc_id for record in records}
        sources = [record.source for record in (*records, *earlier)]
        opened = self._open(sources, {record.source: record for record in records})
        left, renamed = self._left_behind(sources, doc_ids)
        changed = self._chunks.replace(self._chunks.rows(latest), doc_ids | left)
        self._remove_superseded_crops(latest)
        rows = [*records, *map(superseded, earlier), *versions.copies()]
        return renamed + int(changed), opened + self._documents.write(rows)

    def share(self, records: Sequence[DocumentRecord]) -> tuple[int, int]:
        """Writes rows of sources that have no chunks of their own; what these held before goes."""
        versions = self._versions([record for record in records if is_there(record)])
        earlier = versions.earlier()
        giving_way = _keys(earlier)
        records = [record for record in records if source_key(record.source) not in giving_way]
        sources = [record.source for record in (*records, *earlier)]
        opened = self._open(sources, {record.source: record for record in records})
        left, renamed = self._left_behind(sources, {record.doc_id for record in records if record.chunk_count})
        changed = self._chunks.replace(self._chunks.rows([]), left) if left else False
        renamed += sum(self._is_named_anew(record) for record in records if record.chunk_count and record.work)
        rows = [*records, *map(superseded, earlier), *versions.copies()]
        return renamed + int(changed), opened + self._documents.write(rows)

    def remove(self, records: Sequence[DocumentRecord], *, keep_pages: bool) -> tuple[int, int]:
        """Removes sources: chunks, then pages and crops, then rows, so that a half removed one can be named again.

        What another source has too stays, under that source's name.
        """
        if not records:
            return 0, 0
        self._open([record.source for record in records], {})
        left, renamed = self._left_behind([record.source for record in records], set())
        changed = self._chunks.replace(self._chunks.rows([]), left) if left else False
        if not keep_pages:
            gone = {record.doc_id for record in records if record.doc_id} | left
            gone |= self._ledger.doc_ids_of(record.source for record in records)
            own = _keys(records)
            gone -= {d.doc_id for d in self._documents.of_contents(gone) if d.source not in own}
            self._ledger.remove(gone)
            self._figures.remove(gone)
        return renamed + int(changed), self._documents.remove([record.source for record in records])

    def _remove_superseded_crops(self, documents: Iterable[DocumentChunks]) -> None:
        """When no chunk names them any more, and before the row says that all is done."""
        for document in documents:
            if document.crops is not None:
                record = document.record
                try:
                    self._figures.keep_only(record.doc_id, record.ocr_fingerprint, document.crops)
                except Exception as e:  # every store has errors of its own
                    log.warning("%s: old crops can't be removed, and stay: %s", record.source, e)

    def _open(self, sources: Sequence[str], new: Mapping[str, DocumentRecord]) -> int:
        """Takes the marks off rows that have chunks and are to say something else than in `new`."""
        coming = {source_key(source): record for source, record in new.items()}
        rows = [row for row in self._documents.of_sources(sources).values() if row.chunk_count]
        changing = [row for row in rows if _marks(row) != _marks(coming.get(row.source)) and _marks(row)[1]]
        return self._documents.write([replace(row, split_fingerprint="", stamp="") for row in changing])

    def _versions(self, records: Sequence[DocumentRecord]) -> Versions:
        """Of the works of what is to be written, and of what is there."""
        own = _keys(records)
        known = self._documents.of_works({record.work for record in records})
        return Versions([*records, *(d for d in known if d.source not in own)])

    def _is_named_anew(self, record: DocumentRecord) -> bool:
        """Whether the chunks of a content, by now, name the latest version that has it."""
        named = self._chunks.source_of(record.doc_id)
        owner = self._documents.of_source(named) if named and named != source_key(record.source) else record
        if owner is not None and (owner.work != record.work or owner.version >= record.version):
            return False
        return self._chunks.rename(record.doc_id, record) > 0

    def _left_behind(self, sources: Sequence[str], doc_ids: set[str]) -> tuple[set[str], int]:
        """Contents that these sources had, by their rows or by chunks of a run that was killed, and no other has.

        Chunks of a content that other sources still have are named after one of them, the latest version; the number is
        that of commits.
        """
        keys = {source_key(source) for source in sources}
        rows = self._documents.of_sources(sources).values()
        named = self._chunks.doc_ids_of(sources)
        had = ({row.doc_id for row in rows if row.doc_id} | named) - doc_ids
        known = self._documents.of_contents(had) if had else []
        theirs = (d for d in known if d.source not in keys and d.state != "superseded")
        others = {d.doc_id: d for d in sorted(theirs, key=rank)}
        renamed = [self._chunks.rename(doc_id, others[doc_id]) for doc_id in sorted(named & set(others))]
        return had - set(others), sum(map(bool, renamed))


def _marks(record: DocumentRecord | None) -> tuple[str, str, str, str]:
    """By which a row counts as up to date."""
    if record is None or not record.chunk_count:
        return "", "", "", ""
    return record.doc_id, record.split_fingerprint, record.ocr_fingerprint, record.embedder


def _keys(records: Iterable[DocumentRecord]) -> set[str]:
    return {source_key(record.source) for record in records}
