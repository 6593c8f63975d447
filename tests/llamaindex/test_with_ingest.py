"""The vector store and `rag-ingest` on one knowledge base."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from rag_ingest import Config, ingest
from rag_ingest.errors import StoreError
from rag_ingest.llamaindex import LanceDBKnowledgeBase, vector_store
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.lease import lease

CONFIG = Config(engine="textlayer")


@pytest.fixture(scope="module")
def ingested(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("kb") / "db"
    ingest([corpus / "bus-holding.pdf", corpus / "tide-gauges.pdf"], db, config=CONFIG)
    return db


def test_a_document_deleted_here_is_new_to_ingest_and_is_not_read_again(
    ingested: Path, corpus: Path, tmp_path: Path
) -> None:
    db = tmp_path / "db"
    shutil.copytree(ingested, db)
    store = LanceDBKnowledgeBase(uri=str(db))
    before = {node.node_id for node in store.get_nodes()}
    with KnowledgeBase.open(db) as kb:
        gone = next(d for d in kb.documents() if "bus" in d.source)
    store.delete(gone.doc_id)
    with KnowledgeBase.open(db) as kb:
        assert [d.source for d in kb.documents()] == [str(corpus / "tide-gauges.pdf")]
    report = ingest([corpus / "bus-holding.pdf", corpus / "tide-gauges.pdf"], db, config=CONFIG)
    assert (report.documents, report.pages_read, report.pages_cached) == ({"added": 1, "unchanged": 1}, 0, 3)
    assert {node.node_id for node in store.get_nodes()} == before


def test_some_nodes_deleted_leave_the_document_and_all_of_them_do_not(ingested: Path, tmp_path: Path) -> None:
    db = tmp_path / "db"
    shutil.copytree(ingested, db)
    store = LanceDBKnowledgeBase(uri=str(db))
    nodes = store.get_nodes()
    store.delete_nodes([nodes[0].node_id])
    with KnowledgeBase.open(db) as kb:
        assert len(kb.documents()) == 2
    store.clear()
    with KnowledgeBase.open(db) as kb:
        assert kb.documents() == []
    assert store.get_nodes() == []


@pytest.mark.parametrize("begin", ["", "file://"])
def test_writing_waits_for_another_process_and_says_who_it_is(
    ingested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: str
) -> None:
    db = f"{begin}{tmp_path}/db"
    shutil.copytree(ingested, tmp_path / "db")
    monkeypatch.setattr(vector_store, "WAIT_S", 0.3)
    store = LanceDBKnowledgeBase(uri=db)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lease(db):
            held.set()
            done.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    try:
        with pytest.raises(StoreError, match="written by process"):
            store.clear()
        assert store.get_nodes()  # reading needs no lease
    finally:
        done.set()
        thread.join()
    store.clear()
