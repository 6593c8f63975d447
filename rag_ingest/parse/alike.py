"""Whether two short texts are the same but for a few wrongly recognised characters."""

from __future__ import annotations

from difflib import SequenceMatcher
from functools import lru_cache

_MIN_LENGTH = 8
_RATIO = 0.86
_WORD_RATIO = 0.6


def alike(a: str, b: str) -> bool:
    """True from about one wrong character in seven, none of which makes a word another word.

    Texts of fewer than eight characters must be equal.
    """
    if a == b:
        return True
    short, long = sorted((len(a), len(b)))
    if short < _MIN_LENGTH or 2 * short < _RATIO * (short + long):
        return False
    return _compared(a, b)


@lru_cache(maxsize=4096)
def _compared(a: str, b: str) -> bool:
    left, right = a.split(), b.split()
    if len(left) == len(right):
        differing = [(x, y) for x, y in zip(left, right, strict=True) if x != y]
        if 2 * len(differing) > len(left) + 1 or not all(_ratio(x, y) >= _WORD_RATIO for x, y in differing):
            return False
    return _ratio(a, b) >= _RATIO


def _ratio(a: str, b: str) -> float:
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= _WORD_RATIO else 0.0
