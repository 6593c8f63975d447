"""Pages into the ledger as they are read, in groups."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace

from rag_ingest.stages import PageResult, Work
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.types import Failure, PageMarkdown

__all__ = ["PageLog"]

ROWS, SECONDS = 64, 5.0
"""So many pages, or those of so many seconds, are one commit: what a killed process may have read in vain."""


CROPS_BYTES = 64 << 20
"""Crops of so many bytes are one commit too: a page of large figures has some megabytes of them."""


class PageLog:
    """Holds pages back until there are enough of them.

    Pages that are going to be read are put down as pending, so that `status` tells what is left of a document that
    takes long; one that is read before the group is written is never written as pending.

    Args:
        kb: is written.
        fingerprint: of pages that fail or wait.
        engine: likewise.
        check: is asked before each commit; see `Writer`.
    """

    def __init__(
        self, kb: KnowledgeBase, fingerprint: str, engine: str, check: Callable[[], None] = lambda: None
    ) -> None:
        self._kb = kb
        self._fingerprint = fingerprint
        self._engine = engine
        self._check = check
        self._sources: dict[str, str] = {}
        self._pending: dict[tuple[str, int], None] = {}
        self._results: dict[tuple[str, int], PageResult] = {}
        self._crops_bytes = 0
        self._due = time.monotonic() + SECONDS

    def through(
        self, stream: Iterable[Work | PageResult], seen: Callable[[Work | PageResult], None]
    ) -> Generator[Work | PageResult]:
        """The same items, which are put down on their way; what is left over is written at the end, or at Ctrl-C.

        Pages go on without the bytes of their crops, since a document's are held until its last one is read.
        """
        try:
            for item in stream:
                seen(item)
                self._add(item)
                full = len(self._results) >= ROWS or self._crops_bytes >= CROPS_BYTES
                if full or time.monotonic() > self._due:
                    self.flush()
                yield _without_crops(item)
        finally:
            self.flush()

    def flush(self) -> None:
        """Writes what is held, in one commit; asks whether it may, also where nothing is."""
        self._check()
        if self._results or self._pending:
            results, pending = list(self._results.values()), list(self._pending)
            self._kb.write_pages(
                results, source=self._sources, fingerprint=self._fingerprint, engine=self._engine, pending=pending
            )
        last = next(reversed(self._sources), None)
        self._sources = {last: self._sources[last]} if last is not None else {}
        self._pending, self._results, self._crops_bytes = {}, {}, 0
        self._due = time.monotonic() + SECONDS

    def _add(self, item: Work | PageResult) -> None:
        if isinstance(item, Work):
            doc_id = item.document.doc_id
            self._sources.pop(doc_id, None)  # so that it is the last one
            self._sources[doc_id] = item.document.source
            self._pending |= {(doc_id, number): None for number in item.todo}
        elif isinstance(item, PageMarkdown) or (isinstance(item, Failure) and item.page is not None):
            key = item.doc_id, (item.page or 0) if isinstance(item, Failure) else item.number
            self._pending.pop(key, None)
            self._results[key] = item
            self._crops_bytes += sum(len(f.image) for f in item.figures) if isinstance(item, PageMarkdown) else 0


def _without_crops(item: Work | PageResult) -> Work | PageResult:
    if not isinstance(item, PageMarkdown) or not any(figure.image for figure in item.figures):
        return item
    return replace(item, figures=tuple(replace(figure, image=b"") for figure in item.figures))
