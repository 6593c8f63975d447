"""Which token of the Markdown is which token of the text layer: fast, and not led astray by moved blocks.

Runs of three tokens that stand once on either side are anchors, as in patience diff; they grow while both sides agree.
Between two anchors, and on a page without any, the longest common subsequence is taken (Hyyrö 2004, a row of bits a
token). What is left is paired wherever it stands, as two bags are compared, and last, words that one side cut in
pieces or ran together are put right.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

_T = TypeVar("_T")

SEED_TOKENS = 3
"""An anchor is so many consecutive tokens that stand once on either side."""

MOST_PIECES = 4
"""A word that the other side cut is looked for in up to so many pieces."""

STEP_TOKENS = 16
"""Tokens of two lines in narrow columns: read across, the text steps back so often."""

FREE_STEPS = 2
"""Steps back that every page may have: a float, a footnote."""

_NONE = -1


@dataclass(frozen=True, slots=True)
class Alignment:
    """Pairs of tokens.

    Attributes:
        near: (markdown, layer) indices found by their neighbours, or by standing once on either side, in order of the
            Markdown; a word in pieces has several pairs.
        in_markdown: which tokens of the Markdown have a partner anywhere.
        in_layer: the same for the layer.
    """

    near: tuple[tuple[int, int], ...]
    in_markdown: tuple[bool, ...]
    in_layer: tuple[bool, ...]


def align(markdown: Sequence[str], layer: Sequence[str]) -> Alignment:
    """Pairs equal tokens one to one, as many as there are; each side's tokens in its own order."""
    partner, taken = [_NONE] * len(markdown), bytearray(len(layer))
    _anchor(markdown, layer, partner, taken)
    _fill_gaps(markdown, layer, partner, taken)
    near = [(i, j) for i, j in enumerate(partner) if j != _NONE]
    anywhere = list(_pair_bags(markdown, layer, partner, taken))
    once = _once(markdown) & _once(layer)
    near += [(i, j) for i, j in anywhere if markdown[i] in once]
    found = bytearray(j != _NONE for j in partner)
    near += _cut_words(markdown, layer, found, taken)
    near += [(i, j) for j, i in _cut_words(layer, markdown, taken, found)]
    return Alignment(tuple(sorted(near)), tuple(map(bool, found)), tuple(map(bool, taken)))


def order_of(pairs: Sequence[tuple[int, int]]) -> float:
    """Share of pairs in the longest part of one order, less the steps back: 0.0 to 1.0; 1.0 without pairs.

    Two blocks exchanged cost the share of the smaller one; a step back every other line, as where columns were read
    across, costs everything.

    Args:
        pairs: as `Alignment.near` has them, or a part.
    """
    tails: list[int] = []
    for _, j in pairs:
        at = bisect_left(tails, j)
        tails[at : at + 1] = [j]
    back = sum(after[1] < before[1] for before, after in itertools.pairwise(pairs))
    steady = max(0.0, 1.0 - STEP_TOKENS * max(0, back - FREE_STEPS) / max(1, len(pairs)))
    return len(tails) / len(pairs) * steady if pairs else 1.0


def _anchor(markdown: Sequence[str], layer: Sequence[str], partner: list[int], taken: bytearray) -> None:
    """Pairs tokens around every seed that stands once on either side."""
    ours, theirs = _seeds(markdown), _seeds(layer)
    shared = _once(ours) & _once(theirs)
    places = {seed: j for j, seed in enumerate(theirs) if seed in shared}
    for at, seed in enumerate(ours):
        if seed not in shared or partner[at] != _NONE:
            continue
        i, j = at, places[seed]
        while i and j and partner[i - 1] == _NONE and not taken[j - 1] and markdown[i - 1] == layer[j - 1]:
            i, j = i - 1, j - 1
        while i < len(markdown) and j < len(layer) and partner[i] == _NONE and not taken[j] and markdown[i] == layer[j]:
            partner[i], taken[j] = j, True
            i, j = i + 1, j + 1


def _fill_gaps(markdown: Sequence[str], layer: Sequence[str], partner: list[int], taken: bytearray) -> None:
    """Between neighbours of the Markdown that have partners in the same order, the longest common subsequence."""
    known = [(-1, -1), *((i, j) for i, j in enumerate(partner) if j != _NONE), (len(markdown), len(layer))]
    for (i, j), (i_next, j_next) in itertools.pairwise(known):
        ours = range(i + 1, i_next)
        theirs = [at for at in range(j + 1, j_next) if not taken[at]] if ours else []
        for a, b in common_subsequence([markdown[at] for at in ours], [layer[at] for at in theirs]):
            partner[ours[a]], taken[theirs[b]] = theirs[b], True


def common_subsequence(one: Sequence[str], other: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of indices of a longest common subsequence, in order."""
    places: dict[str, int] = {}
    for i, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << i
    full = (1 << len(one)) - 1
    row, rows = full, [full]
    for word in other:
        matched = row & places.get(word, 0)
        row = ((row + matched) | (row - matched)) & full
        rows.append(row)
    pairs: list[tuple[int, int]] = []
    i, j = len(one) - 1, len(other)
    while i >= 0 and j > 0:  # a zero bit is a step up of the length
        if rows[j] >> i & 1:
            i -= 1
        elif not rows[j - 1] >> i & 1:
            j -= 1
        else:
            pairs.append((i, j - 1))
            i, j = i - 1, j - 1
    return pairs[::-1]


def _pair_bags(
    markdown: Sequence[str], layer: Sequence[str], partner: list[int], taken: bytearray
) -> Iterator[tuple[int, int]]:
    """Pairs what is left by the token alone, first with first."""
    left: defaultdict[str, deque[int]] = defaultdict(deque)
    for j, token in enumerate(layer):
        if not taken[j]:
            left[token].append(j)
    for i, token in enumerate(markdown):
        if partner[i] == _NONE and left.get(token):
            partner[i] = j = left[token].popleft()
            taken[j] = True
            yield i, j


def _cut_words(
    pieces: Sequence[str], whole: Sequence[str], found: bytearray, whole_found: bytearray
) -> list[tuple[int, int]]:
    """(piece, whole) indices of words that one side has in pieces; a piece of one or two letters may be shared.

    The point of a number in pieces may be lost.
    """
    wanted: defaultdict[str, list[int]] = defaultdict(list)
    for j, word in enumerate(whole):
        if not whole_found[j] and len(word) > 2:
            wanted[word.replace(".", "")].append(j)
    pairs: list[tuple[int, int]] = []
    for i in range(len(pieces) if wanted else 0):
        for end in range(i + 2, min(i + MOST_PIECES, len(pieces)) + 1):
            run = range(i, end)
            if any(found[at] and len(pieces[at]) > 2 for at in run):
                break
            text = "".join(pieces[i:end]).replace(".", "")
            if wanted.get(text) and not all(found[i:end]):
                j = wanted[text].pop(0)
                whole_found[j] = True
                for at in run:
                    found[at] = True
                    pairs.append((at, j))
                break
    return pairs


def _seeds(tokens: Sequence[str]) -> list[tuple[str, ...]]:
    return list(zip(*(tokens[at:] for at in range(SEED_TOKENS)), strict=False))


def _once(items: Sequence[_T]) -> set[_T]:
    return {item for item, count in Counter(items).items() if count == 1}
