"""Another embedder takes over a knowledge base: the rows of a clean ingest, from pages that nobody reads again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import lancedb
import numpy as np
import pytest
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from numpy.typing import NDArray

from rag_ingest.errors import EmbedError, StoreError, StoreMismatchError
from rag_ingest.llamaindex.vector_store import LanceDBKnowledgeBase
from rag_ingest.runners import local, reembed
from rag_ingest.store.gone import gone_rows
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.types import Failure
from tests.reembed.takeover import NoEngine, Rows, ingest, new, old, rows, take_over


def test_the_rows_are_those_of_a_clean_ingest(db: Path, papers: Path, clean: Rows) -> None:
    report = take_over(db)
    assert (report.before, report.embedder, report.failures) == ("old", "new", [])
    assert report.chunks == len(clean["chunks"])
    assert rows(db) == clean
    with KnowledgeBase.open(db) as kb:
        assert (kb.identity.embedder, kb.identity.dimension) == ("new", 24)
        assert kb.chunks.schema.field("id").metadata[b"lance-schema:unenforced-primary-key:position"]
        assert len(kb.search("stable bread", None, mode="text")) > 0
        assert len(kb.search("the", np.ones(24, np.float32))) == 10
        assert {"search_text", "wider_text"} <= {index.columns[0] for index in kb.chunks.list_indices()}
    assert not {"chunks_next", "documents_next"} & set(lancedb.connect(db).list_tables().tables)
    with new() as pipeline:
        again = local.run(pipeline, [papers], str(db), lambda event: None)
    assert again.documents == {"unchanged": 3, "failed": 1}


def test_who_had_it_open_before_is_told_and_not_answered_wrongly(db: Path) -> None:
    with KnowledgeBase.open(db) as before:
        dimension = before.identity.dimension
        take_over(db)
        assert before.search("bread", None, mode="text")
        with pytest.raises(StoreMismatchError, match="open it again"):
            before.search("bread", np.ones(dimension, np.float32))


def test_a_second_time_nothing_is_done(db: Path) -> None:
    take_over(db)
    before = lancedb.connect(db).open_table("chunks").version
    report = take_over(db)
    assert (report.documents, report.kept, report.before) == (0, 0, "new")
    assert lancedb.connect(db).open_table("chunks").version == before


def test_when_a_document_fails_the_old_chunks_stay(db: Path, clean: Rows) -> None:
    before = rows(db)
    with new(NoEngine()) as pipeline:
        embed, pipeline.embedder.embed_documents = pipeline.embedder.embed_documents, no_server  # type: ignore[method-assign]
        report = reembed.run(pipeline, str(db), lambda event: None)
        assert {failure.stage for failure in report.failures} == {"embed"}
        assert rows(db) == before
        pipeline.embedder.embed_documents = embed  # type: ignore[method-assign]
        assert not reembed.run(pipeline, str(db), lambda event: None).failures
    assert rows(db) == clean


def no_server(texts: Sequence[str]) -> NDArray[np.float32]:
    raise EmbedError("no server there")


def test_the_error_of_another_embedder_names_the_way(db: Path) -> None:
    with pytest.raises(StoreMismatchError, match=r"rag-ingest reembed --db .* --set embed\.model="):
        KnowledgeBase.open(db, embedder_name="new", dimension=24)


def test_nodes_that_came_from_elsewhere_are_not_lost_without_a_word(db: Path) -> None:
    store = LanceDBKnowledgeBase(uri=str(db))
    owner = next(row["doc_id"] for row in rows(db)["chunks"])
    nodes = [TextNode(id_=f"note {n}", text="bread", embedding=[1.0] + [0.0] * 15) for n in range(3)]
    nodes[2].relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=owner)  # beside the paper's own
    store.add(nodes)
    before = rows(db)
    with pytest.raises(StoreError, match=r"3 chunks, of 2 documents.* delete_nodes"):
        take_over(db)
    assert rows(db) == before
    store.delete_nodes([node.node_id for node in nodes])
    assert not take_over(db).failures


def test_chunks_that_gave_way_to_others_are_not_taken_for_nodes(db: Path, clean: Rows) -> None:
    chunks = lancedb.connect(db).open_table("chunks")
    chunks.add(gone_rows(chunks.schema, ["one", "two"]), on_bad_vectors="null")  # as a killed ingest leaves them
    assert not take_over(db).failures
    assert rows(db) == clean


def test_a_document_whose_pages_are_gone_keeps_its_chunks(db: Path, papers: Path, clean: Rows) -> None:
    row = next(row for row in clean["documents"] if row["state"] == "done")
    lancedb.connect(db).open_table("pages").delete(f"doc_id = '{row['doc_id']}' and page > 1")
    before = rows(db)
    report = take_over(db)
    assert {(failure.doc_id, failure.stage) for failure in report.failures} == {(row["doc_id"], "parse")}
    assert f"{row['page_count'] - 1} of {row['page_count']} pages are no longer" in report.failures[0].reason
    assert rows(db) == before
    with KnowledgeBase.open(db) as kb:
        kb.remove([r["source"] for r in clean["documents"] if r["doc_id"] == row["doc_id"]], keep_pages=True)
    ingest(old(), papers, db)
    assert not take_over(db).failures
    assert rows(db) == clean


def test_pages_that_failed_are_not_missed(db: Path, clean: Rows) -> None:
    row = next(row for row in clean["documents"] if row["state"] == "done")
    with KnowledgeBase.open(db) as kb:
        records = [record for record in kb.documents() if record.doc_id == row["doc_id"]]
        lancedb.connect(db).open_table("pages").delete(f"doc_id = '{row['doc_id']}' and page = 2")
        failure = Failure(row["source"], 2, "ocr", "no answer", row["doc_id"])
        kb.write_pages([failure], source=row["source"], fingerprint=row["ocr_fingerprint"], engine="textlayer")
        for record in records:
            kb.share_document(replace(record, state="partial"))
    assert not take_over(db).failures
    assert 2 not in {page for r in rows(db)["chunks"] if r["doc_id"] == row["doc_id"] for page in r["pages"]}


@pytest.mark.parametrize("who", ["owner", "other", "both"])
def test_sources_that_failed_the_last_time_keep_their_rows_and_chunks(db: Path, clean: Rows, who: str) -> None:
    shared = [row for row in clean["documents"] if row["chunk_count"]]
    doc_id = next(row["doc_id"] for row in shared if row["source"].endswith("zz-copy.pdf"))
    owner = next(row["source"] for row in clean["chunks"] if row["doc_id"] == doc_id)
    both = {row["source"] for row in shared if row["doc_id"] == doc_id}
    failed = {"owner": {owner}, "other": both - {owner}, "both": both}[who]
    with KnowledgeBase.open(db) as kb:
        for source in failed:
            kb.write_source_failure(Failure(source, None, "load", "no such file", doc_id))
    assert not take_over(db).failures
    found = rows(db)
    told = {"state": "failed", "stage": "load", "error": "no such file"}
    assert found["documents"] == [row | told if row["source"] in failed else row for row in clean["documents"]]
    assert [row["id"] for row in found["chunks"]] == [row["id"] for row in clean["chunks"]]
