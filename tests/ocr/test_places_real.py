"""Lines placed from words alone, against the boxes that the layout engine works with."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rag_ingest.load.options import LoadOptions
from rag_ingest.load.pdf import PdfLoader
from rag_ingest.ocr.layout import LayoutEngine, LayoutOptions
from rag_ingest.ocr.places import BoxOptions, placed
from rag_ingest.types import BBox, Page, PageMarkdown, Source, Span, TextBox

pytestmark = [pytest.mark.real, pytest.mark.slow]


def around(boxes: Sequence[TextBox], span: Span) -> BBox | None:
    """The box around the lines of which most of the text is the span's."""
    own = [b.bbox for b in boxes if 2 * (min(b.span.end, span.end) - max(b.span.start, span.start)) > len(b.span)]
    sides = list(zip(*own, strict=True))
    return (min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])) if own else None


def overlap(one: BBox, other: BBox | None) -> float:
    """Intersection over union; 0.0 where there is no other."""
    if other is None:
        return 0.0
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)


def test_most_blocks_get_the_box_that_the_layout_engine_gave_them(real_data: Path):
    engine = LayoutEngine(LayoutOptions(threads=1, ocr="never"))
    shares: list[float] = []
    with PdfLoader(LoadOptions(workers=1)) as loader:
        for paper in ("1706.03762", "PMC1397864", "PMC6206834", "PMC5758638", "9802040", "celerite"):
            document = loader.open(Source(str(real_data / "papers" / paper / "paper.pdf"), "pdf"))
            for page in loader.pages(document, [2, 4]):
                assert isinstance(page, Page)
                [read] = engine.recognize([page])
                assert isinstance(read, PageMarkdown)
                lines = placed(page, replace(read, boxes=(), figures=()), BoxOptions()).boxes
                blocks = [b for b in read.boxes if not read.markdown.startswith("![", b.span.start)]
                shares += [overlap(block.bbox, around(lines, block.span)) for block in blocks]
    engine.close()
    assert statistics.median(shares) > 0.95
    assert sum(share >= 0.8 for share in shares) > 0.9 * len(shares)


def test_an_image_alone_is_read_for_boxes_where_that_is_asked_for(real_data: Path):
    with PdfLoader(LoadOptions(workers=1)) as loader:
        document = loader.open(Source(str(real_data / "papers" / "1706.03762" / "paper.pdf"), "pdf"))
        [page] = loader.pages(document, [8])
    assert isinstance(page, Page)
    markdown = "\n\n".join(line.text for line in page.text_layer or () if len(line.words) > 5)
    read = PageMarkdown("d", 8, markdown, "engine", "f")
    scan = replace(page, text_layer=None)
    assert placed(scan, read, BoxOptions()).boxes == ()
    known = placed(page, read, BoxOptions()).boxes
    found = placed(scan, read, BoxOptions(scans="rapidocr", threads=2)).boxes
    shares = [overlap(box.bbox, around(found, box.span)) for box in known]
    assert statistics.median(shares) > 0.6
