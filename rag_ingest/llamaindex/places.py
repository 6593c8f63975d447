"""Boxes, figures and checks of a paper, carried from the reader to the node parser in a document's metadata."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from rag_ingest.types import BBox, Document, PageBox, PlacedFigure, Span

__all__ = ["PLACES", "places_json", "with_places"]

PLACES = "places"
"""Metadata key: JSON, for the node parser alone."""


def places_json(document: Document) -> str:
    """What `with_places` reads; empty where nothing is known."""
    if not (document.boxes or document.figures or document.page_checks):
        return ""
    boxes = [[box.span.start, box.span.end, box.page, *box.bbox] for box in document.boxes]
    figures = [[figure.span.start, figure.span.end, _caption(figure), *_told(figure)] for figure in document.figures]
    checks = {str(number): dict(checks) for number, checks in document.page_checks.items()}
    return json.dumps({"boxes": boxes, "figures": figures, "checks": checks}, separators=(",", ":"))


def with_places(document: Document, text: str) -> Document:
    """The document with what `places_json` wrote of the same text; metadata that can't be read leaves it as it is."""
    try:
        known = json.loads(text) if text else {}
        boxes = tuple(PageBox(Span(a, b), page, _box(box)) for a, b, page, *box in known.get("boxes", ()))
        figures = tuple(map(_figure, known.get("figures", ())))
        checks = {int(number): checks for number, checks in known.get("checks", {}).items()}
    except (TypeError, ValueError, AttributeError):  # somebody else's metadata, under the same name
        return document
    return replace(document, boxes=boxes, figures=figures, page_checks=checks)


def _caption(figure: PlacedFigure) -> list[int]:
    return [figure.caption_span.start, figure.caption_span.end] if figure.caption_span else []


def _told(figure: PlacedFigure) -> list[Any]:
    return [figure.page, figure.number, figure.placeholder, figure.bbox, figure.caption, figure.path]


def _figure(row: list[Any]) -> PlacedFigure:
    start, end, caption, page, number, placeholder, bbox, text, path = row
    span = Span(*caption) if caption else None
    box = _box(bbox) if bbox else None
    return PlacedFigure(page, number, Span(start, end), placeholder, box, text, path, span)


def _box(sides: list[float]) -> BBox:
    left, top, right, bottom = sides
    return left, top, right, bottom
