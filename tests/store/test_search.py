"""Search: any query text, ties, rows that no index holds yet, and the vector index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.store import indexes
from rag_ingest.store import search as searching
from rag_ingest.store.knowledge_base import DocumentChunks, DocumentRecord, KnowledgeBase
from rag_ingest.store.phrases import read_query
from rag_ingest.store.search import WORDS_SHARE, fuse
from rag_ingest.types import Chunk, Span

DIMENSION = 16


def document(name: str, texts: list[str], vectors: np.ndarray | None = None, context: str = "") -> DocumentChunks:
    chunks = [Chunk(f"{name}-{n:05}", name, t, context, Span(n, n), (), (), (), 1) for n, t in enumerate(texts)]
    found = np.ones((len(texts), DIMENSION), np.float32) if vectors is None else vectors
    return DocumentChunks(DocumentRecord(f"/{name}.pdf", name), chunks, found)


def open_new(folder: object) -> KnowledgeBase:
    return KnowledgeBase.open(str(folder), embedder_name="toy", dimension=DIMENSION, create=True)


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    with open_new(tmp_path_factory.mktemp("search") / "kb") as made:
        made.replace_documents(
            [document("a", ["the quick brown fox", "a fox, quick!", "brown bears", "Schrödinger's ﬁne 𝑊"])]
        )
        made.optimize()
        made.replace_documents([document("b", ["quick brown foxes later"], context="Zoology > Foxes")])
        yield made


def ids(kb: KnowledgeBase, text: str) -> list[str]:
    return [hit.chunk_id for hit in kb.search(text, None, mode="text")]


def test_words_are_found_stemmed_folded_and_in_the_context(kb: KnowledgeBase) -> None:
    assert ids(kb, "bear") == ["a-00002"]
    for query in ("SCHRODINGER", "Schrödinger's", "fine", "W"):
        assert ids(kb, query) == ["a-00003"], query
    assert ids(kb, "zoology") == ["b-00000"]


def test_rows_that_came_after_the_last_optimize_are_found(kb: KnowledgeBase) -> None:
    assert "b-00000" in ids(kb, "foxes")


def test_a_query_in_quotes_is_a_phrase(kb: KnowledgeBase) -> None:
    assert set(ids(kb, '"quick brown"')) == {"a-00000", "b-00000"}
    assert set(ids(kb, "quick brown")) == {"a-00000", "a-00001", "a-00002", "b-00000"}


@settings(max_examples=120, deadline=None)
@given(text=st.text(st.characters()) | st.text(st.sampled_from("\"'+-*~:()[]{}^\\/&|! foxANDORT")))
def test_no_query_text_is_an_error(kb: KnowledgeBase, text: str) -> None:
    for mode in ("text", "hybrid"):
        hits = kb.search(text, np.ones(DIMENSION, np.float32), mode=mode, k=3)  # type: ignore[arg-type]
        assert len(hits) == 3 if mode == "hybrid" and not read_query(text).phrases else len(hits) <= 3


def test_equal_scores_come_in_order_of_id(tmp_path_factory: pytest.TempPathFactory) -> None:
    expected = [f"{name}-00000" for name in "abcdefghijkl"]
    for order in ("abcdefghijkl", "lkjihgfedcba"):
        kb = open_new(tmp_path_factory.mktemp("ties") / "kb")
        for name in order:
            kb.replace_documents([document(name, ["same words"])])
        for mode in ("hybrid", "vector", "text"):
            hits = kb.search("same words", np.ones(DIMENSION, np.float32), mode=mode, k=8)  # type: ignore[arg-type]
            assert [hit.chunk_id for hit in hits] == expected[:8], (order, mode)


def test_fusion_weighs_shares_of_the_best_of_each_kind() -> None:
    near = [{"id": "a", "score": 0.8}, {"id": "b", "score": 0.6}]
    worded = [{"id": "b", "score": 12.0, "cosine": 0.6}, {"id": "c", "score": 3.0, "cosine": 0.2}]
    fused = fuse(near, worded)
    assert [row["id"] for row in fused] == ["b", "a", "c"]
    shares = [(0.75, 1), (1, 0), (0.25, 0.25)]
    expected = [(1 - WORDS_SHARE) * cosine + WORDS_SHARE * words for cosine, words in shares]
    assert [row["score"] for row in fused] == pytest.approx(expected)


def test_fusion_without_a_word_or_a_likeness_is_the_other_alone() -> None:
    near = [{"id": "a", "score": 0.8}, {"id": "b", "score": -0.6}]
    assert [row["id"] for row in fuse(near, [])] == ["a", "b"]
    worded = [{"id": "b", "score": 2.0, "cosine": -0.6}, {"id": "a", "score": 1.0, "cosine": 0.0}]
    assert [row["id"] for row in fuse([], worded)] == ["b", "a"]


@pytest.mark.parametrize("times", [1, 2, 9])
def test_rows_that_move_while_they_are_ranked_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    kb = open_new(tmp_path / "kb")
    vectors = np.eye(DIMENSION, dtype=np.float32)
    kb.replace_documents([document(name, [f"{name} {n}" for n in range(3)], vectors[:3]) for name in ("a", "b", "c")])
    query = vectors[0] + 0.5 * vectors[1]
    expected = kb.search("", query, mode="vector", k=4)
    assert [hit.chunk_id for hit in expected] == ["a-00000", "b-00000", "c-00000", "a-00001"]
    rank, left = searching.ranked, [times]

    def meanwhile(table: Any, *args: Any, **options: Any) -> list[dict[str, Any]]:
        """Behind it somebody writes all rows anew, in another order: their numbers are those of other rows."""
        found = rank(table, *args, **options)
        if left[0]:
            left[0] -= 1
            rows = table.to_arrow()
            lancedb.connect(tmp_path / "kb").create_table(
                "chunks", rows.take([*range(len(rows))][::-1]), mode="overwrite"
            )
        return found

    monkeypatch.setattr(searching, "ranked", meanwhile)
    assert kb.search("", query, mode="vector", k=4) == expected


def test_a_vector_index_of_another_make_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lancedb.index import IvfFlat, IvfRq

    monkeypatch.setattr(indexes, "VECTOR_INDEX_ROWS", 100)
    vectors = np.random.default_rng(4).standard_normal((300, DIMENSION)).astype(np.float32)
    kb = open_new(tmp_path / "kb")
    kb.replace_documents([document("a", ["word"] * 300, vectors)])
    kb.chunks.create_index("vector", config=IvfFlat(distance_type="cosine"))
    indexes.ensure_indexes(kb.chunks, "chunks")
    made = [(index.name, index.index_type) for index in kb.chunks.list_indices() if index.columns == ["vector"]]
    assert made == [(indexes.vector_index_name(IvfRq(num_bits=indexes.RABITQ_BITS)), "IvfRq")]
    before = kb.chunks.version
    indexes.ensure_indexes(kb.chunks, "chunks")
    assert kb.chunks.version == before


def test_the_vector_index_finds_what_a_scan_finds(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "VECTOR_INDEX_ROWS", 1000)
    monkeypatch.setattr(indexes, "SCALAR_INDEX_ROWS", 1000)
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((1500, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    kb = open_new(tmp_path_factory.mktemp("index") / "kb")
    kb.replace_documents([document("a", [f"word{n % 7}" for n in range(1500)], vectors)])
    kb.optimize()
    indexed = {index.columns[0]: index.index_type for index in kb._tables["chunks"].list_indices()}
    assert indexed == {
        "search_text": "FTS", "wider_text": "FTS", "vector": "IvfRq", "doc_id": "BTree", "source": "BTree",
        "id": "BTree", "arxiv_id": "BTree", "year": "BTree", "verdict": "Bitmap",
    }  # fmt: skip
    late = document("late", ["late"], vectors[:1])
    kb.replace_documents([late])
    recall = []
    for n in range(0, 1500, 75):
        query = vectors[n] + 0.1 * rng.standard_normal(DIMENSION).astype(np.float32)
        similarity = np.append(vectors @ query, vectors[0] @ query) / np.linalg.norm(query)
        names = [*(f"a-{i:05}" for i in range(1500)), "late-00000"]
        best = {names[i] for i in np.argsort(-similarity)[:10]}
        hits = kb.search("", query, mode="vector", k=10)
        recall.append(len(best & {hit.chunk_id for hit in hits}) / 10)
        assert hits[0].score == pytest.approx(float(similarity.max()), abs=1e-3)
    assert np.mean(recall) > 0.95
    assert {h.doc_id for h in kb.search("", vectors[0], mode="vector", k=2)} == {"a", "late"}
    assert kb.search("", vectors[5], mode="vector", k=5, where="doc_id = 'late'")[0].chunk_id == "late-00000"
    kb.replace_documents([document("a", ["only one"], vectors[:1])])
    assert kb.status().chunks == 2
