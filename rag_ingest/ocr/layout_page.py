"""A page's lines and regions into Markdown: order, blocks, sentences that run on, and what is left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rag_ingest.ocr.layout_blocks import Block, Context, blocks_of
from rag_ingest.ocr.layout_headings import PageStyle, is_page_number
from rag_ingest.ocr.layout_lines import Line, dominant_size, is_turned, overlap_1d, pieces, union, without_doubles
from rag_ingest.ocr.layout_math import equation_number
from rag_ingest.ocr.layout_order import reading_order
from rag_ingest.ocr.layout_regions import Area, Region, assign, resolve
from rag_ingest.ocr.layout_rules import Ink
from rag_ingest.ocr.layout_tablefind import find_tables
from rag_ingest.ocr.layout_text import continues, escape, join_lines, vocabulary_of
from rag_ingest.types import Figure, TextLine

_TOP, _BOTTOM = 0.11, 0.90
"""Furniture stands above or below these shares of the page height."""
_STAY = ("table", "figure", "equation", "caption", "furniture", "footnote")


@dataclass(frozen=True, slots=True)
class Assembled:
    """Markdown of a page and what belongs to it."""

    markdown: str
    figures: tuple[Figure, ...]
    checks: dict[str, Any]


def assemble(
    lines: Sequence[TextLine],
    regions: Sequence[Region],
    ink: Ink,
    size_pt: tuple[float, float],
    *,
    first: bool,
    min_score: float,
) -> Assembled:
    """Puts every word of `lines` once into the Markdown or into `checks` (`furniture`, `figure_text`).

    Args:
        lines: text in any order, boxes in points.
        regions: what the detector saw.
        ink: the page image, for rules; may be without one.
        size_pt: of the page.
        first: the document's title may stand here.
        min_score: regions below it are not believed; tables have limits of their own.
    """
    parts, doubles = without_doubles(pieces(lines))
    margin = [p for p in parts if is_turned(p)]
    flat = [p for p in parts if not is_turned(p)]
    context = Context(_style(flat, size_pt), vocabulary_of([line.text for line in lines]), ink)
    found = find_tables(flat, regions, ink, size_pt)
    regions = resolve([r for r in found if r.score >= min_score])
    areas = _tidy_areas(assign(flat, regions), size_pt)
    areas = [_with_column(area, areas) for area in areas]
    order = reading_order([area.tight for area in areas])
    blocks = [block for i in order for block in blocks_of(areas[i], context)]
    if first:
        blocks = _title(blocks, context.style)
    furniture = [p.text for p in margin] + [b.text for b in blocks if b.kind == "furniture"]
    body = _run_on([b for b in blocks if b.kind not in ("furniture", "footnote")], context)
    notes = [b for b in blocks if b.kind == "footnote"]
    done = _write(body + notes, furniture)
    return replace(done, checks={**done.checks, "doubled_text": len(doubles)}) if doubles else done


def _style(parts: Sequence[Line], size_pt: tuple[float, float]) -> PageStyle:
    runs = [run for part in parts for run in part.runs]
    bold = sum(len(run.text) for run in runs if run.bold)
    return PageStyle(dominant_size(runs) or 10.0, bold > 0.5 * sum(len(run.text) for run in runs), size_pt[1])


def _tidy_areas(areas: list[Area], size_pt: tuple[float, float]) -> list[Area]:
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
        out.append(_furniture(area, text, areas, size_pt))
    return out


def _furniture(area: Area, text: str, areas: Sequence[Area], size_pt: tuple[float, float]) -> Area:
    _, top, _, bottom = area.tight
    at_edge = bottom < _TOP * size_pt[1] or top > _BOTTOM * size_pt[1]
    heights = {round(p.bbox[1] / max(p.size_pt, 4.0)) for p in area.pieces}
    if area.label in ("header", "footer"):
        return area if at_edge and len(heights) <= 3 else replace(area, label="")
    outermost = all(other is area or not _beyond(other, area, size_pt) for other in areas)
    if at_edge and area.pieces and is_page_number(text) and outermost:
        return replace(area, label="footer")
    return area


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


def _title(blocks: list[Block], style: PageStyle) -> list[Block]:
    """The largest type in the upper part of the first page becomes the one `#` heading."""
    upper = [b for b in blocks if b.kind in ("heading", "text") and b.bbox[1] < 0.5 * style.height_pt]
    letters = [b for b in upper if sum(c.isalpha() for c in b.text) >= 8]
    size = max((b.size_pt for b in letters), default=0.0)
    if size < 1.12 * style.body_pt:
        return blocks
    start = next(i for i, b in enumerate(blocks) if b in letters and b.size_pt == size)
    end = start + 1
    while end < len(blocks) and blocks[end].kind in ("heading", "text") and abs(blocks[end].size_pt - size) < 0.3:
        end += 1
    text = join_lines([b.text for b in blocks[start:end]])
    if len(text) > 400:
        return blocks
    box = union(b.bbox for b in blocks[start:end])
    return [*blocks[:start], Block("heading", text, box, 1, size), *blocks[end:]]


def _run_on(blocks: Sequence[Block], context: Context) -> list[Block]:
    """Joins a sentence that breaks at a column's end or at a float; the float goes behind it."""
    out: list[Block] = []
    open_at = -1
    for block in blocks:
        if block.kind == "text":
            before = out[open_at] if open_at >= 0 else None
            if before is not None and continues(before.text, block.text) and abs(before.size_pt - block.size_pt) < 0.8:
                out[open_at] = replace(before, text=join_lines([before.text, block.text], context.vocabulary))
                continue
            open_at = len(out)
        elif block.kind in ("text", "item"):
            open_at = len(out)
        elif block.kind in ("heading", "equation"):
            open_at = -1
        out.append(block)
    return out


def _write(blocks: Sequence[Block], furniture: list[str]) -> Assembled:
    parts: list[str] = []
    figures: list[Figure] = []
    inside: list[str] = []
    before = ""
    for block in blocks:
        if block.kind == "figure":
            figures.append(Figure(f"image_{len(figures) + 1}.png", block.bbox))
            text = f"![image]({figures[-1].placeholder})"
            inside.extend(line for line in block.text.split("\n") if line)
        else:
            text = _markdown(block)
        tight = before == block.kind == "item"
        parts.append(("\n" if tight else "\n\n") + text if parts else text)
        before = block.kind
    checks: dict[str, Any] = {"furniture": furniture, "figure_text": inside}
    return Assembled("".join(parts), tuple(figures), checks)


def _markdown(block: Block) -> str:
    text = re.sub(r"\s+", " ", block.text).strip() if block.kind not in ("table", "equation") else block.text
    if block.kind == "heading":
        return f"{'#' * block.level} {escape(text, list_item=True)}"
    if block.kind in ("table", "equation"):
        return text
    if block.kind == "item":
        return f"- {escape(text[2:])}" if text.startswith("- ") else escape(text, list_item=True)
    return escape(text)
