"""Which words of a page belong to which block of its Markdown.

Words are paired as the witness pairs them. Stray pairs far from the block's others in the layer's order are left out.
A displayed formula, whose letters the layer scatters, and a block without enough pairs have the words between their
neighbours besides.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag_ingest.ocr.places_blocks import PlaceBlock
from rag_ingest.ocr.witness_align import align
from rag_ingest.ocr.witness_tokens import layer_tokens, markdown_tokens
from rag_ingest.types import Word

FAR_WORDS = 25
"""Words of one block that lie further apart in the layer are in different clusters."""

CLUSTER_SHARE = 0.2
CLUSTER_WORDS = 6
"""A cluster with less than this share of a block's words, and of fewer words than that, is stray."""

FOUND_SHARE = 0.5
"""With fewer of its tokens found, a block takes what lies between its neighbours."""

MOST_BETWEEN = 4
"""... unless that is more than so many times its own tokens."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A word of the page, and where it stands in the Markdown.

    Attributes:
        word: index into the page's words.
        start: of its part of the token, where the token is a word broken at a line's end.
        end: of the token.
    """

    word: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """One block and its words.

    Attributes:
        pairs: in order of the Markdown.
        tokens: how many it has.
        share: of these that have a word, 0.0 to 1.0.
        between: words that may be its own though none of its tokens says so.
    """

    block: PlaceBlock
    pairs: tuple[Pair, ...]
    tokens: int
    share: float
    between: range = range(0)

    @property
    def words(self) -> list[int]:
        """Indices of all of them, in the layer's order."""
        return sorted({*(pair.word for pair in self.pairs), *self.between})


def find_words(markdown: str, blocks: Sequence[PlaceBlock], words: Sequence[Word]) -> list[Found]:
    """The words of each block, blocks in the same order.

    Args:
        markdown: of one page.
        blocks: of it.
        words: the page's, in content order, each once (see `witness_layer.shown`).
    """
    ours = markdown_tokens(markdown)
    theirs, made_of = layer_tokens(words)
    pairs: list[list[Pair]] = [[] for _ in ours]
    for i, j in align([token.text for token in ours], [token.text for token in theirs]).near:
        at = ours[i].start
        for word in made_of[j]:
            pairs[i].append(Pair(word, min(at, ours[i].end - 1), ours[i].end))
            at += len(words[word].text.rstrip("-‐‑\u00ad"))
    starts = [token.start for token in ours]
    found = []
    for block in blocks:
        tokens = range(bisect_left(starts, block.span.start), bisect_left(starts, block.span.end))
        share = sum(bool(pairs[i]) for i in tokens) / len(tokens) if tokens else 0.0
        found.append(Found(block, _main([pair for i in tokens for pair in pairs[i]]), len(tokens), share))
    return _with_words_between(found, len(words))


def _main(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """Without the clusters that hold a small part."""
    clusters: list[list[int]] = []
    for at in sorted({pair.word for pair in pairs}):
        if clusters and at - clusters[-1][-1] <= FAR_WORDS:
            clusters[-1].append(at)
        else:
            clusters.append([at])
    least = min(CLUSTER_WORDS, CLUSTER_SHARE * sum(map(len, clusters)))
    kept = {at for cluster in clusters if len(cluster) >= least for at in cluster}
    return tuple(pair for pair in pairs if pair.word in kept)


def _with_words_between(found: Sequence[Found], count: int) -> list[Found]:
    """Words behind the nearest block before and ahead of the nearest one after, where these are in order."""
    places = [sorted(pair.word for pair in one.pairs) for one in found]
    ahead = [count] * len(found)
    for at in range(len(found) - 1, 0, -1):
        ahead[at - 1] = places[at][0] if places[at] else ahead[at]
    out, behind = [], 0
    for one, own, last in zip(found, places, ahead, strict=True):
        wanted = one.tokens and (one.share < FOUND_SHARE or one.block.kind == "display")
        in_order = behind <= last and (not own or (behind <= own[0] and own[-1] < last))
        if wanted and in_order and last - behind <= MOST_BETWEEN * one.tokens:
            one = replace(one, between=range(behind, last))
        behind = own[-1] + 1 if own else behind
        out.append(one)
    return out
