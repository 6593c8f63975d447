"""Pages as they were read, and the strands of a document that is woven from them.

    PageMarkdown -> Sheet(blocks) -> Strand(parts of sheets) -> Woven(markdown, blocks, pieces, removals)

All offsets here count in a page's own Markdown; a document's offsets begin with `weave`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag_ingest.parse.blocks import RawBlock, page_blocks
from rag_ingest.parse.captions import mark_captions
from rag_ingest.types import PageMarkdown, RemovalReason


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page: its number, its Markdown, and the blocks in it."""

    number: int
    text: str
    blocks: tuple[RawBlock, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of one sheet.

    Attributes:
        sheet: index into the sheets.
        start: offset into the sheet's text.
        end: the same, behind the last character.
    """

    sheet: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Cut:
    """A stretch of one sheet that the document does not have."""

    part: Part
    reason: RemovalReason


@dataclass(frozen=True, slots=True)
class Strand:
    """One block of the document, and the stretches of pages that it is made of.

    Attributes:
        parts: in order of the text; never empty.
        glue: what stands between two parts; one fewer than `parts`.
    """

    block: RawBlock
    parts: tuple[Part, ...]
    glue: tuple[str, ...] = ()

    @property
    def first_sheet(self) -> int:
        """Index of the sheet that it begins on."""
        return self.parts[0].sheet

    @property
    def last_sheet(self) -> int:
        """Index of the sheet that it ends on."""
        return self.parts[-1].sheet


def read_sheets(pages: Sequence[PageMarkdown]) -> list[Sheet]:
    """Each page by itself: no construct of one can reach another."""
    sheets = []
    for page in pages:
        blocks = mark_captions(page.markdown, page_blocks(page.markdown))
        sheets.append(Sheet(page.number, page.markdown, tuple(blocks)))
    return sheets


def strands(sheets: Sequence[Sheet], cuts: Iterable[Cut]) -> list[Strand]:
    """A strand a block, in page order, without what is cut away from a block's ends."""
    cut_of: dict[int, list[Part]] = {}
    for cut in cuts:
        cut_of.setdefault(cut.part.sheet, []).append(cut.part)
    found = []
    for i, sheet in enumerate(sheets):
        for block in sheet.blocks:
            left = _without(block, sheet.text, cut_of[i]) if i in cut_of else block
            if left.start < left.end:
                found.append(Strand(left, (Part(i, left.start, left.end),)))
    return found


def _without(block: RawBlock, text: str, cuts: Iterable[Part]) -> RawBlock:
    start, end = block.start, block.end
    for cut in sorted(cuts, key=lambda part: part.start):
        if cut.start <= start < cut.end:
            start = _skip_space(text, cut.end, end)
    for cut in sorted(cuts, key=lambda part: -part.start):
        if cut.start < end <= cut.end and cut.start >= start:
            end = start + len(text[start : cut.start].rstrip())
    return block if (start, end) == (block.start, block.end) else block._replace(start=start, end=max(start, end))


def _skip_space(text: str, start: int, end: int) -> int:
    return end - len(text[start:end].lstrip()) if start < end else end
