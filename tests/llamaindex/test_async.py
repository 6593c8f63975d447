"""The asynchronous methods: the same answers, while the event loop goes on."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from rag_ingest.llamaindex import LanceDBKnowledgeBase
from tests.llamaindex.stores import node

NODES = [node(f"n{n}", f"word{n} common", f"d{n % 3}", [1.0, n / 10, 0, 0], n=n) for n in range(30)]
QUERY = VectorStoreQuery(query_embedding=[1.0, 0, 0, 0], query_str="common", similarity_top_k=5)


@pytest.fixture
def store(tmp_path: Path) -> LanceDBKnowledgeBase:
    return LanceDBKnowledgeBase(uri=str(tmp_path / "kb"))


def test_every_asynchronous_method(store: LanceDBKnowledgeBase) -> None:
    async def go() -> None:
        assert (await store.aquery(QUERY)).ids == []
        assert await store.async_add(NODES) == [n.node_id for n in NODES]
        assert (await store.aquery(QUERY)).ids == store.query(QUERY).ids != []
        assert len(await store.aget_nodes()) == 30
        await store.adelete("d0")
        await store.adelete_nodes(["n1"])
        assert len(await store.aget_nodes(node_ids=["n0", "n1", "n2"])) == 1
        await store.aclear()
        assert await store.aget_nodes() == []

    asyncio.run(go())


def test_the_event_loop_goes_on_meanwhile(store: LanceDBKnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call is held up for 0.2 s in the middle; a loop that stood still would count nothing in that time."""
    store.add(NODES)

    def slow(name: str) -> None:
        inner = getattr(LanceDBKnowledgeBase, name)

        def held_up(self: LanceDBKnowledgeBase, *args: Any, **kwargs: Any) -> Any:
            time.sleep(0.2)
            return inner(self, *args, **kwargs)

        monkeypatch.setattr(LanceDBKnowledgeBase, name, held_up)

    for name in ("add", "query", "delete", "delete_nodes", "get_nodes", "clear"):
        slow(name)

    async def beats(call: Any) -> int:
        count = 0
        task = asyncio.ensure_future(call)
        while not task.done():
            await asyncio.sleep(0.01)
            count += 1
        await task
        return count

    async def go() -> list[int]:
        calls = [
            store.async_add(NODES[:1]), store.aquery(QUERY), store.aget_nodes(), store.adelete("d0"),
            store.adelete_nodes(["n1"]), store.aclear(),
        ]  # fmt: skip
        return [await beats(call) for call in calls]

    assert all(count >= 5 for count in asyncio.run(go()))


def test_many_at_once(store: LanceDBKnowledgeBase) -> None:
    """Queries run side by side; writers of one store wait for each other, and nothing is lost or doubled."""

    async def go() -> None:
        await asyncio.gather(*(store.async_add(NODES[start : start + 10]) for start in (0, 5, 10, 20)))
        assert sorted(n.node_id for n in await store.aget_nodes()) == sorted(n.node_id for n in NODES)
        modes = [VectorStoreQueryMode.DEFAULT, VectorStoreQueryMode.HYBRID, VectorStoreQueryMode.MMR] * 4
        queries = [VectorStoreQuery([1.0, 0, 0, 0], 5, query_str="common", mode=mode) for mode in modes]
        results = await asyncio.gather(*(store.aquery(query) for query in queries), store.adelete("d2"))
        assert all(len(result.ids or []) >= 3 for result in results[:-1] if result)
        assert len(await store.aget_nodes()) == 20

    asyncio.run(go())


def test_an_index_retrieves_asynchronously(store: LanceDBKnowledgeBase) -> None:
    store.add(NODES)
    retriever = VectorStoreIndex.from_vector_store(store, embed_model=MockEmbedding(embed_dim=4)).as_retriever()

    async def go() -> list[int]:
        return [len(hits) for hits in await asyncio.gather(*(retriever.aretrieve("common") for _ in range(4)))]

    assert asyncio.run(go()) == [2, 2, 2, 2]
