"""A page's lines and regions into Markdown: order, blocks, sentences that run on, and what is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rag_ingest.ocr.layout_areas import tidy_areas
from rag_ingest.ocr.layout_blocks import Block, Context, blocks_of
from rag_ingest.ocr.layout_glyphs import with_powers
from rag_ingest.ocr.layout_headings import PageStyle, begins_like_note
from rag_ingest.ocr.layout_lines import Line, dominant_size, is_turned, overlap_1d, pieces, union, without_doubles
from rag_ingest.ocr.layout_order import reading_order
from rag_ingest.ocr.layout_regions import Region, assign, resolve
from rag_ingest.ocr.layout_rules import Ink
from rag_ingest.ocr.layout_tablefind import find_tables
from rag_ingest.ocr.layout_text import continues, escape, join_lines, vocabulary_of
from rag_ingest.ocr.layout_title import with_title
from rag_ingest.types import Figure, Span, TextBox, TextLine


@dataclass(frozen=True, slots=True)
class Assembled:
    """Markdown of a page and what belongs to it; a box for each block, two where it runs on in another column."""

    markdown: str
    figures: tuple[Figure, ...]
    checks: dict[str, Any]
    boxes: tuple[TextBox, ...] = ()


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
    flat = [with_powers(p, ink) for p in parts if not is_turned(p)]
    context = Context(
        _style(flat, size_pt), vocabulary_of([line.text for line in lines]), ink, sum(len(p.text) for p in flat)
    )
    found = find_tables(flat, regions, ink, size_pt)
    regions = resolve([r for r in found if r.score >= min_score])
    areas = tidy_areas(assign(flat, regions), context.style, size_pt)
    order = reading_order([area.tight for area in areas])
    blocks = [block for i in order for block in blocks_of(areas[i], context)]
    blocks = _whole_notes(_with_run_ins(blocks, context), context)
    if first:
        blocks = with_title(blocks, context.style)
    furniture = [p.text for p in margin] + [b.text for b in blocks if b.kind == "furniture"]
    body = _run_on([b for b in blocks if b.kind not in ("furniture", "footnote")], context)
    notes = [b for b in blocks if b.kind == "footnote"]
    done = _write(body + notes, furniture)
    return replace(done, checks={**done.checks, "doubled_text": len(doubles)}) if doubles else done


def _style(parts: Sequence[Line], size_pt: tuple[float, float]) -> PageStyle:
    runs = [run for part in parts for run in part.runs]
    bold = sum(len(run.text) for run in runs if run.bold)
    return PageStyle(dominant_size(runs) or 10.0, bold > 0.5 * sum(len(run.text) for run in runs), size_pt[1])


def _with_run_ins(blocks: Sequence[Block], context: Context) -> list[Block]:
    """Bold words that begin a paragraph are no heading: their line is full and the text goes on right below."""
    out: list[Block] = []
    for block in blocks:
        before = out[-1] if out else None
        if before is not None and before.kind == "heading" and block.kind == "text" and _runs_in(before, block):
            text = join_lines([before.text, block.text], context.vocabulary)
            out[-1] = replace(block, text=text, bbox=union([before.bbox, block.bbox]))
        else:
            out.append(block)
    return out


def _runs_in(heading: Block, after: Block) -> bool:
    em = max(after.size_pt, 4.0)
    full = heading.bbox[2] > after.bbox[2] - 1.5 * em and heading.bbox[3] - heading.bbox[1] < 1.6 * em
    below = -0.3 * em < after.bbox[1] - heading.bbox[3] < 0.6 * em
    sentence = re.search(r"[^\W\d]\.\s+\w", heading.text) is not None
    same = (
        abs(heading.size_pt - after.size_pt) < (1.6 if sentence else 0.6)
        and abs(heading.bbox[0] - after.bbox[0]) < 2 * em
    )
    return full and below and same and after.bbox[3] - after.bbox[1] > 1.6 * em


def _whole_notes(blocks: Sequence[Block], context: Context) -> list[Block]:
    """What stands right under a footnote in its type and column, without a mark of its own, belongs to it."""
    out = list(blocks)
    for first in [b for b in blocks if b.kind == "footnote"]:
        note = first
        while (after := next((b for b in out if _carries_on(note, b)), None)) is not None:
            text = join_lines([note.text, after.text], context.vocabulary)
            grown = replace(note, text=text, bbox=union([note.bbox, after.bbox]))
            out = [grown if b is note else b for b in out if b is not after]
            note = grown
    return out


def _carries_on(note: Block, block: Block) -> bool:
    if block.kind != "text" or begins_like_note(block.text) or abs(block.size_pt - note.size_pt) > 0.6:
        return False
    em = max(note.size_pt, 4.0)
    wide = overlap_1d(note.bbox[0], note.bbox[2], block.bbox[0], block.bbox[2])
    inside = wide > 0.8 * min(note.bbox[2] - note.bbox[0], block.bbox[2] - block.bbox[0])
    below = -0.4 * em < block.bbox[1] - note.bbox[3] < 0.7 * em
    return inside and below and block.bbox[0] < note.bbox[0] + em


def _run_on(blocks: Sequence[Block], context: Context) -> list[Block]:
    """Joins a sentence that breaks at a column's end or at a float; the float goes behind it."""
    out: list[Block] = []
    open_at = -1
    for block in blocks:
        if block.kind == "text":
            before = out[open_at] if open_at >= 0 else None
            if before is not None and continues(before.text, block.text) and abs(before.size_pt - block.size_pt) < 0.8:
                text = join_lines([before.text, block.text], context.vocabulary)
                out[open_at] = replace(before, text=text, more=(*before.more, (len(before.text), block.bbox)))
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
    boxes: list[TextBox] = []
    before, at = "", 0
    for block in blocks:
        if block.kind == "figure":
            figures.append(Figure(f"image_{len(figures) + 1}.png", block.bbox))
            text = f"![image]({figures[-1].placeholder})"
            inside.extend(line for line in block.text.split("\n") if line)
        else:
            text = _markdown(block)
        tight = before == block.kind == "item"
        parts.append(("\n" if tight else "\n\n") + text if parts else text)
        at += len(parts[-1])
        boxes += _boxes(block, at - len(text), at)
        before = block.kind
    checks: dict[str, Any] = {"furniture": furniture, "figure_text": inside}
    return Assembled("".join(parts), tuple(figures), checks, tuple(boxes))


def _boxes(block: Block, start: int, end: int) -> Iterator[TextBox]:
    """Of a block that was written at these offsets; where its text runs on is known to a hyphen or two."""
    bbox = block.bbox
    for offset, after in block.more:
        edge = start + len(_markdown(replace(block, text=block.text[:offset])))
        if start < edge < end:
            yield TextBox(Span(start, edge), bbox)
            start, bbox = edge, after
    if start < end:
        yield TextBox(Span(start, end), bbox)


def _markdown(block: Block) -> str:
    text = re.sub(r"\s+", " ", block.text).strip() if block.kind not in ("table", "equation") else block.text
    if block.kind == "heading":
        return f"{'#' * block.level} {escape(text, list_item=True)}"
    if block.kind in ("table", "equation"):
        return text
    if block.kind == "item":
        return f"- {escape(text[2:])}" if text.startswith("- ") else escape(text, list_item=True)
    return escape(text)
