"""Where a page's text stands: from its text layer, or from reading its image, though the engine gave no boxes.

places_blocks   Markdown -> what stands as one        places_words   which words are whose
places_lines    words -> a box a printed line
"""

from __future__ import annotations

import logging
import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from typing import Literal, get_args

from rag_ingest.errors import ConfigError, MissingExtraError, RagIngestError
from rag_ingest.ocr.layout_ocr import RapidOcrReader
from rag_ingest.ocr.layout_turn import quarter_turns, turn_box, turn_lines, turned_size
from rag_ingest.ocr.places_blocks import figure_links
from rag_ingest.ocr.places_lines import text_boxes
from rag_ingest.ocr.threads import model_threads
from rag_ingest.ocr.witness import page_words, usable
from rag_ingest.types import BBox, Page, PageMarkdown, Span, TextBox, TextLine, Word

log = logging.getLogger(__name__)

Scans = Literal["none", "rapidocr"]

GOOD_ENOUGH = frozenset({"", "few-words", "invisible"})
"""What `witness.usable` may say: words that somebody's OCR laid under a scan, and a few words, do for boxes.

Of another layer a part may do as well; it is believed where it gives most of the page's text a place.
"""

DECIMALS = 2
"""Of a box's sides in points: finer than any print."""

FOUND_SHARE = 0.5
"""Of a page's text that has boxes; with less, the image is read, where that is asked for."""


@dataclass(frozen=True, kw_only=True)
class BoxOptions:
    """Whether and how text gets its place on the page.

    Attributes:
        find: from the text layer: some ten milliseconds a page.
        scans: "rapidocr" reads the image of a page whose text layer doesn't do, some seconds a page.
        threads: of the OCR model, 0..256; 0 takes $OMP_NUM_THREADS, else one a core.
    """

    find: bool = True
    scans: Scans = "none"
    threads: int = 0

    def __post_init__(self) -> None:
        if self.scans not in get_args(Scans):
            raise ConfigError(f"boxes.scans is {self.scans!r}; it must be one of {', '.join(get_args(Scans))}")
        if not 0 <= self.threads <= 256:
            raise ConfigError(f"boxes.threads is {self.threads}; it must be 0 to 256 (0 = one a core)")


def placed(page: Page, read: PageMarkdown, options: BoxOptions) -> PageMarkdown:
    """The same with boxes, about a printed line each, where they can be found, and `boxes_by`.

    The engine's own stand where nothing finer is found. A page on which this fails keeps what it has.

    Args:
        page: as the engine had it; its image is needed for scans alone.
        read: what the engine made of it.
        options: see there.

    Raises:
        ConfigError: a package for `options.scans` is missing.
        ModelError: its models can't be loaded.
    """
    if not options.find or not read.markdown.strip():
        return read if read.markdown.strip() else replace(read, boxes_by="all")
    try:
        boxes, by = _boxes(page, read, options)
        return replace(read, boxes=boxes, boxes_by=by)
    except RagIngestError:
        raise
    except Exception:  # whatever a page does to the alignment costs it its boxes alone
        log.debug("no boxes for page %d of %s", page.number, page.doc_id, exc_info=True)
        return replace(read, boxes_by="all")


def check(options: BoxOptions) -> None:
    """Says before the first page what `placed` would say at the first scan.

    Raises:
        MissingExtraError: a package for `options.scans` is missing.
    """
    if options.find and options.scans == "rapidocr" and find_spec("rapidocr") is None:
        raise MissingExtraError("rapidocr", "dev")


def found_in(
    markdown: str, lines: Sequence[TextLine], size_pt: tuple[float, float], turns: int | None = None
) -> tuple[TextBox, ...]:
    """Boxes from lines of text, within the page.

    Args:
        markdown: of the page.
        lines: with word boxes, in points.
        size_pt: of the page.
        turns: quarter turns clockwise after which the text is upright; None looks at the lines.
    """
    turns = quarter_turns(lines) if turns is None else turns % 4
    upright = turn_lines(lines, turns, size_pt)
    words = [word for line in upright for word in line.words or (Word(line.text, line.bbox),)]
    boxes = text_boxes(markdown, [replace(word, visible=True) for word in words])
    turned = turned_size(size_pt, turns)
    return within(((box.span, turn_box(box.bbox, -turns, turned)) for box in boxes), size_pt)


def within(boxes: Iterator[tuple[Span, BBox]], size_pt: tuple[float, float]) -> tuple[TextBox, ...]:
    """Cut to the page; those without extent are left out."""
    out = []
    for span, bbox in boxes:
        box = on_page(bbox, size_pt)
        if box[0] < box[2] and box[1] < box[3]:
            out.append(TextBox(span, box))
    return tuple(out)


def on_page(bbox: BBox, size_pt: tuple[float, float]) -> BBox:
    """Cut to the page, the sides to `DECIMALS`: as the ledger gives them back. A side that is no number is 0."""
    left, top, right, bottom = (round(side, DECIMALS) if math.isfinite(side) else 0.0 for side in bbox)
    width, height = map(_floor, size_pt)
    return max(0.0, left), max(0.0, top), min(width, right), min(height, bottom)


def _floor(length: float) -> float:
    near = round(length, DECIMALS)
    return near if near <= length else round(near - 10**-DECIMALS, DECIMALS)


def filled(finer: Sequence[TextBox], coarser: Sequence[TextBox]) -> tuple[TextBox, ...]:
    """All of `finer`, and those of `coarser` whose text has none of it; both in order of their spans."""
    starts = [box.span.start for box in finer]
    kept = []
    for box in coarser:
        at = bisect_right(starts, box.span.start)
        before = at and finer[at - 1].span.end > box.span.start
        if not before and (at == len(finer) or starts[at] >= box.span.end):
            kept.append(box)
    return tuple(sorted([*finer, *kept], key=lambda box: box.span))


def _boxes(page: Page, read: PageMarkdown, options: BoxOptions) -> tuple[tuple[TextBox, ...], str]:
    """And how far they were looked for; see `types.Placing.boxes`."""
    own = filled(read.boxes, within(_figures(read), page.size_pt))
    layer = page.text_layer or ()
    least = FOUND_SHARE * len(read.markdown)
    best = found_in(read.markdown, layer, page.size_pt)
    if _length(best) < least and usable(page_words(page)) not in GOOD_ENOUGH:
        best = ()
    enough = bool(read.boxes) or _length(best) >= least
    if options.scans == "rapidocr" and page.image is not None and not enough:
        reading = _reader(model_threads(options.threads))(page.image, page.size_pt)
        lines = turn_lines(reading.lines, -reading.turns, turned_size(page.size_pt, reading.turns))
        best = max(best, found_in(read.markdown, lines, page.size_pt, reading.turns), key=_length)
    return filled(best, own), "all" if enough or options.scans != "none" else "layer"


def _length(boxes: Sequence[TextBox]) -> int:
    return sum(len(box.span) for box in boxes)


def _figures(read: PageMarkdown) -> Iterator[tuple[Span, BBox]]:
    """The image links of figures whose box the engine gave, in order of the text."""
    links = figure_links(read) if any(figure.bbox for figure in read.figures) else ()
    yield from sorted((link, figure.bbox) for figure, link in links if figure.bbox)


@lru_cache(maxsize=1)
def _reader(threads: int) -> RapidOcrReader:
    """Loads at the first page that needs it, and stays."""
    return RapidOcrReader(threads=threads)
