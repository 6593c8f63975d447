"""Boxes and crops of a page: made when it is read, and made again, without reading, when they are wanted otherwise.

What is made again is what a page that is read now would get: the engine's text and boxes are as they were, the page's
text layer and image are loaded once more. What is no longer wanted stays.
"""

from __future__ import annotations

from dataclasses import replace

from rag_ingest.ocr.figures import FigureOptions, cropped, cropped_again
from rag_ingest.ocr.places import BoxOptions, placed
from rag_ingest.types import Page, PageMarkdown, Placing

__all__ = ["needs_image", "place", "place_again", "wanted"]


def wanted(figures: FigureOptions, boxes: BoxOptions) -> Placing:
    """What these options ask of every page."""
    by = "" if not boxes.find else "all" if boxes.scans != "none" else "layer"
    crops = "" if figures.keep == "none" else f"{figures.keep} {figures.format} {figures.margin_pt:g}"
    return Placing(by, crops)


def place(page: Page, read: PageMarkdown, figures: FigureOptions, boxes: BoxOptions) -> PageMarkdown:
    """What an engine has just read, with boxes and crops.

    Raises:
        ConfigError: a package for `boxes.scans` is missing.
        ModelError: its models can't be loaded.
    """
    read = cropped(page, read, figures)  # boxes are judged first
    crops = wanted(figures, boxes).crops if any(figure.bbox for figure in read.figures) else "-"
    return replace(placed(page, read, boxes), crops_by=crops)


def place_again(page: Page, read: PageMarkdown, figures: FigureOptions, boxes: BoxOptions) -> PageMarkdown:
    """A page as the ledger has it, with what is wanted by now and was not made so.

    Args:
        page: loaded again, with its image where `needs_image` says so.
        read: what was read of it; crops that stay have no bytes.
        figures: options of crops.
        boxes: options of boxes.

    Raises:
        ConfigError: a package for `boxes.scans` is missing.
        ModelError: its models can't be loaded.
    """
    asked = wanted(figures, boxes)
    if not Placing(read.boxes_by, "-").serves(asked):
        own = read.boxes if not read.boxes_by else ()  # an engine that gave some has "all"
        read = placed(page, replace(read, boxes=own), boxes)
    if not Placing("all", read.crops_by).serves(asked):
        read = replace(cropped_again(page, read, figures), crops_by=asked.crops)
    return read


def needs_image(read: PageMarkdown, asked: Placing) -> bool:
    """Whether `place_again` looks at the page, and not only into its text layer."""
    scans = asked.boxes == "all" and read.boxes_by != "all"
    return scans or not Placing("all", read.crops_by).serves(asked)
