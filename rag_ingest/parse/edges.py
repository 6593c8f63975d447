"""What stands at the edges of pages: the blocks and lines that could be a running header or footer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag_ingest.parse.blocks import RawBlock
from rag_ingest.parse.sheets import Part, Sheet

DEPTH = 3
"""Blocks from an edge that still count as being at it."""
MAX_EDGE = 300
"""Characters; a longer block is text."""
_LINES = 2
_KINDS = ("paragraph", "heading", "html", "list", "footnote")
_TAG = re.compile(r"<!--|-->|</?[A-Za-z][\w-]*[^<>]*>")
_TEX = re.compile(r"\\(?:begin|end)\s*\{|\\\\\s*$")
_MARKS = re.compile(r"[#*_`$\\{}^~|>]+")
_ROMAN = re.compile(r"^[ivxl]{1,6}\b|\b[ivxl]{1,6}$")
_DIGITS = re.compile(r"\d+(?:[ .,/-]+\d+)*")
_OTHER = re.compile(r"[^\w\s]+|_+")


@dataclass(frozen=True, slots=True)
class Edge:
    """A block, or a line of one, at a page's edge.

    Attributes:
        text: as it stands.
        key: its words with digits folded; what recurs has equal or similar keys.
        top: at the top, else at the bottom.
        depth: 0 for the outermost.
        line: a line of a longer paragraph, not a whole block.
    """

    part: Part
    text: str
    key: str
    top: bool
    depth: int
    heading: bool
    line: bool


def plain(text: str) -> str:
    """Without tags and Markdown marks, white space folded."""
    return " ".join(_MARKS.sub(" ", _TAG.sub(" ", text)).split())


def fold(text: str) -> str:
    """What stays the same from page to page: words in lower case, numbers as 0."""
    words = " ".join(_OTHER.sub(" ", plain(text).casefold()).split())
    return " ".join(_DIGITS.sub("0", _ROMAN.sub("0", words)).split())


def edges_of(index: int, sheet: Sheet) -> Iterator[Edge]:
    """Candidates of one page: up to three blocks from the top and the bottom, outermost first."""
    blocks, n = sheet.blocks, len(sheet.blocks)
    above, below = min(DEPTH, (n + 1) // 2), min(DEPTH, n // 2)
    for depth, block in enumerate(blocks[:above]):
        yield from _whole(index, sheet, block, True, depth)
    for depth, block in enumerate(reversed(blocks[n - below :]) if below else ()):
        yield from _whole(index, sheet, block, False, depth)
    if blocks:
        yield from _lines(index, sheet, blocks[0], True)
        yield from _lines(index, sheet, blocks[-1], False)


def middle_keys(sheet: Sheet) -> Iterator[str]:
    """Keys of short blocks away from both edges."""
    n = len(sheet.blocks)
    for block in sheet.blocks[min(DEPTH, (n + 1) // 2) : n - min(DEPTH, n // 2)]:
        if block.kind in _KINDS and block.end - block.start <= MAX_EDGE:
            yield fold(sheet.text[block.start : block.end])


def _whole(index: int, sheet: Sheet, block: RawBlock, top: bool, depth: int) -> Iterator[Edge]:
    if block.kind in _KINDS and block.end - block.start <= MAX_EDGE:
        text = sheet.text[block.start : block.end]
        if _TEX.search(text):
            return
        part = Part(index, block.start, block.end)
        yield Edge(part, text, fold(text), top, depth, block.kind == "heading", False)


def _lines(index: int, sheet: Sheet, block: RawBlock, top: bool) -> Iterator[Edge]:
    """The outermost two lines of a longer paragraph: a header that no blank line parts from the text."""
    if block.kind != "paragraph":
        return
    at, limit = (block.start, block.end) if top else (block.end, block.start)
    for depth in range(_LINES):
        part = _next_line(sheet.text, at, limit, top)
        if part is None:
            return
        start, end = part
        text = sheet.text[start:end]
        if text.strip() and len(text) <= MAX_EDGE and "\\" not in text:
            yield Edge(Part(index, start, end), text, fold(text), top, depth, False, True)
        at = end + 1 if top else start - 1


def _next_line(text: str, at: int, limit: int, top: bool) -> tuple[int, int] | None:
    """A line that another one of the same paragraph follows, inwards."""
    if top:
        end = _break(text, at, limit)
        return (at, end) if at < end < limit else None
    start = max(text.rfind("\n", limit, max(at, limit)), text.rfind("\r", limit, max(at, limit))) + 1
    return (start, at) if limit < start <= at else None


def _break(text: str, start: int, end: int) -> int:
    found = [at for at in (text.find("\n", start, end), text.find("\r", start, end)) if at >= 0]
    return min(found, default=end)


def edges_by_page(sheets: Sequence[Sheet]) -> list[list[Edge]]:
    """Candidates of every page."""
    return [list(edges_of(i, sheet)) for i, sheet in enumerate(sheets)]
