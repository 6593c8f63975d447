"""Search in the `chunks` table: by meaning, by words (BM25), or both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from rag_ingest.errors import ConfigError
from rag_ingest.store.schema import searchable
from rag_ingest.store.where import parse_where
from rag_ingest.types import SearchHit, Span

if TYPE_CHECKING:
    import numpy as np
    from lancedb.expr import Expr
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["SearchMode", "candidates"]

SearchMode = Literal["hybrid", "vector", "text"]

RRF_K = 60
"""Cormack, Clarke and Büttcher 2009, "Reciprocal rank fusion outperforms Condorcet": score = sum of 1 / (60 + rank)."""

DEPTH = 50
"""Each way of searching gives at least so many, so that fusion and ties don't hang on the last rank."""

NPROBES, REFINE_FACTOR = 50, 10
"""An IVF_RQ index reaches recall 0.998 with these, and 0.44 with the defaults; without an index they do nothing."""

_COLUMNS = ["id", "doc_id", "source", "title", "text", "context", "headings", "pages", "span_start", "span_end"]


def candidates(
    table: Table, text: str, vector: NDArray[np.float32] | None, *, mode: SearchMode, k: int, where: str | Expr | None
) -> list[SearchHit]:
    """At least the `k` best chunks, where there are so many, best first; equal scores in order of chunk id.

    Each way of searching gives 50 of them, or 3 k.

    Args:
        table: `chunks`.
        text: plain words; one phrase where the whole query stands in double quotes.
        vector: of the query; unused in mode "text".
        mode: scores are cosine similarity ("vector"), BM25 ("text") or reciprocal ranks ("hybrid").
        k: how many are wanted.
        where: a filter as `store.where` reads it, or a ready expression.

    Raises:
        ConfigError: unknown mode, k below 1, a filter that can't be read, or no vector where one is needed.
    """
    if mode not in get_args(SearchMode):
        raise ConfigError(f"unknown search mode {mode!r} (known: {', '.join(get_args(SearchMode))})")
    if k < 1:
        raise ConfigError(f"k = {k}: must be at least 1")
    condition = (parse_where(where) if where.strip() else None) if isinstance(where, str) else where
    depth = max(DEPTH, 3 * k)
    legs: list[list[dict[str, Any]]] = []
    if mode != "text":
        if vector is None:
            raise ConfigError(f"search mode {mode!r} needs the query's vector")
        legs.append(_by_vector(table, vector, condition, depth))
    if mode != "vector":
        legs.append(_by_words(table, text, condition, depth))
    ranked = legs[0] if len(legs) == 1 else fuse(legs)
    return [_to_hit(row) for row in ranked]


def _by_vector(table: Table, vector: NDArray[np.float32], where: Expr | None, depth: int) -> list[dict[str, Any]]:
    query = table.search(vector, vector_column_name="vector", query_type="vector").distance_type("cosine")
    query = query.nprobes(NPROBES).refine_factor(REFINE_FACTOR).limit(depth).select([*_COLUMNS, "_distance"])
    if where is not None:
        query = query.where(where)
    return _ordered({**row, "score": 1.0 - row["_distance"]} for row in query.to_arrow().to_pylist())


def _by_words(table: Table, text: str, where: Expr | None, depth: int) -> list[dict[str, Any]]:
    from lancedb.query import MatchQuery, PhraseQuery

    words = searchable(text).strip()
    phrase = words[1:-1] if len(words) > 2 and words[0] == words[-1] == '"' and '"' not in words[1:-1] else ""
    if not words:
        return []
    wanted = PhraseQuery(phrase, "search_text") if phrase else MatchQuery(words, "search_text")
    query = table.search(wanted, query_type="fts").limit(depth).select([*_COLUMNS, "_score"])
    if where is not None:
        query = query.where(where)
    return _ordered({**row, "score": row["_score"]} for row in query.to_arrow().to_pylist())


def _ordered(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (-row["score"], row["id"]))


def fuse(legs: Iterable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Reciprocal rank fusion of ranked rows; a row is known by its id."""
    scores: dict[str, float] = defaultdict(float)
    rows: dict[str, dict[str, Any]] = {}
    for leg in legs:
        for rank, row in enumerate(leg, 1):
            scores[row["id"]] += 1 / (RRF_K + rank)
            rows[row["id"]] = row
    return _ordered({**row, "score": scores[key]} for key, row in rows.items())


def _to_hit(row: Mapping[str, Any]) -> SearchHit:
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
    )
