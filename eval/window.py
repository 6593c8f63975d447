"""How much of a token sequence stands in another one: the best window, and a value written otherwise."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

THRESHOLD = 0.8
"""Least share of the evidence tokens that a relevant passage covers."""

WINDOW_SLACK = 1.25
"""Window length over evidence length: room for a footnote mark, a line number, a broken word."""


def best_window(evidence: Sequence[str], passage: Sequence[str]) -> int:
    """Evidence tokens in the best window of the passage, as multisets.

    Args:
        evidence: n normalised tokens.
        passage: normalised tokens; windows are `ceil(WINDOW_SLACK * n)` long, or the whole passage if shorter.

    Returns:
        0 to n.
    """
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
    return best


def coverage(evidence: Sequence[str], passage: Sequence[str]) -> float:
    """`best_window` as a share of the evidence, 0.0 to 1.0; 0.0 without evidence tokens."""
    return best_window(evidence, passage) / len(evidence) if evidence else 0.0


def share(part: Sequence[str], counts: Counter[str]) -> float:
    """Of the tokens of `part`, how many the passage holds anywhere: an upper bound of `coverage`."""
    return sum(min(n, counts[token]) for token, n in Counter(part).items()) / len(part)


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
