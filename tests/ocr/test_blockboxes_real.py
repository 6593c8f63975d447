"""Boxes made from words alone, against the boxes that the layout engine works with."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from rag_ingest.load.options import LoadOptions
from rag_ingest.load.pdf import PdfLoader
from rag_ingest.ocr import layout_page
from rag_ingest.ocr.blockboxes import regions
from rag_ingest.ocr.layout import LayoutEngine, LayoutOptions
from rag_ingest.ocr.witness import page_words
from rag_ingest.types import BBox, Page, PageMarkdown, Source, Span

pytestmark = [pytest.mark.real, pytest.mark.slow]


def overlap(one: BBox, other: BBox) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)


def test_most_blocks_get_the_box_that_the_layout_engine_gave_them(real_data: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[list[layout_page.Block]] = []
    write = layout_page._write

    def watched(blocks, furniture):
        seen.append(list(blocks))
        return write(blocks, furniture)

    monkeypatch.setattr(layout_page, "_write", watched)
    engine = LayoutEngine(LayoutOptions(threads=1, ocr="never"))
    shares: list[float] = []
    with PdfLoader(LoadOptions(workers=1)) as loader:
        for paper in ("1706.03762", "PMC1397864", "PMC6206834", "PMC5758638", "9802040", "celerite"):
            document = loader.open(Source(str(real_data / "papers" / paper / "paper.pdf"), "pdf"))
            for page in loader.pages(document, [2, 4]):
                assert isinstance(page, Page)
                [result] = engine.recognize([page])
                assert isinstance(result, PageMarkdown)
                known, spans, at = [], [], 0
                for block in seen[-1]:
                    text = write([block], []).markdown
                    start = result.markdown.find(text, at)
                    if block.kind != "figure" and start >= 0:
                        spans.append(Span(start, start + len(text)))
                        known.append(block.bbox)
                        at = start + len(text)
                found = regions(result.markdown, spans, page_words(page))
                # the engine keeps the box of the first column alone for a paragraph that runs on
                shares += [
                    max((overlap(box, own) for own in boxes), default=0.0)
                    for box, boxes in zip(known, found, strict=True)
                ]
    engine.close()
    assert statistics.median(shares) > 0.95
    assert sum(share >= 0.8 for share in shares) > 0.9 * len(shares)
