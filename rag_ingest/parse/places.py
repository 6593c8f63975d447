"""Where a document's text stands: every page's boxes, moved to where their text went."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from rag_ingest.types import PageBox, PageMarkdown, Piece, Span


def placed_boxes(pages: Iterable[PageMarkdown], pieces: Iterable[Piece]) -> tuple[PageBox, ...]:
    """In order of their spans, which don't overlap.

    Of a line that was left out in part, as the hyphen at a page's end is, the rest keeps its box; of one that was left
    out as a whole there is none.

    Args:
        pages: with their boxes.
        pieces: of the document, in order of its text (see `Document.pieces`).
    """
    boxes = {page.number: page.boxes for page in pages if page.boxes}
    edges = {
        number: ([box.span.start for box in found], [box.span.end for box in found]) for number, found in boxes.items()
    }

    def of(piece: Piece) -> Iterator[PageBox]:
        starts, ends = edges[piece.page]
        part, moved = piece.page_span, piece.start - piece.page_span.start
        for box in boxes[piece.page][bisect_right(ends, part.start) : bisect_left(starts, part.end)]:
            start, end = max(box.span.start, part.start), min(box.span.end, part.end)
            yield PageBox(Span(start + moved, end + moved), piece.page, box.bbox)

    return tuple(box for piece in pieces if piece.page in boxes for box in of(piece))
