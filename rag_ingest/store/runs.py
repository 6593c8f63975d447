"""Chunks of one document in order, and runs of them put together again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag_ingest.types import SearchHit, Span

__all__ = ["COLUMNS", "Row", "Run", "holds", "in_order", "place_of"]

COLUMNS = ["id", "doc_id", "span_start", "span_end", "gap", "text", "pages", "sections"]
"""Of a `Row`; `text` and `pages` may be left out."""


@dataclass(frozen=True, slots=True)
class Row:
    """A chunk as its neighbours need it; `sections` are as the table has them, smallest first."""

    chunk_id: str
    span: Span
    gap: str
    text: str
    pages: tuple[int, ...]
    sections: Sequence[Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring chunks, the first and the last cut at the edges of `within`."""

    rows: Sequence[Row]
    within: Span

    @property
    def span(self) -> Span:
        """Of the text in the document."""
        return Span(max(self.rows[0].span.start, self.within.start), min(self.rows[-1].span.end, self.within.end))

    @property
    def text(self) -> str:
        """The document's; what a chunk repeats of the one before it stands there once."""
        parts, at = [], self.within.start
        for i, row in enumerate(self.rows):
            start, end = at - row.span.start, self.within.end - row.span.start
            parts += [row.gap if i else "", row.text[max(0, start) : end]]
            at = max(at, row.span.end)
        return "".join(parts)

    @property
    def pages(self) -> tuple[int, ...]:
        """1-based."""
        return tuple(sorted({page for row in self.rows for page in row.pages}))

    @property
    def inner(self) -> Sequence[Row]:
        """Chunks that are surely not cut."""
        return self.rows[1:-1]


def in_order(found: Iterable[Mapping[str, Any]]) -> Mapping[str, list[Row]]:
    """Linked chunks by document, from rows of the table; a foreign node has no links."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in found:
        if row["sections"]:
            rows[row["doc_id"]].append(_to_row(row))
    for theirs in rows.values():
        theirs.sort(key=lambda row: row.span)
    return rows


def place_of(rows: Sequence[Row], hit: SearchHit) -> int | None:
    """Index of a hit's row."""
    return next((i for i, row in enumerate(rows) if row.chunk_id == hit.chunk_id), None)


def holds(spans: Iterable[Span], span: Span) -> bool:
    """Whether one of `spans` holds all of `span`."""
    return any(one.start <= span.start and span.end <= one.end for one in spans)


def _to_row(row: Mapping[str, Any]) -> Row:
    return Row(
        chunk_id=row["id"],
        span=Span(row["span_start"], row["span_end"]),
        gap=row["gap"] or "",
        text=row.get("text", ""),
        pages=tuple(row.get("pages") or ()),
        sections=row["sections"],
    )
