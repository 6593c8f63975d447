"""Indexes are brought up to date for those who ask, and answers are the same with them and without."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from rag_ingest.llamaindex import LanceDBKnowledgeBase, node_table
from rag_ingest.store.lease import lease
from tests.llamaindex.stores import node

PROMPT = 20

T = TypeVar("T")

WORDS = ["drift", "gauge", "tide", "thermal", "level", "station", "error", "lock", "harbour"]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_table, "PROMPT_ROWS", PROMPT)


@pytest.fixture
def store(tmp_path: Path) -> LanceDBKnowledgeBase:
    made = LanceDBKnowledgeBase(uri=str(tmp_path / "kb"))
    for start in range(0, 60, 20):
        made.add([one(n) for n in range(start, start + 20)])
    return made


def one(n: int) -> TextNode:
    text = " ".join(WORDS[(n * step) % len(WORDS)] for step in range(1, 6)) + f" only{n}"
    return node(f"n{n:02}", text, f"d{n % 5}", [1.0, n / 10, (n % 7) / 7])


def missing(store: LanceDBKnowledgeBase) -> int:
    return max(index.num_unindexed_rows or 0 for index in store.client.list_indices())


def ask(store: LanceDBKnowledgeBase, mode: str, text: str = "thermal drift") -> list[tuple[str, float]]:
    query = VectorStoreQuery([0.3, 0.2, 0.9], 12, query_str=text, mode=VectorStoreQueryMode(mode))
    found = store.query(query)
    return [(name, round(score, 4)) for name, score in zip(found.ids or [], found.similarities or [], strict=True)]


def test_whoever_only_adds_or_asks_by_meaning_waits_for_no_index_of_words(store: LanceDBKnowledgeBase) -> None:
    assert missing(store) == 60
    ask(store, "default")
    ask(store, "mmr")
    store.add([one(60)])
    assert missing(store) == 61


@pytest.mark.parametrize("mode", ["text_search", "hybrid"])
def test_the_first_query_for_words_indexes_them_and_later_adds_keep_up(store: LanceDBKnowledgeBase, mode: str) -> None:
    assert ask(store, mode, "only7")[0][0] == "n07"
    assert missing(store) == 0
    store.add([one(n) for n in range(60, 60 + PROMPT)])
    assert missing(store) == PROMPT
    assert ask(store, mode, "only79")[0][0] == "n79"
    assert missing(store) == PROMPT  # few enough to be looked through
    store.add([one(80)])
    assert missing(store) == 0
    assert ask(store, mode, "only80")[0][0] == "n80"


def test_many_rows_are_indexed_for_nobody_too(store: LanceDBKnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_table, "PATIENT_ROWS", 60)
    store.add([one(60)])
    assert missing(store) == 0


def while_held(store: LanceDBKnowledgeBase, ask: Callable[[], T]) -> T:
    """Asks while another writer holds the lease."""
    held, asked = threading.Event(), threading.Event()

    def write() -> None:
        with lease(store.uri):
            held.set()
            asked.wait(60)

    writer = threading.Thread(target=write)
    writer.start()
    held.wait(60)
    try:
        return ask()
    finally:
        asked.set()
        writer.join()


@pytest.mark.parametrize("mode", ["text_search", "hybrid"])
@pytest.mark.parametrize("text", ["thermal drift", '"thermal station" drift', "only33 gauge", "nothing"])
def test_answers_are_the_same_while_somebody_else_writes(store: LanceDBKnowledgeBase, mode: str, text: str) -> None:
    flat = while_held(store, lambda: ask(store, mode, text))
    assert missing(store) == 60
    assert flat == ask(store, mode, text)
    assert missing(store) == 0
