"""Cuts the longest beginning off a text that still fits a number of tokens."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from rag_ingest.split.prose import grapheme_cuts, space_cuts, word_cuts
from rag_ingest.types import TokenCounter

_ATTEMPTS = 12
_FILLED = 0.9
_FIRST_GUESS = 0.96
_WORD_SHARE = 0.5
_WINDOW_SLACK = 64


def cut_prefix(text: str, start: int, end: int, tokens: int, room: int, count: TokenCounter) -> tuple[int, int] | None:
    """Where to cut `text[start:end]`: behind a word, else behind white space within a formula, else behind a character.

    Only a window that a cut can fall into is looked at, so that cutting a text to pieces is linear.

    Args:
        text: the document.
        start: of the atom.
        end: of the atom.
        tokens: about how many the atom has.
        room: tokens that the beginning may have.
        count: counts tokens.

    Returns:
        The offset to cut at, start < offset < end, and the beginning's tokens; None when not one character fits.
    """
    share = room / max(tokens, 1)
    window = text[start : min(end, start + int((end - start) * min(1.0, 1.5 * share)) + _WINDOW_SLACK)]
    guess = max(1, int((end - start) * min(1.0, _FIRST_GUESS * share)))
    found: tuple[int, int] | None = None
    for cuts_of in (grapheme_cuts,) if _is_one_word(window) else (word_cuts, space_cuts, grapheme_cuts):
        found = _longest(window, _inside(cuts_of, window), guess, room, count)
        if found and (found[0] >= _WORD_SHARE * guess or found[1] >= _WORD_SHARE * room):
            break
    return (start + found[0], found[1]) if found else None


def _is_one_word(window: str) -> bool:
    """True for a stretch of a sequence, a key or an encoded file: there is nothing to cut behind but characters."""
    return window.isascii() and len(window.split(maxsplit=1)) < 2


def _inside(cuts_of: Callable[[str], Sequence[int]], window: str) -> Sequence[int]:
    lead = len(window) - len(window.lstrip())
    cuts = cuts_of(window)
    return cuts[bisect_right(cuts, lead) : bisect_left(cuts, len(window))]


def _longest(window: str, cuts: Sequence[int], guess: int, room: int, count: TokenCounter) -> tuple[int, int] | None:
    """The furthest cut that fits, found by interpolation; near enough counts when it fills most of the room."""
    best: tuple[int, int] | None = None
    low, high = 0, len(cuts)
    at = min(max(bisect_right(cuts, guess) - 1, 0), high - 1)
    for _ in range(_ATTEMPTS):
        if low >= high:
            break
        tokens = count(window[: cuts[at]].strip())
        if tokens <= room:
            best = (cuts[at], tokens)
            low = at + 1
            if tokens >= _FILLED * room:
                break
        else:
            high = at
        target = cuts[at] * room / max(tokens, 1)
        at = min(max(bisect_right(cuts, int(target)) - 1, low), high - 1)
    if best is None and cuts and high > 0 and count(window[: cuts[0]].strip()) <= room:
        best = (cuts[0], count(window[: cuts[0]].strip()))
    return best
