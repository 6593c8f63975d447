"""A re-embedding that is killed at any commit, what is written then, and the one that goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import lancedb
import numpy as np
import pytest

from rag_ingest.pipeline import Pipeline
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.versions import superseded
from tests.reembed.takeover import Killed, Rows, ingest, new, old, rows, take_over

KillAt = Callable[[int], pytest.MonkeyPatch]

SWAPPED, TOLD, HALF_DROPPED = 11, 12, 13
"""Commits: two tables are made; two of each paper, one of the copy and one of the broken file; the chunks take their
place; the documents are told; two tables are dropped."""


@pytest.mark.parametrize("commits", [0, 3, 6, SWAPPED - 1, SWAPPED, TOLD, HALF_DROPPED])
def test_killed_anywhere_and_run_again(
    db: Path,
    clean: Rows,
    kill_at: KillAt,
    commits: int,
) -> None:
    patched = kill_at(commits)
    try:
        take_over(db)
    except Killed:
        with KnowledgeBase.open(db) as kb:  # one of both embedders answers, whole
            dimension = kb.identity.dimension
            found = kb.search("the", np.ones(dimension, np.float32), k=5)
            assert (kb.identity.embedder, len(found)) in (("old", 5), ("new", 5))
    patched.undo()
    take_over(db)
    assert rows(db) == clean


def test_what_came_and_went_in_between_is_seen(db: Path, papers: Path, clean: Rows, kill_at: KillAt) -> None:
    patched = kill_at(6)
    with pytest.raises(Killed):
        take_over(db)
    patched.undo()
    first = clean["documents"][1]["source"]
    with KnowledgeBase.open(db) as kb:
        kb.remove([first], keep_pages=True)
    report = take_over(db)
    assert report.documents + report.kept >= 1
    assert first not in {row["source"] for row in rows(db)["documents"]}
    assert {row["doc_id"] for row in rows(db)["chunks"]} == {
        row["doc_id"] for row in rows(db)["documents"] if row["chunk_count"]
    }


def killed(db: Path, kill_at: KillAt, commits: int) -> None:
    patched = kill_at(commits)
    with pytest.raises(Killed):
        take_over(db)
    patched.undo()


def assert_whole(db: Path, *, documents: int) -> None:
    """Every document has its chunks, by the new embedder, and no other chunk is there."""
    found = rows(db)
    doc_ids = {row["doc_id"] for row in found["chunks"]}
    with_chunks = [row for row in found["documents"] if row["chunk_count"]]
    assert {row["doc_id"] for row in with_chunks} == doc_ids
    assert len(doc_ids) == documents
    assert {row["embedder"] for row in with_chunks} == {"new"}
    assert not {"chunks_next", "documents_next"} & set(lancedb.connect(db).list_tables().tables)


@pytest.mark.parametrize(
    ("commits", "embedder"), [(5, old), (SWAPPED - 1, old), (SWAPPED, new), (TOLD, new), (HALF_DROPPED, new)]
)
def test_what_is_ingested_after_a_kill_stays(
    db: Path, corpus: Path, tmp_path: Path, kill_at: KillAt, commits: int, embedder: Callable[[], Pipeline]
) -> None:
    killed(db, kill_at, commits)
    folder = tmp_path / "later"
    folder.mkdir()
    shutil.copy(sorted(corpus.glob("*.pdf"))[2], folder)
    ingest(embedder(), folder, db)
    take_over(db)
    assert_whole(db, documents=3)


@pytest.mark.parametrize("commits", [4, SWAPPED, TOLD])
def test_what_is_removed_after_a_kill_stays_away(db: Path, clean: Rows, kill_at: KillAt, commits: int) -> None:
    killed(db, kill_at, commits)
    with KnowledgeBase.open(db) as kb:
        kb.remove([row["source"] for row in clean["documents"] if row["doc_id"] == clean["chunks"][0]["doc_id"]])
    take_over(db)
    assert_whole(db, documents=1)


def test_a_paper_that_gave_way_to_a_later_version_after_a_kill_has_no_chunks(db: Path, kill_at: KillAt) -> None:
    killed(db, kill_at, 6)
    with KnowledgeBase.open(db) as kb:
        paper = next(record for record in kb.documents() if record.chunk_count)
        for record in kb.documents():
            if record.doc_id == paper.doc_id:
                kb.share_document(superseded(record))
    take_over(db)
    assert_whole(db, documents=1)
