"""Tables of the truth found in the output by their words, and how alike they are.

Tables are assigned one to one so that the shares of common words add up to the most; a table without one is missing
and scores 0. Tables of the output beyond that are counted, not scored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.quality.content import Grid
from eval.quality.matching import assign
from eval.quality.teds import teds

LEAST_COMMON = 0.1
"""Least share of common words (Dice, multisets) of two tables that are one."""


@dataclass(frozen=True, slots=True)
class TableScore:
    """Of one table of the truth; both 0.0 when it is missing.

    Attributes:
        teds: similarity of structure and texts.
        structure: of structure alone.
    """

    teds: float
    structure: float


def compare_tables(truth: Sequence[Grid], output: Sequence[Grid]) -> tuple[list[TableScore], int]:
    """One score for each table of the truth, in its order, and how many tables the output has beyond those found."""
    words_a, words_b = [_words(grid) for grid in truth], [_words(grid) for grid in output]
    common = np.array([[_dice(a, b) for b in words_b] for a in words_a]).reshape(len(truth), len(output))
    pairs = assign(common, LEAST_COMMON)
    scores = [
        TableScore(teds(grid, output[pairs[i]]), teds(grid, output[pairs[i]], structure=True))
        if i in pairs
        else TableScore(0.0, 0.0)
        for i, grid in enumerate(truth)
    ]
    return scores, len(output) - len(pairs)


def _words(grid: Grid) -> Counter[str]:
    return Counter(word for row in grid for cell in row for word in cell.text.split())


def _dice(a: Counter[str], b: Counter[str]) -> float:
    return 2 * (a & b).total() / max(1, a.total() + b.total())
