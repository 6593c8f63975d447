"""Drafts -> chunks: identity, pages, kinds, and tables in words where that is embedded."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right

from rag_ingest.split.draft import Draft
from rag_ingest.split.options import Limits, SplitOptions
from rag_ingest.split.table_text import TableText
from rag_ingest.types import Block, Chunk, Document, Span, TokenCounter


class Finisher:
    """Makes chunks of one document's drafts, which must come in order."""

    def __init__(self, document: Document, options: SplitOptions, count: TokenCounter, limits: Limits) -> None:
        self._document = document
        self._count = count
        self._largest = limits.largest
        self._tables = TableText(document) if options.table_text == "rows" else None
        self._block_starts = [block.span.start for block in document.blocks]
        self._block_ends = [block.span.end for block in document.blocks]
        self._pages = [p for p in document.page_spans if document.markdown[p.span.start : p.span.end].strip()]
        self._page_starts = [page.span.start for page in self._pages]
        self._page_ends = [page.span.end for page in self._pages]

    def chunk(self, draft: Draft) -> Chunk:
        """The chunk of a draft, without its links."""
        document = self._document
        text = document.markdown[draft.start : draft.end]
        kinds = tuple(dict.fromkeys([block.kind for block in self._blocks(draft)]))
        return Chunk(
            chunk_id=chunk_id(document.doc_id, draft.start, draft.end, draft.context, text),
            doc_id=document.doc_id,
            text=text,
            context=draft.context,
            span=Span(draft.start, draft.end),
            headings=draft.path,
            pages=self._page_numbers(draft),
            kinds=kinds,
            token_count=draft.tokens,
            metadata={"oversize": draft.oversize} if draft.oversize else {},
            stated=self._stated(draft) if self._tables and "table" in kinds else "",
        )

    def _stated(self, draft: Draft) -> str:
        """Lead and text with tables in words; empty where that would exceed the budget."""
        said = self._tables.stated(draft.start, draft.end) if self._tables else ""
        if not said:
            return ""
        said = f"{draft.lead}\n{said}" if draft.lead else said
        return said if self._count(said) <= self._largest else ""

    def _blocks(self, draft: Draft) -> tuple[Block, ...]:
        first = bisect_right(self._block_ends, draft.start)
        return self._document.blocks[first : bisect_left(self._block_starts, draft.end)]

    def _page_numbers(self, draft: Draft) -> tuple[int, ...]:
        first, after = bisect_right(self._page_ends, draft.start), bisect_left(self._page_starts, draft.end)
        return tuple(dict.fromkeys([page.number for page in self._pages[first:after]]))


def chunk_id(doc_id: str, start: int, end: int, context: str, text: str) -> str:
    """32 hex digits of a SHA-256 over document, span, context and text, each ended by a zero byte."""
    marked = "\0".join((doc_id, f"{start}:{end}", context, text, ""))
    return hashlib.sha256(marked.encode("utf-8", "surrogatepass")).hexdigest()[:32]
