"""Where a paper's figures stand in its Markdown, with the captions that belong to them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rag_ingest.types import Block, Document, Figure, PageMarkdown, Piece, PlacedFigure, Span

_LINK = re.compile(r"!\[[^\]\n]*\]\(<?([^\s()<>]+)>?[^()\n]*\)")
_TABLE = re.compile(
    r"[\W_]*+(?!fig|abb|plate|chart|scheme|рис|图|図|圖)(?:\w+ ){0,2}?"
    r"(?:tab(?:\.|(?:les?|elle|leau|la)(?![^\W\d_]))|表|Таблица)",
    re.IGNORECASE,
)
"""A caption that begins so is a table's; "Figure 4 Tablet dissolution" and "Tablet 2" do not."""
_REACH = 4
"""So many panels may stand between a figure and its caption."""


def placed_figures(document: Document, pages: Iterable[PageMarkdown]) -> tuple[PlacedFigure, ...]:
    """The figures of all pages, in order of the text; one whose image link was left out of the text is left out too.

    Args:
        document: `assemble` made it of these pages.
        pages: with their figures.
    """
    pieces: defaultdict[int, list[Piece]] = defaultdict(list)
    for piece in document.pieces:
        pieces[piece.page].append(piece)
    places = _Captions(document)
    found = []
    for page in pages:
        for number, (figure, span) in enumerate(_with_links(page), 1):
            moved = _moved(span, pieces[page.number]) if span else None
            if moved is not None:
                caption = places.of(moved)
                text = document.markdown[caption.start : caption.end] if caption else ""
                found.append(
                    PlacedFigure(
                        page=page.number,
                        number=number,
                        span=moved,
                        placeholder=figure.placeholder,
                        bbox=figure.bbox,
                        caption=" ".join(text.split()),
                        path=figure.path,
                        caption_span=caption,
                        in_table=figure.in_table,
                    )
                )
    return tuple(sorted(found, key=lambda figure: figure.span))


def page_checks(pages: Iterable[PageMarkdown]) -> Mapping[int, Mapping[str, object]]:
    """What of each page's checks is told of its chunks: the verdict, and how far the text layer agrees."""
    names = ("verdict", "witness_recall", "witness_precision", "witness_order", "witness_numbers")
    told = {page.number: {name: page.checks[name] for name in names if name in page.checks} for page in pages}
    return {number: checks for number, checks in told.items() if checks}


def _with_links(page: PageMarkdown) -> Iterator[tuple[Figure, Span | None]]:
    """Each figure with its image link; two of one name take the links of that name in turn."""
    links: defaultdict[str, list[Span]] = defaultdict(list)
    for match in _LINK.finditer(page.markdown) if page.figures else ():
        links[match[1]].append(Span(*match.span()))
    for figure in page.figures:
        spans = links[figure.placeholder]
        yield figure, spans.pop(0) if spans else None


def _moved(span: Span, pieces: Sequence[Piece]) -> Span | None:
    """From the page's offsets to the document's."""
    for piece in pieces:
        if piece.page_span.start <= span.start and span.end <= piece.page_span.end:
            start = piece.start + span.start - piece.page_span.start
            return Span(start, start + len(span))
    return None


class _Captions:
    """Finds the caption of a figure: behind it, else before it, beyond other panels of the same figure."""

    def __init__(self, document: Document) -> None:
        self._text = document.markdown
        self._blocks = document.blocks
        self._starts = [block.span.start for block in document.blocks]

    def of(self, link: Span) -> Span | None:
        """The caption's span; None where there is none."""
        at = bisect_right(self._starts, link.start) - 1
        if at < 0:
            return None
        if self._blocks[at].kind == "caption":  # the link stands inside it
            return self._blocks[at].span
        return self._beyond_panels(at, 1) or self._beyond_panels(at, -1)

    def _beyond_panels(self, at: int, step: int) -> Span | None:
        for near in range(at + step, at + step * (_REACH + 1), step):
            if not 0 <= near < len(self._blocks):
                return None
            block = self._blocks[near]
            if block.kind == "caption":
                return block.span if not self._names_table(block) else None
            if block.kind != "figure":
                return None
        return None

    def _names_table(self, block: Block) -> bool:
        return _TABLE.match(self._text, block.span.start, block.span.end) is not None
