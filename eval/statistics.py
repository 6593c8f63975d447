"""How sure is a difference? Documents are the unit: questions about one paper succeed and fail together.

The paired sign-flip test swaps the two arms for whole documents; the cluster bootstrap draws whole documents. Both
are deterministic for a given seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDS = 10_000
"""Resamples; the smallest p-value is 1 / (ROUNDS + 1), the standard error of p = 0.05 is 0.002."""

CONFIDENCE = 0.95

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over questions with its bootstrap interval over documents."""

    mean: float
    low: float
    high: float


def _by_document(values: Sequence[float], docs: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(sum, count) of each document, in order of first appearance."""
    if len(values) != len(docs):
        raise ValueError(f"{len(values)} values but {len(docs)} documents")
    if not values:
        raise ValueError("no values")
    order = {doc: i for i, doc in enumerate(dict.fromkeys(docs))}
    sums, counts = np.zeros(len(order)), np.zeros(len(order))
    for value, doc in zip(values, docs, strict=True):
        sums[order[doc]] += value
        counts[order[doc]] += 1
    return sums, counts


def bootstrap(values: Sequence[float], docs: Sequence[str], *, seed: int = 0, rounds: int = ROUNDS) -> Interval:
    """Mean over questions with a percentile interval; documents are drawn with replacement.

    Args:
        values: one a question (a score, or a difference of two).
        docs: the document of each.
        seed: of the resampling.
        rounds: how many resamples.

    Raises:
        ValueError: no values, or lengths differ.
    """
    sums, counts = _by_document(values, docs)
    drawn = np.random.default_rng(seed).integers(0, len(sums), size=(rounds, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(sums.sum() / counts.sum()), float(low), float(high))


def sign_flip(differences: Sequence[float], docs: Sequence[str], *, seed: int = 0, rounds: int = ROUNDS) -> float:
    """Two-sided p-value of "the mean difference is zero", signs flipped by document.

    p = (b + 1) / (n + 1), where b of n flips are at least as far from zero as what was seen; never 0.

    Args:
        differences: one a question, of the two arms paired.
        docs: the document of each.
        seed: of the flips.
        rounds: n.

    Raises:
        ValueError: no differences, or lengths differ.
    """
    sums, _ = _by_document(differences, docs)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(rounds, len(sums)))
    extreme = np.abs(signs @ sums) >= abs(sums.sum()) - _ROUNDING
    return float((extreme.sum() + 1) / (rounds + 1))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p-values of a family of tests, by name, in the given order."""
    ordered = sorted(p_values, key=lambda name: p_values[name])
    adjusted: dict[str, float] = {}
    running = 0.0
    for i, name in enumerate(ordered):
        running = max(running, min(1.0, (len(ordered) - i) * p_values[name]))
        adjusted[name] = running
    return {name: adjusted[name] for name in p_values}
