"""One Markdown text -> its top-level blocks, with character spans of the untouched source."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

from rag_ingest.parse.headings import read_title
from rag_ingest.parse.lines import Lines, read_lines
from rag_ingest.parse.rules import parse_tokens
from rag_ingest.types import BlockKind

_KINDS: dict[str, BlockKind] = {
    "heading_open": "heading",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "blockquote_open": "quote",
    "code_block": "code",
    "hr": "html",
}


class RawBlock(NamedTuple):
    """A block before its place in the document is known.

    Attributes:
        level: 1..6 for a heading, else 0.
        title: a heading's words, else empty.
        repaired: something in it was never closed and ended at a safe stop.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    title: str = ""
    repaired: bool = False

    def moved(self, offset: int) -> RawBlock:
        """The same block in a text that has `offset` more characters before it."""
        return RawBlock(self.kind, self.start + offset, self.end + offset, self.level, self.title, self.repaired)


def read_blocks(lines: Lines) -> list[RawBlock]:
    """Blocks in order, not overlapping; together they hold every non-whitespace character of the source."""
    found: list[RawBlock] = []
    covered = 0
    for block in _token_blocks(lines):
        if block.start >= block.end:
            continue
        if block.start > covered and not lines.source[covered : block.start].isspace():
            found += _leftover(lines.source, covered, block.start)
        found.append(block)
        covered = block.end
    return found + _leftover(lines.source, covered, len(lines.source))


def page_blocks(markdown: str) -> list[RawBlock]:
    """Blocks of one page's Markdown: no construct of it can reach another page."""
    return read_blocks(read_lines(markdown))


def _token_blocks(lines: Lines) -> Iterator[RawBlock]:
    tokens = parse_tokens(lines)
    repaired = [token.map[0] for token in tokens if token.meta and token.map]
    for i, token in enumerate(tokens):
        if token.level or token.nesting < 0 or token.map is None:
            continue
        kind: BlockKind | None = _KINDS.get(token.type) or token.info  # type: ignore[assignment]
        if not kind:
            continue
        first, after = token.map
        start, end = _span(lines, first, after, kind)
        level, title = 0, ""
        if kind == "heading":
            title = read_title(tokens[i + 1].content)
            if title:
                level = int(token.tag[1])
            else:
                kind = "paragraph"
        open_inside = bool(repaired) and bisect_left(repaired, after) > bisect_left(repaired, first)
        yield RawBlock(kind, start, end, level, title, open_inside)


def _span(lines: Lines, first: int, after: int, kind: BlockKind) -> tuple[int, int]:
    """Without white space around; code keeps the indentation of its first line."""
    source, begin, end = lines.source, lines.starts[first], lines.starts[after]
    while end > begin and source[end - 1].isspace():
        end -= 1
    start = begin
    while start < end and source[start].isspace():
        start += 1
    return (begin if kind == "code" and not source[begin:start].strip(" \t") else start), end


def _leftover(source: str, start: int, end: int) -> list[RawBlock]:
    """Text that no rule took becomes a paragraph, so that nothing is lost."""
    text = source[start:end]
    if not text.strip():
        return []
    lead = len(text) - len(text.lstrip())
    return [RawBlock("paragraph", start + lead, start + len(text.rstrip()))]
