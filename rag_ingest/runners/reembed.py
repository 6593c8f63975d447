"""Splits and embeds every document anew, from the pages that the ledger has: no page is read.

The new chunks are written beside the old ones (`store.next_tables`), which answer until all is there: as long as a
document fails, they stay. A run that was killed, or in which some failed, goes on where it was: what was ingested
since is done too, and what changed is done again. One with another embedder begins again, and one with other splitter
options splits all anew.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property

from rag_ingest.errors import StoreError
from rag_ingest.pipeline import Pipeline
from rag_ingest.report import DocumentReport, Waiting
from rag_ingest.runners.commit_group import CommitGroup, Ready
from rag_ingest.runners.made import made_of
from rag_ingest.store.chunks import Chunks, DocumentChunks
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.lease import lease
from rag_ingest.store.next_tables import NextTables, same_vectors, unrecorded
from rag_ingest.store.run_configs import RunConfig, RunConfigs
from rag_ingest.store.schema import DocumentRecord, Identity
from rag_ingest.store.versions import shared
from rag_ingest.types import Failure, PageMarkdown, SourceDocument

__all__ = ["ReembedReport", "run"]


@dataclass
class ReembedReport:
    """What was done.

    Attributes:
        before: the embedder that had written the vectors.
        documents: that were split and embedded in this run.
        kept: that an earlier run, which was killed, had done.
        chunks: of `documents`.
    """

    db: str
    before: str
    embedder: str
    documents: int = 0
    kept: int = 0
    chunks: int = 0
    seconds: float = 0.0
    failures: list[Failure] = field(default_factory=list)


def run(pipeline: Pipeline, db: str, progress: Callable[[object], None]) -> ReembedReport:
    """Makes `pipeline`'s embedder that of the knowledge base at `db`.

    Raises:
        ConfigError: a wrong option or model.
        StoreError: there is no knowledge base, it can't be written, or chunks in it came from elsewhere.
    """
    started = time.perf_counter()
    embedder = pipeline.embedder
    identity = Identity(embedder.name, embedder.dimension, pipeline.embedder_settings)
    with lease(db, told=lambda message: progress(Waiting(message))), KnowledgeBase.open(db) as kb:
        report = ReembedReport(db, kb.identity.embedder, embedder.name)
        tables = NextTables(db, identity)
        ended = tables.settle(kb.identity)
        if not same_vectors(kb.identity, identity):
            _make(pipeline, kb, tables, report, progress)
            ended = not report.failures
            if ended:
                _remember(pipeline, db)
        if not report.failures:
            with KnowledgeBase.open(db, create=True) as made:  # indexes, which a killed run may have left unmade
                if ended:
                    made.optimize(exclusive=True)
    report.seconds = time.perf_counter() - started
    return report


def _make(
    pipeline: Pipeline,
    kb: KnowledgeBase,
    tables: NextTables,
    report: ReembedReport,
    progress: Callable[[object], None],
) -> None:
    """Makes the new tables, and puts them in the places of the old ones when no document failed."""
    before = tables.versions()
    _refuse_unrecorded(kb)
    _Reembedding(pipeline, kb, tables.open(), report, progress).run()
    if report.failures:
        return
    if tables.versions() != before:
        raise StoreError(
            f"{kb.uri} was written by another process meanwhile: run the same again, which goes on where this was"
        )
    tables.take_place()


def _remember(pipeline: Pipeline, db: str) -> None:
    """The last configuration with this embedder and splitter, for `rag-ingest retry`."""
    runs = RunConfigs(db)
    for last in runs.all()[:1]:
        tree = {**last.config, **pipeline.embedder_settings, "split": asdict(pipeline.config.split)}
        runs.put(RunConfig(last.ocr_fingerprint, pipeline.split_fingerprint, tree))


def _refuse_unrecorded(kb: KnowledgeBase) -> None:
    """Chunks that no document speaks of can't be made from pages, and would be gone."""
    more = unrecorded(kb.chunks, kb.documents())
    if more:
        raise StoreError(
            f"{kb.uri} holds {more.total()} chunks, of {len(more)} documents, that no row of `documents` speaks of and "
            f"that would be lost (the first: doc_id {min(more)!r}). Nodes that were added through LlamaIndex: take "
            "them out (get_nodes, delete_nodes of LanceDBKnowledgeBase) and add them by the new embedder afterwards. "
            "An ingest that was killed: run it again first"
        )


class _Reembedding:
    """Reads records and pages from `kb`, writes to `made`."""

    def __init__(
        self,
        pipeline: Pipeline,
        kb: KnowledgeBase,
        made: KnowledgeBase,
        report: ReembedReport,
        progress: Callable[[object], None],
    ) -> None:
        self._pipeline = pipeline
        self._kb = kb
        self._made = made
        self._report = report
        self._progress = progress
        self._marks = (pipeline.split_fingerprint, pipeline.embedder.name)
        self._group = CommitGroup(made, lambda: None, self._written, self._not_written)

    def run(self) -> None:
        """All documents; what is ready is written, whatever ends it."""
        records = self._kb.documents()
        gone = {record.source for record in self._made.documents()} - {record.source for record in records}
        self._made.remove(gone, keep_pages=True)
        try:
            for owner, sharers in _by_content(self._kb, records):
                self._one(owner)
                if sharers:
                    self._group.flush()
                    self._share(owner, sharers)
        finally:
            self._group.flush()

    def _one(self, record: DocumentRecord) -> None:
        if self._is_kept(record):
            self._report.kept += 1
        elif record.state in ("failed", "superseded") and not record.chunk_count:
            self._made.share_document(record)
        else:
            self._prepare(record)

    def _is_kept(self, record: DocumentRecord) -> bool:
        """Whether an earlier run did it, and nothing came since; pages that were lacking then may be there now."""
        marks = (record.ocr_fingerprint, *self._marks)
        if not self._made.is_current(record.source, record.doc_id, *marks, retry_failed=True):
            return False
        made = self._made.document_for(record.source)
        if made is None or made.ingested_at is None or record.ingested_at is None:
            return False
        return made.state == record.state and made.ingested_at >= record.ingested_at

    def _prepare(self, record: DocumentRecord) -> None:
        started = time.perf_counter()
        source = SourceDocument(record.doc_id, record.source, record.page_count, record.title, record.metadata)
        told = DocumentReport(record.source, record.doc_id, record.title, "updated")
        try:
            pages = self._pages(record)
        except StoreError as e:
            self._failed(told, "parse", str(e))
            return
        made = made_of(self._pipeline, source, [pages[number] for number in sorted(pages)])
        if isinstance(made, Failure):
            self._failed(told, made.stage, made.reason)
            return
        count = len(made.chunks)
        fresh = replace(
            record, split_fingerprint=self._marks[0], embedder=self._marks[1], chunk_count=count, ingested_at=None
        )
        told = replace(told, pages_cached=len(pages), chunks=count, seconds=time.perf_counter() - started)
        self._group.add(Ready(DocumentChunks(fresh, made.chunks, made.vectors), told))

    def _pages(self, record: DocumentRecord) -> dict[int, PageMarkdown]:
        """All that were read.

        Raises:
            StoreError: some were neither read nor failed, as the ledger has it.
        """
        pages = self._kb.done_pages(record.doc_id, record.ocr_fingerprint)
        lacking = record.page_count - len(pages)
        if lacking > 0 and record.state != "done":
            lacking -= len(self._failed_pages.get(record.doc_id, set()) - pages.keys())
        if lacking > 0:
            raise StoreError(
                f"{lacking} of {record.page_count} pages are no longer in the knowledge base: remove it with "
                "--keep-pages, and ingest it again before or after this"
            )
        return pages

    @cached_property
    def _failed_pages(self) -> Mapping[str, set[int]]:
        """By doc_id."""
        found: dict[str, set[int]] = defaultdict(set)
        for failure in self._kb.failures():
            if failure.page is not None:
                found[failure.doc_id].add(failure.page)
        return found

    def _share(self, owner: DocumentRecord, sharers: Iterable[DocumentRecord]) -> None:
        """Rows of other sources with the same content; one that failed the last time still has."""
        row = self._made.document_for(owner.source)
        if row is None:
            return
        for sharer in sharers:
            theirs = shared(sharer, row)
            if sharer.state == "failed":
                theirs = replace(theirs, state="failed", stage=sharer.stage, error=sharer.error)
            self._made.share_document(theirs)

    def _written(self, ready: Ready) -> None:
        self._report.documents += 1
        self._report.chunks += ready.report.chunks
        self._progress(ready.report)

    def _not_written(self, ready: Ready, reason: str) -> None:
        self._failed(ready.report, "store", reason)

    def _failed(self, told: DocumentReport, stage: str, reason: str) -> None:
        failure = Failure(told.source, None, stage, reason, told.doc_id)
        self._report.failures.append(failure)
        self._progress(replace(told, outcome="failed", chunks=0))


def _by_content(
    kb: KnowledgeBase, records: Iterable[DocumentRecord]
) -> Iterable[tuple[DocumentRecord, list[DocumentRecord]]]:
    """(the source whose chunks there are, other sources with the same content), superseded and failed ones alone.

    One that failed the last time, and has its chunks from before, only stands for others that did too.
    Later versions come first: an earlier one is superseded only where the later one is there.
    """
    chunks = Chunks(kb.chunks, kb.identity.dimension)
    ordered = sorted(records, key=lambda record: (-record.version, record.source))
    shared: dict[str, list[DocumentRecord]] = defaultdict(list)
    for record in ordered:
        shared[record.doc_id if record.chunk_count else f"alone {record.source}"].append(record)
    for doc_id, theirs in shared.items():
        named = chunks.source_of(doc_id) if len(theirs) > 1 else ""
        owner = min(theirs, key=lambda record: (record.state == "failed", record.source != named))
        yield owner, [record for record in theirs if record is not owner]
