"""Strands of pages -> one Markdown text, and what lies where in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag_ingest.parse.blocks import RawBlock
from rag_ingest.parse.sheets import Cut, Part, Sheet, Strand
from rag_ingest.types import PageSpan, Piece, Removal, RemovalReason, Span

_SEAM = "\n\n"


@dataclass(frozen=True, slots=True)
class Woven:
    """A document's text: every character of every sheet lies in exactly one piece or removal."""

    markdown: str
    blocks: list[RawBlock]
    page_spans: tuple[PageSpan, ...]
    pieces: tuple[Piece, ...]
    removals: tuple[Removal, ...]


def weave(sheets: Sequence[Sheet], strands: Sequence[Strand], cuts: Iterable[Cut]) -> Woven:
    """Lays strands one behind the other.

    Two that are neighbours on their page keep the white space between them; others are parted by a blank line.
    """
    texts: list[str] = []
    blocks: list[RawBlock] = []
    laid: list[tuple[Part, int]] = []
    at = 0
    for strand in strands:
        begin = at
        for k, part in enumerate(strand.parts):
            last = laid[-1] if laid else None
            if k == 0 and last and _neighbours(sheets, last[0], part):
                grown = Part(part.sheet, last[0].start, part.end)
                new = sheets[part.sheet].text[last[0].end : part.end]
                laid[-1] = (grown, last[1])
                begin = at + len(new) - (part.end - part.start)
            else:
                glue = strand.glue[k - 1] if k else (_SEAM if last else "")
                new = glue + sheets[part.sheet].text[part.start : part.end]
                laid.append((part, at + len(glue)))
                begin = begin if k else at + len(glue)
            texts.append(new)
            at += len(new)
        blocks.append(strand.block._replace(start=begin, end=at))
    pieces = tuple(Piece(sheets[p.sheet].number, Span(p.start, p.end), start) for p, start in laid)
    return Woven("".join(texts), blocks, _page_spans(sheets, laid), pieces, _removals(sheets, laid, cuts))


def _neighbours(sheets: Sequence[Sheet], before: Part, after: Part) -> bool:
    return (
        before.sheet == after.sheet
        and before.end <= after.start
        and not sheets[after.sheet].text[before.end : after.start].strip()
    )


def _page_spans(sheets: Sequence[Sheet], laid: Sequence[tuple[Part, int]]) -> tuple[PageSpan, ...]:
    """A page without text has an empty span, where the text before it ends."""
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    for part, start in laid:
        starts.setdefault(part.sheet, start)
        ends[part.sheet] = start + part.end - part.start
    spans, at = [], 0
    for i, sheet in enumerate(sheets):
        at = ends.get(i, at)
        spans.append(PageSpan(sheet.number, Span(starts.get(i, at), at)))
    return tuple(spans)


def _removals(sheets: Sequence[Sheet], laid: Sequence[tuple[Part, int]], cuts: Iterable[Cut]) -> tuple[Removal, ...]:
    """The cuts, and the white space that neither a piece nor a cut holds."""
    known: list[list[tuple[int, int, RemovalReason | None]]] = [[] for _ in sheets]
    for part, _ in laid:
        known[part.sheet].append((part.start, part.end, None))
    for cut in cuts:
        known[cut.part.sheet].append((cut.part.start, cut.part.end, cut.reason))
    found = []
    for sheet, stretches in zip(sheets, known, strict=True):
        at = 0
        for start, end, reason in [*sorted(stretches, key=_place), (len(sheet.text), len(sheet.text), None)]:
            if at < start:
                found.append(Removal(sheet.number, Span(at, start), sheet.text[at:start], "space"))
            if reason:
                found.append(Removal(sheet.number, Span(start, end), sheet.text[start:end], reason))
            at = end
    return tuple(found)


def _place(stretch: tuple[int, int, RemovalReason | None]) -> tuple[int, int]:
    return stretch[:2]
