"""Tables that the detector missed or cut short: a caption that says so, and the rules that stand near it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_ingest.ocr.layout_ledger import find_ledgers
from rag_ingest.ocr.layout_lines import Line, covered, intersection, overlap_1d, union
from rag_ingest.ocr.layout_regions import SURE, Region
from rag_ingest.ocr.layout_rules import Ink, Rule
from rag_ingest.types import BBox

_TABLE = re.compile(
    r"^(?:Extended Data |Supplement(?:al|ary) |Suppl?\. )?(?:Table|TABLE|Tab\.)[\s\-‐‑–]*[A-Z]?\.?(?:\d|[IVX]+\b)"
)
_SHORTEST_RULE_PT = 40.0
_CAPTION_PT = 80.0
"""A caption and its table are at most this far apart, wrapped caption lines included."""


def find_tables(
    parts: Sequence[Line], regions: Sequence[Region], ink: Ink, size_pt: tuple[float, float]
) -> list[Region]:
    """The regions with table regions grown to their rules, and tables that only a caption and rules, or rules, show."""
    rules = ink.rules((0, 0, *size_pt), min_length=_SHORTEST_RULE_PT)
    stacks = _stacks(rules, parts)
    captions = [part.bbox for part in parts if _TABLE.match(part.text)]
    out: list[Region] = []
    for region in regions:
        if _is_table(region, captions, parts):
            grown = [s for s in stacks if covered(region.bbox, s) > 0.7 or _same_table(region.bbox, s)]
            titled = any(_near(caption, region.bbox) for caption in captions)
            out.append(Region("table", union([region.bbox, *grown]), 0.99 if titled else region.score))
        elif region.label != "table":
            out.append(region)
    tables = [r.bbox for r in out if r.label == "table"]
    for stack in stacks:
        known = any(intersection(stack, t) > 0.3 * min(_size(stack), _size(t)) for t in tables)
        if not known and any(_near(caption, stack) for caption in captions):
            out.append(Region("table", stack, 0.99))
            tables.append(stack)
    figures = [r.bbox for r in out if r.label == "figure" and r.score >= SURE]
    for ledger in find_ledgers(rules, parts):
        if not any(intersection(ledger, known) > 0 for known in [*tables, *figures]):
            out.append(Region("table", ledger, 0.99))
    return out


def _is_table(region: Region, captions: Sequence[BBox], parts: Sequence[Line]) -> bool:
    """Surely one, or likely one with a caption that says so; a figure full of words under such a caption, too."""
    if region.label == "table":
        return region.score >= SURE or any(_near(caption, region.bbox) for caption in captions)
    if region.label != "figure":
        return False
    inside = [p for p in parts if covered(p.bbox, region.bbox) > 0.8]
    titled = any(covered(c, region.bbox) > 0.8 or -3 < region.bbox[1] - c[3] < 15 for c in captions)
    return titled and len(inside) >= 12


def _stacks(rules: Sequence[Rule], parts: Sequence[Line]) -> list[BBox]:
    """Boxes between rules of one width that follow each other with cells, not prose, between them."""
    groups: list[list[Rule]] = []
    for rule in sorted(rules, key=lambda r: r.y):
        home = next((g for g in groups if _same_width(g[0], rule) and _cells_between(g[-1], rule, parts)), None)
        if home is not None:
            home.append(rule)
        else:
            groups.append([rule])
    return [
        (min(r.left for r in g), g[0].y, max(r.right for r in g), g[-1].y) for g in groups if g[-1].y - g[0].y > 12.0
    ]


def _same_width(a: Rule, b: Rule) -> bool:
    return abs(a.left - b.left) < 6.0 and abs(a.right - b.right) < 6.0


def _cells_between(a: Rule, b: Rule, parts: Sequence[Line]) -> bool:
    inside = [
        p for p in parts
        if a.y - 1 < (p.bbox[1] + p.bbox[3]) / 2 < b.y + 1 and overlap_1d(p.bbox[0], p.bbox[2], a.left, a.right) > 0
    ]  # fmt: skip
    if not inside:
        return b.y - a.y < 30
    if any(_TABLE.match(p.text) and p.bbox[3] < b.y for p in inside):
        return False
    characters = sum(len(p.text) for p in inside)
    prose = sum(len(p.text) for p in inside if _is_prose(p, b.right - b.left))
    return prose <= 0.4 * characters


def _is_prose(piece: Line, width: float) -> bool:
    """A line of a column: many words, wider than cells are, or nearly as wide as the table."""
    length = piece.bbox[2] - piece.bbox[0]
    return len(piece.runs) >= 6 and (length > 190.0 or length > 0.75 * width)


def _same_table(region: BBox, stack: BBox) -> bool:
    """The stack's rules begin or end in the region, at its width."""
    level = overlap_1d(region[1], region[3], stack[1], stack[3]) > 0.5 * min(region[3] - region[1], stack[3] - stack[1])
    wide = overlap_1d(region[0], region[2], stack[0], stack[2])
    return level and wide > 0.8 * (region[2] - region[0]) and wide > 0.8 * (stack[2] - stack[0])


def _near(caption: BBox, stack: BBox) -> bool:
    above = -3.0 < stack[1] - caption[3] < _CAPTION_PT or stack[1] - 3 < caption[1] < stack[1] + 25
    below = -3.0 < caption[1] - stack[3] < 30.0
    return (above or below) and overlap_1d(caption[0], caption[2], stack[0], stack[2]) > 0


def _size(box: BBox) -> float:
    return max((box[2] - box[0]) * (box[3] - box[1]), 1.0)
