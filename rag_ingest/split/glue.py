"""What holds a block to the next one: a break there costs so much."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_ingest.split.atoms import LEAD_IN, LINK, OPEN_SENTENCE
from rag_ingest.types import Block

_WRAPPERS = r"div|span|section|center|article|aside|details|p"
_OPENS = re.compile(rf"<(?:{_WRAPPERS})\b[^<>]*>$", re.IGNORECASE)
_CLOSES = re.compile(rf"(?:</(?:{_WRAPPERS})>\s*)+$", re.IGNORECASE)
_FURNITURE = re.compile(r"<!--.*-->$|\{\d+\}-{3,}$|(?:[-*_][ \t]*){3,}$", re.DOTALL)
_LABEL = re.compile(
    r"[\W_]*+(?:\w+[ ]){0,2}?(?:(?P<table>tab(?:\.|(?:les?|elle|leau|la)(?![^\W\d_]))|表|Таблица)|"
    r"fig|abb|listing|algo|scheme|图|図|圖|рис)",
    re.IGNORECASE,
)
_CONTINUES = re.compile(r"[a-zß-öø-ÿ]|(?:Where|Here|With)\b")
_CLOSED = (".", "!", "?", "。", "！", "？", ".)", '."', ".”", "$")
_COLON = (":", "：")
_TAKES_COLON = ("list", "formula", "code", "table", "quote", "html", "figure", "reference")
_PROSE = ("paragraph", "list", "quote", "html")
_CAPTIONED = ("table", "figure", "code", "formula", "html")
_SHORT = 200
_REACH = 4


class Glue:
    """Looks at the blocks of one section; HTML that only wraps others is looked through."""

    def __init__(self, blocks: Sequence[Block], text: str) -> None:
        self._blocks = blocks
        self._text = text

    def after(self, i: int) -> float:
        """The cost of a break between block `i` and the next, in shares of the target."""
        if closes_wrapper(self._blocks[i + 1], self._text):
            return LINK
        if self._is_wrapper(i):
            before = self._beyond(i, -1)
            return 0.0 if before is None else self._between(before, i + 1)
        return self._between(i, i + 1)

    def caption_of(self, i: int) -> str:
        """The caption that belongs to block `i`, on one line; empty when it has none."""
        for step in (-1, 1):
            j = self._beyond(i, step)
            if j is not None and self._blocks[j].kind == "caption" and self._belongs(j, i):
                return " ".join(self._content(j).split())
        return ""

    def _between(self, i: int, following: int) -> float:
        here, there = self._blocks[i], self._blocks[following]
        if here.kind == "caption" and there.kind in _CAPTIONED:
            return LINK if self._belongs(i, following) else 0.0
        if there.kind == "caption" and here.kind in _CAPTIONED:
            return LINK if self._belongs(following, i) else 0.0
        if here.kind in _PROSE and there.kind in _TAKES_COLON and self._content(i).endswith(_COLON):
            return LEAD_IN
        if here.kind == "formula" and there.kind == "paragraph" and _CONTINUES.match(self._content(following)):
            return LEAD_IN
        if here.kind == "table" and there.kind == "paragraph" and self._is_closed_in(following):
            return LEAD_IN
        if here.kind == "paragraph" and there.kind == "formula" and not self._content(i).endswith(_CLOSED):
            return OPEN_SENTENCE
        return 0.0

    def _belongs(self, caption: int, i: int) -> bool:
        """A caption that names a table belongs to one, that of a figure does not; one without a label to either."""
        label = _LABEL.match(self._content(caption))
        return label is None or (self._blocks[i].kind == "table") == bool(label["table"])

    def _is_closed_in(self, i: int) -> bool:
        """Whether the block that wraps block `i` ends right behind it: a note below a table."""
        return i + 1 < len(self._blocks) and closes_wrapper(self._blocks[i + 1], self._text)

    def _beyond(self, i: int, step: int) -> int | None:
        """The nearest block before (step -1) or behind `i` that is no wrapper."""
        for j in range(i + step, i + step * (_REACH + 1), step):
            if not 0 <= j < len(self._blocks):
                return None
            if not self._is_wrapper(j):
                return j
        return None

    def _is_wrapper(self, i: int) -> bool:
        block = self._blocks[i]
        return block.kind != "heading" and (is_lead(block, self._text) or closes_wrapper(block, self._text))

    def _content(self, i: int) -> str:
        span = self._blocks[i].span
        return self._text[span.start : span.end]


def is_lead(block: Block, text: str) -> bool:
    """True for headings, empty ones too, page markers, rules and tags that open: they belong to what follows."""
    if block.kind == "heading":
        return True
    if block.kind not in ("html", "paragraph") or len(block.span) > _SHORT:
        return False
    content = text[block.span.start : block.span.end]
    if block.kind == "paragraph":
        return not content.strip("#")
    return bool(_FURNITURE.match(content) or _OPENS.match(content))


def closes_wrapper(block: Block, text: str) -> bool:
    """True for a closing tag alone: it belongs to what stands before it."""
    if block.kind != "html" or len(block.span) > _SHORT:
        return False
    return bool(_CLOSES.match(text[block.span.start : block.span.end]))
