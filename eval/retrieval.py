"""Questions to ranked passages: by meaning, by words (BM25), or both, as the product searches.

Vectors are compared exactly, as LanceDB does without a vector index. Words go through LanceDB's own full-text index
in a temporary database, with the settings of `rag_ingest.store`. A test holds the three modes against the product's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

from eval.cache import VectorCache
from eval.metrics import Passage
from rag_ingest.types import Embedder

if TYPE_CHECKING:
    import numpy as np
    from lancedb.table import Table
    from numpy.typing import NDArray

Ranker: TypeAlias = Callable[[Sequence[str]], Iterator[list[Passage]]]
"""Questions to, for each in order, every passage of the arm, best first."""

WORDS_SHARE = 0.5
"""Of BM25 in a hybrid score, as in `rag_ingest.store.search`."""
DEPTH = 50
"""Candidates of each way of searching, as in `rag_ingest.store.search` for up to 16 results."""


def _vector(passages: Sequence[Passage], embedder: Embedder, cache: Path) -> Ranker:
    """Exact cosine over all passages; ties keep document order."""
    vectors = VectorCache(embedder, cache / "vectors")
    matrix = vectors.embed_documents([passage.indexed for passage in passages])

    def rank(questions: Sequence[str]) -> Iterator[list[Passage]]:
        for vector in vectors.embed_queries(questions):
            yield [passages[i] for i in _descending(matrix @ vector)]

    return rank


def _text(passages: Sequence[Passage], embedder: Embedder, cache: Path) -> Ranker:
    """BM25; what is no candidate follows in document order."""

    def rank(questions: Sequence[str]) -> Iterator[list[Passage]]:
        with _word_index([passage.indexed for passage in passages]) as table:
            for question in questions:
                yield _complete(list(_by_words(table, question)), passages)

    return rank


def _hybrid(passages: Sequence[Passage], embedder: Embedder, cache: Path) -> Ranker:
    """Both scores combined; what is no candidate of either follows in document order."""
    vectors = VectorCache(embedder, cache / "vectors")
    matrix = vectors.embed_documents([passage.indexed for passage in passages])

    def rank(questions: Sequence[str]) -> Iterator[list[Passage]]:
        with _word_index([passage.worded for passage in passages]) as table:
            for question, vector in zip(questions, vectors.embed_queries(questions), strict=True):
                yield _complete(fuse(matrix @ vector, _by_words(table, question)), passages)

    return rank


MODES: Mapping[str, Callable[[Sequence[Passage], Embedder, Path], Ranker]] = {
    "vector": _vector,
    "text": _text,
    "hybrid": _hybrid,
}


def fuse(cosines: NDArray[np.float32], words: Mapping[int, float]) -> list[int]:
    """The `DEPTH` nearest passages and those with words of the question, by the mean of both scores.

    Each is taken as a share of the best one for the question; equal means in order of cosine, then of passage.
    """
    items = sorted({*_descending(cosines)[:DEPTH], *words})
    near = {item: round(float(cosines[item]), 6) for item in items}
    nearest, most = max(near.values(), default=0.0), max(words.values(), default=0.0)

    def score(item: int) -> float:
        cosine = max(0.0, near[item]) / nearest if nearest > 0 else 0.0
        return (1 - WORDS_SHARE) * cosine + WORDS_SHARE * (words.get(item, 0.0) / most if most > 0 else 0.0)

    return sorted(items, key=lambda item: (-score(item), -near[item], item))


_SURROGATES = re.compile("[\ud800-\udfff]")


def fold(text: str) -> str:
    """As `rag_ingest.store` folds documents and queries before the words are indexed."""
    clean = _SURROGATES.sub("\ufffd", text)
    return "".join(c for c in unicodedata.normalize("NFKD", clean) if not unicodedata.combining(c))


def _descending(scores: NDArray[np.float32]) -> list[int]:
    import numpy as np

    order: list[int] = np.argsort(-scores, kind="stable").tolist()
    return order


def _by_words(table: Table, question: str) -> dict[int, float]:
    """Passage to BM25, best first."""
    from lancedb.query import MatchQuery

    words = fold(question).strip()
    if not words:
        return {}
    query = table.search(MatchQuery(words, "search_text"), query_type="fts").limit(DEPTH).select(["id", "_score"])
    rows = query.to_arrow().to_pylist()
    return {row["id"]: row["_score"] for row in sorted(rows, key=lambda row: (-row["_score"], row["id"]))}


@contextmanager
def _word_index(texts: Sequence[str]) -> Iterator[Table]:
    import lancedb
    import pyarrow as pa
    from lancedb.index import FTS

    rows = {"id": range(len(texts)), "search_text": [fold(text) for text in texts]}
    schema = pa.schema([("id", pa.int64()), ("search_text", pa.string())])
    with TemporaryDirectory() as folder:
        table = lancedb.connect(folder).create_table("passages", pa.table(rows, schema=schema))
        table.create_index("search_text", config=FTS(with_position=True))
        yield table


def _complete(order: Sequence[int], passages: Sequence[Passage]) -> list[Passage]:
    chosen = set(order)
    return [passages[i] for i in [*order, *(i for i in range(len(passages)) if i not in chosen)]]
