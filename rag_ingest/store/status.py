"""What is in a knowledge base, in numbers and names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rag_ingest.store.documents import Documents
from rag_ingest.store.ledger import Ledger
from rag_ingest.store.schema import DocumentRecord
from rag_ingest.types import UNPLACED, Failure, Placing

__all__ = ["Marks", "Status", "read_failures", "read_status"]


_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Marks:
    """What a document is read, split and embedded by."""

    engine: str
    ocr_fingerprint: str
    split_fingerprint: str
    embedder: str


@dataclass(frozen=True)
class Status:
    """What is in a knowledge base.

    Attributes:
        documents: that can be found by a search.
        pages: number by state, "done", "failed", "pending" and "skipped", of the documents as they stand.
        engines: `{"engine", "fingerprint", "embedder", "documents"}`, most documents first.
        stale: `{"source", "why"}` of documents that ingesting again would redo, though their file is the same; "pages"
            says how many, where it is boxes or crops of pages: of files with the same content on the first.
        superseded: earlier versions of papers; they are not among the documents.
    """

    documents: int
    pages: Mapping[str, int]
    chunks: int
    failures: tuple[Failure, ...]
    engines: tuple[Mapping[str, Any], ...]
    stale: tuple[Mapping[str, Any], ...] = ()
    superseded: int = 0


def read_status(
    documents: Documents,
    ledger: Ledger,
    chunks: int,
    marks: Marks | None = None,
    *,
    lost: str = "",
    placing: Placing = UNPLACED,
) -> Status:
    """Reads two tables.

    Args:
        documents: a table.
        ledger: a table.
        chunks: the third one's number of rows.
        marks: of the configuration that documents are compared with; None takes those of the one written last.
        lost: what documents that have chunks lack in the third table (see `store.mending`).
        placing: what boxes and crops are compared with.
    """
    records = documents.all(metadata=False)
    pages = ledger.counts(records)
    found = list(_stale(records, marks or _latest(records), lost))
    found += _misplaced(records, ledger, placing, {stale["source"] for stale in found})
    return Status(
        documents=len({d.doc_id for d in records if d.state in ("done", "partial") or d.chunk_count > 0}),
        pages=pages.by_state,
        chunks=chunks,
        failures=tuple(_in_order([*_failures(records), *pages.failures])),
        engines=tuple(_engines(records)),
        stale=tuple(found),
        superseded=sum(d.state == "superseded" for d in records),
    )


def read_failures(documents: Documents, ledger: Ledger) -> list[Failure]:
    """`Status.failures` alone: of what did not fail nothing is read."""
    contents, sources = ledger.failed()
    theirs = [*documents.of_contents(contents), *documents.of_sources(sources).values(), *documents.failed()]
    records = list({record.source: record for record in theirs}.values())
    return _in_order([*_failures(records), *ledger.counts(records, failed_only=True).failures])


def _in_order(failures: Iterable[Failure]) -> list[Failure]:
    return sorted(failures, key=lambda failure: (failure.source, failure.page or 0))


def _latest(documents: Iterable[DocumentRecord]) -> Marks | None:
    """Of a row that has all its marks, where there is one."""
    written = [d for d in documents if d.state in ("done", "partial") and d.ingested_at is not None]
    last = max(written, key=lambda d: (bool(d.split_fingerprint), d.ingested_at or _EVER, d.source), default=None)
    if last is None:
        return None
    return Marks(last.engine, last.ocr_fingerprint, last.split_fingerprint, last.embedder)


def _stale(documents: Iterable[DocumentRecord], marks: Marks | None, lost: str) -> Iterator[Mapping[str, str]]:
    """Most work first in each reason: what is read again is split and embedded again, too."""
    for d in documents:
        if d.state not in ("done", "partial") or marks is None:
            continue
        if d.ocr_fingerprint != marks.ocr_fingerprint:
            now = f"{marks.engine} {marks.ocr_fingerprint}"
            yield {"source": d.source, "why": f"pages were read by {d.engine} {d.ocr_fingerprint}, not by {now}"}
        elif d.embedder != marks.embedder:
            yield {"source": d.source, "why": f"embedded by {d.embedder}, not by {marks.embedder}"}
        elif lost and d.chunk_count:
            yield {"source": d.source, "why": lost}
        elif d.ocr_fingerprint and not d.split_fingerprint:  # see `store.mending` and `store.replacing`
            yield {"source": d.source, "why": "its chunks are to be made again, from the pages that were read"}
        elif d.split_fingerprint != marks.split_fingerprint:
            yield {"source": d.source, "why": "split by other options, or by an older version"}


def _misplaced(
    documents: Iterable[DocumentRecord], ledger: Ledger, placing: Placing, redone: set[str]
) -> Iterator[Mapping[str, Any]]:
    """Documents whose boxes or crops are not as wanted; not those that are told to be `redone` anyway."""
    stale = [d for d in documents if d.state in ("done", "partial") and not d.placing.serves(placing)]
    stale = [d for d in stale if d.source not in redone]
    pages = ledger.count_unplaced(stale, placing) if stale else Counter[str]()
    for d in stale:
        boxes = Placing(d.placing.boxes, "-").serves(placing)
        crops = Placing("all", d.placing.crops).serves(placing)
        lacks = "boxes of text" if crops else f"crops of figures ({placing.crops})"
        lacks = lacks if boxes or crops else f"boxes of text, and {lacks}"
        why = f"{lacks} are to be made, from the file and the pages that were read"
        why += f"; last time not all could: {d.error}" if d.error else ""
        yield {"source": d.source, "why": why, "pages": pages.pop(f"{d.doc_id}:{d.ocr_fingerprint}", 0)}


def _failures(documents: Iterable[DocumentRecord]) -> list[Failure]:
    """Sources that failed as a whole."""
    return [Failure(d.source, None, d.stage, d.error, d.doc_id) for d in documents if d.state == "failed"]


def _engines(documents: Iterable[DocumentRecord]) -> list[Mapping[str, Any]]:
    """Who read and embedded the documents, most documents first."""
    counts = Counter((d.engine, d.ocr_fingerprint, d.embedder) for d in documents if d.engine)
    names = ("engine", "fingerprint", "embedder")
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{**dict(zip(names, key, strict=True)), "documents": n} for key, n in ordered]
