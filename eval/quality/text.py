"""Text: what is alike and what is kept whatever the order of blocks, and the order of blocks by itself.

Each block of the truth is looked for in the words of the output by runs of three words that stand once on either side,
so that it does not matter where the output ends its paragraphs. Three measures follow.

- Reading order: the blocks that were found, in the order of the output, against their own order; 1 - Levenshtein
  distance over the longer length, as OmniDocBench takes it (arXiv 2412.07626, `get_order_paired`). Unlike there, blocks
  that were not found don't count: their loss is in the edit similarity.
- Edit similarity: 1 - Levenshtein distance of characters over the longer length, the output cut and put in order
  wherever its order leaves the truth's. Each stretch is compared with the blocks that it holds; distances and longer
  lengths are summed. Text on one side only counts in full. The whole text as it stands is compared too, and the better
  of both is taken, so that a block found in a wrong place can't lower the score.
- Text kept: the share of the truth's words that the same stretches hold in the same order (longest common
  subsequence), so that a truth without bibliography or running headers does not count against what wrote them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import LCSseq, Levenshtein

SEED_WORDS = 3
"""A block is found by so many consecutive words that stand once in the truth and once in the output."""

MIN_WORDS = 6
"""Shorter blocks (headings, most) stand in too many places to be found; they go with the block before them."""

MIN_SEEDS = 2
MIN_SEED_SHARE = 0.1
"""A block is found when so many of its seeds, and this share of them, point to one place."""

SLACK = 0.25
"""Seeds of one place may be off by this share of the block's words: words were lost or inserted between them."""


_Stretch = tuple[Sequence[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class TextScore:
    """Of one document.

    Attributes:
        edit_similarity: 0.0 to 1.0; 1.0 when both sides are empty.
        kept: 0.0 to 1.0; 1.0 when the truth is empty.
        reading_order: 0.0 to 1.0; None with fewer than two blocks found.
        found: blocks of the truth that were found in the output.
    """

    edit_similarity: float
    kept: float
    reading_order: float | None
    found: int


def compare_text(truth: Sequence[Sequence[str]], output: Sequence[str]) -> TextScore:
    """Compares the blocks of the truth with the words of the output.

    Args:
        truth: words of each block, in reading order.
        output: all words, in the order of the output.
    """
    places = find_blocks(truth, output)
    found = sorted((at, block) for block, at in enumerate(places) if at is not None)
    whole = [([word for block in truth for word in block], output)]
    ways = [way for way in (whole, _stretches(truth, output, found)) if way]
    sequence = [block for _, block in found]
    order = Levenshtein.normalized_similarity(sorted(sequence), sequence) if len(sequence) > 1 else None
    return TextScore(max(map(_similarity, ways)), max(map(_kept, ways)), order, len(found))


def find_blocks(truth: Sequence[Sequence[str]], output: Sequence[str]) -> list[int | None]:
    """Where each block begins among the words of the output; None for one that was not found."""
    once = _once([_seeds(output)])
    known = _once([_seeds(block) for block in truth])
    places = {seed: at for at, seed in enumerate(_seeds(output)) if seed in once and seed in known}
    return [_place(block, places, len(output)) for block in truth]


def _place(block: Sequence[str], places: dict[tuple[str, ...], int], length: int) -> int | None:
    if len(block) < MIN_WORDS:
        return None
    seeds = _seeds(block)
    starts = sorted(places[seed] - i for i, seed in enumerate(seeds) if seed in places)
    width = max(SEED_WORDS, int(SLACK * len(block)))
    best, first = 0, 0
    low = 0
    for high, start in enumerate(starts):
        while start - starts[low] > width:
            low += 1
        if high - low + 1 > best:
            best, first = high - low + 1, low
    if best < max(MIN_SEEDS, MIN_SEED_SHARE * len(seeds)):
        return None
    return min(max(0, starts[first]), length)


def _stretches(
    truth: Sequence[Sequence[str]], output: Sequence[str], found: Sequence[tuple[int, int]]
) -> list[_Stretch]:
    """Words of the truth, and the stretch of the output that holds them; a new one begins where the order breaks."""
    if not found:
        return []
    in_truth = sorted(block for _, block in found)
    follows = dict(zip(in_truth, [*in_truth[1:], len(truth)], strict=True))
    runs: list[tuple[int, list[int]]] = []
    for at, block in found:
        if runs and follows[runs[-1][1][-1]] == block:
            runs[-1][1].append(block)
        else:
            runs.append((at, [block]))
    stretches: list[_Stretch] = []
    for i, (at, blocks) in enumerate(runs):
        first = 0 if blocks[0] == in_truth[0] else blocks[0]
        words = [word for block in truth[first : follows[blocks[-1]]] for word in block]
        end = runs[i + 1][0] if i + 1 < len(runs) else len(output)
        stretches.append((words, output[at if i else 0 : end]))
    return stretches


def _similarity(stretches: Iterable[_Stretch]) -> float:
    edits = length = 0
    for truth, output in stretches:
        a, b = " ".join(truth), " ".join(output)
        edits += Levenshtein.distance(a, b)
        length += max(len(a), len(b))
    return 1.0 - edits / length if length else 1.0


def _kept(stretches: Iterable[_Stretch]) -> float:
    kept = words = 0
    for truth, output in stretches:
        kept += LCSseq.similarity(truth, output)
        words += len(truth)
    return kept / words if words else 1.0


def _seeds(words: Sequence[str]) -> list[tuple[str, ...]]:
    return list(zip(*(words[i:] for i in range(SEED_WORDS)), strict=False))


def _once(groups: Sequence[Sequence[tuple[str, ...]]]) -> set[tuple[str, ...]]:
    counts = Counter(seed for seeds in groups for seed in seeds)
    return {seed for seed, count in counts.items() if count == 1}
