"""What an ingest run did, as values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from rag_ingest.store.schema import source_key
from rag_ingest.types import Failure, PageMarkdown

DocumentOutcome = Literal[
    "added", "updated", "unchanged", "duplicate", "moved", "superseded", "partial", "failed", "removed"
]


@dataclass(frozen=True)
class EngineChosen:
    """The engine of this run, and why it is this one."""

    name: str
    reason: str


@dataclass(frozen=True)
class Waiting:
    """Another process writes to the knowledge base, or bringing its files and indexes up to date takes long."""

    message: str


@dataclass(frozen=True)
class DocumentReport:
    """One document is dealt with.

    Attributes:
        outcome: "unchanged" was there already, "duplicate" has the content of another source, "moved" of one
            whose file is gone, "partial" is in the
            knowledge base without the pages that failed, "superseded" has given way to a later version of the same
            paper, "removed" is gone from its folder, "failed" is not in it.
        pages_read: pages that the engine read in this run.
        pages_cached: pages whose Markdown was in the ledger.
        pages_placed: those of them whose boxes or crops were made again.
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
    pages_placed: int = 0


@dataclass
class IngestReport:
    """Sums over one run; `failures` holds everything that went wrong in it.

    Attributes:
        pages_cut: pages that ended at the engine's token limit.
        pages_empty: pages in which the engine found no text.
        pages_placed: pages from the ledger whose boxes or crops were made again.
        left_out: "papers" of dumps that the filters of `[arxiv]` did not let through; "unknown" are those of them of
            which nothing is known to filter by.
    """

    db: str
    engine: str = ""
    engine_reason: str = ""
    embedder: str = ""
    documents: dict[str, int] = field(default_factory=dict)
    pages_read: int = 0
    pages_cached: int = 0
    pages_failed: int = 0
    pages_cut: int = 0
    pages_empty: int = 0
    pages_placed: int = 0
    chunks: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    interrupted: bool = False
    failures: list[Failure] = field(default_factory=list)

    def add(self, document: DocumentReport) -> None:
        """Counts one document."""
        self.documents[document.outcome] = self.documents.get(document.outcome, 0) + 1
        self.pages_cached += document.pages_cached
        self.chunks += document.chunks

    def count(self, page: PageMarkdown | Failure) -> None:
        """Counts one page that the engine was given in this run."""
        if isinstance(page, Failure):
            self.pages_failed += 1
            return
        self.pages_read += 1
        self.pages_cut += page.finish_reason == "length"
        self.pages_empty += not page.markdown.strip()

    def include(self, other: IngestReport) -> None:
        """Adds what another run did; of both engines, where they differ, both are named."""
        if self.engine != other.engine:
            self.engine = f"{self.engine}, {other.engine}"
        for outcome, count in other.documents.items():
            self.documents[outcome] = self.documents.get(outcome, 0) + count
        for name in ("read", "cached", "failed", "cut", "empty", "placed"):
            setattr(self, f"pages_{name}", getattr(self, f"pages_{name}") + getattr(other, f"pages_{name}"))
        self.chunks += other.chunks
        self.left_out += other.left_out
        self.seconds += other.seconds
        self.interrupted |= other.interrupted
        self.failures += other.failures

    def as_json(self) -> dict[str, Any]:
        """The object that `rag-ingest ingest --json` prints."""
        return {
            "db": self.db,
            "engine": self.engine,
            "engine_reason": self.engine_reason,
            "embedder": self.embedder,
            "documents": dict(sorted(self.documents.items())),
            "pages": {
                "read": self.pages_read,
                "cached": self.pages_cached,
                "failed": self.pages_failed,
                "cut": self.pages_cut,
                "empty": self.pages_empty,
                "placed": self.pages_placed,
            },
            "chunks": self.chunks,
            "left_out": {name: self.left_out[name] for name in ("papers", "unknown")},
            "seconds": round(self.seconds, 3),
            "interrupted": self.interrupted,
            "failures": [failure_json(f) for f in self.failures],
        }


def failure_json(failure: Failure) -> dict[str, Any]:
    """The form of a failure in every `--json` output."""
    return {
        "source": source_key(failure.source),
        "page": failure.page,
        "stage": failure.stage,
        "reason": failure.reason,
    }
