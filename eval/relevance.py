r"""Does a passage hold the evidence of a question? Judged on the text alone, the same way for every arm.

A gold text and a passage go through the same normalisation, so that hyphenation, ligatures, HTML tables, Markdown
markup and TeX notation don't decide the outcome. Then

- prose: the best window of the passage covers at least 0.8 of the evidence tokens, as a multiset;
- table: every part of the row label and of the column header, and the value itself, stand in the one passage;
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
        if "text" in evidence:
            self._parts = [text_tokens(evidence["text"])]
        elif "tex" in evidence:
            self._parts = [tex_tokens(evidence["tex"])]
        elif "value" in evidence:
            names = [p for name in (evidence["row"], evidence["column"]) for p in _header_parts(name)]
            self._parts = [text_tokens(p) for p in [*names, evidence["value"]]]
        else:
            raise ValueError(f"evidence of no known kind: keys {sorted(evidence)}")
        if not all(self._parts):
            raise ValueError(f"evidence without tokens: {dict(evidence)}")
        self._is_tex = "tex" in evidence
        self._is_table = "value" in evidence

    def coverage(self, passage: str) -> float:
        """0.0 to 1.0; for a table the least covered of row, column and value, where a short value is all or nothing."""
        tokens = _tex(passage) if self._is_tex else _text(passage)
        if not self._is_table:
            return coverage(self._parts[0], tokens)
        *names, value = self._parts
        shares = [coverage(name, tokens) for name in names]
        if len(value) < LONG_VALUE_TOKENS:
            shares.append(float(holds_value(value, tokens)))
        else:
            shares.append(coverage(value, tokens))
        return min(shares)

    def relevant(self, passage: str) -> bool:
        """Whether the passage covers enough of the evidence."""
        return self.coverage(passage) >= THRESHOLD


def _header_parts(name: str) -> list[str]:
    """`a / b` is a header in two rows, whose parts stand apart on the page."""
    return [part for part in re.split(r"\s+/\s+", name) if text_tokens(part)]


@lru_cache(maxsize=100_000)
def _text(passage: str) -> tuple[str, ...]:
    return text_tokens(passage)


@lru_cache(maxsize=100_000)
def _tex(passage: str) -> tuple[str, ...]:
    return tex_tokens(passage)
