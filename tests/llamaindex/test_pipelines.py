"""The store in LlamaIndex's own surroundings: pipelines with a docstore, indexes, retrievers, serialisation."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import Document, MockEmbedding, StorageContext, VectorStoreIndex
from llama_index.core.indices.vector_store import VectorIndexRetriever
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter, get_leaf_nodes
from llama_index.core.retrievers import AutoMergingRetriever, QueryFusionRetriever
from llama_index.core.schema import (
    ImageNode,
    IndexNode,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
    TransformComponent,
)
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from rag_ingest.errors import StoreError
from rag_ingest.llamaindex import LanceDBKnowledgeBase, MarkdownStructureNodeParser
from tests.llamaindex.stores import node

LETTERS = "abcdefgh"


class Letters(MockEmbedding):
    """Counts letters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(embed_dim=len(LETTERS), **{k: v for k, v in options.items() if k != "embed_dim"})

    def _get_text_embedding(self, text: str) -> list[float]:
        return [text.lower().count(letter) + 0.01 for letter in LETTERS]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


@pytest.fixture
def store(tmp_path: Path) -> LanceDBKnowledgeBase:
    return LanceDBKnowledgeBase(uri=str(tmp_path / "kb"))


def texts(store: LanceDBKnowledgeBase) -> list[str]:
    return [n.get_content() for n in store.get_nodes()]


class Lines(TransformComponent):
    """A node a line, its id made anew each time, as most splitters do."""

    def __call__(self, nodes: Any, **kwargs: Any) -> list[TextNode]:
        return [
            TextNode(text=line, relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=n.node_id)})
            for n in nodes
            for line in n.get_content().splitlines()
        ]


def pipeline(store: LanceDBKnowledgeBase, strategy: DocstoreStrategy) -> IngestionPipeline:
    return IngestionPipeline(
        transformations=[Lines(), Letters()],
        vector_store=store,
        docstore=SimpleDocumentStore(),
        docstore_strategy=strategy,
    )


A, A2 = Document(id_="A", text="aaa\nabc\nabd"), Document(id_="A", text="hhh")
B = Document(id_="B", text="bbb\nbcd")


def test_upserts_replaces_the_nodes_of_a_changed_document(store: LanceDBKnowledgeBase) -> None:
    run = pipeline(store, DocstoreStrategy.UPSERTS).run
    run(documents=[A, B])
    run(documents=[A, B])
    assert (sorted(texts(store)), store.client.count_rows()) == (["aaa", "abc", "abd", "bbb", "bcd"], 5)
    run(documents=[A2])
    assert (sorted(texts(store)), store.client.count_rows()) == (["bbb", "bcd", "hhh"], 3)


def test_upserts_and_delete_deletes_what_is_gone(store: LanceDBKnowledgeBase) -> None:
    run = pipeline(store, DocstoreStrategy.UPSERTS_AND_DELETE).run
    run(documents=[A, B])
    run(documents=[A2])
    assert (texts(store), store.client.count_rows()) == (["hhh"], 1)


def test_duplicates_only_leaves_the_nodes_of_the_old_text(store: LanceDBKnowledgeBase) -> None:
    run = pipeline(store, DocstoreStrategy.DUPLICATES_ONLY).run
    run(documents=[A, B])
    run(documents=[B])
    assert store.client.count_rows() == 5


@pytest.mark.anyio
async def test_a_pipeline_runs_asynchronously(store: LanceDBKnowledgeBase) -> None:
    run = pipeline(store, DocstoreStrategy.UPSERTS).arun
    await run(documents=[A, B])
    await run(documents=[A2, B])
    assert sorted(texts(store)) == ["bbb", "bcd", "hhh"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_an_index_inserts_deletes_and_refreshes(store: LanceDBKnowledgeBase) -> None:
    context = StorageContext.from_defaults(vector_store=store)
    index = VectorStoreIndex.from_documents(
        [A, B], storage_context=context, embed_model=Letters(), transformations=[SentenceSplitter()]
    )
    assert sorted(texts(store)) == ["aaa\nabc\nabd", "bbb\nbcd"]
    index.insert(Document(id_="C", text="ccc"))
    assert store.client.count_rows() == 3
    index.delete_ref_doc("B")
    assert sorted(texts(store)) == ["aaa\nabc\nabd", "ccc"]
    index.delete_nodes([n.node_id for n in store.get_nodes() if n.get_content() == "ccc"])
    index.insert_nodes([TextNode(id_="n", text="ddd")])
    index.insert_nodes([TextNode(id_="n", text="eee")])
    assert sorted(texts(store)) == ["aaa\nabc\nabd", "eee"]
    fresh = VectorStoreIndex.from_vector_store(store, embed_model=Letters())
    assert [hit.node.get_content() for hit in fresh.as_retriever(similarity_top_k=1).retrieve("e")] == ["eee"]


def test_refreshing_replaces_only_what_changed(store: LanceDBKnowledgeBase) -> None:
    index = VectorStoreIndex(
        [], storage_context=StorageContext.from_defaults(vector_store=store), embed_model=Letters(),
        transformations=[SentenceSplitter()], store_nodes_override=True,
    )  # fmt: skip
    assert index.refresh_ref_docs([A, B]) == [True, True]
    assert index.refresh_ref_docs([A2, B]) == [True, False]
    assert sorted(texts(store)) == ["bbb\nbcd", "hhh"]


def test_a_retriever_takes_filters_and_ids_in_every_mode(store: LanceDBKnowledgeBase) -> None:
    store.add([node(n, f"{n * 3} word", d, Letters().get_text_embedding(n), k=n) for n, d in ("aA", "bA", "cB")])
    index = VectorStoreIndex.from_vector_store(store, embed_model=Letters())
    only_b = MetadataFilters(filters=[MetadataFilter(key="k", value="b")])
    for mode in ("default", "mmr", "hybrid", "text_search", "sparse"):
        for options, expected in (
            ({"filters": only_b}, ["b"]),
            ({"doc_ids": ["A"]}, ["a", "b"]),
            ({"node_ids": ["b", "c"]}, ["b", "c"]),
            ({"node_ids": ["b", "c"], "doc_ids": ["B"]}, ["c"]),
        ):
            retriever = VectorIndexRetriever(index, vector_store_query_mode=mode, similarity_top_k=5, **options)
            assert sorted(hit.node.node_id for hit in retriever.retrieve("word")) == expected


def test_parents_are_merged_and_queries_fused(store: LanceDBKnowledgeBase) -> None:
    text = "# Title\n\n## One\n\nabc abd abe.\n\nabf abg abh.\n\n## Two\n\nhhh."
    nodes = MarkdownStructureNodeParser(max_tokens=24, include_parents=True).get_nodes_from_documents(
        [Document(id_="D", text=text)]
    )
    leaves = get_leaf_nodes(nodes)
    for leaf in leaves:
        leaf.embedding = Letters().get_text_embedding(leaf.get_content())
    store.add(leaves)
    context = StorageContext.from_defaults(vector_store=store)
    context.docstore.add_documents(nodes)
    index = VectorStoreIndex.from_vector_store(store, embed_model=Letters())
    base = index.as_retriever(similarity_top_k=len(leaves))
    merged = AutoMergingRetriever(base, context, simple_ratio_thresh=0.0).retrieve("ab")
    assert {hit.node.node_id for hit in merged} & {n.node_id for n in nodes} - {n.node_id for n in leaves}
    from llama_index.core.llms import MockLLM

    fusion = QueryFusionRetriever(
        [base, index.as_retriever(vector_store_query_mode="text_search")],
        llm=MockLLM(), num_queries=1, similarity_top_k=2, use_async=False,
    )  # fmt: skip
    assert len(fusion.retrieve("hhh")) == 2


def test_every_kind_of_node_comes_back_as_it_was(store: LanceDBKnowledgeBase) -> None:
    nodes = [
        ImageNode(id_="image", text="a picture", image_path="/p.png", embedding=[1.0, 0.0]),
        IndexNode(id_="index", text="points on", index_id="other", embedding=[0.0, 1.0]),
        TextNode(id_="empty", text="", embedding=[0.5, 0.5]),
        TextNode(id_="half", text="a\ud800b", metadata={"title": "x\udfff"}, embedding=[0.5, 0.6]),
        TextNode(
            id_="hidden", text="text", metadata={"a": 1, "b": [1, {"c": None}], "year": "unknown", "page": "iv"},
            excluded_embed_metadata_keys=["a"], metadata_template="{key}={value}", embedding=[0.1, 0.2],
        ),
    ]  # fmt: skip
    assert store.add(nodes) == [n.node_id for n in nodes]
    found = {n.node_id: n for n in store.get_nodes()}
    for one in nodes:
        one.embedding = None
        if one.node_id != "half":
            assert found[one.node_id] == one
    assert found["half"].get_content() == "a\ufffdb"
    with pytest.raises(ValueError, match="embedding not set"):
        store.add([TextNode(text="none")])
    with pytest.raises(StoreError, match="differ in length"):
        store.add([node("x", "x", "d", [1, 2]), node("y", "y", "d", [1, 2, 3])])


def test_a_store_survives_serialisation_and_pickling(store: LanceDBKnowledgeBase, tmp_path: Path) -> None:
    store.add([node("a", "aaa", "A", [1, 0])])
    for again in (
        LanceDBKnowledgeBase.from_dict(store.to_dict()),
        LanceDBKnowledgeBase.from_json(store.to_json()),
        pickle.loads(pickle.dumps(store)),
        LanceDBKnowledgeBase(uri=tmp_path / "kb"),
    ):
        assert [n.node_id for n in again.get_nodes()] == ["a"]
        assert again.to_dict() == store.to_dict()


# Words of the node before, for hybrid search


FIRST = node("first", "larvae of the mosquito", "d", [0, 0, 0, 1])
SECOND = node("second", "collected in old tyre shops", "d", [1, 0, 0, 0])
SECOND.relationships[NodeRelationship.PREVIOUS] = RelatedNodeInfo(node_id="first")
FIRST.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id="second")
OTHER = node("other", "collected in old kitchens", "d", [0.9, 0, 0, 0])
CHANGED = node("first", "eggs of the weevil", "d", [0, 0, 0, 1])
CHANGED.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id="second")


def best(store: LanceDBKnowledgeBase, text: str) -> str:
    query = VectorStoreQuery(
        query_embedding=[0, 0, 1.0, 0], query_str=text, similarity_top_k=1, mode=VectorStoreQueryMode.HYBRID
    )
    return (store.query(query).ids or [""])[0]


@pytest.mark.parametrize("batches", [[[FIRST, SECOND]], [[FIRST], [SECOND]], [[SECOND], [FIRST]]])
def test_a_node_has_the_words_of_the_one_before_however_they_come(
    store: LanceDBKnowledgeBase, batches: list[list[TextNode]]
) -> None:
    store.add([OTHER])
    for batch in batches:
        store.add(batch)
    assert best(store, "mosquito collected") == "second"
    store.add([CHANGED])
    assert best(store, "weevil collected") == "second"
    query = VectorStoreQuery(query_str="mosquito", similarity_top_k=3, mode=VectorStoreQueryMode.TEXT_SEARCH)
    assert store.query(query).ids == []
    assert store.client.count_rows() == 3
