"""What a loader knows of a paper -> the columns that filters can name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rag_ingest.store.schema import PAPER_COLUMNS, storable

__all__ = ["paper_values"]

_INT32 = 2**31


def paper_values(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """`PAPER_COLUMNS`, "year", "version" and "categories" (a list) of `SourceDocument.metadata`.

    A value that is missing, or of a kind that the column can't hold, is None: metadata is the loader's affair, and a
    filter on it must not depend on how clean it is.
    """
    texts = {name: _text(metadata.get(name)) for name in PAPER_COLUMNS}
    numbers = {name: _number(metadata.get(name)) for name in ("year", "version")}
    return {**texts, **numbers, "categories": _categories(metadata.get("categories"))}


def _categories(value: Any) -> list[str]:
    listed = value.split() if isinstance(value, str) else value if isinstance(value, list | tuple) else ()
    return [storable(category) for category in listed if isinstance(category, str)]


def _text(value: Any) -> str | None:
    if isinstance(value, list | tuple):
        value = "; ".join(part for part in value if isinstance(part, str))
    return storable(value) if isinstance(value, str) and value else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _INT32 else None
