"""Repetition: a model that writes the same thing again and again, noticed while it writes.

Two tails are followed, each in O(1) a token: the tokens as they are (an exact period), and the same with every number
made one mark, so that `Figure 7. … Figure 8. …` is periodic too. A period that went on for long enough is a loop. How
long depends on what is repeated: a page may well hold a table of equal cells, a matrix of zeros or a dotted line, and
hardly ever the same words twelve times. `eval/guards.md` has what that costs and finds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T", bound=Hashable)

GRAM: Final = 4
"""Tokens that must agree before a distance is followed as a period."""
LEAST_RUN: Final = 100
"""Repeated tokens after which words are a loop; `MOST_RUN` where the period is long."""
MOST_RUN: Final = 200
BARE_RUN: Final = 300
"""The same for dots, dashes, digits and commands: lines that lead to a page number, rules, forms."""
CELLS_RUN: Final = 800
"""The same for short cells: empty columns, matrices of zeros."""
COUNTED_REPEATS: Final = 30
"""Repeats, the number in them changed each time, after which counting is a loop."""
_TABLE = re.compile(r"</?t[dhr]\b|\||&|<td|td>|th>|tr>")
_MARKUP = re.compile(r"<[^<>]*>?|\\[A-Za-z]+|\btd\b|\btr\b|\bth\b")
_WORD = re.compile(r"[^\W\d_]{2,}|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
_PIECES = re.compile(r" ?[^\W\d_]+|\d|[^\S\n]+|\n|[^\w\s]{1,3}|.")
_LONG_CELL = 8
"""Letters of a table cell from which its repetition is no longer light."""
_LINE_LETTERS = 16
_LINE_REPEATS = 8
_LINE_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Loop:
    """Where it repeats, in tokens: `start` is the first copy, `start + period` the second, `end` where it was noticed.

    Attributes:
        counting: the copies differ in their numbers.
    """

    start: int
    period: int
    end: int
    counting: bool = False

    @property
    def kept(self) -> int:
        """How many tokens to keep: all up to the end of the first copy; of a count everything, its numbers differ."""
        return self.end if self.counting else self.start + self.period


class _Tail(Generic[T]):
    """The longest-running period at the end of a sequence."""

    __slots__ = ("_seen", "items", "period", "run")

    def __init__(self) -> None:
        self.items: list[T] = []
        self.period = 0
        self.run = 0
        self._seen: dict[tuple[T, ...], int] = {}

    def add(self, item: T) -> None:
        """Afterwards the last `run` items equal those `period` before them; both are 0 where nothing repeats."""
        items, at = self.items, len(self.items)
        items.append(item)
        gram = tuple(items[-GRAM:])
        before = self._seen.get(gram)
        self._seen[gram] = at
        if self.period and items[at - self.period] == item:
            self.run += 1
        elif before is not None and len(gram) == GRAM:
            self.period, self.run = at - before, GRAM
        else:
            self.period = self.run = 0

    def unit(self) -> list[T]:
        """One period, as it stands at the end."""
        return self.items[-self.period :]


class LoopDetector(Generic[T]):
    """Told token after token, it says when a loop has gone on for long enough.

    Args:
        text_of: the text of a token; called once for each kind of token.
    """

    def __init__(self, text_of: Callable[[T], str]) -> None:
        self._text_of = text_of
        self._texts: dict[T, str] = {}
        self._exact: _Tail[T] = _Tail()
        self._counted: _Tail[T | str] = _Tail()
        self._places: list[int] = []  # of each item of `_counted`, in tokens

    def add(self, token: T) -> Loop | None:
        """One more token; the loop that it completes, if any."""
        text = self._text(token)
        tail = self._exact
        tail.add(token)
        # asked at the thresholds alone, so that a unit's text is looked at a few times and not once a token
        if tail.run in _asked(tail.period) and tail.run >= needed_run("".join(map(self._text, tail.unit()))):
            end = len(tail.items)
            return Loop(end - tail.run - tail.period, tail.period, end)
        return self._count(token, text)

    def _count(self, token: T, text: str) -> Loop | None:
        tail, at = self._counted, len(self._exact.items) - 1
        digits = text.strip().isdigit()
        if digits and tail.items and tail.items[-1] == "0":
            return None
        tail.add("0" if digits else token)
        self._places.append(at)
        if not tail.period or tail.run != max(LEAST_RUN, (COUNTED_REPEATS - 1) * tail.period):
            return None
        unit = "".join("0" if item == "0" else self._text(item) for item in tail.unit())  # type: ignore[arg-type]
        if needed_run(unit) or _TABLE.search(unit):
            return None
        start = len(tail.items) - tail.run - tail.period
        return Loop(self._places[start], self._places[start + tail.period] - self._places[start], at + 1, counting=True)

    def _text(self, token: T) -> str:
        if token not in self._texts:
            self._texts[token] = self._text_of(token)
        return self._texts[token]


def find_loop(tokens: Iterable[T], text_of: Callable[[T], str]) -> Loop | None:
    """The first loop of a finished sequence, as it would have been noticed while it was written."""
    detector = LoopDetector(text_of)
    return next((loop for token in tokens if (loop := detector.add(token)) is not None), None)


def pieces(text: str) -> list[str]:
    """Words, digits and marks: about as many as a language model's tokens; joined they are the text."""
    return _PIECES.findall(text)


def without_loop(text: str) -> tuple[str, Loop | None]:
    """A text up to the end of a loop's first copy, and the loop in `pieces`; the text itself where there is none."""
    parts = pieces(text)
    loop = find_loop(parts, str)
    return (text, None) if loop is None else ("".join(parts[: loop.kept]), loop)


def repeated_line(text: str) -> tuple[str, int] | None:
    """A line of words that makes up much of a text though not in one period, and how often it stands there."""
    lines = [line for raw in text.split("\n") if (line := raw.strip())]
    worded = Counter(line for line in lines if sum(map(len, _WORD.findall(line))) >= _LINE_LETTERS)
    for line, count in worded.most_common(1):
        if count >= max(_LINE_REPEATS, _LINE_SHARE * len(lines)) and not _TABLE.search(line):
            return line, count
    return None


def loop_facts(loop: Loop | None) -> dict[str, Any]:
    """For `PageMarkdown.checks`; empty where there is none."""
    if loop is None:
        return {}
    kind = {"counting": True} if loop.counting else {}
    return {"loop": {"start": loop.start, "period": loop.period, "noticed": loop.end, **kind}}


def needed_run(unit: str) -> int:
    """Repeated tokens that it takes beyond the usual, by what is repeated; 0 for words."""
    words = _WORD.findall(_MARKUP.sub(" ", unit))
    if _TABLE.search(unit):
        return 0 if words and max(map(len, words)) >= _LONG_CELL else CELLS_RUN
    return 0 if words else BARE_RUN


def _asked(period: int) -> tuple[int, ...]:
    whole = period if period > MOST_RUN else 0  # two copies at least
    return tuple(max(run, whole) for run in (max(LEAST_RUN, min(2 * period, MOST_RUN)), BARE_RUN, CELLS_RUN))
