"""Blocks -> sections of atoms: what a chunk may hold together without leaving its place in the paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rag_ingest.split.atoms import INSEPARABLE, LINK, Atom
from rag_ingest.split.glue import Glue, is_lead
from rag_ingest.split.meter import Meter
from rag_ingest.types import Block, Document


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
        dropped = leads and cut and all(block.kind != "paragraph" for block in held[-1])
        if dropped:
            held.pop()
        elif leads and len(held) > 1:
            tail = held.pop()
            held[-1] += tail
        for i, part in enumerate(held):
            yield Section(tuple(part), number, closing=leads and not dropped and i == len(held) - 1)


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
        if filled and (block.kind == "heading" or block.heading_path != part[-1].heading_path):
            yield part[:filled]
            part, filled = part[filled:], 0
        part.append(block)
        if not is_lead(block, text):
            filled = len(part)
    if filled:
        yield part[:filled]
    if part[filled:]:
        yield part[filled:]


def section_atoms(section: Section, document: Document, meter: Meter) -> list[Atom]:
    """One atom a block, with its token count and its hold on the next."""
    text, blocks = document.markdown, section.blocks
    leads = [is_lead(block, text) for block in blocks]
    last_filled = max((i for i, lead in enumerate(leads) if not lead), default=-1)
    atoms: list[Atom] = []
    held = Glue(blocks, text)
    for i, block in enumerate(blocks):
        content = text[block.span.start : block.span.end]
        tokens, counted = meter.measured(content, block.kind)
        lead = leads[i] and i < last_filled
        if lead:
            glue = INSEPARABLE
        elif i >= last_filled:
            glue = LINK
        else:
            glue = held.after(i)
        start, end = block.span.start, block.span.end
        atoms.append(Atom(start, end, block.kind, block.heading_path, tokens, glue, lead, counted=counted))
    return atoms
