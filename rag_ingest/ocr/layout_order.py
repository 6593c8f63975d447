"""Reading order: recursive XY-cut that keeps columns together and lets wide boxes part them.

Nagy and Seth's XY-cut (1984), with one change: neighbouring horizontal strips are joined again while all of them leave
the same gutter free, so that gaps which happen to stand level in both columns don't cut across the columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from rag_ingest.types import BBox

_GUTTER_PT = 4.0
_TOLERANCE_PT = 1.5
"""Boxes may overlap by this much and still be parted."""


def reading_order(boxes: Sequence[BBox]) -> list[int]:
    """Indices of `boxes` in the order in which a person reads them: a permutation of all."""
    return _order(boxes, list(range(len(boxes))))


def _order(boxes: Sequence[BBox], chosen: list[int]) -> list[int]:
    if len(chosen) < 2:
        return chosen
    columns = _columns(boxes, chosen)
    if len(columns) > 1:
        return [i for column in columns for i in _order(boxes, column)]
    strips = _strips(boxes, chosen)
    if len(strips) == 1:
        return sorted(chosen, key=lambda i: (boxes[i][1] + boxes[i][3], boxes[i][0]))
    out: list[int] = []
    group = strips[0]
    for strip in strips[1:]:
        if len(_columns(boxes, group + strip)) > 1 and _side_by_side(boxes, group + strip):
            group = group + strip
        else:
            out.extend(_order_group(boxes, group, len(strips)))
            group = strip
    out.extend(_order_group(boxes, group, len(strips)))
    return out


def _order_group(boxes: Sequence[BBox], group: list[int], strips: int) -> list[int]:
    if strips > 1 or len(_columns(boxes, group)) > 1:
        return _order(boxes, group)
    return sorted(group, key=lambda i: (boxes[i][1], boxes[i][0]))


def _columns(boxes: Sequence[BBox], chosen: list[int]) -> list[list[int]]:
    return _cut(boxes, chosen, 0, _GUTTER_PT)


def _strips(boxes: Sequence[BBox], chosen: list[int]) -> list[list[int]]:
    return _cut(boxes, chosen, 1, 0.0)


def _cut(boxes: Sequence[BBox], chosen: list[int], axis: int, gap: float) -> list[list[int]]:
    """Groups along an axis (0 = x, 1 = y), cut where nothing covers at least `gap` points."""
    groups: list[list[int]] = []
    reach = float("-inf")
    for i in sorted(chosen, key=lambda k: boxes[k][axis]):
        start, end = boxes[i][axis], boxes[i][axis + 2]
        if not groups or start + (0.0 if gap else _TOLERANCE_PT) > reach + gap:
            groups.append([])
        groups[-1].append(i)
        reach = max(reach, end)
    return groups


def _side_by_side(boxes: Sequence[BBox], chosen: list[int]) -> bool:
    """Some boxes of different columns really stand at the same height, or follow each other as columns do."""
    columns = _columns(boxes, chosen)
    spans = [(min(boxes[i][1] for i in c), max(boxes[i][3] for i in c)) for c in columns]
    return any(min(a[1], b[1]) > max(a[0], b[0]) for a, b in itertools.pairwise(spans))
