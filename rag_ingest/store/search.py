"""Search in the `chunks` table: by meaning, by words (BM25), or both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

from rag_ingest.errors import ConfigError
from rag_ingest.store.hit_rows import NUMBER, by_ids, taken, to_hit
from rag_ingest.store.phrases import Wanted, read_query
from rag_ingest.store.trouble import TRIES, never_stranded
from rag_ingest.store.where import parse_where
from rag_ingest.types import SearchHit

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from lancedb.expr import Expr
    from lancedb.query import FullTextQuery, LanceFtsQueryBuilder
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["SearchMode", "candidates", "fuse", "ranked"]

SearchMode = Literal["hybrid", "vector", "text"]

WORDS_SHARE = 0.5
"""Of BM25 in a hybrid score; cosine has the rest. Each is divided by the best of its kind for the query: Bruch, Gai and
Ingber 2023, "An Analysis of Fusion Functions for Hybrid Retrieval". Measured: eval/README.md."""

DEPTH = 50
"""Each way of searching gives at least so many, so that fusion and ties don't hang on the last rank."""

MOST = 500_000_000
"""LanceDB counts candidates in 32 bits; whoever asks for more means all."""

NPROBES, REFINE_FACTOR = 50, 2
"""Of 50 that are asked for, so that 100 are compared exactly, the index of `store.indexes` finds 0.999, in
100,000 vectors near those of real chunks; 0.905 without refinement: eval/store.md. Without an index they do nothing."""

_DIGITS = 6
"""Of a cosine: the database and numpy differ beyond them, and equal chunks must tie."""


def candidates(
    table: Table,
    text: str,
    vector: NDArray[np.float32] | None,
    *,
    mode: SearchMode,
    k: int,
    where: str | Expr | None,
    words_share: float = WORDS_SHARE,
    keep: int | None = None,
) -> list[SearchHit]:
    """At least the `k` best chunks, where there are so many, best first; equal scores in order of chunk id.

    Each way of searching gives 50 of them, or 3 k. They are ranked by row numbers and scores alone; what else is known
    is fetched of those that are kept. Numbers hold within one version of the table: where somebody writes meanwhile,
    it is done again, the last time by ids.

    Args:
        table: `chunks`.
        text: plain words; what stands in double quotes is a phrase (see `store.phrases`), which every chunk found has
            in mode "text" and "hybrid". One of nothing but words that are no use to an index, like "of the", is in
            none.
        vector: of the query; unused in mode "text".
        mode: scores are cosine similarity ("vector"), BM25 ("text") or the mean of both, each as a share of the best
            ("hybrid", where a chunk's words are those of the chunk before it too, see `store.wider`).
        k: how many are wanted.
        where: a filter as `store.where` reads it, or a ready expression.
        words_share: of BM25 in the score of mode "hybrid".
        keep: at most so many are returned; all by default.

    Raises:
        ConfigError: unknown mode, k below 1, a filter that can't be read, or no vector where one is needed.
    """
    rank = partial(ranked, table, text, vector, mode=mode, k=k, where=where, words_share=words_share)
    for _ in range(TRIES - 1):
        version = table.version
        best = _with_ties(rank(by=NUMBER), keep)
        rows = {row[NUMBER]: row for row in taken(table, [row[NUMBER] for row in best])}
        if len(rows) == len(best) and table.version == version:
            return [to_hit(row) for row in _ordered({**rows[row[NUMBER]], **row} for row in best)[:keep]]
    for _ in range(TRIES):
        best = rank()[:keep]
        found = by_ids(table, best)
        if len(found) == len(best):  # else somebody replaced some in between
            break
    return [to_hit(row) for row in found]


@never_stranded
def ranked(
    table: Table,
    text: str,
    vector: NDArray[np.float32] | None,
    *,
    mode: SearchMode,
    k: int,
    where: str | Expr | None,
    words_share: float = WORDS_SHARE,
    by: str = "id",
) -> list[dict[str, Any]]:
    """What `candidates` finds, in the same order, as rows of "id" and "score"; see there.

    By `NUMBER` instead of "id" it is faster, equal scores come in order of it, and it holds for one version of the
    table.
    """
    if mode not in get_args(SearchMode):
        raise ConfigError(f"unknown search mode {mode!r} (known: {', '.join(get_args(SearchMode))})")
    if not isinstance(k, int) or k < 1:
        raise ConfigError(f"k = {k!r}: must be a whole number, at least 1")
    condition = (parse_where(where) if where.strip() else None) if isinstance(where, str) else where
    depth, wanted = min(max(DEPTH, 3 * k), MOST), read_query(text)
    if mode == "text":
        return _by_words(table, "search_text", wanted, condition, depth, by)
    if vector is None:
        raise ConfigError(f"search mode {mode!r} needs the query's vector")
    if mode == "vector":
        return _by_vector(table, vector, condition, depth, by)
    with ThreadPoolExecutor(1) as pool:
        worded = pool.submit(_by_words, table, "wider_text", wanted, condition, depth, by, vector)
        near = _by_vector(table, vector, condition, depth, by, wanted)
        return fuse(near, worded.result(), words_share, by)


def _with_ties(best: Sequence[dict[str, Any]], keep: int | None) -> Sequence[dict[str, Any]]:
    """The first `keep`, and what ranks like the last of these: which of them are kept, their ids say."""
    if keep is None or keep >= len(best):
        return best
    last = _merit(best[keep - 1])
    return [row for n, row in enumerate(best) if n < keep or _merit(row) == last]


def _by_vector(
    table: Table,
    vector: NDArray[np.float32],
    where: Expr | None,
    depth: int,
    by: str,
    wanted: Wanted | None = None,
) -> list[dict[str, Any]]:
    """By cosine; of the `depth` nearest those that have the phrases."""
    phrased = wanted is not None and bool(wanted.phrases)
    query = table.search(vector, vector_column_name="vector", query_type="vector").distance_type("cosine")
    query = query.nprobes(NPROBES).refine_factor(REFINE_FACTOR).limit(depth)
    query = query.select([*_selected(by), "_distance", *(["search_text"] if phrased else [])])
    query = query.with_row_id(by == NUMBER)
    if where is not None:
        query = query.where(where)
    found = query.to_arrow().to_pylist()
    if wanted is not None and phrased:
        found = [row for row in found if wanted.stands_in(row["search_text"])]
    return _ordered(({by: row[by], "score": 1.0 - row["_distance"]} for row in found), by)


def _by_words(
    table: Table,
    column: str,
    wanted: Wanted,
    where: Expr | None,
    depth: int,
    by: str,
    vector: NDArray[np.float32] | None = None,
) -> list[dict[str, Any]]:
    """By BM25 of a column, and of `search_text` for phrases; with the query's vector each row has its "cosine" too."""
    asked = _full_text_query(wanted, column)
    if asked is None:
        return []
    columns = [*_selected(by), "_score", *(["vector"] if vector is not None else [])]
    query = table.search(asked, query_type="fts").with_row_id(by == NUMBER)
    query = query.select([*columns, *(["search_text"] if wanted.phrases else [])])
    if where is not None:
        query = query.where(where)
    found = _with_phrases(query, wanted, depth) if wanted.phrases else query.limit(depth).to_arrow()
    rows = [{by: row[by], "score": row["_score"]} for row in found.select([by, "_score"]).to_pylist()]
    if vector is not None:
        cosines = _cosines(found["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False), vector)
        rows = [{**row, "cosine": cosine} for row, cosine in zip(rows, cosines, strict=True)]
    return _ordered(rows, by)


def _selected(by: str) -> list[str]:
    return [by] if by != NUMBER else []  # which comes of itself


def _full_text_query(wanted: Wanted, column: str) -> FullTextQuery | None:
    from lancedb.query import BooleanQuery, MatchQuery, Occur, PhraseQuery

    phrases = [(Occur.MUST, PhraseQuery(phrase, "search_text")) for phrase in wanted.phrases]
    if not wanted.words:
        return BooleanQuery(phrases) if phrases else None
    words = MatchQuery(wanted.words, column)
    return BooleanQuery([*phrases, (Occur.SHOULD, words)]) if phrases else words


def _with_phrases(query: LanceFtsQueryBuilder, wanted: Wanted, depth: int) -> pa.Table:
    """The first `depth` rows that have the phrases word for word: the index knows stems, and no small words."""
    import pyarrow as pa

    limit = depth
    while True:
        found = query.limit(limit).to_arrow()
        have = pa.array([wanted.stands_in(text) for text in found["search_text"].to_pylist()], pa.bool_())
        if have.true_count >= depth or found.num_rows < limit:
            return found.filter(have).slice(0, depth)
        limit *= 4


def _cosines(stored: NDArray[np.float32], vector: NDArray[np.float32]) -> list[float]:
    """Of each stored vector, one after the other in `stored`, and the query's; 0 where one has no length."""
    import numpy as np

    rows = stored.reshape(-1, len(vector))
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(vector)
    return [float(row @ vector) / float(n) if n else 0.0 for row, n in zip(rows, lengths, strict=True)]


def _ordered(rows: Iterable[dict[str, Any]], by: str = "id") -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (*_merit(row), row[by]))


def _merit(row: Mapping[str, Any]) -> tuple[float, float]:
    """The best is least; of equal hybrid scores the cosine decides."""
    return -row["score"], -row.get("cosine", 0.0)


def fuse(
    near: Sequence[dict[str, Any]],
    worded: Sequence[dict[str, Any]],
    words_share: float = WORDS_SHARE,
    by: str = "id",
) -> list[dict[str, Any]]:
    """Rows of both searches by the weighted mean of cosine and BM25, each as a share of the best one.

    A cosine below zero counts as zero; between equal scores it is the cosine that decides.

    Args:
        near: by cosine, which is their score.
        worded: by BM25, which is their score, with their cosine. A row that is not among them counts as without words.
        words_share: of BM25.
        by: what names a row.
    """
    cosines = {row[by]: round(row.get("cosine", row["score"]), _DIGITS) for row in (*worded, *near)}
    words = {row[by]: row["score"] for row in worded}
    nearest, most = max(cosines.values(), default=0.0), max(words.values(), default=0.0)

    def score(key: str | int) -> float:
        cosine = max(0.0, cosines[key]) / nearest if nearest > 0 else 0.0
        return (1 - words_share) * cosine + words_share * (words.get(key, 0.0) / most if most > 0 else 0.0)

    rows = {row[by]: row for row in (*near, *worded)}
    return _ordered(({**row, "score": score(key), "cosine": cosines[key]} for key, row in rows.items()), by)
