"""Documents that give way to another of their work: only their rows are written, many in one commit.

Whether the other one is there turns out when it is written: one whose other failed is given back, to be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from rag_ingest.load.discover import find_sources
from rag_ingest.report import DocumentReport
from rag_ingest.runners.planning import row_of
from rag_ingest.stages import Work
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.versions import rank, superseded
from rag_ingest.types import Failure, Source

__all__ = ["GivingWay", "found_again"]

ROWS = 1_000
"""Of one commit."""


class GivingWay:
    """Holds them until there are enough, or nothing more comes.

    Args:
        kb: is written.
        first: is done before each commit: what they give way to is written.
        check: likewise; see `Writer`.
        settled: is told the source of each.
        done: is told of each that gave way.
    """

    def __init__(
        self,
        kb: KnowledgeBase,
        first: Callable[[], None],
        check: Callable[[], None],
        settled: Callable[[str], None],
        done: Callable[[DocumentReport], None],
    ) -> None:
        self._kb = kb
        self._first = first
        self._check = check
        self._settled = settled
        self._done = done
        self._held: list[Work] = []
        self._back: list[Work] = []

    def add(self, work: Work) -> None:
        """Takes one."""
        self._held.append(work)
        if len(self._held) >= ROWS:
            self.settle()

    def give_back(self, work: Work) -> None:
        """Takes one that is to be read after all."""
        self._back.append(work)

    def settle(self) -> None:
        """Writes the rows of those that gave way, and keeps the others for `taken_back`."""
        held, self._held = self._held, []
        if not held:
            return
        self._first()
        rows = {work.document.source: row_of(work) for work in held}
        versions = self._kb.versions({row.work for row in rows.values()})
        gave_way = [work for work in held if versions.superseder(rows[work.document.source])]
        if gave_way:
            self._check()
            self._kb.share_documents([superseded(rows[work.document.source]) for work in gave_way])
        for work in gave_way:
            document = work.document
            self._done(DocumentReport(document.source, document.doc_id, document.title, "superseded"))
        written = {work.document.source for work in gave_way}
        self._back += [work for work in held if work.document.source not in written]
        for work in held:
            self._settled(work.document.source)

    def taken_back(self) -> list[Source | Failure]:
        """Those that are to be read, as sources, later versions first; they are forgotten here."""
        back, self._back = sorted(self._back, key=lambda work: rank(row_of(work)), reverse=True), []
        return found_again((work.document.source, work.stamp) for work in back)


def found_again(known: Iterable[tuple[str, str]]) -> list[Source | Failure]:
    """(source, stamp) of what was opened before -> sources with these stamps."""
    found = [(item, stamp) for source, stamp in known for item in find_sources([source])]
    return [replace(item, stamp=stamp) if isinstance(item, Source) else item for item, stamp in found]
