"""Boxes for the blocks of a page whose engine gives none: each block's words found in the text layer.

A block's words are paired as the witness pairs them. Stray pairs far from the others in the layer's order are left
out. A displayed formula, whose letters the layer scatters, and a block without enough pairs take the words between
their neighbours.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from rag_ingest.ocr.witness_align import align
from rag_ingest.ocr.witness_layer import shown
from rag_ingest.ocr.witness_tokens import layer_tokens, markdown_tokens
from rag_ingest.types import BBox, Span, Word

FAR_WORDS = 25
"""Words of one block that lie further apart in the layer are in different clusters."""

CLUSTER_SHARE = 0.2
"""A cluster with less than this share of a block's words is stray."""

JUMP_HEIGHTS = 1.5
"""Heights of a word; cells of one table row and raised letters stay under it."""

FOUND_SHARE = 0.5
"""With fewer of its tokens found, a block takes what lies between its neighbours."""

MOST_BETWEEN = 4
"""... unless that is more than so many times its own tokens."""


def boxes(markdown: str, spans: Sequence[Span], words: Sequence[Word]) -> list[BBox | None]:
    """The box around each block's words, in page points, origin top-left; None where none were found.

    A block that runs on in the next column gets one box around both parts; `regions` tells them apart and says
    what the arguments are.
    """
    return [_union(parts) if parts else None for parts in regions(markdown, spans, words)]


def regions(markdown: str, spans: Sequence[Span], words: Sequence[Word]) -> list[tuple[BBox, ...]]:
    """The boxes of each block, one a column that it stands in; none where none of its words were found.

    Args:
        markdown: of one page.
        spans: of its blocks, in order, not overlapping.
        words: the page's text layer (see `witness.page_words`); one that `witness.usable` refuses gives poor boxes.
    """
    seen = shown(words)
    ours = markdown_tokens(markdown)
    theirs, made_of = layer_tokens(seen)
    partners: list[list[int]] = [[] for _ in ours]
    for i, j in align([token.text for token in ours], [token.text for token in theirs]).near:
        partners[i] += made_of[j]
    starts = [token.start for token in ours]
    ranges = [range(bisect_left(starts, span.start), bisect_left(starts, span.end)) for span in spans]
    found = [_main(sorted({at for i in tokens for at in partners[i]})) for tokens in ranges]
    shares = [sum(bool(partners[i]) for i in tokens) / len(tokens) if tokens else 0.0 for tokens in ranges]
    for at, tokens in enumerate(ranges):
        if tokens and (shares[at] < FOUND_SHARE or ours[tokens[0]].display):
            between = _between(found[:at], found[at + 1 :], found[at], len(seen))
            if len(between) <= MOST_BETWEEN * len(tokens):
                found[at] = sorted({*found[at], *between})
    return [tuple(map(_union, _columns([seen[at].bbox for at in block]))) for block in found]


def _columns(places: Sequence[BBox]) -> list[list[BBox]]:
    """Cut where the text jumps up, on to the next column."""
    parts: list[list[BBox]] = []
    for box in places:
        height = max(box[3] - box[1], 1.0)
        if parts and parts[-1][-1][1] - box[3] < JUMP_HEIGHTS * height:
            parts[-1].append(box)
        else:
            parts.append([box])
    return parts


def _main(words: Sequence[int]) -> list[int]:
    """Without the clusters that hold a small part."""
    clusters: list[list[int]] = []
    for at in words:
        if clusters and at - clusters[-1][-1] <= FAR_WORDS:
            clusters[-1].append(at)
        else:
            clusters.append([at])
    return [at for cluster in clusters if len(cluster) >= CLUSTER_SHARE * len(words) for at in cluster]


def _between(
    before: Sequence[Sequence[int]], after: Sequence[Sequence[int]], own: Sequence[int], count: int
) -> Sequence[int]:
    """Words behind the nearest block before and ahead of the nearest block after; none where these are not in order."""
    first = next((block[-1] + 1 for block in reversed(before) if block), 0)
    last = next((block[0] for block in after if block), count)
    inside = range(first, last)
    return inside if not own or (own[0] in inside and own[-1] in inside) else ()


def _union(boxes: Iterable[BBox]) -> BBox:
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)
