"""Each defect of LlamaIndex's `LanceDBVectorStore` 0.6.0 that the README names, seen in theirs and not in ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.vector_stores import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from rag_ingest.llamaindex import LanceDBKnowledgeBase
from tests.llamaindex.stores import node, our_store, their_store

pytest.importorskip("llama_index.vector_stores.lancedb")
pytest.importorskip("pandas", reason="LanceDBVectorStore needs pandas and does not declare it")
pytestmark = [
    pytest.mark.filterwarnings(r"ignore:table_names\(\) is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:create_fts_index is deprecated:DeprecationWarning"),
]

NODES = [
    node("a", "alpha beta", "d1", [1, 0, 0], author="ab", year=1935),
    node("b", "beta gamma", "d1", [0, 1, 0], author="abc", year=1936),
    node("c", "gamma delta", "d2", [0, 0, 1], author="Schrodinger's", year=1937),
]
EQ = FilterOperator.EQ


@pytest.fixture
def theirs(tmp_path: Path) -> Any:
    return their_store(tmp_path / "theirs", NODES)


@pytest.fixture
def ours(tmp_path: Path) -> LanceDBKnowledgeBase:
    return our_store(tmp_path / "ours", NODES, "chunks")


def ask(store: Any, filters: MetadataFilters | None = None, **query: Any) -> list[str]:
    wanted = VectorStoreQuery(
        **{"query_embedding": [1.0, 0.5, 0.1], "similarity_top_k": 5, "filters": filters, "query_str": "", **query}
    )
    return sorted(store.query(wanted).ids)


def one(key: str, value: Any, operator: FilterOperator = EQ, **group: Any) -> MetadataFilters:
    return MetadataFilters(filters=[MetadataFilter(key=key, value=value, operator=operator)], **group)


def test_it_is_the_version_that_the_table_speaks_of() -> None:
    assert version("llama-index-vector-stores-lancedb").startswith("0.6.")


def test_adding_again_doubles(theirs: Any, ours: LanceDBKnowledgeBase) -> None:
    for store in (theirs, ours):
        store.add(NODES[:1])
    assert theirs.table.count_rows() == 4
    assert ours.client.count_rows() == 3


@pytest.mark.parametrize(
    ("call", "left"),
    [
        (lambda store: store.delete("d1"), ["c"]),
        (lambda store: store.delete_nodes(["a"]), ["b", "c"]),
        (lambda store: store.get_nodes(["a"]), ["a", "b", "c"]),
        (lambda store: store.clear(), []),
    ],
    ids=["delete", "delete_nodes", "get_nodes", "clear"],
)
def test_deleting_and_reading_raise(
    theirs: Any, ours: LanceDBKnowledgeBase, call: Callable[[Any], None], left: list[str]
) -> None:
    with pytest.raises((ValueError, NotImplementedError)):
        call(theirs)
    call(ours)
    assert [n.node_id for n in ours.get_nodes()] == left


@pytest.mark.parametrize("metadata", [{"author": "x", "year": 1, "new": 2}, {"author": "x", "year": "unknown"}])
def test_other_metadata_than_the_first_node_had_is_refused(
    theirs: Any, ours: LanceDBKnowledgeBase, metadata: dict[str, Any]
) -> None:
    other = node("o", "other", "d", [1, 0, 0], **metadata)
    with pytest.raises((ValueError, TypeError, OSError, RuntimeError)):
        theirs.add([other])
    ours.add([other])
    assert ours.get_nodes(["o"])[0].metadata == metadata


def test_the_index_of_words_is_made_anew_by_a_query(theirs: Any, ours: LanceDBKnowledgeBase) -> None:
    def written_by_query(store: Any, table: Any, **keywords: Any) -> int:
        store.add([node("n", "epsilon", "d", [1, 0, 0], author="x", year=1)])
        before = table.version
        query = VectorStoreQuery(query_str="epsilon", mode=VectorStoreQueryMode.TEXT_SEARCH, similarity_top_k=1)
        assert store.query(query, **keywords).ids == ["n"]
        return int(table.version - before)

    assert written_by_query(theirs, theirs.table, query_type="fts") >= 1
    assert written_by_query(ours, ours.client) == 0


def test_nothing_found_raises(theirs: Any, ours: LanceDBKnowledgeBase) -> None:
    with pytest.raises(Warning, match="empty"):
        ask(theirs, one("author", "nobody"))
    assert ask(ours, one("author", "nobody")) == []


def test_a_quote_ends_the_condition(theirs: Any, ours: LanceDBKnowledgeBase) -> None:
    with pytest.raises(ValueError, match=r"(?i)invalid|unterminated"):
        ask(theirs, one("author", "Schrodinger's"))
    assert ask(ours, one("author", "Schrodinger's")) == ["c"]
    injected = one("author", "x' OR '1'='1")
    assert ask(theirs, injected) == ["a", "b", "c"]
    assert ask(ours, injected) == []


def test_not_equal_is_not_like(theirs: Any, ours: LanceDBKnowledgeBase) -> None:
    assert ask(theirs, one("author", "ab", FilterOperator.NE)) == ["c"]
    assert ask(ours, one("author", "ab", FilterOperator.NE)) == ["b", "c"]


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        (FilterOperator.NIN, ["ab"], ["b", "c"]),
        (FilterOperator.CONTAINS, "abc", ["b"]),
        (FilterOperator.ANY, ["bc"], ["b"]),
        (FilterOperator.ALL, ["a", "bc"], ["b"]),
        (FilterOperator.IS_EMPTY, None, []),
        (FilterOperator.TEXT_MATCH_INSENSITIVE, "ABC", ["b"]),
    ],
)
def test_operators_are_missing(
    theirs: Any, ours: LanceDBKnowledgeBase, operator: FilterOperator, value: Any, expected: list[str]
) -> None:
    with pytest.raises(KeyError):
        ask(theirs, one("author", value, operator))
    assert ask(ours, one("author", value, operator)) == expected


def test_nested_filters_raise_and_not_is_and(theirs: Any, ours: LanceDBKnowledgeBase) -> None:
    nested = MetadataFilters(filters=[one("author", "ab"), one("year", 1937)], condition=FilterCondition.OR)
    with pytest.raises(AttributeError):
        ask(theirs, nested)
    assert ask(ours, nested) == ["a", "c"]
    inverted = one("author", "ab", condition=FilterCondition.NOT)
    assert ask(theirs, inverted) == ["a"]
    assert ask(ours, inverted) == ["b", "c"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"doc_ids": ["d2"]}, ["c"]),
        ({"node_ids": ["b"]}, ["b"]),
        ({"mode": VectorStoreQueryMode.TEXT_SEARCH, "query_str": "delta"}, ["c"]),
        ({"mode": VectorStoreQueryMode.HYBRID, "query_str": "delta", "alpha": 0.0, "similarity_top_k": 1}, ["c"]),
    ],
)
def test_ids_and_modes_are_ignored(
    theirs: Any, ours: LanceDBKnowledgeBase, query: dict[str, Any], expected: list[str]
) -> None:
    assert ask(theirs, **query) == (["a"] if "similarity_top_k" in query else ["a", "b", "c"])
    assert ask(ours, **query) == expected


def test_the_asynchronous_query_holds_up_the_event_loop(
    theirs: Any, ours: LanceDBKnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beats(store: Any) -> int:
        inner = type(store).query

        def held_up(self: Any, *args: Any, **kwargs: Any) -> Any:
            time.sleep(0.2)
            return inner(self, *args, **kwargs)

        monkeypatch.setattr(type(store), "query", held_up)

        async def go() -> int:
            count = 0
            task = asyncio.ensure_future(store.aquery(VectorStoreQuery(query_embedding=[1.0, 0, 0])))
            while not task.done():
                await asyncio.sleep(0.01)
                count += 1
            await task
            return count

        return asyncio.run(go())

    assert beats(theirs) <= 1
    assert beats(ours) >= 5


def test_pandas_is_needed_and_not_declared() -> None:
    import llama_index.vector_stores.lancedb.base as module

    assert hasattr(module, "DataFrame")
    declared = [name for name in requires("llama-index-vector-stores-lancedb") or [] if "extra" not in name]
    assert not any(name.startswith("pandas") for name in declared)
