"""Pages whose text layer runs sideways are turned before a model reads them; their figures are turned back."""

from __future__ import annotations

from dataclasses import replace

from rag_ingest.ocr.layout_turn import quarter_turns, turn_box, turn_lines, turned_image, turned_size
from rag_ingest.types import Page, PageMarkdown


def upright(page: Page) -> tuple[Page, int]:
    """The page so that most of its text layer is level, and the quarter turns clockwise that this took: 0, 1 or 3.

    A page without a text layer stays as it is, and so does one that stands on its head.
    """
    turns = quarter_turns(page.text_layer or ()) if page.image is not None else 0
    if not turns or page.image is None:
        return page, 0
    turned = replace(
        page,
        image=turned_image(page.image, turns),
        text_layer=turn_lines(page.text_layer or (), turns, page.size_pt),
        size_pt=turned_size(page.size_pt, turns),
    )
    return turned, turns


def turned_back(read: PageMarkdown, turns: int, size_pt: tuple[float, float]) -> PageMarkdown:
    """What was read from a turned page, with figures where they are on the page as it is.

    Args:
        read: of the page after `turns` quarter turns clockwise.
        turns: as `upright` gave them.
        size_pt: of the turned page.
    """
    figures = tuple(replace(f, bbox=turn_box(f.bbox, -turns, size_pt) if f.bbox else None) for f in read.figures)
    return replace(read, figures=figures, checks={**read.checks, "turned": 90 * turns})
