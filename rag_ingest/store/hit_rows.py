"""What a search found: rows of `chunks`, by where they lie or by their ids, and what a hit tells of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rag_ingest.store.gone import GONE
from rag_ingest.store.placing import box_of, figure_of
from rag_ingest.store.schema import PAPER_COLUMNS, WITNESS_COLUMNS
from rag_ingest.store.tables import fetch
from rag_ingest.types import SearchHit, Span

if TYPE_CHECKING:
    from lancedb.table import Table

__all__ = ["NUMBER", "by_ids", "taken", "to_hit"]

NUMBER = "_rowid"
"""Where a row lies; another one has it once the table is written anew."""

_SCORE_DIGITS = 4
"""Of a witness score, as in the ledger; the column holds 32 bits."""

_KNOWN = [*WITNESS_COLUMNS, "verdict", *PAPER_COLUMNS, "year", "version"]
_COLUMNS = [
    *("id", "doc_id", "source", "title", "text", "context", "headings", "pages", "span_start", "span_end"),
    *("bboxes", "figures", "category_lines", *_KNOWN),
]


def taken(table: Table, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Rows with all columns; fewer, or none, where somebody has compacted the table meanwhile."""
    try:
        found = table.take_row_ids(list(numbers)).with_row_id().select(_COLUMNS) if numbers else None
        return [] if found is None else list(found.to_arrow().to_pylist())
    except (OSError, RuntimeError, ValueError):
        return []


def by_ids(table: Table, best: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with all columns, in the same order; one that is gone by now is left out."""
    from lancedb.expr import col

    where = col("id").isin([row["id"] for row in best])
    rows = {row["id"]: row for row in fetch(table, where, _COLUMNS) if row["doc_id"] != GONE} if best else {}
    return [{**rows[row["id"]], "score": row["score"]} for row in best if row["id"] in rows]


def to_hit(row: Mapping[str, Any]) -> SearchHit:
    """Of a row with its score."""
    return SearchHit(
        chunk_id=row["id"],
        doc_id=row["doc_id"],
        source=row["source"],
        title=row["title"],
        text=row["text"],
        context=row["context"],
        headings=tuple(row["headings"]),
        pages=tuple(row["pages"]),
        score=float(row["score"]),
        span=Span(row["span_start"], row["span_end"]),
        bboxes=tuple((box["page"], box_of(box)) for box in row["bboxes"] or ()),
        figures=tuple(figure_of(figure) for figure in row["figures"] or ()),
        metadata=_known(row),
    )


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: row[name] for name in _KNOWN if row[name] is not None}
    known |= {name: round(known[name], _SCORE_DIGITS) for name in WITNESS_COLUMNS if name in known}
    categories = (row["category_lines"] or "").split()
    return {**known, "categories": categories} if categories else known
