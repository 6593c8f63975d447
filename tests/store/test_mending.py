"""Chunks that were lost, or lack a column, are made again by the next ingest; until then nothing calls them current."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pyarrow as pa
import pytest

from rag_ingest.errors import NoKnowledgeBaseError, StoreError, StoreMismatchError
from rag_ingest.store import knowledge_base
from rag_ingest.store.knowledge_base import DocumentRecord, KnowledgeBase
from rag_ingest.types import Chunk, Failure, PageMarkdown, Span
from tests.store.all_rows import rows

MARKS = ("ocr", "split", "toy@1")
SOURCES = ("/a.pdf", "/b.pdf")


def make(db: Path) -> KnowledgeBase:
    return KnowledgeBase.open(db, embedder_name="toy@1", dimension=4, create=True)


def ingest(db: Path) -> list[str]:
    """What is not current is written; returns its sources."""
    done = []
    with make(db) as kb:
        for source in SOURCES:
            doc_id = Path(source).stem
            if kb.is_current(source, doc_id, *MARKS, retry_failed=True):
                continue
            done.append(source)
            page = PageMarkdown(doc_id, 1, "words", "e", "ocr")
            kb.write_pages([page], source=source, fingerprint="ocr", engine="e")
            chunk = Chunk(doc_id + "0", doc_id, f"words of {doc_id}", "", Span(0, 10), (), (1,), (), 3)
            record = DocumentRecord(
                source, doc_id, "", 1, "done", "", "", "e", *MARKS, chunk_count=1, stamp="now", work=f"w{doc_id}"
            )
            kb.replace_document(record, [chunk], np.ones((1, 4), np.float32))
    return done


def lose(db: Path) -> None:
    shutil.rmtree(db / "chunks.lance")


def dropping(*columns: str) -> Callable[[Path], None]:
    def drop(db: Path) -> None:
        lancedb.connect(db).open_table("chunks").drop_columns(list(columns))

    return drop


HARMS = [lose, dropping("bboxes", "figures"), dropping("search_text"), dropping("wider_text"), dropping("sections")]


@pytest.fixture
def db(tmp_path: Path) -> Path:
    assert ingest(tmp_path / "kb") == list(SOURCES)
    assert ingest(tmp_path / "kb") == []
    return tmp_path / "kb"


@pytest.mark.parametrize("harm", HARMS)
def test_the_next_ingest_makes_the_same_chunks(db: Path, harm: Callable[[Path], None]) -> None:
    expected = rows(db)
    harm(db)
    assert ingest(db) == list(SOURCES)
    assert rows(db) == expected
    assert ingest(db) == []
    with KnowledgeBase.open(db) as kb:
        assert len(kb.search("words", np.ones(4, np.float32))) == 2
        assert kb.status().stale == ()


@pytest.mark.parametrize("harm", HARMS)
def test_one_that_is_killed_before_it_made_the_table_leaves_no_marks(
    db: Path, harm: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after kill -9 between the two commits; and the table may have come with nothing behind it."""
    harm(db)
    with monkeypatch.context() as patch:
        patch.setattr(knowledge_base, "open_tables", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            make(db)
    assert {row["split_fingerprint"] for row in rows_of(db, "documents")} == {""}
    make(db).close()
    with KnowledgeBase.open(db) as kb:
        assert not list(kb.stamped(*MARKS))
        assert {stale["source"] for stale in kb.status().stale} == set(SOURCES)
        assert "made again" in kb.status().stale[0]["why"]
    assert ingest(db) == list(SOURCES)


def rows_of(db: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lancedb.connect(db).open_table(name).to_arrow().to_pylist()
    return found


def test_what_was_made_again_in_part_is_told_of_the_rest(db: Path) -> None:
    lose(db)
    make(db).close()
    with make(db) as kb:
        record = kb.document_for("/a.pdf")
        assert record is not None
        assert record.chunk_count == 0
        fresh = DocumentRecord("/a.pdf", "a", "", 1, "done", "", "", "e", *MARKS)
        kb.replace_document(fresh, [], np.zeros((0, 4), np.float32))
        assert [stale["source"] for stale in kb.status().stale] == ["/b.pdf"]


def test_of_a_lost_table_everybody_is_told_what_to_do(db: Path) -> None:
    lose(db)
    with pytest.raises(NoKnowledgeBaseError, match="lacks the table 'chunks': ingest into it again"):
        KnowledgeBase.open(db)


def test_of_lacking_columns_status_tells_and_so_does_a_search(db: Path) -> None:
    dropping("bboxes", "search_text")(db)
    with KnowledgeBase.open(db) as kb:
        assert {stale["why"] for stale in kb.status().stale} == {
            "its chunks lack search_text, bboxes, as an earlier version made them"
        }
        with pytest.raises(StoreError, match=r"lacks the column '\w+'.* ingest into .* again, which adds it"):
            kb.search("words", None, mode="text")


def test_what_failed_since_has_no_chunks_either(db: Path) -> None:
    with make(db) as kb:
        kb.write_source_failure(Failure("/a.pdf", None, "load", "broken by now"))
    lose(db)
    with make(db) as kb:
        record = kb.document_for("/a.pdf")
        assert record is not None
        assert (record.state, record.chunk_count) == ("failed", 0)
        assert kb.status().documents == 1


def test_another_embedder_is_refused_before_anything_is_changed(db: Path) -> None:
    dropping("bboxes")(db)
    before = rows(db)
    with pytest.raises(StoreMismatchError):
        KnowledgeBase.open(db, embedder_name="other@1", dimension=4, create=True)
    assert rows(db) == before


@pytest.mark.parametrize(("name", "column"), [("documents", "source"), ("pages", "id")])
def test_somebody_elses_table_is_no_older_version_of_ours(db: Path, name: str, column: str) -> None:
    lancedb.connect(db).create_table(name, pa.table({"x": [1]}), mode="overwrite")
    for create in (False, True):
        with pytest.raises(StoreError, match=rf"table '{name}' in .* lacks the column '{column}'.* another --db"):
            KnowledgeBase.open(db, embedder_name="toy@1", dimension=4, create=create)
    assert rows_of(db, name) == [{"x": 1}]


def test_chunks_without_vectors_are_to_be_deleted(db: Path) -> None:
    expected = rows(db)
    dropping("vector")(db)
    with pytest.raises(StoreError, match=r"lacks the column 'vector': delete chunks\.lance in .* and ingest again"):
        make(db)
    lose(db)
    ingest(db)
    assert rows(db) == expected
