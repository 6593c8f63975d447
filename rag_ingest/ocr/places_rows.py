"""The rows of a table, each with its box: words paired with another row's, as numbers are, are told by their height."""

from __future__ import annotations

import re
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise

from rag_ingest.ocr.places_words import Found
from rag_ingest.types import BBox, Span, TextBox, Word

ROWS_APART = 1.5
"""The rows, one by one, are no higher than so many times all together, or they are mixed up."""

_ROW = re.compile(r"<tr\b|^[ ]{0,3}\|", re.IGNORECASE | re.MULTILINE)


def table_boxes(markdown: str, found: Found, words: Sequence[Word]) -> list[TextBox]:
    """A box for each row; one for the whole table where rows can't be told, none without words.

    A row that isn't found belongs to the one above it.
    """
    if not found.pairs:
        return []
    span = found.block.span
    edges, own = _cells(markdown, found, words)
    known = _upright(own)
    rows: list[TextBox] = []
    for at, (_, end) in enumerate(pairwise(edges)):
        start = rows[-1].span.end if rows else span.start
        if at in known:
            rows.append(TextBox(Span(start, end), union(known[at])))
        elif rows:
            rows[-1] = TextBox(Span(rows[-1].span.start, end), rows[-1].bbox)
    whole = union([words[pair.word].bbox for pair in found.pairs])
    height = union([row.bbox for row in rows])
    apart = sum(row.bbox[3] - row.bbox[1] for row in rows) <= ROWS_APART * (height[3] - height[1])
    return rows if apart else [TextBox(span, whole)]


def _cells(markdown: str, found: Found, words: Sequence[Word]) -> tuple[list[int], list[list[BBox]]]:
    """Where rows begin and the last one ends, and the words of each."""
    span = found.block.span
    starts = [match.start() for match in _ROW.finditer(markdown, span.start, span.end)]
    edges = [span.start, *starts[1:], span.end]
    places = [pair.start for pair in found.pairs]
    cuts = [bisect_left(places, edge) for edge in edges]
    return edges, [[words[pair.word].bbox for pair in found.pairs[a:b]] for a, b in pairwise(cuts)]


def _upright(rows: Sequence[Sequence[BBox]]) -> dict[int, list[BBox]]:
    """By index the rows that follow each other down the page, without words beyond the middles of their neighbours."""
    middles = {at: statistics.median(map(_middle, row)) for at, row in enumerate(rows) if row}
    chosen = _rising(middles)
    bounds = [float("-inf"), *(middles[at] for at in chosen), float("inf")]
    kept = {
        at: [box for box in rows[at] if low <= _middle(box) <= high]
        for at, low, high in zip(chosen, bounds, bounds[2:], strict=False)
    }
    return {at: boxes for at, boxes in kept.items() if boxes}


def _middle(box: BBox) -> float:
    return (box[1] + box[3]) / 2


def _rising(middles: dict[int, float]) -> list[int]:
    """Keys of the longest part whose values don't fall."""
    tails: list[float] = []
    last: list[int] = []
    before: dict[int, int | None] = {}
    for at, value in middles.items():
        place = bisect_right(tails, value)
        before[at] = last[place - 1] if place else None
        tails[place : place + 1] = [value]
        last[place : place + 1] = [at]
    out: list[int] = []
    at_or_none = last[-1] if last else None
    while at_or_none is not None:
        out.append(at_or_none)
        at_or_none = before[at_or_none]
    return out[::-1]


def union(boxes: Sequence[BBox]) -> BBox:
    """The smallest box around all; there must be one."""
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)
