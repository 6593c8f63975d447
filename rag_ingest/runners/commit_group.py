"""Documents that are ready, written together: a commit a document would make a hundred thousand small files."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag_ingest.errors import reason_of
from rag_ingest.report import DocumentReport
from rag_ingest.runners.interrupts import interrupt_after
from rag_ingest.store.chunks import DocumentChunks
from rag_ingest.store.knowledge_base import KnowledgeBase

__all__ = ["CommitGroup", "Ready"]

ROWS, SECONDS = 10_000, 5.0
"""So many chunks, or those of so many seconds, are one commit; 10,000 rows merge at 23,000 to 49,000 a second."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ready:
    """A document that only has to be written, and what is told of it then."""

    document: DocumentChunks
    report: DocumentReport


class CommitGroup:
    """Holds documents back until there are enough of them.

    Args:
        kb: is written.
        first: is done before each commit: a document's pages are in the ledger before its chunks are in their table.
        written: is told of each document that is in.
        failed: is told of each that can't be written, with the reason.
    """

    def __init__(
        self,
        kb: KnowledgeBase,
        first: Callable[[], None],
        written: Callable[[Ready], None],
        failed: Callable[[Ready, str], None],
    ) -> None:
        self._kb = kb
        self._first = first
        self._written = written
        self._failed = failed
        self._held: list[Ready] = []
        self._last = time.monotonic()

    def add(self, ready: Ready) -> None:
        """Takes a document; one that comes long after the last commit is written at once."""
        self._held.append(ready)
        rows = sum(len(one.document.chunks) for one in self._held)
        if rows >= ROWS or time.monotonic() - self._last >= SECONDS:
            self.flush()

    def flush(self) -> None:
        """Writes what is held; where that fails, one document after the other, so that each fails for itself.

        Ctrl-C waits for it: what is in the tables is counted.
        """
        with interrupt_after():
            held, self._held = self._held, []
            if held:
                self._first()
                self._write(held)
        self._last = time.monotonic()

    def _write(self, group: Sequence[Ready]) -> None:
        try:
            self._kb.replace_documents([one.document for one in group])
        except Exception as e:
            log.debug("%d documents can't be written together", len(group), exc_info=True)
            if len(group) > 1:
                for one in group:
                    self._write([one])
                return
            self._failed(group[0], reason_of(e))
            return
        for one in group:
            self._written(one)
