"""What an ingest run did, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from rag_ingest.types import Failure

DocumentOutcome = Literal["added", "updated", "unchanged", "duplicate", "partial", "failed"]


@dataclass(frozen=True)
class DocumentReport:
    """One document is dealt with.

    Attributes:
        outcome: "unchanged" was there already, "duplicate" has the content of another source, "partial" is in the
            knowledge base without the pages that failed, "failed" is not in it.
        pages_read: pages that the engine read in this run.
        pages_cached: pages whose Markdown was in the ledger.
        seconds: parse, split, embed and store.
    """

    source: str
    doc_id: str
    title: str
    outcome: DocumentOutcome
    pages_read: int = 0
    pages_cached: int = 0
    pages_failed: int = 0
    chunks: int = 0
    seconds: float = 0.0


@dataclass
class IngestReport:
    """Sums over one run; `failures` holds everything that went wrong in it."""

    db: str
    engine: str = ""
    engine_reason: str = ""
    embedder: str = ""
    documents: dict[str, int] = field(default_factory=dict)
    pages_read: int = 0
    pages_cached: int = 0
    pages_failed: int = 0
    chunks: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    failures: list[Failure] = field(default_factory=list)

    def add(self, document: DocumentReport) -> None:
        """Counts one document."""
        self.documents[document.outcome] = self.documents.get(document.outcome, 0) + 1
        self.pages_read += document.pages_read
        self.pages_cached += document.pages_cached
        self.pages_failed += document.pages_failed
        self.chunks += document.chunks

    def as_json(self) -> dict[str, Any]:
        """The object that `rag-ingest ingest --json` prints."""
        return {
            "db": self.db,
            "engine": self.engine,
            "engine_reason": self.engine_reason,
            "embedder": self.embedder,
            "documents": dict(sorted(self.documents.items())),
            "pages": {"read": self.pages_read, "cached": self.pages_cached, "failed": self.pages_failed},
            "chunks": self.chunks,
            "seconds": round(self.seconds, 3),
            "interrupted": self.interrupted,
            "failures": [failure_json(f) for f in self.failures],
        }


def failure_json(failure: Failure) -> dict[str, Any]:
    """The form of a failure in every `--json` output."""
    return {"source": failure.source, "page": failure.page, "stage": failure.stage, "reason": failure.reason}
