"""One area of a page into blocks: its paragraphs told apart as heading, caption, list item, formula, table or prose."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Literal

from rag_ingest.ocr.layout_areas import CAPTIONS
from rag_ingest.ocr.layout_headings import PageStyle, heading_level, is_caption, is_footnote
from rag_ingest.ocr.layout_lines import Line, union, visual_lines
from rag_ingest.ocr.layout_math import MATH_SIGNS, equation, equation_number
from rag_ingest.ocr.layout_regions import Area
from rag_ingest.ocr.layout_rules import Ink, across
from rag_ingest.ocr.layout_tables import build_table
from rag_ingest.ocr.layout_text import BULLET, NUMBERED, Paragraph, join_lines, paragraphs
from rag_ingest.types import BBox

Kind = Literal["heading", "text", "item", "caption", "table", "figure", "equation", "footnote", "furniture"]
_RELATION = re.compile(r"[=<>≤≥≈≡∼≃∝≪≫∑∏∫√∂∇∈→↦⇒]")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of the page in reading order.

    Attributes:
        text: plain for prose, finished Markdown for tables and equations, what stood inside for figures.
        level: of a heading, else 0.
        more: (offset into `text`, box) of the parts behind the first, where the text runs on in another column.
    """

    kind: Kind
    text: str
    bbox: BBox
    level: int = 0
    size_pt: float = 0.0
    more: tuple[tuple[int, BBox], ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What the blocks of one page share; `characters` is how many the page has."""

    style: PageStyle
    vocabulary: Set[str]
    ink: Ink
    characters: int


def blocks_of(area: Area, context: Context) -> list[Block]:
    """Every word of the area in exactly one block."""
    lines = visual_lines(area.pieces)
    if area.label == "figure":
        return _figure(area, lines, context)
    if area.label == "table":
        return _table(area, lines, context)
    if area.label in ("header", "footer"):
        return [Block("furniture", line.text, line.bbox) for line in lines]
    return _prose(area, lines, context)


def _figure(area: Area, lines: Sequence[Line], context: Context) -> list[Block]:
    if _is_prose(lines, area):
        return _prose(Area("", area.bbox, area.pieces), lines, context)
    if _is_writing(lines, area, context):
        return [Block("figure", "", area.bbox), *_prose(Area("", area.bbox, area.pieces), lines, context)]
    edge = _caption_at_edge(lines)
    inside = [line for line in lines if line not in edge]
    figure = Block("figure", "\n".join(line.text for line in inside), area.bbox)
    captions = _prose(Area("figure_caption", area.bbox), edge, context) if edge else []
    return [figure, *captions]


def _is_writing(lines: Sequence[Line], area: Area, context: Context) -> bool:
    """A photographed or boxed page: most of the sheet, and sentences rather than labels inside."""
    words = [len(_LETTERS.findall(line.text)) for line in lines]
    sentences = sum(n for n in words if n >= 4)
    inside = sum(len(line.text) for line in lines)
    high = area.bbox[3] - area.bbox[1] > 0.5 * context.style.height_pt
    if high and sum(words) >= 3 and inside > 0.8 * context.characters:
        return True
    return sum(words) >= 12 and sentences >= (0.4 if high else 0.7) * sum(words) and (high or sum(words) >= 40)


def _caption_at_edge(lines: Sequence[Line]) -> list[Line]:
    """Lines from one that begins like a caption to the end, when they look like sentences."""
    for i, line in enumerate(lines):
        if is_caption(line.text, labelled=False):
            rest = list(lines[i:])
            return rest if i == 0 or line.bbox[1] >= lines[i - 1].bbox[3] - 2 else []
    return []


def _table(area: Area, lines: Sequence[Line], context: Context) -> list[Block]:
    above, body, below = _table_parts(area, lines, context)
    box = union(line.bbox for line in body)
    rules = context.ink.rules((area.bbox[0] - 3, box[1] - 6, area.bbox[2] + 3, box[3] + 6), min_length=12.0)
    table = build_table(body, rules) if body else None
    if table is None:
        return _prose(Area("", area.bbox, area.pieces), lines, context)
    out = _prose(Area("table_caption", area.bbox), above, context)
    out.append(Block("table", table.html(), box))
    out.extend(_prose(Area("", area.bbox), below, context))
    return out


def _table_parts(area: Area, lines: Sequence[Line], context: Context) -> tuple[list[Line], list[Line], list[Line]]:
    """Caption above, the table, and what stands under its last rule."""
    body = list(lines)
    if not body:
        return [], [], []
    box = union(line.bbox for line in body)
    rules = context.ink.rules((area.bbox[0] - 3, area.bbox[1] - 6, area.bbox[2] + 3, area.bbox[3] + 6), min_length=12.0)
    heights = across(rules, box[0], box[2], 0.6)
    above: list[Line] = []
    if heights and is_caption(body[0].text, labelled=False):
        above = [line for line in body if line.bbox[3] <= heights[0] + 3]
    elif is_caption(body[0].text, labelled=False):
        above = body[:1]
    body = [line for line in body if line not in above]
    below: list[Line] = []
    if len(heights) > 1:
        below = [line for line in body if line.bbox[1] >= heights[-1] - 3]
        if len(below) > 0.5 * len(body) or any(len(_wide_gaps(line)) > 0 for line in below):
            below = []
    return above, [line for line in body if line not in below], below


def _wide_gaps(line: Line) -> list[float]:
    em = max(line.size_pt, 4.0)
    gaps = [b.bbox[0] - a.bbox[2] for a, b in zip(line.runs, line.runs[1:], strict=False)]
    return [gap for gap in gaps if gap > 1.5 * em]


def _equation(pieces: Sequence[Line], context: Context) -> Block:
    box = union(piece.bbox for piece in pieces)
    bars = context.ink.rules((box[0] - 2, box[1] - 2, box[2] + 2, box[3] + 2), min_length=3.5)
    tex = equation(pieces, bars, context.ink, context.style.body_pt)
    if not tex:
        return Block("text", join_lines([piece.text for piece in pieces]), box, size_pt=context.style.body_pt)
    return Block("equation", tex, box)


def _prose(area: Area, lines: Sequence[Line], context: Context) -> list[Block]:
    out: list[Block] = []
    for display, group in _displays(lines, area):
        if display:
            out.append(_equation(group, context))
            continue
        for para in paragraphs(group, references=area.label == "reference"):
            out.append(_paragraph(para, area, context))
    return [block for block in out if block.text]


def _paragraph(para: Paragraph, area: Area, context: Context) -> Block:
    text = join_lines([line.text for line in para.lines], context.vocabulary)
    style = context.style
    if is_caption(text, labelled=area.label in CAPTIONS):
        return Block("caption", text, para.bbox, size_pt=para.size_pt)
    if BULLET.match(text):
        return Block("item", "- " + BULLET.sub("", text), para.bbox, size_pt=para.size_pt)
    level = 0
    if area.label not in (*CAPTIONS, "reference"):
        level = heading_level(text, para, style, titled=area.label == "title")
    if level:
        return Block("heading", text, para.bbox, level, para.size_pt)
    if is_footnote(text, para, style):
        return Block("footnote", text, para.bbox, size_pt=para.size_pt)
    if NUMBERED.match(text) and re.match(r"^\d{1,3}[.)]", text):
        return Block("item", text, para.bbox, size_pt=para.size_pt)
    return Block("text", text, para.bbox, size_pt=para.size_pt)


def _displays(lines: Sequence[Line], area: Area) -> list[tuple[bool, list[Line]]]:
    """Runs of lines, told apart into display equations and prose."""
    box = area.column or union(line.bbox for line in lines)
    if area.label == "equation" and _RELATION.search(" ".join(line.text for line in lines)):
        flags = [not _is_words(line) for line in lines]
    else:
        flags = [_is_display(line, box) for line in lines]
    out: list[tuple[bool, list[Line]]] = []
    for flag, line in zip(flags, lines, strict=True):
        if out and out[-1][0] == flag:
            out[-1][1].append(line)
        else:
            out.append((flag, [line]))
    return out


def _is_words(line: Line) -> bool:
    """More words than symbols."""
    words = _WORD.findall(line.text)
    return len(words) >= 3 and sum(map(len, words)) > 0.55 * len(line.text)


def _is_display(line: Line, box: BBox) -> bool:
    """Set in from both sides, or numbered at the right edge, and made of symbols rather than words."""
    em = max(line.size_pt, 4.0)
    text = line.text
    words = _WORD.findall(text)
    signs = sum(c in MATH_SIGNS for c in text)
    numbered = len(line.runs) > 1 and equation_number(line.runs[-1].text) is not None
    wide = numbered and line.runs[-1].bbox[0] - line.runs[-2].bbox[2] > 1.5 * em
    if wide and line.bbox[0] > box[0] + em:
        return len(words) < 8 and signs > 0
    inset = line.bbox[0] > box[0] + 1.5 * em and line.bbox[2] < box[2] - 1.5 * em
    return inset and signs >= 2 and bool(_RELATION.search(text)) and sum(len(w) for w in words) < 0.4 * len(text)


def _is_prose(lines: Sequence[Line], area: Area) -> bool:
    """Long lines of words fill the area: the detector was wrong."""
    width = max(area.bbox[2] - area.bbox[0], 1.0)
    long = [line for line in lines if len(_WORD.findall(line.text)) >= 4 and line.bbox[2] - line.bbox[0] > 0.6 * width]
    height = sum(line.bbox[3] - line.bbox[1] for line in long)
    return len(long) > 0.6 * len(lines) and height > 0.5 * max(area.bbox[3] - area.bbox[1], 1.0)
