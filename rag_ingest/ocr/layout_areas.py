"""Areas set right by where they stand: equation numbers, page furniture, the column around."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rag_ingest.ocr.layout_headings import PageStyle, begins_like_note, is_page_number, is_section_name
from rag_ingest.ocr.layout_lines import overlap_1d, union
from rag_ingest.ocr.layout_math import equation_number
from rag_ingest.ocr.layout_regions import Area

_TOP, _BOTTOM = 0.125, 0.90
"""Furniture stands above or below these shares of the page height."""
CAPTIONS = ("table_caption", "figure_caption")
_NUMBER_AT_END = re.compile(r"^\d{1,4}\s+\D|\D\s+\d{1,4}$")


def tidy_areas(areas: list[Area], style: PageStyle, size_pt: tuple[float, float]) -> list[Area]:
    """Numbers to their equations; page furniture by place, whatever the detector called it."""
    equations = [a for a in areas if a.label == "equation"]
    out: list[Area] = []
    for area in areas:
        text = " ".join(p.text for p in area.pieces)
        homes = [*equations, *(a for a in areas if a.label in ("", "text", "reference"))]
        home = next((e for e in homes if equation_number(text) and e is not area and _left_of(e, area)), None)
        if home is not None:
            home.pieces.extend(area.pieces)
            continue
        out.append(_furniture(area, text, areas, style, size_pt))
    return [_with_column(area, out) for area in out]


def _furniture(area: Area, text: str, areas: Sequence[Area], style: PageStyle, size_pt: tuple[float, float]) -> Area:
    _, top, _, bottom = area.tight
    at_edge = bottom < _TOP * size_pt[1] or top > _BOTTOM * size_pt[1]
    heights = {round(p.bbox[1] / max(p.size_pt, 4.0)) for p in area.pieces}
    large = any(p.size_pt >= 1.15 * style.body_pt for p in area.pieces)
    if area.label in ("header", "footer"):
        return area if at_edge and len(heights) <= 3 and not large else replace(area, label="")
    outermost = all(other is area or not _beyond(other, area, size_pt) for other in areas)
    if not at_edge or not area.pieces or not outermost or large:
        return area
    small = max(p.size_pt for p in area.pieces) <= 0.95 * style.body_pt
    running = len(heights) == 1 and len(text) < 120 and not begins_like_note(text) and (small or _ends_in_number(text))
    if is_page_number(text) or (running and area.label not in (*CAPTIONS, "equation", "table", "figure")):
        return replace(area, label="footer")
    return area


def _ends_in_number(text: str) -> bool:
    """A page number before or after a running title; `1 Introduction` is none."""
    return _NUMBER_AT_END.search(text) is not None and not is_section_name(text)


def _beyond(other: Area, area: Area, size_pt: tuple[float, float]) -> bool:
    """Running text stands farther out than the area."""
    if other.label in ("header", "footer") or not other.pieces:
        return False
    if area.tight[1] > size_pt[1] / 2:
        return other.tight[3] > area.tight[3] + 2
    return other.tight[1] < area.tight[1] - 2


def _with_column(area: Area, areas: Sequence[Area]) -> Area:
    """The width of the text column that the area stands in."""
    left, _, right, _ = area.tight
    mates = [a.tight for a in areas if a.label in ("text", "reference", "") and a.pieces]
    mates = [m for m in mates if overlap_1d(left, right, m[0], m[2]) > 0.9 * (right - left)]
    return replace(area, column=union([area.tight, *mates]))


def _left_of(area: Area, number: Area) -> bool:
    """The area stands at the number's height, left of it."""
    a, b = area.tight, number.tight
    if a[2] > b[0] + 1:
        return False
    return overlap_1d(a[1], a[3], b[1], b[3]) > 0.5 * min(a[3] - a[1], b[3] - b[1])
