"""Blocks -> sections of atoms: what a chunk may hold together without leaving its place in the paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag_ingest.split.atoms import INSEPARABLE, LEAD_IN, LINK, OPEN_SENTENCE, Atom
from rag_ingest.split.meter import Meter
from rag_ingest.types import Block, Document

_FURNITURE = re.compile(r"<!--.*-->$|\{\d+\}-{3,}$|(?:[-*_][ \t]*){3,}$", re.DOTALL)
_TABLE_LABEL = re.compile(r"[\W_]*(?:\w+[ ]){0,2}?tab(?:le|\.|elle|leau|la)|[\W_]*(?:表|Таблица)", re.IGNORECASE)
_CONTINUES = re.compile(r"[a-zß-öø-ÿ]|(?:Where|Here|With)\b")
_CLOSED = (".", "!", "?", "。", "！", "？", ".)", '."', ".”", "$")
_COLON = (":", "：")
_TAKES_COLON = ("list", "formula", "code", "table", "quote", "html", "figure", "reference")
_PROSE = ("paragraph", "list", "quote", "html")
_CAPTIONED = ("table", "figure", "code", "formula", "html")
_FURNITURE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under one heading path, its headings first.

    Attributes:
        run: number of the stretch of neighbouring blocks that it lies in; a left-out block ends a stretch.
        closing: leads stand at its end because nothing follows them in the document.
    """

    blocks: tuple[Block, ...]
    run: int
    closing: bool = False


def sections(document: Document, exclude_kinds: Sequence[str]) -> Iterator[Section]:
    """Sections in order. A heading with nothing below it opens the next section; furniture moves on to what follows."""
    runs = list(_runs(document.blocks, exclude_kinds))
    for number, (blocks, cut) in enumerate(runs):
        held: list[list[Block]] = []
        for part in _parts(blocks, document.markdown):
            held.append(part)
        leads = bool(held) and all(is_lead(b, document.markdown) for b in held[-1])
        if leads and cut:
            held.pop()
        elif leads and len(held) > 1:
            tail = held.pop()
            held[-1] += tail
        for i, part in enumerate(held):
            yield Section(tuple(part), number, closing=leads and not cut and i == len(held) - 1)


def _runs(blocks: Iterable[Block], exclude_kinds: Sequence[str]) -> Iterator[tuple[list[Block], bool]]:
    """Stretches of neighbouring blocks, and whether a left-out block ends each."""
    run: list[Block] = []
    for block in blocks:
        if block.kind not in exclude_kinds:
            run.append(block)
        elif run:
            yield run, True
            run = []
    if run:
        yield run, False


def _parts(blocks: Sequence[Block], text: str) -> Iterator[list[Block]]:
    part: list[Block] = []
    filled = 0
    for block in blocks:
        if block.kind == "heading" and filled:
            yield part[:filled]
            part, filled = part[filled:], 0
        part.append(block)
        if not is_lead(block, text):
            filled = len(part)
    if filled:
        yield part[:filled]
    if part[filled:]:
        yield part[filled:]


def is_lead(block: Block, text: str) -> bool:
    """True for headings, page markers and rules: they belong to what follows."""
    if block.kind == "heading":
        return True
    if block.kind != "html" or len(block.span) > _FURNITURE_LENGTH:
        return False
    return bool(_FURNITURE.match(text[block.span.start : block.span.end]))


def section_atoms(section: Section, document: Document, meter: Meter) -> list[Atom]:
    """One atom a block, with its token count and its hold on the next."""
    text, blocks = document.markdown, section.blocks
    last_filled = max((i for i, b in enumerate(blocks) if not is_lead(b, text)), default=-1)
    atoms: list[Atom] = []
    for i, block in enumerate(blocks):
        content = text[block.span.start : block.span.end]
        tokens, counted = meter.measured(content, block.kind)
        lead = is_lead(block, text) and i < last_filled
        if lead:
            glue = INSEPARABLE
        elif i >= last_filled:
            glue = LINK
        else:
            glue = _glue(blocks, i, lambda b: text[b.span.start : b.span.end])
        start, end = block.span.start, block.span.end
        atoms.append(Atom(start, end, block.kind, block.heading_path, tokens, glue, lead, counted=counted))
    return atoms


def caption_of(blocks: Sequence[Block], i: int, text: str) -> str:
    """The caption that belongs to block `i`, on one line; empty when it has none."""
    for j in (i - 1, i + 1):
        if 0 <= j < len(blocks) and blocks[j].kind == "caption":
            caption = text[blocks[j].span.start : blocks[j].span.end]
            if _belongs(caption, blocks[i].kind):
                return " ".join(caption.split())
    return ""


def _glue(blocks: Sequence[Block], i: int, text_of: Callable[[Block], str]) -> float:
    here, following = blocks[i], blocks[i + 1]
    if here.kind == "caption" and following.kind in _CAPTIONED:
        return LINK if _belongs(text_of(here), following.kind) else 0.0
    if following.kind == "caption" and here.kind in _CAPTIONED:
        return LINK if _belongs(text_of(following), here.kind) else 0.0
    if here.kind in _PROSE and following.kind in _TAKES_COLON and text_of(here).endswith(_COLON):
        return LEAD_IN
    if here.kind == "formula" and following.kind == "paragraph" and _CONTINUES.match(text_of(following)):
        return LEAD_IN
    if here.kind == "paragraph" and following.kind == "formula" and not text_of(here).endswith(_CLOSED):
        return OPEN_SENTENCE
    return 0.0


def _belongs(caption: str, kind: str) -> bool:
    return (kind == "table") == bool(_TABLE_LABEL.match(caption))
