"""Drafts -> chunks: identity, pages, kinds, and tables in words where that is embedded."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import tee
from typing import TypeVar

from rag_ingest.split.draft import Draft
from rag_ingest.split.links import Links, Place, links
from rag_ingest.split.options import Limits, SplitOptions
from rag_ingest.split.table_text import TableText
from rag_ingest.types import BlockKind, Chunk, Document, Span, TokenCounter

T = TypeVar("T")


class Finisher:
    """Makes chunks of one document's drafts, which must come in order."""

    def __init__(self, document: Document, options: SplitOptions, count: TokenCounter, limits: Limits) -> None:
        self._document = document
        self._count = count
        self._largest = limits.largest
        self._tables = TableText(document) if options.table_text == "rows" else None
        self._kinds = [block.kind for block in document.blocks]
        self._block_starts = [block.span.start for block in document.blocks]
        self._block_ends = [block.span.end for block in document.blocks]
        pages = [p for p in document.page_spans if document.markdown[p.span.start : p.span.end].strip()]
        self._numbers = [page.number for page in pages]
        self._page_starts = [page.span.start for page in pages]
        self._page_ends = [page.span.end for page in pages]

    def chunks(self, drafts: Iterable[Draft]) -> Iterator[Chunk]:
        """The chunks of all drafts, in order; each is made when the next one is known."""
        known, placed = tee((draft, *self._placed(draft)) for draft in drafts)
        found = links((place for _, _, place in placed), self._document)
        for (draft, text, place), linked in zip(known, found, strict=True):
            yield self._chunk(draft, text, place, linked)

    def _placed(self, draft: Draft) -> tuple[str, Place]:
        start, end = draft.start, draft.end
        text = self._document.markdown[start:end]
        return text, Place(chunk_id(self._document.doc_id, start, end, draft.context, text), Span(start, end))

    def _chunk(self, draft: Draft, text: str, place: Place, linked: Links) -> Chunk:
        kinds = self._kinds_in(draft)
        return Chunk(
            chunk_id=place.chunk_id,
            doc_id=self._document.doc_id,
            text=text,
            context=draft.context,
            span=place.span,
            headings=draft.path,
            pages=self._page_numbers(draft),
            kinds=kinds,
            token_count=draft.tokens,
            metadata={"oversize": draft.oversize} if draft.oversize else {},
            parent_id=linked.parent_id,
            previous_id=linked.previous_id,
            next_id=linked.next_id,
            gap=linked.gap,
            sections=linked.sections,
            stated=self._stated(draft) if self._tables and "table" in kinds else "",
        )

    def _stated(self, draft: Draft) -> str:
        """Lead and text with tables in words; empty where that would exceed the budget."""
        said = self._tables.stated(draft.start, draft.end) if self._tables else ""
        if not said:
            return ""
        said = f"{draft.lead}\n{said}" if draft.lead else said
        return said if self._count(said) <= self._largest else ""

    def _kinds_in(self, draft: Draft) -> tuple[BlockKind, ...]:
        first, after = bisect_right(self._block_ends, draft.start), bisect_left(self._block_starts, draft.end)
        return _distinct(self._kinds[first:after])

    def _page_numbers(self, draft: Draft) -> tuple[int, ...]:
        first, after = bisect_right(self._page_ends, draft.start), bisect_left(self._page_starts, draft.end)
        return _distinct(self._numbers[first:after])


def _distinct(values: list[T]) -> tuple[T, ...]:
    return tuple(values) if len(values) < 2 else tuple(dict.fromkeys(values))


def chunk_id(doc_id: str, start: int, end: int, context: str, text: str) -> str:
    """32 hex digits of a SHA-256 over document, span, context and text, each ended by a zero byte."""
    marked = "\0".join((doc_id, f"{start}:{end}", context, text, ""))
    return hashlib.sha256(marked.encode("utf-8", "surrogatepass")).hexdigest()[:32]
