"""A table that LlamaIndex's own `LanceDBVectorStore` wrote, opened by ours, and still theirs afterwards."""

from __future__ import annotations

from pathlib import Path

import lancedb
import pytest
from llama_index.core.schema import ImageNode
from llama_index.core.vector_stores import FilterOperator, MetadataFilter, MetadataFilters
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from rag_ingest.errors import StoreError, StoreMismatchError
from rag_ingest.llamaindex import LanceDBKnowledgeBase
from tests.llamaindex.stores import node, their_store

pytest.importorskip("llama_index.vector_stores.lancedb")
pytest.importorskip("pandas", reason="LanceDBVectorStore needs pandas and does not declare it")
pytestmark = pytest.mark.filterwarnings("ignore:table_names:DeprecationWarning")

NODES = [
    node("a", "alpha beta", "d1", [1, 0, 0], author="Schrodinger's", year=1935),
    node("b", "beta gamma", "d1", [0, 1, 0], author="Müller 100%", year=1936),
    node("c", "gamma delta", "d2", [0, 0, 1], author='say "x"', year=1937),
]


def ours(folder: Path) -> LanceDBKnowledgeBase:
    return LanceDBKnowledgeBase(uri=str(folder), table_name="vectors")


def ask(store: LanceDBKnowledgeBase, mode: VectorStoreQueryMode = VectorStoreQueryMode.DEFAULT, text: str = "") -> str:
    query = VectorStoreQuery(query_embedding=[1.0, 0.5, 0.1], similarity_top_k=5, query_str=text, mode=mode)
    return "".join(store.query(query).ids or [])


def test_new_nodes_replace_and_join_theirs(tmp_path: Path) -> None:
    theirs = their_store(tmp_path, NODES)
    store = ours(tmp_path)
    store.add([node("a", "epsilon", "d1", [0, 0, 1], author="new", year=1), node("d", "zeta", "d3", [1, 0, 0])])
    assert {n.node_id: n.get_content() for n in store.get_nodes()} == {
        "a": "epsilon", "b": "beta gamma", "c": "gamma delta", "d": "zeta"
    }  # fmt: skip
    assert ask(store)[0] == "d"
    assert ask(store, VectorStoreQueryMode.TEXT_SEARCH, "epsilon") == "a"
    theirs._table.checkout_latest()
    found = theirs.query(VectorStoreQuery(query_embedding=[0.0, 0.0, 1.0], similarity_top_k=4))
    assert sorted(found.ids) == ["a", "b", "c", "d"]


def test_keys_and_types_that_their_struct_lacks_are_kept_and_can_be_asked_for(tmp_path: Path) -> None:
    their_store(tmp_path, NODES)
    store = ours(tmp_path)
    store.add([node("e", "x", None, [0, 0, 1], year="unknown", tags=["t"], other=2)])
    [back] = store.get_nodes(filters=MetadataFilters(filters=[MetadataFilter(key="other", value=2)]))
    assert back.metadata == {"year": "unknown", "tags": ["t"], "other": 2}
    late = MetadataFilter(key="year", value=1936, operator=FilterOperator.GTE)
    assert [n.node_id for n in store.get_nodes(filters=MetadataFilters(filters=[late]))] == ["b", "c"]


def test_what_was_appended_twice_is_one_node_and_replaced_as_one(tmp_path: Path) -> None:
    theirs = their_store(tmp_path, NODES)
    theirs.add(NODES[:1])
    store = ours(tmp_path)
    assert store.client.count_rows() == 4
    assert sorted(ask(store)) == ["a", "b", "c"]
    assert len(store.get_nodes()) == 3
    store.add(NODES[:1])
    assert store.client.count_rows() == 3


def test_the_index_of_words_is_made_once(tmp_path: Path) -> None:
    their_store(tmp_path, NODES)
    store = ours(tmp_path)
    assert sorted(ask(store, VectorStoreQueryMode.TEXT_SEARCH, "beta")) == ["a", "b"]
    version = store.client.version
    assert sorted(ask(store, VectorStoreQueryMode.HYBRID, "beta")) == ["a", "b", "c"]
    assert store.client.version == version


def test_other_nodes_and_other_columns(tmp_path: Path) -> None:
    image = ImageNode(id_="i", text="a picture", image_path="/p.png", embedding=[0, 1, 0])
    their_store(tmp_path, [image])
    [back] = ours(tmp_path).get_nodes()
    assert isinstance(back, ImageNode)
    assert back.image_path == "/p.png"
    plain = [{"id": "x", "doc_id": "d", "vector": [1.0, 0, 0], "text": "plain", "metadata": {"page": 3}}]
    schema = ours(tmp_path).client.schema.field("vector").type
    table = lancedb.connect(tmp_path).create_table("plain", plain)
    assert table.schema.field("vector").type == schema
    store = LanceDBKnowledgeBase(uri=str(tmp_path), table_name="plain")
    [back] = store.get_nodes(filters=MetadataFilters(filters=[MetadataFilter(key="page", value=3)]))
    assert (back.node_id, back.get_content(), back.metadata, back.ref_doc_id) == ("x", "plain", {"page": 3}, "d")


def test_tables_that_are_not_theirs_and_other_dimensions_are_refused(tmp_path: Path) -> None:
    their_store(tmp_path, NODES)
    with pytest.raises(StoreMismatchError, match="3 dimensions, not 2"):
        ours(tmp_path).add([node("z", "z", "d", [1, 0])])
    with pytest.raises(StoreError, match="no knowledge base"):
        ours(tmp_path).knowledge_base  # noqa: B018
    lancedb.connect(tmp_path).create_table("odd", [{"id": "a", "text": "b"}])
    with pytest.raises(StoreError, match="'doc_id'"):
        LanceDBKnowledgeBase(uri=str(tmp_path), table_name="odd").get_nodes()
