"""Which document of a work is found: the one of the highest (version, source); others of other content give way to it.

The same content as that one's is a copy of it, whatever its version. What failed and has no chunks takes no part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from rag_ingest.store.schema import DocumentRecord, source_key

__all__ = ["Versions", "is_there", "rank", "shared", "superseded"]


def rank(record: DocumentRecord) -> tuple[int, str]:
    """Orders the documents of a work; a version that is not known comes before all that are."""
    return record.version, source_key(record.source)


def is_there(record: DocumentRecord) -> bool:
    """Whether a search can find it, if it has any text; chunks of an earlier run count."""
    return record.chunk_count > 0 or record.state in ("done", "partial")


def superseded(record: DocumentRecord) -> DocumentRecord:
    """The row of a document that gave way to another of its work."""
    return replace(record, state="superseded", chunk_count=0, stage="", error="")


def shared(record: DocumentRecord, owner: DocumentRecord) -> DocumentRecord:
    """The row of a source whose content `owner` has: what was made of that content is the owner's, all else its own."""
    return replace(
        owner,
        source=record.source,
        title=record.title or owner.title,
        metadata=record.metadata,
        work=record.work,
        version=record.version,
        stamp=record.stamp,
        ingested_at=None,
    )


class Versions:
    """The documents of some works.

    Args:
        known: rows, of any state.
    """

    def __init__(self, known: Iterable[DocumentRecord]) -> None:
        self._known: dict[str, list[DocumentRecord]] = defaultdict(list)
        for record in known:
            if record.work:
                self._known[record.work].append(record)

    def superseder(self, record: DocumentRecord) -> DocumentRecord | None:
        """The document to which this one, known or not, gives way; None where it is to be found itself."""
        source = source_key(record.source)
        others = (d for d in self._known.get(record.work, ()) if is_there(d) and source_key(d.source) != source)
        top = max(others, key=rank, default=None)
        if top is None or top.doc_id == record.doc_id or rank(top) < rank(record):
            return None
        return top

    def earlier(self) -> list[DocumentRecord]:
        """Those that are there and give way."""
        return [d for rows in self._known.values() for d in rows if is_there(d) and self.superseder(d)]

    def waiting(self) -> list[DocumentRecord]:
        """Those that gave way to something that is there no more, or that has their content."""
        rows = (d for rows in self._known.values() for d in rows)
        return [d for d in rows if d.state == "superseded" and not self.superseder(d)]

    def copies(self) -> list[DocumentRecord]:
        """Of those that wait, the rows that they have as copies of what is found."""
        found = ((d, self._found(d)) for d in self.waiting())
        return [shared(d, owner) for d, owner in found if owner is not None and owner.doc_id == d.doc_id]

    def _found(self, record: DocumentRecord) -> DocumentRecord | None:
        there = (d for d in self._known[record.work] if d.state in ("done", "partial"))
        return max(there, key=rank, default=None)
