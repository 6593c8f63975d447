"""Requests and nodes that nobody planned: to a knowledge base, and to a table of LlamaIndex's own store."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import MockEmbedding, StorageContext, VectorStoreIndex
from llama_index.core.schema import ImageNode, IndexNode, TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode
from pydantic import ValidationError

from rag_ingest.errors import ConfigError, StoreError
from rag_ingest.llamaindex import LanceDBKnowledgeBase
from tests.llamaindex.stores import KINDS, node, our_store

NODES = [
    node("drift", "thermal drift of the gauge", "a", [1, 0, 0]),
    node("pipe", "a 5 inch pipe and a 6 inch pipe", "a", [0, 1, 0]),
    node("other", "nothing of the kind", "b", [0, 0, 1]),
]


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LanceDBKnowledgeBase:
    if request.param == "vectors":
        pytest.importorskip("llama_index.vector_stores.lancedb")
        pytest.importorskip("pandas", reason="LanceDBVectorStore needs pandas and does not declare it")
    return our_store(tmp_path / "kb", NODES, str(request.param))


def ask(store: LanceDBKnowledgeBase, text: str = "", mode: str = "hybrid", **options: Any) -> list[str]:
    embedding = options.pop("query_embedding", [0.1, 0.2, 0.9])
    query = VectorStoreQuery(query_str=text, query_embedding=embedding, mode=VectorStoreQueryMode(mode), **options)
    return list(store.query(query).ids or [])


@pytest.mark.parametrize(
    "text", ['what does "drift correction" of the gauge mean?', 'is a 5" pipe better than a 6" pipe?']
)
def test_a_quoted_phrase_that_no_node_has_is_words_like_others(store: LanceDBKnowledgeBase, text: str) -> None:
    assert set(ask(store, text, similarity_top_k=3)) == {"drift", "pipe", "other"}
    assert ask(store, text, mode="text_search")


def test_a_quoted_phrase_is_in_every_node_where_one_has_it(tmp_path: Path) -> None:
    store = our_store(tmp_path / "kb", NODES, "chunks")
    assert ask(store, 'nothing of the "thermal drift" pipe', similarity_top_k=3) == ["drift"]


def test_the_vectors_share_alone_ranks_as_vectors_do_where_all_look_away(store: LanceDBKnowledgeBase) -> None:
    away = [-0.3, -0.9, -0.1]
    nearest = ask(store, mode="default", query_embedding=away, similarity_top_k=3)
    assert nearest == ["other", "drift", "pipe"]
    assert ask(store, "", query_embedding=away, similarity_top_k=3, alpha=1.0) == nearest
    assert ask(store, "", query_embedding=away, similarity_top_k=1, alpha=1.0) == nearest[:1]


@pytest.mark.parametrize("mode", ["default", "text_search", "hybrid", "mmr"])
def test_all_there_are(store: LanceDBKnowledgeBase, mode: str) -> None:
    assert ask(store, "gauge pipe kind", mode, similarity_top_k=sys.maxsize)


def test_what_no_query_can_be_is_said(store: LanceDBKnowledgeBase) -> None:
    with pytest.raises(ConfigError, match="top k"):
        ask(store, similarity_top_k=None)
    query = VectorStoreQuery(query_str="x", mode="telepathy")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="telepathy"):
        store.query(query)


def test_an_empty_embedding_is_refused_and_makes_no_database(tmp_path: Path) -> None:
    store = LanceDBKnowledgeBase(uri=str(tmp_path / "kb"))
    with pytest.raises(StoreError, match="node 'bad' is empty"):
        store.add([node("bad", "x", "c", [])])
    assert not (tmp_path / "kb").exists()


def test_a_query_that_points_nowhere_is_refused(store: LanceDBKnowledgeBase) -> None:
    with pytest.raises(ConfigError, match="not finite"):
        ask(store, query_embedding=[float("nan"), 0, 0])


def test_a_relative_folder_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = LanceDBKnowledgeBase(uri="kb")
    store.add(NODES[:1])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.add(NODES[1:])
    for same in (store, copy.deepcopy(store), pickle.loads(pickle.dumps(store))):
        assert len(same.get_nodes()) == 3
    assert not list(Path().iterdir())


@pytest.mark.parametrize("ids", [("drift", "pipe"), {"drift", "pipe"}, iter(["drift", "pipe"])])
def test_ids_to_delete_may_come_in_any_order(tmp_path: Path, ids: Any) -> None:
    store = our_store(tmp_path / "kb", NODES, "chunks")
    store.delete_nodes(ids)
    assert [left.node_id for left in store.get_nodes()] == ["other"]


def test_an_index_of_text_and_other_nodes_finds_all_of_them(tmp_path: Path) -> None:
    """LlamaIndex keeps image and index nodes beside the store, and sends their ids with every query."""
    store = LanceDBKnowledgeBase(uri=str(tmp_path / "kb"))
    index = VectorStoreIndex(
        [
            TextNode(id_="text", text="plain"),
            ImageNode(id_="image", text="a picture"),
            IndexNode(id_="points", text="of a table", index_id="table", obj=TextNode(id_="table", text="the table")),
        ],
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=MockEmbedding(embed_dim=3),
    )
    hits = index.as_retriever(similarity_top_k=5).retrieve("plain")
    assert sorted(hit.node.node_id for hit in hits) == ["image", "table", "text"]
    assert ask(store, node_ids=["text", "image"], similarity_top_k=5, query_embedding=[1, 1, 1]) == ["image", "text"]
    assert ask(store, node_ids=["image"], similarity_top_k=5, query_embedding=[1, 1, 1]) == ["image"]
    assert ask(store, node_ids=["nowhere"], similarity_top_k=5) == []
    assert [found.node_id for found in store.get_nodes(["image"])] == ["image"]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e300])
def test_embeddings_that_are_not_finite_are_refused_and_nothing_is_written(
    store: LanceDBKnowledgeBase, number: float
) -> None:
    with pytest.raises(StoreError, match=r"node 'bad'.*embed it again"):
        store.add([node("good", "x", "c", [1, 1, 1]), node("bad", "y", "c", [1, number, 1])])
    assert {found.node_id for found in store.get_nodes()} == {"drift", "pipe", "other"}


def test_nodes_may_come_one_by_one(store: LanceDBKnowledgeBase) -> None:
    assert store.add(node(name, "late", "c", [1, 1, 1]) for name in "xy") == ["x", "y"]  # type: ignore[arg-type]
    assert {found.node_id for found in store.get_nodes()} >= {"x", "y"}


def test_a_copy_is_another_store_of_the_same_database(store: LanceDBKnowledgeBase) -> None:
    ask(store, "drift")
    for twin in (copy.deepcopy(store), store.model_copy(deep=True)):
        twin.delete_nodes(["other"])
        assert twin is not store
        assert {found.node_id for found in store.get_nodes()} == {"drift", "pipe"}


def test_another_stores_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="query_type"):
        LanceDBKnowledgeBase(uri=str(tmp_path), query_type="hybrid")  # type: ignore[call-arg]


def test_a_table_whose_first_nodes_had_no_document_takes_nodes_that_have_one(tmp_path: Path) -> None:
    pytest.importorskip("llama_index.vector_stores.lancedb")
    pytest.importorskip("pandas", reason="LanceDBVectorStore needs pandas and does not declare it")
    store = our_store(tmp_path / "kb", [node("alone", "no paper", None, [1, 0, 0])], "vectors")
    store.add([node("late", "of a paper", "paper", [0, 1, 0])])
    assert {found.node_id: found.ref_doc_id for found in store.get_nodes()} == {"alone": None, "late": "paper"}
    assert ask(store, doc_ids=["paper"]) == ["late"]
