"""Runs the pipeline in this process: pages are rendered ahead in worker processes while the engine reads.

A run that was killed at any moment and started again gives the rows of one clean run, by the order of writing: a page's
Markdown goes to the ledger soon after it was read; a document's chunks go in one commit; its `documents` row is last.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import cast

from rag_ingest.errors import LoadError, RagIngestError, StoreError
from rag_ingest.load.arxiv_dumps import member_sha256
from rag_ingest.load.member_uri import file_of, split_member
from rag_ingest.parse.document import assemble
from rag_ingest.pipeline import Paths, Pipeline
from rag_ingest.report import DocumentOutcome, DocumentReport, EngineChosen, IngestReport
from rag_ingest.runners.ahead import ahead
from rag_ingest.stages import PageResult, Work, all_pages, collect
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.schema import DocumentRecord, source_key
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
    progress(EngineChosen(engine.name, pipeline.engine_reason))
    with KnowledgeBase.open(
        db, embedder_name=embedder.name, dimension=embedder.dimension, create=True, settings=pipeline.embedder_settings
    ) as kb:
        writer = _Writer(pipeline, kb, report, progress)
        try:
            with closing(writer.stream(paths)) as items:
                for item in items:
                    writer.source_failed(item) if isinstance(item, Failure) else writer.document_read(*item)
            writer.forget_mended(paths)
        except KeyboardInterrupt:
            report.interrupted = True
        if report.chunks:
            _optimize(kb)
    report.seconds = time.perf_counter() - started
    return report


def _still_has(source: str, doc_id: str) -> bool:
    """Whether a local file, or a paper in a local dump, has this content now; a remote one is believed to."""
    if "://" in source:
        return True
    try:
        if split_member(source):
            return member_sha256(source) == doc_id
        with Path(source).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == doc_id
    except (OSError, LoadError):
        return False


def _optimize(kb: KnowledgeBase) -> None:
    """Upkeep, which another writer may get in the way of; it comes again with the next run."""
    try:
        kb.optimize()
    except StoreError as e:
        log.warning("the knowledge base was not optimized this time: %s", e)


class _Writer:
    """Writes what the stages yield, and tells `progress` and `report` about it."""

    def __init__(self, pipeline: Pipeline, kb: KnowledgeBase, report: IngestReport, progress: Progress) -> None:
        self.pipeline = pipeline
        self.kb = kb
        self.report = report
        self.progress = progress
        self.marks = (pipeline.ocr_fingerprint, pipeline.split_fingerprint, pipeline.embedder.name)
        self.first: dict[str, str] = {}  # doc_id -> the source that stands for it in this run
        self.dumps: set[str] = set()  # of which papers came

    def stream(self, paths: Paths) -> Generator[tuple[Work, list[PageResult]] | Failure]:
        pages_ahead = 2 * max(4, self.pipeline.engine.batch_size)
        pages = ahead(self.pipeline.read(paths, self.plan), pages_ahead)
        with closing(pages), closing(self.remember(self.pipeline.recognize(pages))) as results:
            yield from collect(results)

    def plan(self, document: SourceDocument) -> Work:
        """Skips what is in the knowledge base already, and takes pages from the ledger. Runs in the read thread.

        Of several sources with one content the first is read; the others only get their row, in `_share`.
        """
        source, doc_id = document.source, document.doc_id
        if self.kb.is_current(source, doc_id, *self.marks, retry_failed=True):
            self.first.setdefault(doc_id, source)
            return Work(document, (), skip="unchanged")
        if self.first.setdefault(doc_id, source) != source:
            return Work(document, (), skip="duplicate")
        if (owner := self._owner(document)) is not None:
            self.first[doc_id] = owner.source
            return Work(document, (), skip="duplicate")
        done = self.kb.done_pages(doc_id, self.marks[0])
        return Work(document, tuple(n for n in all_pages(document).todo if n not in done), done)

    def _owner(self, document: SourceDocument) -> DocumentRecord | None:
        """Another source whose chunks are up to date and that has this very content still."""
        owners = self.kb.owners(document.doc_id, *self.marks)
        others = (owner for owner in owners if owner.source != source_key(document.source))
        return next((owner for owner in others if _still_has(owner.source, document.doc_id)), None)

    def remember(self, stream: Iterable[Work | PageResult]) -> Generator[Work | PageResult]:
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
                    self.report.count(item)
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
        """Records a source that gave no document; a path that leads nowhere is only reported."""
        if "://" in failure.source or Path(file_of(failure.source)).is_file():
            self.kb.write_source_failure(failure)
        self.report.failures.append(failure)
        self._done(DocumentReport(failure.source, failure.doc_id, "", "failed"))

    def forget_mended(self, paths: Paths) -> None:
        """A dump is no document that would replace what was recorded of it, for example that it was cut off."""
        given = {str(getattr(path, "uri", path)) for path in paths}
        in_part = {file_of(uri) for uri in given if split_member(uri)} - given
        for dump in sorted(self.dumps - in_part - {failure.source for failure in self.report.failures}):
            self.kb.forget_failure(dump)

    def document_read(self, work: Work, results: Sequence[PageResult]) -> None:
        """Parses, splits, embeds and stores one document; whatever goes wrong costs that document alone."""
        if split_member(work.document.source):
            self.dumps.add(file_of(work.document.source))
        if work.skip:
            self._skip(work)
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

    def _skip(self, work: Work) -> None:
        document, outcome = work.document, cast(DocumentOutcome, work.skip)
        if work.skip == "duplicate":
            first = self.first[document.doc_id]
            owners = {owner.source: owner for owner in self.kb.owners(document.doc_id, *self.marks)}
            owner = owners.get(source_key(first))
            if owner is None:
                self.source_failed(Failure(document.source, None, "load", f"same content as {first}, which failed"))
                return
            self.kb.share_document(replace(owner, source=document.source))
        self._done(DocumentReport(document.source, document.doc_id, document.title, outcome))

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
