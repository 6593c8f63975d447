"""Where a chunk stands: the sections around it, the chunk before it and the one behind it.

    document
    ├── opening      what stands before its first heading
    └── section      a heading with everything below it
        ├── opening  from the heading to the first heading below it
        └── section  …

Sections nest, and a chunk's parent is the smallest one that holds the whole chunk. A heading that spans the document
is the document. A section that would be a bare heading, or hold the same as the one around it, is not made.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, TypeAlias

from rag_ingest.types import Block, Document, Span

__all__ = ["DocumentSection", "Links", "Place", "document_sections", "links"]

SectionKind = Literal["document", "section", "opening"]

Around: TypeAlias = tuple[tuple[str, Span], ...]
"""(id, span) of sections, the smallest first."""

_LEFT_OUT = "\n\n"
"""The gap where blocks between two chunks were left out."""


@dataclass(frozen=True, slots=True)
class DocumentSection:
    """A part of a document that its headings mark off.

    Attributes:
        section_id: stable: the same document, kind, span and text give the same id; 32 hex digits.
        span: from its first block to the end of its last.
        headings: the path down to its own heading; empty for a document without one heading above all else.
        parent_id: of the section around it; empty for the document.
    """

    section_id: str
    kind: SectionKind
    span: Span
    headings: tuple[str, ...]
    parent_id: str


def document_sections(document: Document) -> list[DocumentSection]:
    """Every section in reading order, outer ones before those inside; linear in text and blocks.

    The first is the document; none where it has no blocks.
    """
    return _Outline(document).sections


class Place(NamedTuple):
    """A chunk that may not be made yet: its id, and where it lies."""

    chunk_id: str
    span: Span


class Links(NamedTuple):
    """Of one chunk, as `Chunk` has them."""

    parent_id: str
    previous_id: str
    next_id: str
    gap: str
    sections: Around


def links(places: Iterable[Place], document: Document) -> Iterator[Links]:
    """The links of a document's chunks: parent, sections, neighbours, and the gap before each.

    Args:
        places: of all of them, in document order; one more than the links taken is read.
        document: that they were cut from.
    """
    outline = _Outline(document)
    markdown = document.markdown
    before: Place | None = None
    gap = previous_id = ""
    for place in places:
        if before is not None:
            around = outline.around(before.span)
            yield Links(around[0][0] if around else "", previous_id, place.chunk_id, gap, around)
            previous_id, gap = before.chunk_id, markdown[before.span.end : place.span.start]
            if gap.strip():
                gap = _LEFT_OUT
        before = place
    if before is not None:
        around = outline.around(before.span)
        yield Links(around[0][0] if around else "", previous_id, "", gap, around)


class _Outline:
    """The sections of a document, and for each stretch between two headings the smallest one there."""

    def __init__(self, document: Document) -> None:
        self.sections: list[DocumentSection] = []
        self._parents: list[int] = []
        self._around: list[Around] = []
        self._smallest: list[int] = []
        self._starts: list[int] = []
        if document.blocks:
            self._read(document)

    def around(self, span: Span) -> Around:
        """(id, span) of the sections that hold all of `span`, smallest first."""
        if not self.sections:
            return ()
        at = self._smallest[max(0, bisect_right(self._starts, span.start) - 1)]
        while at and self.sections[at].span.end < span.end:
            at = self._parents[at]
        return self._around[at]

    def _read(self, document: Document) -> None:
        blocks = document.blocks
        firsts = _stretches(blocks)
        self._starts = [blocks[i].span.start for i in firsts]
        ends = _subtree_ends(blocks, firsts)
        hashes = _Hashes(document, [*self._starts, len(document.markdown)])
        whole = blocks[0].kind == "heading" and ends[0] == len(firsts)

        def add(kind: SectionKind, first: int, after: int, headings: tuple[str, ...], parent: int) -> int:
            last = firsts[after] - 1 if after < len(firsts) else len(blocks) - 1
            span = Span(blocks[firsts[first]].span.start, blocks[last].span.end)
            section_id = hashes.section_id(kind, span, first, after)
            parent_id = self.sections[parent].section_id if parent >= 0 else ""
            self.sections.append(DocumentSection(section_id, kind, span, headings, parent_id))
            self._parents.append(parent)
            self._around.append(((section_id, span), *(self._around[parent] if parent >= 0 else ())))
            return len(self.sections) - 1

        add("document", 0, len(firsts), blocks[0].heading_path if whole else (), -1)
        open_until: list[tuple[int, int]] = [(len(firsts), 0)]  # (stretch that ends it, section)
        for i, end in enumerate(ends):
            while open_until[-1][0] <= i:
                open_until.pop()
            parent = smallest = open_until[-1][1]
            heading = blocks[firsts[i]] if blocks[firsts[i]].kind == "heading" else None
            if heading and not (whole and i == 0):
                parent = smallest = add("section", i, end, heading.heading_path, parent)
                open_until.append((end, parent))
            next_first = firsts[i + 1] if i + 1 < len(firsts) else len(blocks)
            if end > i + 1 and next_first - firsts[i] > (heading is not None):
                smallest = add("opening", i, i + 1, self.sections[parent].headings, parent)
            self._smallest.append(smallest)


def _stretches(blocks: Sequence[Block]) -> list[int]:
    """Index of each block that begins a stretch: the first of all, and every heading."""
    return [i for i, block in enumerate(blocks) if block.kind == "heading" or i == 0]


def _subtree_ends(blocks: Sequence[Block], firsts: Sequence[int]) -> list[int]:
    """For each stretch the one behind its subtree; for text above the first heading that is the end."""
    ends = [len(firsts)] * len(firsts)
    waiting: list[int] = []
    for i, first in enumerate(firsts):
        if blocks[first].kind != "heading":
            continue
        while waiting and blocks[firsts[waiting[-1]]].level >= blocks[first].level:
            ends[waiting.pop()] = i
        waiting.append(i)
    return ends


class _Hashes:
    """Hashes each stretch of text once, however many sections hold it."""

    def __init__(self, document: Document, edges: Sequence[int]) -> None:
        self._doc_id = document.doc_id.encode("utf-8", "surrogatepass")
        texts = (document.markdown[start:end].strip() for start, end in pairwise(edges))
        digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        self._digests = b"".join(digests)
        self._size = len(digests[0])

    def section_id(self, kind: SectionKind, span: Span, first: int, after: int) -> str:
        """Of the stretches `first` up to `after`."""
        text = hashlib.sha256(self._digests[first * self._size : after * self._size]).digest()
        parts = [self._doc_id, kind.encode(), b"%d:%d" % (span.start, span.end), text]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]
