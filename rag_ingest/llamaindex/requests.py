"""A `VectorStoreQuery` as what is asked of a table; what no table can do is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llama_index.core.indices.query.embedding_utils import get_top_k_mmr_embeddings
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from rag_ingest.errors import ConfigError
from rag_ingest.store.search import MOST, WORDS_SHARE, SearchMode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Request", "most_different", "read_request"]

_MODES: Mapping[VectorStoreQueryMode, SearchMode] = {
    VectorStoreQueryMode.DEFAULT: "vector",
    VectorStoreQueryMode.MMR: "vector",
    VectorStoreQueryMode.TEXT_SEARCH: "text",
    VectorStoreQueryMode.SPARSE: "text",
    VectorStoreQueryMode.HYBRID: "hybrid",
}

_KEYWORDS = ("mmr_threshold", "mmr_prefetch_factor", "mmr_prefetch_k")

MMR_PREFETCH_FACTOR = 4.0
"""Candidates for each node wanted, as in LlamaIndex's stores for Chroma, Milvus and Cassandra."""

MMR_THRESHOLD = 0.5
"""LlamaIndex's: similarity to the query counts as much as difference from the nodes before."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of a table.

    Attributes:
        vector: of the query, where one was given.
        k: nodes wanted.
        depth: candidates to take them from; more than `k` for MMR only.
        words_share: of BM25 in a hybrid score.
        mmr_threshold: 1 for similarity to the query alone, 0 for difference alone; None where MMR isn't asked.
    """

    text: str
    vector: NDArray[np.float32] | None
    mode: SearchMode
    k: int
    depth: int
    words_share: float = WORDS_SHARE
    mmr_threshold: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("alpha", 1 - self.words_share), ("mmr_threshold", self.mmr_threshold)):
            if value is not None and not 0 <= value <= 1:
                raise ConfigError(f"{name} = {value}: must be between 0 and 1")


def read_request(query: VectorStoreQuery, keywords: Mapping[str, Any]) -> Request:
    """Reads a query and the keywords that an index passes on as `vector_store_kwargs`.

    `hybrid_top_k` is how many a HYBRID query gives, `sparse_top_k` a TEXT_SEARCH or SPARSE one, else
    `similarity_top_k`; `alpha` is the share of the vector in a hybrid score.

    Raises:
        ConfigError: a mode, option or keyword that the store does not have, or a value out of range.
    """
    import numpy as np

    if query.mode not in _MODES:
        known = ", ".join(mode.name for mode in _MODES)
        raise ConfigError(f"query mode {getattr(query.mode, 'name', query.mode)} is not supported (supported: {known})")
    if query.output_fields is not None or query.embedding_field not in (None, "vector"):
        raise ConfigError("output_fields and embedding_field are not supported: nodes come whole, with one embedding")
    if unknown := sorted(set(keywords) - set(_KEYWORDS)):
        raise ConfigError(f"query keyword {unknown[0]!r} is not supported (supported: {', '.join(_KEYWORDS)})")
    mode, k = _MODES[VectorStoreQueryMode(query.mode)], query.similarity_top_k
    if mode != "vector":
        k = (query.hybrid_top_k if mode == "hybrid" else query.sparse_top_k) or k
    if not isinstance(k, int) or k < 1:
        raise ConfigError(f"top k = {k}: must be a number, at least 1")
    vector = None if query.query_embedding is None else np.asarray(query.query_embedding, dtype=np.float32)
    if vector is not None and not np.isfinite(vector).all():
        raise ConfigError("the query's embedding has numbers that are not finite")
    k = min(k, MOST)
    is_mmr = query.mode == VectorStoreQueryMode.MMR
    return Request(
        text=query.query_str or "",
        vector=vector,
        mode=mode,
        k=k,
        depth=_prefetch(k, keywords) if is_mmr else k,
        words_share=WORDS_SHARE if query.alpha is None else 1 - query.alpha,
        mmr_threshold=_threshold(query, keywords) if is_mmr else None,
    )


def _prefetch(k: int, keywords: Mapping[str, Any]) -> int:
    prefetch, factor = keywords.get("mmr_prefetch_k"), keywords.get("mmr_prefetch_factor")
    if prefetch is not None and factor is not None:
        raise ConfigError("mmr_prefetch_k and mmr_prefetch_factor say the same: give one of them")
    wanted = k * (MMR_PREFETCH_FACTOR if factor is None else factor) if prefetch is None else prefetch
    return max(k, min(MOST, int(wanted)))


def _threshold(query: VectorStoreQuery, keywords: Mapping[str, Any]) -> float:
    given = keywords.get("mmr_threshold", query.mmr_threshold)
    return MMR_THRESHOLD if given is None else float(given)


def most_different(
    request: Request, ids: Sequence[str], embeddings: Sequence[Sequence[float]]
) -> list[tuple[str, float]]:
    """The `request.k` that are near the query and unlike each other, with their scores, by LlamaIndex's own function.

    Args:
        request: with its vector.
        ids: candidates, best first.
        embeddings: of the candidates.
    """
    if not ids or request.vector is None:
        return []
    scores, chosen = get_top_k_mmr_embeddings(
        request.vector.tolist(),
        [list(embedding) for embedding in embeddings],
        similarity_top_k=request.k,
        embedding_ids=list(ids),
        mmr_threshold=request.mmr_threshold,
    )
    return list(zip(chosen, scores, strict=True))
