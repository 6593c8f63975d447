"""The document's title on its first page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag_ingest.ocr.layout_blocks import Block
from rag_ingest.ocr.layout_headings import PageStyle, is_section_name
from rag_ingest.ocr.layout_lines import union
from rag_ingest.ocr.layout_text import join_lines

_LARGER = 1.12
"""A title is set at least this much larger than the text."""
_LONGEST = 250


def with_title(blocks: list[Block], style: PageStyle) -> list[Block]:
    """The largest type in the upper half becomes the one `#` heading; authors below it are no headings.

    A few words in still larger type above a longer line are a journal's name, not the title.
    """
    upper = [b for b in blocks if b.kind in ("heading", "text") and b.bbox[1] < 0.5 * style.height_pt]
    lettered = [b for b in upper if sum(c.isalpha() for c in b.text) >= 8 and b.size_pt >= _LARGER * style.body_pt]
    if not lettered:
        return _first_heading(blocks, style)
    largest = max(lettered, key=lambda b: b.size_pt)
    longer = [b for b in lettered if len(b.text.split()) > 5 and b.size_pt >= 0.6 * largest.size_pt]
    if len(largest.text.split()) <= 5 and longer:
        rival = max(longer, key=lambda b: b.size_pt)
        largest = rival if rival.bbox[1] > largest.bbox[1] else largest
    start = blocks.index(largest)
    end = start + 1
    while end < len(blocks) and blocks[end].kind in ("heading", "text") and _same(blocks[end], largest):
        end += 1
    text = join_lines([b.text for b in blocks[start:end]])
    if len(text) > _LONGEST:
        return blocks
    heading = Block("heading", text, union(b.bbox for b in blocks[start:end]), 1, largest.size_pt)
    return [*_plain_before_sections(blocks[:start]), heading, *_plain_before_sections(blocks[end:])]


def _first_heading(blocks: list[Block], style: PageStyle) -> list[Block]:
    """Without larger type: a heading of some words above the first section."""
    for i, block in enumerate(blocks):
        if block.kind == "heading" and (is_section_name(block.text) or block.bbox[1] > 0.4 * style.height_pt):
            break
        if block.kind == "heading" and len(block.text.split()) >= 3:
            return [*blocks[:i], replace(block, level=1), *_plain_before_sections(blocks[i + 1 :])]
    return blocks


def _same(block: Block, title: Block) -> bool:
    return abs(block.size_pt - title.size_pt) < 0.3 and not is_section_name(block.text)


def _plain_before_sections(blocks: Sequence[Block]) -> list[Block]:
    """Headings before the first named or numbered section are authors and labels."""
    first = next((i for i, b in enumerate(blocks) if b.kind == "heading" and is_section_name(b.text)), len(blocks))
    if not any(b.kind == "heading" and is_section_name(b.text) for b in blocks):
        return list(blocks)
    return [replace(b, kind="text", level=0) if b.kind == "heading" and i < first else b for i, b in enumerate(blocks)]
