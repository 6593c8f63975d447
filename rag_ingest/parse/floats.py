"""Tables and figures with what belongs to them: captions that only their place tells, and where the group floats.

Markdown made from JATS or TeX wraps a table and its caption in `<div>` elements, and the caption has no "Table 1:".
Publishers also put tables behind the last section, where the heading above them says nothing about them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_ingest.parse.blocks import RawBlock
from rag_ingest.parse.headings import strip_number

_DIV = re.compile(r"<(/?)div\b([^<>]*)>", re.IGNORECASE)
_CAPTION_CLASS = re.compile(r"class\s*=\s*[\"'][^\"']*caption", re.IGNORECASE)
_BACK_MATTER = re.compile(
    r"(?:acknowledge?ments?|funding|references|bibliography|literature cited|"
    r"(?:conflicts?|competing|declarations?|disclosures?)(?: of)?[ ]*(?:financial )?(?:interests?)?|"
    r"authors?[’']?s?[’']? (?:contributions?|information|details|note)|"
    r"(?:data|code)(?: and code)? availability(?: statement)?|ethic\w*(?: \w+){0,4}|abbreviations|"
    r"supplement(?:ary|al) (?:materials?|information|data)|consent (?:for|to) \w+|pre-publication history|"
    r"(?:additional|associated) (?:files?|data|information)|open access|footnotes)\s*[.:]?",
    re.IGNORECASE,
)
_FLOATS = ("table", "figure")
_MAX_GROUP = 40


def mark_floats(source: str, blocks: Sequence[RawBlock]) -> tuple[list[RawBlock], frozenset[int]]:
    """(blocks with captions marked, indexes of the blocks that belong to a table or figure)."""
    marked = list(blocks)
    floating = {i for i, block in enumerate(marked) if block.kind in (*_FLOATS, "caption")}
    if not floating or "<div" not in source:
        return marked, frozenset(floating)
    for first, last in _groups(source, marked):
        inside = range(first, last + 1)
        floats = [i for i in inside if marked[i].kind in _FLOATS]
        if floats and last - first < _MAX_GROUP and not any(marked[i].kind == "heading" for i in inside):
            floating.update(inside)
            _mark_captions(source, marked, first, last, floats[0])
    return marked, frozenset(floating)


def is_back_matter(title: str) -> bool:
    """True for what stands behind a paper's last section, such as "Conflicts of Interest" or "Funding"."""
    return bool(_BACK_MATTER.fullmatch(strip_number(title)))


def _groups(source: str, blocks: Sequence[RawBlock]) -> list[tuple[int, int]]:
    """(first, last) block of every `<div>` that opens and closes in blocks of its own; inner ones first."""
    found: list[tuple[int, int]] = []
    opened: list[int] = []
    for i, block in enumerate(blocks):
        if block.kind != "html":
            continue
        for tag in _DIV.finditer(source, block.start, block.end):
            if not tag[1]:
                opened.append(i)
            elif opened:
                found.append((opened.pop(), i))
    return found


def _mark_captions(source: str, blocks: list[RawBlock], first: int, last: int, table: int) -> None:
    """Paragraphs in a caption's own `<div>`; where no caption is, the one right behind the table."""
    in_caption = False
    for i in range(first, last + 1):
        block = blocks[i]
        if block.kind == "html":
            if tag := _DIV.match(source, block.start, block.end):
                in_caption = not tag[1] and bool(_CAPTION_CLASS.search(tag[2]))
        elif in_caption and block.kind == "paragraph" and source[block.start : block.end].strip("#"):
            blocks[i] = block._replace(kind="caption")
    behind = table + 1
    if any(block.kind == "caption" for block in blocks[first : last + 1]) or behind >= last:
        return
    if blocks[behind].kind == "paragraph":
        blocks[behind] = blocks[behind]._replace(kind="caption")
