r"""Display math: `$$…$$`, `\[…\]` and the environments that set a formula on lines of their own."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict

from rag_ingest.parse.lines import Lines
from rag_ingest.parse.stops import Ending, is_prose, math_stop, sure_stop, unclosed_math_end

_ENVIRONMENTS = (
    r"equation|align|alignat|flalign|gather|multline|eqnarray|displaymath|math|dmath|subequations|"
    r"aligned|gathered|split|cases|array|[pbvBV]?matrix"
)
_BEGIN = re.compile(rf"\\begin\{{((?:{_ENVIRONMENTS})\*?)\}}")
_MARK = re.compile(r"\\\[|\\\]|\\(begin|end)\{([A-Za-z]+\*?)\}")
_TAIL = re.compile(r"[ \t.,;:]*+(?:\\tag\*?\{[^{}]*\}|\([\w.*'-]{1,12}\))?[ \t.,;:]*+$")


class MathIndex:
    """Where display math can open and close, by line.

    Attributes:
        dollars: lines that hold `$$`.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.dollars = lines.holding("$$")
        self._escaped = lines.holding(r"\$\$")
        self._opens: dict[str, list[int]] = defaultdict(list)
        self._closes: dict[str, list[int]] = defaultdict(list)
        self._even: dict[int, bool] = {}
        if "\\[" in lines.text or "\\begin{" in lines.text:
            self._index_tex(lines)

    def _index_tex(self, lines: Lines) -> None:
        for mark in _MARK.finditer(lines.text):
            i = lines.line_of(mark.start())
            if mark[2]:
                (self._opens if mark[1] == "begin" else self._closes)[mark[2]].append(i)
            elif mark[0] == r"\]":
                self._closes["["].append(i)
            elif not lines.text[lines.offsets[i] : mark.start()].strip(" \t>"):
                self._opens["["].append(i)

    def dollars_end(self, i: int, column: int, limit: int) -> Ending:
        """Where the `$$` formula that opens at line `i` ends; at `i` when none does."""
        if not self._lines.lines[i].startswith("$$", column):
            return Ending(i)
        return self._symmetric_end(i, column, limit, "$$", self.dollars)

    def tex_end(self, i: int, column: int, limit: int) -> Ending:
        r"""Where the `\[` formula or environment that opens at line `i` ends; at `i` when none does."""
        line = self._lines.lines[i]
        if line.startswith(r"\$\$", column):
            return self._symmetric_end(i, column, limit, r"\$\$", self._escaped)
        if line.startswith(r"\[", column):
            return self._paired_end(i, "[", line.find(r"\]", column), 2, limit)
        begun = _BEGIN.match(line, column)
        if not begun:
            return Ending(i)
        close = rf"\end{{{begun[1]}}}"
        return self._paired_end(i, begun[1], line.find(close, column), len(close), limit)

    def skip_inline(self, i: int) -> int:
        """The line to go on from when no region opens at `i`: after a `$$…$$` that opens within the line's text."""
        line = self._lines.lines[i]
        if "$$" not in line or line.count("$$") % 2 == 0:
            return i + 1
        for j in range(i + 1, self._lines.next_break(i + 1)):
            if self._lines.blank(j):
                break
            if "$$" in self._lines.lines[j]:
                return j + 1
        return i + 1

    def _symmetric_end(self, i: int, column: int, limit: int, mark: str, at: list[int]) -> Ending:
        line = self._lines.lines[i]
        opened = column + len(mark)
        close = line.find(mark, opened)
        if close >= 0:
            return Ending(i + 1 if _TAIL.match(line, close + len(mark)) else i)
        following = bisect_right(at, i)
        found = at[following] if following < len(at) and at[following] < limit else None
        if found is not None:
            stop = (sure_stop if self._is_even(self._lines.next_break(i + 1)) else math_stop)(self._lines, i + 1, found)
            if stop == found:
                return Ending(found + 1)
        return self._unclosed(i, line[opened:], limit if found is None else found)

    def _paired_end(self, i: int, name: str, close: int, width: int, limit: int) -> Ending:
        line = self._lines.lines[i]
        if close >= 0:
            return Ending(i + 1 if _TAIL.match(line, close + width) or name != "[" else i)
        closes = self._closes[name]
        following = bisect_right(closes, i)
        found = closes[following] if following < len(closes) and closes[following] < limit else None
        opens = self._opens[name]
        again = bisect_right(opens, i)
        reopened = opens[again] if again < len(opens) and opens[again] < limit else limit
        if found is not None and found <= reopened and sure_stop(self._lines, i + 1, found) == found:
            return Ending(found + 1)
        return self._unclosed(i, line, min(reopened, limit if found is None else found))

    def _unclosed(self, i: int, rest: str, limit: int) -> Ending:
        if is_prose(rest):
            return Ending(i)
        return Ending(unclosed_math_end(self._lines, i + 1, limit), repaired=True)

    def _is_even(self, limit: int) -> bool:
        """True when the `$$` of the page that ends before line `limit` pair up."""
        if limit not in self._even:
            breaks = self._lines.page_breaks
            before = bisect_right(breaks, limit - 1)
            first = breaks[before - 1] if before else 0
            inside = self.dollars[bisect_right(self.dollars, first - 1) : bisect_right(self.dollars, limit - 1)]
            self._even[limit] = sum(self._lines.lines[i].count("$$") for i in inside) % 2 == 0
        return self._even[limit]
