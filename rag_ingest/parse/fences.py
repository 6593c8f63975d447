"""Fenced code: which line closes a fence, and where one ends that nothing closes."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from rag_ingest.parse.lines import Lines
from rag_ingest.parse.stops import Ending, sure_stop, unclosed_code_end

_OPEN = re.compile(r"(`{3,})([^`]*)$|(~{3,})(.*)$")
_LINE = re.compile(r"([ \t>]*)(?:(?:[-+*]|\d{1,9}[.)])[ \t]+)*(?:(`{3,})([^`]*)|(~{3,})(.*))$")


@dataclass(frozen=True, slots=True)
class _Mark:
    line: int
    char: str
    length: int
    indent: int
    bare: bool


class FenceIndex:
    """Every line that could open or close a fence, in order."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        holding = sorted({*lines.holding("```"), *lines.holding("~~~")})
        self._marks = [mark for i in holding for mark in _mark(i, lines.lines[i])]
        self._at = [m.line for m in self._marks]
        self._balanced: dict[int, bool] = {}

    def end(self, i: int, column: int, limit: int) -> Ending:
        """Where the fence that opens at line `i` ends; at `i` when none opens there."""
        line = self._lines.lines[i]
        opened = _OPEN.match(line, column)
        if not opened:
            return Ending(i)
        run = opened[1] or opened[3]
        balanced = self._is_balanced(self._lines.next_break(i + 1))
        close = self._close(i, run[0], len(run), column, limit, balanced)
        if close is not None and not balanced and sure_stop(self._lines, i + 1, close) < close:
            close = None
        if close is not None:
            return Ending(close + 1)
        return Ending(unclosed_code_end(self._lines, i + 1, self._next_opener(i, run[0], limit)), repaired=True)

    def _close(self, i: int, char: str, length: int, column: int, limit: int, balanced: bool) -> int | None:
        for at in range(bisect_right(self._at, i), len(self._marks)):
            mark = self._marks[at]
            if mark.line >= limit:
                return None
            if mark.char != char or mark.length < length:
                continue
            if mark.bare and mark.indent <= column + 3:
                return mark.line
            if not mark.bare and not balanced:
                return None
        return None

    def _next_opener(self, i: int, char: str, limit: int) -> int:
        """The next fence with an info string: a new one begins there, so the open one was never closed."""
        for at in range(bisect_right(self._at, i), len(self._marks)):
            mark = self._marks[at]
            if mark.line >= limit:
                break
            if mark.char == char and not mark.bare:
                return mark.line
        return limit

    def _is_balanced(self, limit: int) -> bool:
        """True when the fences of the page that ends before line `limit` close by CommonMark's own rule."""
        if limit not in self._balanced:
            breaks = self._lines.page_breaks
            before = bisect_right(breaks, limit - 1)
            first = breaks[before - 1] if before else 0
            opened: _Mark | None = None
            for at in range(bisect_right(self._at, first - 1), len(self._marks)):
                mark = self._marks[at]
                if mark.line >= limit:
                    break
                if opened is None:
                    opened = mark
                elif mark.bare and mark.char == opened.char and mark.length >= opened.length:
                    opened = None
            self._balanced[limit] = opened is None
        return self._balanced[limit]


def _mark(i: int, line: str) -> list[_Mark]:
    found = _LINE.match(line)
    if not found:
        return []
    run = found[2] or found[4]
    info = found[3] if found[2] else found[5]
    return [_Mark(i, run[0], len(run), len(found[1]), not info.strip())]
