r"""Does a passage hold the evidence of a question? Judged on the text alone, the same way for every arm.

A gold text and a passage go through the same normalisation, so that hyphenation, ligatures, HTML tables, Markdown
markup and TeX notation don't decide the outcome. Then

- prose: the best window of the passage covers at least 0.8 of the evidence tokens, as a multiset;
- table: the passage holds at least 0.8 of the words of every part of the row label and of the column header, in any
  order (a plain text interleaves the lines of a header), and the value itself, tokens in sequence;
- formula: as prose, on TeX tokens that keep commands (`\frac`, `\sum`, `_`, `^`).

Limits: a table's value is not tied to its row and column by position, so a passage with all three scores even when
the cell is another one of equal value; signs of numbers are dropped, because hyphen and minus can't be told apart.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from eval.normalise import tex_tokens, text_tokens

THRESHOLD = 0.8
"""Least share of the evidence tokens that a relevant passage covers."""

WINDOW_SLACK = 1.25
"""Window length over evidence length: room for a footnote mark, a line number, a broken word."""

LONG_VALUE_TOKENS = 6
"""A table value of so many tokens or more is text, and is matched as prose; a shorter one must match exactly."""


def coverage(evidence: Sequence[str], passage: Sequence[str]) -> float:
    """Share of the evidence tokens in the best window of the passage, as multisets; 0.0 without evidence tokens.

    Args:
        evidence: n normalised tokens.
        passage: normalised tokens; windows are `ceil(WINDOW_SLACK * n)` long, or the whole passage if shorter.

    Returns:
        0.0 to 1.0.
    """
    if not evidence:
        return 0.0
    need = Counter(evidence)
    width = math.ceil(len(evidence) * WINDOW_SLACK)
    held: Counter[str] = Counter()
    covered = best = 0
    for i, token in enumerate(passage):
        held[token] += 1
        covered += held[token] <= need[token]
        if i >= width:
            gone = passage[i - width]
            covered -= held[gone] <= need[gone]
            held[gone] -= 1
        best = max(best, covered)
    return best / len(evidence)


def holds_value(value: Sequence[str], passage: Sequence[str]) -> bool:
    """Whether consecutive passage tokens, written together, equal the value's tokens written together.

    `0.84 ± 0.04c` thus equals `0.84±0.04 c`, and `10 21` equals `1021`, but `6.7` is not found inside `16.7`.
    """
    target = "".join(value)
    if not target:
        return False
    for start in range(len(passage)):
        joined = ""
        for token in passage[start:]:
            joined += token
            if joined == target:
                return True
            if not target.startswith(joined):
                break
    return False


class Judge:
    """One question's evidence, ready to be held against passages.

    Args:
        evidence: `{text}`, `{caption, row, column, value, cells}` or `{tex, lead}`.

    Raises:
        ValueError: the evidence is of no known kind, or has no tokens.
    """

    def __init__(self, evidence: Mapping[str, Any]) -> None:
        self._tokens = _tex if "tex" in evidence else _text
        self._names: list[tuple[str, ...]] = []
        if "text" in evidence:
            self._body = text_tokens(evidence["text"])
        elif "tex" in evidence:
            self._body = tex_tokens(evidence["tex"])
        elif "value" in evidence:
            self._names = [text_tokens(part) for key in ("row", "column") for part in _header_parts(evidence[key])]
            self._body = text_tokens(evidence["value"])
        else:
            raise ValueError(f"evidence of no known kind: keys {sorted(evidence)}")
        if not self._body or not all(self._names):
            raise ValueError(f"evidence without tokens: {dict(evidence)}")
        self._exact = bool(self._names) and len(self._body) < LONG_VALUE_TOKENS

    @property
    def size(self) -> int:
        """Evidence in tokens: row, column and value of a table taken together."""
        return len(self._body) + sum(map(len, self._names))

    def count(self, passage: str) -> int:
        """Length of a passage in the tokens that evidence of this kind is compared by."""
        return len(self._tokens(passage)[0])

    def coverage(self, passage: str) -> float:
        """0.0 to 1.0; for a table the least covered of row, column and value, where a short value is all or nothing."""
        tokens, counts = self._tokens(passage)
        shares = [_share(name, counts) for name in self._names]
        if self._exact:
            return min(*shares, float(holds_value(self._body, tokens)))
        return min([*shares, coverage(self._body, tokens)])

    def relevant(self, passage: str) -> bool:
        """Whether the passage covers enough of the evidence."""
        _, counts = self._tokens(passage)
        windowed = [] if self._exact else [self._body]
        possible = all(_share(part, counts) >= THRESHOLD for part in [*self._names, *windowed])
        return possible and self.coverage(passage) >= THRESHOLD


def _share(part: Sequence[str], counts: Counter[str]) -> float:
    """Of the tokens of `part`, how many the passage holds anywhere: an upper bound of `coverage`."""
    return sum(min(n, counts[token]) for token, n in Counter(part).items()) / len(part)


def _header_parts(name: str) -> list[str]:
    """`a / b` is a header in two rows, whose parts stand apart on the page."""
    return [part for part in re.split(r"\s+/\s+", name) if text_tokens(part)]


@lru_cache(maxsize=100_000)
def _text(passage: str) -> tuple[tuple[str, ...], Counter[str]]:
    tokens = text_tokens(passage)
    return tokens, Counter(tokens)


@lru_cache(maxsize=100_000)
def _tex(passage: str) -> tuple[tuple[str, ...], Counter[str]]:
    tokens = tex_tokens(passage)
    return tokens, Counter(tokens)
