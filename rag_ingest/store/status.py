"""What is in a knowledge base, in numbers and names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rag_ingest.store.documents import Documents
from rag_ingest.store.ledger import Ledger
from rag_ingest.store.schema import DocumentRecord
from rag_ingest.types import Failure

__all__ = ["Status", "read_status"]


@dataclass(frozen=True)
class Status:
    """What is in a knowledge base.

    Attributes:
        documents: that can be found by a search.
        pages: number by state, "done", "failed", "pending" and "skipped", of the documents as they stand.
        engines: `{"engine", "fingerprint", "embedder", "documents"}`, most documents first.
    """

    documents: int
    pages: Mapping[str, int]
    chunks: int
    failures: tuple[Failure, ...]
    engines: tuple[Mapping[str, Any], ...]


def read_status(documents: Documents, ledger: Ledger, chunks: int) -> Status:
    """Reads two tables; `chunks` is the third one's number of rows."""
    records = documents.all()
    pages = ledger.counts(records)
    failures = [*_failures(records), *pages.failures]
    return Status(
        documents=len({d.doc_id for d in records if d.state != "failed" or d.chunk_count > 0}),
        pages=pages.by_state,
        chunks=chunks,
        failures=tuple(sorted(failures, key=lambda f: (f.source, f.page or 0))),
        engines=tuple(_engines(records)),
    )


def _failures(documents: Iterable[DocumentRecord]) -> list[Failure]:
    """Sources that failed as a whole."""
    return [Failure(d.source, None, d.stage, d.error, d.doc_id) for d in documents if d.state == "failed"]


def _engines(documents: Iterable[DocumentRecord]) -> list[Mapping[str, Any]]:
    """Who read and embedded the documents, most documents first."""
    counts = Counter((d.engine, d.ocr_fingerprint, d.embedder) for d in documents if d.engine)
    names = ("engine", "fingerprint", "embedder")
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{**dict(zip(names, key, strict=True)), "documents": n} for key, n in ordered]
