"""Line numbers of the parser and character offsets of the untouched source, side by side.

markdown-it-py wants LF line ends and no NUL. `str.splitlines` is no help in getting there: it also breaks at form
feeds and U+2028. So the source stays as it is, the parser sees a copy with as many lines, and a line number leads back.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate

_LINE_END = re.compile(r"\r\n?|\n")
_FOR_PARSER = str.maketrans({"\0": "\ufffd", "\f": " ", "\v": " "})
_PAGE_MARKER = re.compile(r"[ \t]*<!--[ \t]*page[ \t]+(\d{1,9})[ \t]*-->[ \t]*$", re.IGNORECASE)
_MAY_MARK_PAGE = frozenset(" \t\f<{")
_PAGE_BREAK = re.compile(r"[ \t]*(?:<!--[ \t]*page[ \t]?break[ \t]*-->|\{\d{1,9}\}-{10,})[ \t]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Lines:
    """A source and its lines.

    Attributes:
        source: as given.
        text: what the parser sees: LF only, NUL as U+FFFD, form feed and vertical tab as a space.
        lines: `text` without its line ends.
        starts: offset in `source` at which each line begins; one more for the end.
        offsets: the same in `text`.
        page_breaks: lines at which a new page begins, sorted: no construct runs across one.
        page_numbers: line -> page number, for lines `<!-- page N -->`.
    """

    source: str
    text: str
    lines: list[str]
    starts: list[int]
    offsets: list[int]
    page_breaks: list[int]
    page_numbers: dict[int, int]

    def next_break(self, line: int) -> int:
        """The first page break at or after a line, else the number of lines."""
        at = bisect_left(self.page_breaks, line)
        return self.page_breaks[at] if at < len(self.page_breaks) else len(self.lines)

    def holding(self, mark: str) -> list[int]:
        """The lines that hold a mark, found in the whole text: most marks are rare, and lines are many."""
        found: list[int] = []
        at = self.text.find(mark)
        while at >= 0:
            found.append(self.line_of(at))
            at = self.text.find(mark, self.offsets[found[-1] + 1])
        return found

    def line_of(self, offset: int) -> int:
        """The line that holds an offset into `text`."""
        return bisect_right(self.offsets, offset) - 1

    def blank(self, line: int) -> bool:
        """True for a line of white space, and beyond either end."""
        return not 0 <= line < len(self.lines) or not self.lines[line].strip()


def read_lines(source: str) -> Lines:
    """Cuts a source at LF, CRLF and lone CR, and at nothing else."""
    text = _LINE_END.sub("\n", source) if "\r" in source else source
    raw = lines = text.split("\n")
    if any(c in text for c in "\0\f\v"):
        text = text.translate(_FOR_PARSER)
        lines = text.split("\n")
    offsets = [*accumulate([len(line) + 1 for line in lines[:-1]], initial=0), len(text)]
    starts = offsets
    if len(text) != len(source) or "\r" in source:
        starts = [0, *(m.end() for m in _LINE_END.finditer(source)), len(source)]
    breaks, numbers = [], {}
    for i, line in enumerate(raw):
        if line[:1] not in _MAY_MARK_PAGE:
            continue
        if line[0] == "\f":
            breaks.append(i)
        elif "<!--" in line or line.lstrip()[:1] == "{":
            marker = _PAGE_MARKER.match(line)
            if marker:
                numbers[i] = int(marker[1])
            if marker or is_page_break(line):
                breaks.append(i)
    return Lines(source, text, lines, starts, offsets, breaks, numbers)


def is_page_break(line: str) -> bool:
    """True for a line that says that a page ends, without the number of the next one."""
    return bool(_PAGE_BREAK.match(line))
