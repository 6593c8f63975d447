"""Boxes and figures in rows, and back."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from rag_ingest.store.schema import SIDES, storable
from rag_ingest.types import BBox, PlacedFigure, Span

__all__ = ["box_of", "figure_of", "figure_row", "sides_of"]

_DECIMALS = 2
"""Of page points. Columns hold 32 bits, which would come back as 71.99999."""


def sides_of(box: BBox) -> dict[str, float]:
    """As 32 bits hold them, so that the same box written again is the same row."""
    return dict(zip(SIDES, struct.unpack("4f", struct.pack("4f", *box)), strict=True))


def box_of(sides: Mapping[str, float]) -> BBox:
    """What `sides_of` was given, to a hundredth of a point."""
    left, top, right, bottom = (round(sides[name], _DECIMALS) for name in SIDES)
    return left, top, right, bottom


def figure_row(figure: PlacedFigure) -> dict[str, Any]:
    """One of the column `figures` of `chunks`."""
    return {
        "page": figure.page,
        "number": figure.number,
        "start": figure.span.start,
        "end": figure.span.end,
        "placeholder": storable(figure.placeholder),
        "caption": storable(figure.caption),
        "path": storable(figure.path),
        "in_table": figure.in_table,
        "bbox": None if figure.bbox is None else sides_of(figure.bbox),
    }


def figure_of(row: Mapping[str, Any]) -> PlacedFigure:
    """What `figure_row` was given."""
    return PlacedFigure(
        page=row["page"],
        number=row["number"],
        span=Span(row["start"], row["end"]),
        placeholder=row["placeholder"],
        bbox=None if row["bbox"] is None else box_of(row["bbox"]),
        caption=row["caption"],
        path=row["path"],
        in_table=bool(row["in_table"]),
    )
