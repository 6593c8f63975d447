"""The cases of LlamaIndex's own tests of its vector stores that make sense here, on both kinds of table.

After llama-index-core's `test_simple.py`, `test_simple_doc_ids.py` and `test_simple_mmr_threshold.py`, and
llama-index-vector-stores-lancedb's `test_vector_stores_lancedb.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.schema import QueryBundle
from llama_index.core.vector_stores import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters
from llama_index.core.vector_stores.types import BasePydanticVectorStore, VectorStoreQuery, VectorStoreQueryMode

from rag_ingest.errors import ConfigError, NoKnowledgeBaseError, StoreError
from rag_ingest.llamaindex import LanceDBKnowledgeBase
from tests.llamaindex.stores import KINDS, node, our_store

pytest.importorskip("llama_index.vector_stores.lancedb")
pytest.importorskip("pandas", reason="LanceDBVectorStore needs pandas and does not declare it")

NODES = [
    node("1A", "lorem ipsum", "test-0", [1, 0], weight=1.0, rank="a", quality=["medium", "high"], identifier="6FTYun"),
    node("2C", "lorem dolor", "test-1", [0, 1], weight=2.0, rank="c", quality=["medium"], identifier="6FTYgl"),
    node("3C", "sit amet", "test-2", [1, 1], weight=3.0, rank="c", quality=["low", "high"], identifier="6FTZtl"),
]


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def read(kind: str, tmp_path_factory: pytest.TempPathFactory) -> LanceDBKnowledgeBase:
    """For tests that write nothing."""
    return our_store(tmp_path_factory.mktemp("read") / "kb", NODES, kind)


@pytest.fixture
def store(kind: str, tmp_path: Path) -> LanceDBKnowledgeBase:
    return our_store(tmp_path / "kb", NODES, kind)


def ask(store: LanceDBKnowledgeBase, vector: tuple[float, ...] = (1.0, 1.0), k: int = 3, **query: Any) -> list[str]:
    wanted = VectorStoreQuery(query_embedding=list(vector), similarity_top_k=k, **query)
    return list(store.query(wanted).ids or [])


def where(*parts: tuple[str, FilterOperator, Any], condition: FilterCondition = FilterCondition.AND) -> MetadataFilters:
    filters = [MetadataFilter(key=key, operator=op, value=value) for key, op, value in parts]
    return MetadataFilters(filters=list(filters), condition=condition)


def test_class() -> None:
    assert issubclass(LanceDBKnowledgeBase, BasePydanticVectorStore)


def test_without_filters_all_rows_by_similarity(read: LanceDBKnowledgeBase) -> None:
    ids = ask(read)
    assert ids[0] == "3C"
    assert sorted(ids) == ["1A", "2C", "3C"]


EQ, OR, NOT = FilterOperator.EQ, FilterCondition.OR, FilterCondition.NOT


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (where(("rank", EQ, "c")), "2C 3C"),
        (where(("rank", EQ, "c"), ("weight", EQ, 2.0)), "2C"),
        (where(("weight", EQ, 2), ("weight", EQ, 3)), ""),
        (where(("unknown_field", EQ, "c")), ""),
        (where(("rank", EQ, "c"), ("weight", EQ, 1.0), condition=OR), "1A 2C 3C"),
        (where(("rank", EQ, "c"), ("weight", EQ, 1.0)), ""),
        (where(("rank", EQ, "a"), condition=NOT), "2C 3C"),
        (where(("weight", EQ, 1.0)), "1A"),
        (where(("weight", FilterOperator.NE, 1.0)), "2C 3C"),
        (where(("weight", FilterOperator.GT, 1.5)), "2C 3C"),
        (where(("weight", FilterOperator.GTE, 1.0)), "1A 2C 3C"),
        (where(("weight", FilterOperator.LT, 1.1)), "1A"),
        (where(("weight", FilterOperator.LTE, 1.0)), "1A"),
        (where(("rank", FilterOperator.IN, ["a", "c"])), "1A 2C 3C"),
        (where(("rank", FilterOperator.NIN, ["c"])), "1A"),
        (where(("quality", FilterOperator.CONTAINS, "high")), "1A 3C"),
        (where(("identifier", FilterOperator.TEXT_MATCH, "6FTY")), "1A 2C"),
        (where(("identifier", FilterOperator.TEXT_MATCH_INSENSITIVE, "6fty")), "1A 2C"),
        (where(("quality", FilterOperator.ANY, ["high", "low"])), "1A 3C"),
        (where(("quality", FilterOperator.ALL, ["medium", "high"])), "1A"),
        (where(("not_existed_key", FilterOperator.IS_EMPTY, None)), "1A 2C 3C"),
        (where(("rank", FilterOperator.IS_EMPTY, None)), ""),
    ],
)
def test_filters(read: LanceDBKnowledgeBase, filters: MetadataFilters, expected: str) -> None:
    assert sorted(ask(read, filters=filters)) == expected.split()
    assert sorted(n.node_id for n in read.get_nodes(filters=filters)) == expected.split()


def test_a_filter_applies_top_k_and_node_ids(read: LanceDBKnowledgeBase) -> None:
    c = where(("rank", EQ, "c"))
    assert ask(read, filters=c, k=1) == ["3C"]
    assert ask(read, filters=c, node_ids=["2C", "1A"]) == ["2C"]
    assert ask(read, filters=c, node_ids=["2C", "3C"], doc_ids=["test-2", "test-0"]) == ["3C"]


@pytest.mark.parametrize(("doc_ids", "expected"), [(None, "1A 2C 3C"), ([], ""), (["no"], ""), (["test-0"], "1A")])
@pytest.mark.parametrize("mode", [VectorStoreQueryMode.DEFAULT, VectorStoreQueryMode.MMR, VectorStoreQueryMode.HYBRID])
def test_a_retriever_keeps_to_source_documents(
    read: LanceDBKnowledgeBase, doc_ids: list[str] | None, expected: str, mode: VectorStoreQueryMode
) -> None:
    index = VectorStoreIndex.from_vector_store(read, embed_model=MockEmbedding(embed_dim=2))
    retriever = index.as_retriever(doc_ids=doc_ids, similarity_top_k=10, vector_store_query_mode=mode)
    found = retriever.retrieve(QueryBundle(query_str="lorem", embedding=[1.0, 0.0]))
    assert sorted(hit.node.node_id for hit in found) == expected.split()


def test_a_document_is_deleted(store: LanceDBKnowledgeBase) -> None:
    store.delete("test-1")
    assert ask(store) == ["3C", "1A"]
    assert store.client.count_rows() == 2


def test_nodes_are_deleted(store: LanceDBKnowledgeBase) -> None:
    store.delete_nodes(node_ids=["1A", "2C"])
    assert ask(store) == ["3C"]
    store.delete_nodes(node_ids=[])
    store.delete_nodes(filters=MetadataFilters(filters=[]))
    store.delete("")
    assert ask(store) == ["3C"]
    store.delete_nodes(filters=where(("weight", FilterOperator.GT, 2)))
    assert store.get_nodes() == []


def test_clear(store: LanceDBKnowledgeBase) -> None:
    store.clear()
    assert ask(store) == []
    store.add(NODES)
    assert len(ask(store)) == 3


def test_nodes_come_back_by_id(read: LanceDBKnowledgeBase) -> None:
    assert [n.node_id for n in read.get_nodes(node_ids=["2C", "1A"])] == ["1A", "2C"]
    assert {n.node_id: n.metadata for n in read.get_nodes()} == {n.node_id: n.metadata for n in NODES}
    assert [n.ref_doc_id for n in read.get_nodes()] == ["test-0", "test-1", "test-2"]


def test_text_and_hybrid_queries(read: LanceDBKnowledgeBase) -> None:
    assert ask(read, mode=VectorStoreQueryMode.TEXT_SEARCH, query_str="dolor") == ["2C"]
    assert ask(read, mode=VectorStoreQueryMode.SPARSE, query_str="lorem", sparse_top_k=1, k=3)[0] in ("1A", "2C")
    assert ask(read, mode=VectorStoreQueryMode.TEXT_SEARCH, query_str="nowhere") == []
    assert ask(read, mode=VectorStoreQueryMode.TEXT_SEARCH, query_str="lorem' OR 1=1 --", doc_ids=["test-1"]) == ["2C"]
    assert len(ask(read, mode=VectorStoreQueryMode.HYBRID, query_str="lorem", hybrid_top_k=2, k=3)) == 2


def test_alpha_weighs_the_vector_against_words(read: LanceDBKnowledgeBase) -> None:
    def first(alpha: float | None) -> str:
        return ask(read, (0.9, 0.1), mode=VectorStoreQueryMode.HYBRID, query_str="dolor", alpha=alpha)[0]

    assert (first(0.0), first(1.0)) == ("2C", "1A")
    assert first(None) == first(0.5)


SAME = [node("a", "one", "d", [1, 0]), node("b", "two", "d", [1, 0]), node("c", "three", "d", [0.6, 0.8])]


@pytest.mark.parametrize(
    ("query", "keywords", "expected"),
    [
        ({"mmr_threshold": 0.0}, {}, "ac"),
        ({"mmr_threshold": 1.0}, {}, "ab"),
        ({}, {"mmr_threshold": 0.0}, "ac"),
        ({}, {"mmr_threshold": 1.0}, "ab"),
        ({"mmr_threshold": 1.0}, {"mmr_threshold": 0.0}, "ac"),
        ({}, {"mmr_threshold": 0.0, "mmr_prefetch_k": 2}, "ab"),  # c is not among the candidates
        ({}, {"mmr_threshold": 0.0, "mmr_prefetch_factor": 1.5}, "ac"),
    ],
)
def test_mmr_prefers_what_differs(
    kind: str, tmp_path: Path, query: dict[str, Any], keywords: dict[str, Any], expected: str
) -> None:
    store = our_store(tmp_path / "kb", SAME, kind)
    wanted = VectorStoreQuery(query_embedding=[1.0, 0.0], similarity_top_k=2, mode=VectorStoreQueryMode.MMR, **query)
    result = store.query(wanted, **keywords)
    assert "".join(result.ids or []) == expected
    assert [n.node_id for n in result.nodes or []] == result.ids
    assert len(result.similarities or []) == 2


def test_embeddings_come_back_where_asked(read: LanceDBKnowledgeBase) -> None:
    assert all(n.embedding is None for n in read.get_nodes())
    asked = LanceDBKnowledgeBase(uri=read.uri, table_name=read.table_name, with_embeddings=True)
    for mode in (VectorStoreQueryMode.DEFAULT, VectorStoreQueryMode.MMR):
        result = asked.query(VectorStoreQuery(query_embedding=[1.0, 0.0], similarity_top_k=1, mode=mode))
        assert [n.embedding for n in result.nodes or []] == [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("query", "keywords", "message"),
    [
        ({"mode": VectorStoreQueryMode.SEMANTIC_HYBRID}, {}, "SEMANTIC_HYBRID is not supported"),
        ({"output_fields": ["a"]}, {}, "output_fields"),
        ({"embedding_field": "other"}, {}, "embedding_field"),
        ({"similarity_top_k": 0}, {}, "at least 1"),
        ({"mode": VectorStoreQueryMode.HYBRID, "alpha": 2.0}, {}, "alpha"),
        ({"mode": VectorStoreQueryMode.MMR, "mmr_threshold": -1.0}, {}, "mmr_threshold"),
        ({"mode": VectorStoreQueryMode.MMR}, {"mmr_prefetch_k": 1, "mmr_prefetch_factor": 2}, "one of them"),
        ({}, {"query_type": "fts"}, "query_type"),
    ],
)
def test_what_is_not_supported_is_said(
    read: LanceDBKnowledgeBase, query: dict[str, Any], keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        read.query(VectorStoreQuery(query_embedding=[1.0, 0.0], query_str="x", **query), **keywords)


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    """Ours comes with the first node; another program's must be there."""
    empty = LanceDBKnowledgeBase(uri=str(tmp_path / "none"))
    assert ask(empty, mode=VectorStoreQueryMode.MMR) == []
    empty.delete_nodes(["1A"])
    empty.clear()
    with pytest.raises(StoreError):
        empty.client  # noqa: B018
    other = LanceDBKnowledgeBase(uri=str(tmp_path), table_name="vectors")
    for call in (lambda: ask(other), lambda: other.add(NODES), other.get_nodes, lambda: other.delete("test-0")):
        with pytest.raises(NoKnowledgeBaseError, match="vectors"):
            call()
    assert not (tmp_path / "none").exists()
