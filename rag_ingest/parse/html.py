"""HTML that runs to its closing tag: tables (nested ones too), figures, comments, verbatim elements."""

from __future__ import annotations

import re
from bisect import bisect_right

from rag_ingest.parse.lines import Lines
from rag_ingest.parse.stops import Ending, unclosed_html_end

_TAG = re.compile(r"<(/?)(table|figure|script|pre|style|textarea)(?=[\s>/]|$)", re.IGNORECASE)
_IMAGE = re.compile(r"<img\b[^>]*>[ \t]*$", re.IGNORECASE)
_RAW = re.compile(r"<(!--|script\b|pre\b|style\b|textarea\b)", re.IGNORECASE)


class HtmlIndex:
    """Which closing tag belongs to which opening tag, in one pass with a stack an element."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._ends: dict[tuple[int, str], int] = {}
        self._comment_ends = lines.holding("-->")
        open_at: dict[str, list[int]] = {}
        for tag in _TAG.finditer(lines.text):
            name = tag[2].lower()
            stack = open_at.setdefault(name, [])
            if not tag[1]:
                stack.append(tag.start())
            elif stack:
                self._ends[(stack.pop(), name)] = lines.line_of(tag.start())

    def table_end(self, i: int, column: int, limit: int) -> Ending:
        """Where the table that opens at line `i` ends, else `i`. Tables that share a line stay together."""
        end, repaired = self._element_end(i, column, "table", limit)
        while end > i and end < limit:
            last = self._lines.lines[end - 1]
            tail = last.rfind("<table")
            if tail < 0 or (end - 1 == i and tail == column):
                break
            further = self._ends.get((self._lines.offsets[end - 1] + tail, "table"), end - 1)
            if further < end or further >= limit:
                break
            end = further + 1
        return Ending(end, repaired)

    def figure_end(self, i: int, column: int, limit: int) -> Ending:
        """Where the `<figure>` or lone `<img>` at line `i` ends, else `i`."""
        if _IMAGE.match(self._lines.lines[i], column):
            return Ending(i + 1)
        return self._element_end(i, column, "figure", limit)

    def raw_end(self, i: int, column: int, limit: int) -> Ending:
        """Where the comment or verbatim element at line `i` ends, else `i`."""
        opened = _RAW.match(self._lines.lines[i], column)
        if not opened:
            return Ending(i)
        if opened[1] != "!--":
            return self._element_end(i, column, opened[1].lower(), limit)
        if self._lines.lines[i].find("-->", column) >= 0:
            return Ending(i + 1)
        at = bisect_right(self._comment_ends, i)
        if at < len(self._comment_ends) and self._comment_ends[at] < limit:
            return Ending(self._comment_ends[at] + 1)
        return Ending(unclosed_html_end(self._lines, i + 1, limit), repaired=True)

    def _element_end(self, i: int, column: int, name: str, limit: int) -> Ending:
        tag = _TAG.match(self._lines.lines[i], column)
        if not tag or tag[1] or tag[2].lower() != name:
            return Ending(i)
        last = self._ends.get((self._lines.offsets[i] + column, name), limit)
        if last < limit:
            return Ending(last + 1)
        return Ending(unclosed_html_end(self._lines, i + 1, limit), repaired=True)
