"""Document -> chunks."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import groupby

from rag_ingest.split.atoms import Atom
from rag_ingest.split.context import ContextBuilder, titles_above
from rag_ingest.split.links import linked
from rag_ingest.split.merge import merge_small
from rag_ingest.split.meter import Meter
from rag_ingest.split.options import Limits, SplitOptions
from rag_ingest.split.pack import Draft, Packer
from rag_ingest.split.sections import Section, caption_of, is_lead, section_atoms, sections
from rag_ingest.types import Block, BlockKind, Chunk, Document, Span, TokenCounter

_WORTH_TRYING = 4
"""A section of more characters than this a token of the target is not tried as one chunk."""


@linked
def split(document: Document, options: SplitOptions, count_tokens: TokenCounter, max_tokens: int) -> Iterator[Chunk]:
    """Cuts a document by headings, tables and LaTeX blocks.

    Every non-whitespace character lies in exactly one chunk (blocks of `options.exclude_kinds` in none), and a
    chunk's text is its slice of the document. No chunk exceeds the budget, context included, unless its metadata
    says why under `oversize`: a formula without rows, or a single character, that is larger than the budget.
    A table, formula, code block or list item that fits, together with headings right above it, stays whole, if need
    be without context; a larger table is cut between rows, and every piece carries the header. No chunk ends with a
    heading, but for headings that end the document and headings longer than the budget.

    Args:
        document: with its blocks.
        options: see there.
        count_tokens: tokens of a text, special tokens not counted; need not be additive.
        max_tokens: of the embedder.

    Yields:
        Chunks in document order.

    Raises:
        ConfigError: `max_tokens` is not positive.
    """
    limits = options.limits(max_tokens)
    contexts = ContextBuilder(count_tokens, limits, options.context)
    meter = Meter(count_tokens, limits.largest)
    packer = Packer(document.markdown, count_tokens, meter, limits, contexts)
    places = _Places(document)
    for _, stretch in groupby(sections(document, options.exclude_kinds), key=lambda section: section.run):
        drafts = (
            d for s in stretch for d in _section_drafts(s, document, count_tokens, meter, limits, contexts, packer)
        )
        for draft in merge_small(drafts, document.markdown, count_tokens, limits, contexts):
            yield places.chunk(draft)


def _section_drafts(
    section: Section,
    document: Document,
    count: TokenCounter,
    meter: Meter,
    limits: Limits,
    contexts: ContextBuilder,
    packer: Packer,
) -> list[Draft]:
    whole = None if section.closing else _whole_section(section, document, count, limits, contexts)
    if whole:
        return [whole]
    by_start = {block.span.start: i for i, block in enumerate(section.blocks)}

    def caption(atom: Atom) -> str:
        return caption_of(section.blocks, by_start[atom.start], document.markdown) if atom.start in by_start else ""

    return packer.pack(section_atoms(section, document, meter), caption)


def _whole_section(
    section: Section, document: Document, count: TokenCounter, limits: Limits, contexts: ContextBuilder
) -> Draft | None:
    """The section as one chunk when it fits the target: most of a paper's text is then counted once, not twice."""
    start, end = section.blocks[0].span.start, section.blocks[-1].span.end
    if end - start > _WORTH_TRYING * limits.target:
        return None
    leads, content = _opening(section, document.markdown)
    above = titles_above(leads, content)
    context = contexts.path(above)
    text = document.markdown[start:end]
    tokens = count(f"{context}\n{text}" if context else text)
    if tokens > limits.target:
        return None
    return Draft(start, end, context, tokens, max(1, tokens - contexts.cost(context)), above, content.path)


def _opening(section: Section, text: str) -> tuple[list[Atom], Atom]:
    atoms = []
    for block in section.blocks:
        atoms.append(Atom(block.span.start, block.span.end, block.kind, block.heading_path, 0))
        if not is_lead(block, text):
            break
    return atoms[:-1], atoms[-1]


class _Places:
    """Looks up what lies where in a document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._block_starts = [block.span.start for block in document.blocks]
        self._block_ends = [block.span.end for block in document.blocks]
        self._pages = [p for p in document.page_spans if document.markdown[p.span.start : p.span.end].strip()]
        self._page_starts = [page.span.start for page in self._pages]
        self._page_ends = [page.span.end for page in self._pages]

    def chunk(self, draft: Draft) -> Chunk:
        document = self._document
        text = document.markdown[draft.start : draft.end]
        blocks = self._blocks(draft)
        kinds: tuple[BlockKind, ...] = tuple(dict.fromkeys(block.kind for block in blocks))
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
        )

    def _blocks(self, draft: Draft) -> tuple[Block, ...]:
        first = bisect_right(self._block_ends, draft.start)
        return self._document.blocks[first : bisect_left(self._block_starts, draft.end)]

    def _page_numbers(self, draft: Draft) -> tuple[int, ...]:
        first, after = bisect_right(self._page_ends, draft.start), bisect_left(self._page_starts, draft.end)
        return tuple(dict.fromkeys(page.number for page in self._pages[first:after]))


def chunk_id(doc_id: str, start: int, end: int, context: str, text: str) -> str:
    """32 hex digits of a SHA-256 over document, span, context and text, each ended by a zero byte."""
    digest = hashlib.sha256()
    for part in (doc_id, f"{start}:{end}", context, text):
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()[:32]
