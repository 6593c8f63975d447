"""Pages that were read -> chunks and vectors in the knowledge base; whatever goes wrong costs one document."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from rag_ingest.load.member_uri import file_of, split_member
from rag_ingest.pipeline import Paths, Pipeline
from rag_ingest.report import DocumentOutcome, DocumentReport, IngestReport
from rag_ingest.runners.ahead import ahead
from rag_ingest.runners.commit_group import CommitGroup, Ready
from rag_ingest.runners.copies import row_of_copy
from rag_ingest.runners.giving_way import GivingWay, found_again
from rag_ingest.runners.made import made_of
from rag_ingest.runners.outcome import report_of
from rag_ingest.runners.page_log import PageLog
from rag_ingest.runners.planning import Planner, row_of
from rag_ingest.stages import Known, PageResult, Work, collect
from rag_ingest.store.chunks import DocumentChunks
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.schema import DocumentRecord, source_key
from rag_ingest.types import Document, Failure, PageMarkdown, Placing, Source

__all__ = ["Progress", "Writer"]

Progress = Callable[[object], None]

_STAYS = "what was read of it stays, with the boxes and crops that it had"

STAMPS = 10_000
"""New stamps are written so many at a time."""


class Writer:
    """Writes what the stages yield, and tells `progress` and `report` about it.

    Before each commit it asks `check`, which raises where another process writes there by now.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        kb: KnowledgeBase,
        report: IngestReport,
        progress: Progress,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._pipeline = pipeline
        self._kb = kb
        self._report = report
        self._progress = progress
        self._check = check
        self._marks = (pipeline.ocr_fingerprint, pipeline.split_fingerprint, pipeline.embedder.name)
        self._planner = Planner(kb, self._marks, pipeline.placing)
        self._pages = PageLog(kb, self._marks[0], pipeline.engine.name, check)
        self._group = CommitGroup(kb, self._pages.flush, self._written, self._not_written)
        self._giving_way = GivingWay(kb, self._group.flush, check, self._planner.settled, self._done)
        self._again: Collection[int] = ()  # pages of the document under way that are not read, but placed again
        self._dumps: set[str] = set()  # of which papers came
        self._stamps: dict[str, str] = {}  # of files that were written again with the same content

    def run(self, paths: Paths) -> None:
        """Reads and writes everything; what is ready is written, whatever ends it."""
        self._read(paths, self._planner.is_known)
        self._read_back()
        self._forget_mended(paths)

    def read_again(self, records: Sequence[DocumentRecord]) -> None:
        """Reads local sources that have to be found from now on; one that is not where it was stays as on record."""
        found = found_again((record.source, record.stamp) for record in records if "://" not in record.source)
        self._read([item for item in found if not isinstance(item, Failure)], _none)
        self._read_back()

    def _read_back(self) -> None:
        """What was to give way to something that failed; each time at least the first one is settled for good."""
        while back := self._giving_way.taken_back():
            self._read(back, _none)

    def _read(self, paths: Paths, known: Known) -> None:
        try:
            with closing(self._stream(paths, known)) as items:
                for item in items:
                    self._source_failed(item) if isinstance(item, Failure) else self._document_read(*item)
        finally:
            self._group.flush()
            self._giving_way.settle()
            self._restamp()

    def _stream(self, paths: Paths, known: Known) -> Generator[tuple[Work, list[PageResult]] | Failure]:
        pages_ahead = 2 * max(4, self._pipeline.engine.batch_size)
        pages = ahead(self._pipeline.read(paths, self._planner, known), pages_ahead)
        results = self._pages.through(self._pipeline.recognize(pages), self._seen)
        with closing(pages), closing(results):
            yield from collect(results)

    def _seen(self, item: Work | PageResult) -> None:
        self._progress(item)
        if isinstance(item, Work):
            self._again = item.again
        elif isinstance(item, PageMarkdown) and item.number in self._again:
            self._report.pages_placed += 1
        elif isinstance(item, PageMarkdown) or (item.page is not None and item.page not in self._again):
            self._report.count(item)

    def _source_failed(self, failure: Failure) -> None:
        """Records a source that gave no document; a path that leads nowhere is only reported."""
        if "://" in failure.source or _is_file(file_of(failure.source)):
            self._check()
            self._kb.write_source_failure(failure)
        self._report.failures.append(failure)
        self._done(DocumentReport(failure.source, failure.doc_id, "", "failed"))

    def _forget_mended(self, paths: Paths) -> None:
        """A dump is no document that would replace what was recorded of it, for example that it was cut off."""
        given = {str(getattr(path, "uri", path)) for path in paths}
        in_part = {file_of(uri) for uri in given if split_member(uri)} - given
        for dump in sorted(self._dumps - in_part - {failure.source for failure in self._report.failures}):
            self._check()
            self._kb.forget_failure(dump)

    def _document_read(self, work: Work, results: Sequence[PageResult]) -> None:
        if split_member(work.document.source):
            self._dumps.add(file_of(work.document.source))
        if work.skip == "unchanged":
            if work.stamp and work.document.doc_id:  # it had to be opened to see that nothing has changed
                self._stamps[work.document.source] = work.stamp
                if len(self._stamps) >= STAMPS:
                    self._restamp()
            self._done(DocumentReport(work.document.source, work.document.doc_id, work.document.title, "unchanged"))
        elif work.skip in ("duplicate", "moved"):
            self._share(work)
        elif work.skip == "superseded":
            self._giving_way.add(work)
        else:
            failures = [r for r in results if isinstance(r, Failure)]
            failed = [failure for failure in failures if failure.page not in work.again]
            kept = [replace(f, reason=f"{f.reason}; {_STAYS}") for f in failures if f.page in work.again]
            self._report.failures += [*failed, *kept]
            pages = [r for r in results if isinstance(r, PageMarkdown)] + [work.again[f.page or 0] for f in kept]
            self._prepare(work, sorted(pages, key=lambda page: page.number), failed, kept)

    def _restamp(self) -> None:
        stamps, self._stamps = self._stamps, {}
        if stamps:
            self._check()
            self._kb.restamp(stamps)

    def _share(self, work: Work) -> None:
        """A source whose content another one has."""
        document = work.document
        self._group.flush()  # the other one may wait in it
        owners = {owner.source: owner for owner in self._kb.owners(document.doc_id, *self._marks)}
        owner = owners.get(source_key(work.same_as))
        if owner is None:
            first = self._kb.document_for(work.same_as)
            if first is not None and first.state == "superseded":  # by a version of the other's work
                self._giving_way.give_back(work)
                return
            reason = f"same content as {work.same_as}, which failed"
            self._source_failed(Failure(document.source, None, "load", reason, document.doc_id))
            return
        self._check()
        self._kb.share_document(row_of_copy(work, owner))
        if work.skip == "moved":
            self._kb.remove([owner.source], keep_pages=True)
        outcome: DocumentOutcome = "moved" if work.skip == "moved" else "duplicate"
        self._done(DocumentReport(document.source, document.doc_id, document.title, outcome))

    def _prepare(
        self, work: Work, pages: Sequence[PageMarkdown], failed: Sequence[Failure], kept: Sequence[Failure]
    ) -> None:
        """Parses, splits and embeds one document, and puts it to those that wait to be written.

        Args:
            work: the document.
            pages: all that there are of it, by number.
            failed: of those that are missing.
            kept: of those that could not be placed again, and are as they were.
        """
        started = time.perf_counter()
        source, doc_id = work.document.source, work.document.doc_id

        def told(outcome: DocumentOutcome, title: str, chunks: int = 0) -> DocumentReport:
            placed = len(work.again) - len(kept)
            return report_of(work, failed, outcome, title=title, chunks=chunks, placed=placed, started=started)

        if not pages:
            reason = f"no page could be read; the first: {failed[0].reason}"
            self._check()
            self._kb.write_source_failure(replace(failed[0], page=None, reason=reason))
            self._planner.written(doc_id)
            self._done(told("failed", work.document.title))
            return
        before = self._kb.document_for(source)
        if failed and before is not None and self._is_whole(before, doc_id):
            reason = f"{len(failed)} pages failed, the first: {failed[0].reason}; what was read before stays"
            self._failed(told("failed", work.document.title), "ocr", reason)
            return
        known = self._kb.vectors(doc_id) if before is not None and self._has_vectors(before, doc_id) else None
        made = made_of(self._pipeline, work.document, pages, known)
        if isinstance(made, Failure):
            self._failed(told("failed", work.document.title), made.stage, made.reason)
            return
        updated = before is not None and before.chunk_count > 0
        outcome: DocumentOutcome = "partial" if failed else "updated" if updated else "added"
        placing = Placing.of_all(page.placing for page in pages)
        record = self._record(made.document, work, failed, len(made.chunks), placing)
        if kept:
            record = replace(record, stage=kept[0].stage, error=f"page {kept[0].page}: {kept[0].reason}")
        crops = None
        if self._may_have_others(work, before, placing):
            crops = frozenset(figure.path for page in pages for figure in page.figures)
        ready = DocumentChunks(record, made.chunks, made.vectors, crops)
        self._group.add(Ready(ready, told(outcome, made.document.title, len(made.chunks))))

    def _is_whole(self, before: DocumentRecord, doc_id: str) -> bool:
        """Whether there are chunks of all pages of this content, by another engine: better than some pages by this."""
        return before.doc_id == doc_id and before.chunk_count > 0 and before.ocr_fingerprint != self._marks[0]

    def _has_vectors(self, before: DocumentRecord, doc_id: str) -> bool:
        """Whether its chunks are of this content, split and embedded as they would be now."""
        marks = (before.ocr_fingerprint, before.split_fingerprint, before.embedder)
        return before.doc_id == doc_id and before.chunk_count > 0 and marks == self._marks

    def _may_have_others(self, work: Work, before: DocumentRecord | None, placing: Placing) -> bool:
        """Whether files may lie there of crops that were made otherwise, perhaps by a run that was killed."""
        if not (work.done or work.again):
            return False
        if before is None or (before.doc_id, before.ocr_fingerprint) != (work.document.doc_id, self._marks[0]):
            return True
        return bool(work.pictured) or before.crops_by != placing.crops

    def _written(self, ready: Ready) -> None:
        self._planner.written(ready.report.doc_id)
        self._done(ready.report)

    def _not_written(self, ready: Ready, reason: str) -> None:
        self._failed(replace(ready.report, outcome="failed", chunks=0), "store", reason)

    def _failed(self, report: DocumentReport, stage: str, reason: str) -> None:
        failure = Failure(report.source, None, stage, reason, report.doc_id)
        self._report.failures.append(failure)
        self._planner.written(report.doc_id)
        try:
            self._check()
            self._kb.write_source_failure(failure)
        finally:
            self._done(report)

    def _record(
        self, document: Document, work: Work, failed: Sequence[Failure], chunks: int, placing: Placing
    ) -> DocumentRecord:
        return replace(
            row_of(work),
            title=document.title,
            state="partial" if failed else "done",
            engine=self._pipeline.engine.name,
            ocr_fingerprint=self._marks[0],
            split_fingerprint=self._marks[1],
            embedder=self._marks[2],
            chunk_count=chunks,
            metadata=dict(document.metadata),
            boxes_by=placing.boxes,
            crops_by=placing.crops,
        )

    def _done(self, document: DocumentReport) -> None:
        self._report.add(document)
        self._progress(document)


def _none(source: Source) -> bool:
    """Opens everything."""
    return False


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # it can't be looked at
        return False
