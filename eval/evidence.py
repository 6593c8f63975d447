"""Kinds of evidence and how each is held against a passage; `eval.relevance` says when a passage is relevant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from eval.normalise import tex_tokens, text_tokens
from eval.window import THRESHOLD, best_window, coverage, holds_value, share

LONG_VALUE_TOKENS = 6
"""A table value of so many tokens or more is text, and is matched as prose; a shorter one must match exactly."""

RUN_TOKENS = 3
"""Length of the runs that a section and a passage are compared by: single words are shared by all of a paper."""

SECTION_SHARE = 0.5
"""A passage belongs to a section when most of the smaller of the two is shared."""

LEAST_SHARED_RUNS = 8
"""A passage that shares fewer runs with its section is a heading or a scrap, unless that is all of the section."""


class Evidence(Protocol):
    """One kind of evidence; what the methods mean stands at `eval.relevance.Judge`."""

    size: int

    def tokens(self, passage: str) -> tuple[str, ...]:
        """A passage in the tokens that this kind compares."""
        ...

    def coverage(self, passage: str) -> float:
        """Share of the evidence that the passage holds."""
        ...

    def relevant(self, passage: str) -> bool:
        """Whether that is enough."""
        ...

    def matched(self, passage: str) -> int:
        """Tokens of the passage that are evidence."""
        ...


class Wording:
    """A text or a formula: its tokens stand near each other.

    Args:
        body: n tokens, one or more.
        counted: tokens and their counts of a passage.

    Raises:
        ValueError: no tokens.
    """

    def __init__(self, body: Sequence[str], counted: Callable[[str], Counted]) -> None:
        if not body:
            raise ValueError("evidence without tokens")
        self.size = len(body)
        self._body = body
        self._counted = counted

    def tokens(self, passage: str) -> tuple[str, ...]:
        """Text tokens, or TeX tokens."""
        return self._counted(passage)[0]

    def coverage(self, passage: str) -> float:
        """Of the best window."""
        return coverage(self._body, self.tokens(passage))

    def relevant(self, passage: str) -> bool:
        """Coverage of `THRESHOLD` or more; most passages are ruled out by their counts."""
        possible = share(self._body, self._counted(passage)[1]) >= THRESHOLD
        return possible and self.coverage(passage) >= THRESHOLD

    def matched(self, passage: str) -> int:
        """In the best window."""
        return best_window(self._body, self.tokens(passage))


class Cell:
    """A table's cell: row label, column header and value.

    Args:
        row: label; `a / b` has two parts that stand apart on the page.
        column: header, likewise.
        value: of the cell.

    Raises:
        ValueError: value or labels have no tokens.
    """

    def __init__(self, row: str, column: str, value: str) -> None:
        self._names = [text_tokens(part) for name in (row, column) for part in _header_parts(name)]
        self._value = text_tokens(value)
        if not self._value or not self._names:
            raise ValueError("evidence without tokens")
        self._exact = len(self._value) < LONG_VALUE_TOKENS
        self.size = len(self._value) + sum(map(len, self._names))

    def tokens(self, passage: str) -> tuple[str, ...]:
        """Text tokens."""
        return counted_text(passage)[0]

    def coverage(self, passage: str) -> float:
        """The least covered of its parts; a short value is all or nothing."""
        tokens, counts = counted_text(passage)
        shares = [share(name, counts) for name in self._names]
        value = float(holds_value(self._value, tokens)) if self._exact else coverage(self._value, tokens)
        return min([*shares, value])

    def relevant(self, passage: str) -> bool:
        """Every part covered; most passages are ruled out by their counts."""
        counts = counted_text(passage)[1]
        windowed = [] if self._exact else [self._value]
        possible = all(share(part, counts) >= THRESHOLD for part in [*self._names, *windowed])
        return possible and self.coverage(passage) >= THRESHOLD

    def matched(self, passage: str) -> int:
        """Of labels and value together, wherever they stand."""
        counts = counted_text(passage)[1]
        whole = Counter(token for part in [*self._names, self._value] for token in part)
        return (whole & counts).total()


class Section:
    """A whole section: a passage counts that lies mostly in it, or holds most of it.

    Args:
        text: of the section, with its tables.

    Raises:
        ValueError: no tokens.
    """

    def __init__(self, text: str) -> None:
        tokens = text_tokens(text)
        if not tokens:
            raise ValueError("evidence without tokens")
        self.size = len(tokens)
        self._runs = Counter(_runs(tokens))

    def tokens(self, passage: str) -> tuple[str, ...]:
        """Text tokens."""
        return counted_text(passage)[0]

    def coverage(self, passage: str) -> float:
        """Shared runs over the runs of the smaller of the two; 0.0 when the shared ones are too few to tell."""
        runs = Counter(_runs(self.tokens(passage)))
        shared = (runs & self._runs).total()
        if shared < min(LEAST_SHARED_RUNS, self._runs.total()):
            return 0.0
        return shared / min(runs.total(), self._runs.total())

    def relevant(self, passage: str) -> bool:
        """Most of the smaller one is shared."""
        return self.coverage(passage) >= SECTION_SHARE

    def matched(self, passage: str) -> int:
        """Tokens that begin a shared run, with the two that end the last one."""
        tokens = self.tokens(passage)
        shared = (Counter(_runs(tokens)) & self._runs).total()
        return min(shared + RUN_TOKENS - 1, len(tokens)) if shared else 0


class Whole:
    """A whole document: every passage of it that has a token."""

    size = 0

    def tokens(self, passage: str) -> tuple[str, ...]:
        """Text tokens."""
        return counted_text(passage)[0]

    def coverage(self, passage: str) -> float:
        """1.0, or 0.0 without a token."""
        return float(bool(self.tokens(passage)))

    def relevant(self, passage: str) -> bool:
        """Whether there is a token."""
        return bool(self.tokens(passage))

    def matched(self, passage: str) -> int:
        """All of them."""
        return len(self.tokens(passage))


Counted = tuple[tuple[str, ...], Counter[str]]


@lru_cache(maxsize=100_000)
def counted_text(passage: str) -> Counted:
    """Text tokens of a passage and how often each occurs; kept, since every question asks for them."""
    tokens = text_tokens(passage)
    return tokens, Counter(tokens)


@lru_cache(maxsize=100_000)
def counted_tex(passage: str) -> Counted:
    """The same in TeX tokens."""
    tokens = tex_tokens(passage)
    return tokens, Counter(tokens)


KINDS: Mapping[str, Callable[[Mapping[str, Any]], Evidence]] = {
    "text": lambda evidence: Wording(text_tokens(evidence["text"]), counted_text),
    "tex": lambda evidence: Wording(tex_tokens(evidence["tex"]), counted_tex),
    "value": lambda evidence: Cell(evidence["row"], evidence["column"], evidence["value"]),
    "section": lambda evidence: Section(evidence["section"]),
    "document": lambda _: Whole(),
}
"""The key that tells a kind of evidence to how it is read; the first that is there decides."""


def _header_parts(name: str) -> list[str]:
    """`a / b` is a header in two rows, whose parts stand apart on the page."""
    return [part for part in re.split(r"\s+/\s+", name) if text_tokens(part)]


def _runs(tokens: Sequence[str]) -> list[tuple[str, ...]]:
    """All runs of `RUN_TOKENS`; one shorter run where there are fewer tokens."""
    last = max(1, len(tokens) - RUN_TOKENS + 1)
    return [tuple(tokens[i : i + RUN_TOKENS]) for i in range(last)] if tokens else []
