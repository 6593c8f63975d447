"""Runs the pipeline in this process: pages are rendered ahead in worker processes while the engine reads.

A run that was killed at any moment and started again gives the rows of one clean run, by the order of writing: a page's
Markdown goes to the ledger soon after it was read; a document's chunks go in one commit; its `documents` row is last.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from rag_ingest.errors import RagIngestError
from rag_ingest.parse.document import assemble
from rag_ingest.pipeline import PageResult, Paths, Pipeline, Work, all_pages, collect
from rag_ingest.report import DocumentOutcome, DocumentReport, IngestReport
from rag_ingest.runners.ahead import ahead
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.schema import DocumentRecord
from rag_ingest.types import Document, Failure, PageMarkdown, SourceDocument

Progress = Callable[[object], None]

LEDGER_ROWS = 64
LEDGER_SECONDS = 5.0

log = logging.getLogger(__name__)


def run(pipeline: Pipeline, paths: Paths, db: str, progress: Progress) -> IngestReport:
    """Ingests `paths` into the knowledge base at `db`; Ctrl-C ends it early with everything kept that was read.

    Raises:
        ConfigError: a wrong option, engine or model, before the first page.
        StoreMismatchError: the database was written by another embedder.
    """
    started = time.perf_counter()
    engine, embedder = pipeline.engine, pipeline.embedder
    report = IngestReport(db, engine.name, pipeline.engine_reason, embedder.name)
    with KnowledgeBase.open(
        db, embedder_name=embedder.name, dimension=embedder.dimension, create=True, settings=pipeline.embedder_settings
    ) as kb:
        writer = _Writer(pipeline, kb, report, progress)
        try:
            for item in writer.stream(paths):
                writer.source_failed(item) if isinstance(item, Failure) else writer.document_read(*item)
        except KeyboardInterrupt:
            report.interrupted = True
        if report.chunks:
            kb.optimize()
    report.seconds = time.perf_counter() - started
    return report


class _Writer:
    """Writes what the stages yield, and tells `progress` and `report` about it."""

    def __init__(self, pipeline: Pipeline, kb: KnowledgeBase, report: IngestReport, progress: Progress) -> None:
        self.pipeline = pipeline
        self.kb = kb
        self.report = report
        self.progress = progress
        self.seen: dict[str, str] = {}  # doc_id -> source, in this run

    def stream(self, paths: Paths) -> Iterator[tuple[Work, list[PageResult]] | Failure]:
        pages_ahead = 2 * max(4, self.pipeline.engine.batch_size)
        pages = ahead(self.pipeline.read(paths, self.plan), pages_ahead)
        return collect(self.remember(self.pipeline.recognize(pages)))

    def plan(self, document: SourceDocument) -> Work:
        """Skips what is in the knowledge base already, and takes pages from the ledger. Runs in the read thread."""
        first = self.seen.setdefault(document.doc_id, document.source)
        if first != document.source or self.kb.is_duplicate(document.source, document.doc_id):
            return Work(document, (), skip="duplicate")
        fingerprint = self.pipeline.ocr_fingerprint
        split_fingerprint, embedder = self.pipeline.split_fingerprint, self.pipeline.embedder.name
        if self.kb.is_current(
            document.source, document.doc_id, fingerprint, split_fingerprint, embedder, retry_failed=True
        ):
            return Work(document, (), skip="unchanged")
        done = self.kb.done_pages(document.doc_id, fingerprint)
        return Work(document, tuple(n for n in all_pages(document).todo if n not in done), done)

    def remember(self, stream: Iterable[Work | PageResult]) -> Iterator[Work | PageResult]:
        """Puts pages into the ledger as they come, in groups, and what is left over at the end or at Ctrl-C."""
        rows: list[PageResult] = []
        source, due = "", time.monotonic() + LEDGER_SECONDS
        try:
            for item in stream:
                self.progress(item)
                if isinstance(item, Work):
                    self._write_pages(rows, source)
                    rows, source = [], item.document.source
                elif isinstance(item, PageMarkdown) or item.page is not None:
                    rows.append(item)
                if len(rows) >= LEDGER_ROWS or time.monotonic() > due:
                    self._write_pages(rows, source)
                    rows, due = [], time.monotonic() + LEDGER_SECONDS
                yield item
        finally:
            self._write_pages(rows, source)

    def _write_pages(self, rows: Sequence[PageResult], source: str) -> None:
        if rows:
            engine = self.pipeline.engine
            self.kb.write_pages(rows, source=source, fingerprint=self.pipeline.ocr_fingerprint, engine=engine.name)

    def source_failed(self, failure: Failure) -> None:
        """Records a source that gave no document."""
        self.kb.write_source_failure(failure)
        self.report.failures.append(failure)
        self._done(DocumentReport(failure.source, failure.doc_id, "", "failed"))

    def document_read(self, work: Work, results: Sequence[PageResult]) -> None:
        """Parses, splits, embeds and stores one document; whatever goes wrong costs that document alone."""
        if work.skip:
            self._done(DocumentReport(work.document.source, work.document.doc_id, work.document.title, work.skip))
            return
        started = time.perf_counter()
        failed = [r for r in results if isinstance(r, Failure)]
        self.report.failures.extend(failed)
        outcome, title, chunks = self._store(work, [r for r in results if isinstance(r, PageMarkdown)], failed)
        self._done(
            DocumentReport(
                source=work.document.source,
                doc_id=work.document.doc_id,
                title=title,
                outcome=outcome,
                pages_read=len(work.todo) - len(failed),
                pages_cached=len(work.done),
                pages_failed=len(failed),
                chunks=chunks,
                seconds=time.perf_counter() - started,
            )
        )

    def _store(
        self, work: Work, pages: Sequence[PageMarkdown], failed: Sequence[Failure]
    ) -> tuple[DocumentOutcome, str, int]:
        """Returns (outcome, title, chunks)."""
        source, title, stage = work.document.source, work.document.title, "parse"
        if not pages:
            reason = f"no page could be read; the first: {failed[0].reason}"
            self.kb.write_source_failure(replace(failed[0], page=None, reason=reason))
            return "failed", title, 0
        try:
            before = self.kb.document_for(source)
            document = assemble(work.document, pages)
            title, stage = document.title, "split"
            chunks = self.pipeline.chunks(document)
            stage = "embed"
            vectors = self.pipeline.embed(chunks)
            stage = "store"
            self.kb.replace_document(self._record(document, work, failed, len(chunks)), chunks, vectors)
        except Exception as e:
            log.debug("%s failed in %s", source, stage, exc_info=True)
            reason = str(e) if isinstance(e, RagIngestError) else f"{type(e).__name__}: {e}"
            failure = Failure(source, None, stage, reason, work.document.doc_id)
            self.kb.write_source_failure(failure)
            self.report.failures.append(failure)
            return "failed", title, 0
        updated = before is not None and before.chunk_count > 0
        return ("partial" if failed else "updated" if updated else "added"), title, len(chunks)

    def _record(self, document: Document, work: Work, failed: Sequence[Failure], chunks: int) -> DocumentRecord:
        return DocumentRecord(
            source=document.source,
            doc_id=document.doc_id,
            title=document.title,
            page_count=work.document.page_count,
            state="partial" if failed else "done",
            engine=self.pipeline.engine.name,
            ocr_fingerprint=self.pipeline.ocr_fingerprint,
            split_fingerprint=self.pipeline.split_fingerprint,
            embedder=self.pipeline.embedder.name,
            chunk_count=chunks,
            metadata=dict(document.metadata),
        )

    def _done(self, document: DocumentReport) -> None:
        self.report.add(document)
        self.progress(document)
