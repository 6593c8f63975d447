"""What a node's metadata says of its place, reading and paper, for the columns that `search` and filters use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rag_ingest.store.paper import paper_values
from rag_ingest.store.placing import figure_row, sides_of
from rag_ingest.store.schema import PAPER_COLUMNS, WITNESS_COLUMNS, storable
from rag_ingest.types import BBox, PlacedFigure, Span

__all__ = ["known_columns"]


def known_columns(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of `chunks`, from metadata as `store.node_metadata` writes it; what can't be read is null or empty."""
    paper = paper_values(metadata)
    verdict = metadata.get("verdict")
    return {
        "bboxes": [row for row in map(_box_row, _listed(metadata.get("bboxes"))) if row],
        "figures": [row for row in map(_figure_row, _listed(metadata.get("figures"))) if row],
        **{name: _score(metadata.get(name)) for name in WITNESS_COLUMNS},
        "verdict": storable(verdict) if isinstance(verdict, str) else None,
        **{name: paper[name] for name in (*PAPER_COLUMNS, "year", "version")},
        "category_lines": "\n" + "".join(f"{category}\n" for category in paper["categories"]),
    }


def _listed(text: Any) -> list[Any]:
    try:
        found = json.loads(text) if isinstance(text, str) else []
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def _score(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _box_row(row: Any) -> dict[str, Any] | None:
    try:
        page, *box = row
        return {"page": int(page)} | sides_of(_bbox(box))
    except (TypeError, ValueError, OverflowError):
        return None


def _figure_row(figure: Any) -> dict[str, Any] | None:
    """Spans are those of the document that the reader made, which a node does not tell."""
    try:
        placeholder, caption, path = (str(figure.get(name) or "") for name in ("placeholder", "caption", "path"))
        box = figure.get("bbox")
        placed = PlacedFigure(
            page=int(figure["page"]),
            number=int(figure["number"]),
            span=Span(0, 0),
            placeholder=placeholder,
            bbox=None if box is None else _bbox(box),
            caption=caption,
            path=path,
            in_table=figure.get("stored") == "table",
        )
        return figure_row(placed)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return None


def _bbox(sides: Any) -> BBox:
    left, top, right, bottom = map(float, sides)
    return left, top, right, bottom
