"""How sure is a difference? Documents are the unit: questions about one paper succeed and fail together.

The paired sign-flip test swaps the two arms for whole documents; the cluster bootstrap draws whole documents; the
power is found by testing simulated studies made of whole documents. All are deterministic for a given seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDS = 10_000
"""Resamples; the smallest p-value is 1 / (ROUNDS + 1), the standard error of p = 0.05 is 0.002."""

CONFIDENCE = 0.95

ALPHA = 0.05
"""A p-value up to this counts as a difference shown."""

POWER = 0.8
"""Share of studies that find a difference, at the smallest one that a set is said to show; Cohen's convention."""

STUDIES = 1_000
"""Simulated studies; the standard error of a power of 0.8 is 0.013."""

FLIPS = 999
"""Sign flips of a simulated study, so that its p-values are whole thousandths."""

STEP = 0.002
"""Precision of the smallest difference, on the scale from 0 to 1."""

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


@dataclass(frozen=True, slots=True)
class Power:
    """What a set of questions can show.

    Attributes:
        smallest: least true difference that would come out significant with probability `POWER`; None when no
            difference up to 1.0 would (five documents or fewer), or when nothing varies that one could estimate from.
        documents: that the paired differences come from.
    """

    smallest: float | None
    documents: int


def power(differences: Sequence[float], docs: Sequence[str], *, seed: int = 0) -> Power:
    """The smallest difference that the sign-flip test would find at `ALPHA` with probability `POWER`, by simulation.

    The observed differences of the documents are centred on zero, so that what is left is how much documents vary.
    A simulated study draws as many documents from them, with replacement; a true difference is added to each of its
    questions, and the study is tested. The same studies and flips serve every difference tried, and bisection finds
    the smallest that enough studies detect. It is an estimate from the documents at hand: with few of them, or hardly
    any question that the arms answer differently, it is too optimistic.

    Args:
        differences: one a question, of the two arms paired.
        docs: the document of each.
        seed: of the simulation.

    Raises:
        ValueError: no differences, or lengths differ.
    """
    sums, counts = _by_document(differences, docs)
    centred = sums - counts * (sums.sum() / counts.sum())
    if np.abs(centred).max() < _ROUNDING:
        return Power(None, len(sums))
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(sums), size=(STUDIES, len(sums)))
    signs = rng.choice([-1.0, 1.0], size=(len(sums), FLIPS))
    noise, size = centred[drawn], counts[drawn]
    flipped_noise, flipped_size = noise @ signs, size @ signs

    def detected(difference: float) -> float:
        seen = np.abs(noise.sum(axis=1) + difference * size.sum(axis=1))
        flipped = np.abs(flipped_noise + difference * flipped_size)
        p = ((flipped >= seen[:, None] - _ROUNDING).sum(axis=1) + 1) / (FLIPS + 1)
        return float((p <= ALPHA).mean())

    if detected(1.0) < POWER:
        return Power(None, len(sums))
    low, high = 0.0, 1.0
    while high - low > STEP:
        middle = (low + high) / 2
        low, high = (low, middle) if detected(middle) >= POWER else (middle, high)
    return Power(round(high, 4), len(sums))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p-values of a family of tests, by name, in the given order."""
    ordered = sorted(p_values, key=lambda name: p_values[name])
    adjusted: dict[str, float] = {}
    running = 0.0
    for i, name in enumerate(ordered):
        running = max(running, min(1.0, (len(ordered) - i) * p_values[name]))
        adjusted[name] = running
    return {name: adjusted[name] for name in p_values}
