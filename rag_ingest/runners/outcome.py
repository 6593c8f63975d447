"""What is told of a document that was read."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rag_ingest.report import DocumentOutcome, DocumentReport
from rag_ingest.stages import Work
from rag_ingest.types import Failure

__all__ = ["report_of"]


def report_of(
    work: Work,
    failed: Sequence[Failure],
    outcome: DocumentOutcome,
    *,
    title: str,
    chunks: int,
    placed: int,
    started: float,
) -> DocumentReport:
    """Of a document whose pages were read, taken from the ledger, `placed` again, or `failed`, since `started`."""
    return DocumentReport(
        source=work.document.source,
        doc_id=work.document.doc_id,
        title=title,
        outcome=outcome,
        pages_read=len(work.todo) - len(failed),
        pages_cached=len(work.done) + len(work.again),
        pages_placed=placed,
        pages_failed=len(failed),
        chunks=chunks,
        seconds=time.perf_counter() - started,
    )
