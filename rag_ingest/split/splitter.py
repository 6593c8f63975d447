"""Document -> chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from rag_ingest.split.atoms import Atom
from rag_ingest.split.context import ContextBuilder, titles_above
from rag_ingest.split.draft import Draft
from rag_ingest.split.finish import Finisher
from rag_ingest.split.glue import Glue, is_lead
from rag_ingest.split.merge import merge_small
from rag_ingest.split.meter import Meter
from rag_ingest.split.options import SplitOptions
from rag_ingest.split.overlap import overlapping
from rag_ingest.split.pack import Packer
from rag_ingest.split.places import with_places
from rag_ingest.split.readings import with_readings
from rag_ingest.split.sections import Section, section_atoms, sections
from rag_ingest.types import Chunk, Document, TokenCounter

_WORTH_TRYING = 4
"""A section of more characters than this a token of the target is not tried as one chunk."""


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

    Returns:
        Chunks in document order, made one by one.

    Raises:
        ConfigError: `max_tokens` is not positive.
    """
    splitter = _Splitter(document, options, count_tokens, max_tokens)
    finisher = Finisher(document, options, count_tokens, splitter.limits)
    stretches = groupby(sections(document, options.exclude_kinds), key=lambda section: section.run)
    drafts = (draft for _, stretch in stretches for draft in splitter.drafts(stretch))
    return with_places(document, with_readings(document, finisher.chunks(drafts)))


class _Splitter:
    """The parts that work on one document."""

    def __init__(self, document: Document, options: SplitOptions, count: TokenCounter, max_tokens: int) -> None:
        self.limits = options.limits(max_tokens)
        self._packed = options.packed(self.limits)
        self._document = document
        self._count = count
        self._overlap = options.overlap_tokens
        self._contexts = ContextBuilder(count, self._packed, options.context)
        self._meter = Meter(count, self._packed.largest)
        never_cut = options.atomic == "always"
        self._packer = Packer(document.markdown, count, self._meter, self._packed, self._contexts, never_cut=never_cut)

    def drafts(self, stretch: Iterable[Section]) -> Iterator[Draft]:
        """Drafts of neighbouring sections."""
        text = self._document.markdown
        packed = (draft for section in stretch for draft in self._section(section))
        merged = merge_small(packed, text, self._count, self._packed, self._contexts)
        return overlapping(merged, self._document, self._overlap, self._count, self.limits)

    def _section(self, section: Section) -> list[Draft]:
        whole = None if section.closing else self._whole(section)
        if whole:
            return [whole]
        held = Glue(section.blocks, self._document.markdown)
        by_start = {block.span.start: i for i, block in enumerate(section.blocks)}

        def caption(atom: Atom) -> str:
            return held.caption_of(by_start[atom.start]) if atom.start in by_start else ""

        return self._packer.pack(section_atoms(section, self._document, self._meter), caption)

    def _whole(self, section: Section) -> Draft | None:
        """The section as one chunk when it fits the target: most of a paper's text is then counted once, not twice."""
        start, end = section.blocks[0].span.start, section.blocks[-1].span.end
        if end - start > _WORTH_TRYING * self._packed.target:
            return None
        leads, content = _opening(section, self._document.markdown)
        above = titles_above(leads, content)
        context = self._contexts.path(above)
        text = self._document.markdown[start:end]
        tokens = self._count(f"{context}\n{text}" if context else text)
        if tokens > self._packed.target:
            return None
        own = max(1, tokens - self._contexts.cost(context))
        return Draft(start, end, context, tokens, own, above, content.path, lead=context)


def _opening(section: Section, text: str) -> tuple[list[Atom], Atom]:
    atoms = []
    for block in section.blocks:
        atoms.append(Atom(block.span.start, block.span.end, block.kind, block.heading_path, 0))
        if not is_lead(block, text):
            break
    return atoms[:-1], atoms[-1]
