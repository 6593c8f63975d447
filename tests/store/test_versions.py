"""Of the documents of one work the one of the highest (version, source) is found, in whatever order they come."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.store import chunks as chunks_table
from rag_ingest.store import documents as documents_table
from rag_ingest.store.chunks import Chunks, DocumentChunks
from rag_ingest.store.knowledge_base import DocumentRecord, KnowledgeBase
from rag_ingest.store.tables import upsert
from rag_ingest.store.versions import rank, shared, superseded
from rag_ingest.types import Chunk, Failure, Span

MARKS = ("o", "s", "toy")
METADATA = {"arxiv_id": "1501.00001", "authors": "Ö. Å", "categories": ["cs.CL"], "year": 2015, "version": 2}


def record(source: str, content: str, version: int, work: str = "arXiv:1501.00001") -> DocumentRecord:
    return DocumentRecord(source, content, title=f"of {source}", work=work, version=version)


def document(row: DocumentRecord) -> DocumentChunks:
    chunks = [Chunk(f"{row.doc_id}{n}", row.doc_id, "text", "", Span(n, n + 1), (), (1,), (), 1) for n in (0, 1)]
    made = replace(row, ocr_fingerprint="o", split_fingerprint="s", embedder="toy", chunk_count=2)
    return DocumentChunks(made, chunks, np.ones((2, 4), np.float32))


def ingest(kb: KnowledgeBase, row: DocumentRecord) -> None:
    """As a run does it with a document that is not current."""
    if kb.versions([row.work]).superseder(row):
        kb.share_documents([superseded(row)])
    elif owners := kb.owners(row.doc_id, *MARKS):
        kb.share_document(shared(row, owners[0]))
    else:
        kb.replace_documents([document(row)])


def new(folder: str | Path) -> KnowledgeBase:
    return KnowledgeBase.open(Path(folder) / "kb", embedder_name="toy", dimension=4, create=True)


@dataclass(frozen=True)
class Given:
    rows: Sequence[DocumentRecord]
    order: Sequence[DocumentRecord]


@st.composite
def documents(draw: st.DrawFn) -> Given:
    """Some sources of one or two works, with few contents, and an order."""
    cases = draw(st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 2), st.booleans()), min_size=2, max_size=5))
    rows = [
        record(f"/{n}.pdf", content, version, f"arXiv:1501.0000{int(other)}")
        for n, (content, version, other) in enumerate(cases)
    ]
    return Given(rows, draw(st.permutations(rows)))


@settings(max_examples=12, deadline=None)
@given(documents())
def test_the_highest_version_and_source_is_found_in_whatever_order(case: Given) -> None:
    tops = {row.work: row for row in sorted(case.rows, key=rank)}
    live = {row.source for row in case.rows if row.doc_id == tops[row.work].doc_id}
    with tempfile.TemporaryDirectory() as folder:
        kb = new(folder)
        for row in case.order:
            ingest(kb, row)
        stored = {row.source: row for row in kb.documents()}
        assert {source for source, row in stored.items() if row.state == "done"} == live
        assert {source for source, row in stored.items() if row.state == "superseded"} == stored.keys() - live
        assert {row.source: (row.title, row.version) for row in case.rows} == {
            source: (row.title, row.version) for source, row in stored.items()
        }
        named = {row["doc_id"]: row["source"] for row in kb.chunks.to_arrow().to_pylist()}
        assert named.keys() == {stored[source].doc_id for source in live}
        assert {source for source in live if stored[source].chunk_count != 2} == set()
        for content, source in named.items():
            same = [row for row in stored.values() if (row.doc_id, row.work) == (content, stored[source].work)]
            assert stored[source].version == max(row.version for row in same)
        assert {source for source, _ in kb.stamped(*MARKS)} == stored.keys()  # nothing is opened again
        assert kb.versions(tops).waiting() == []


class Killed(BaseException):
    """Stands for the end of the process."""


def test_a_run_that_was_killed_between_any_two_commits_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version, a later one, and one that has the content of the first again."""
    rows = [record("/a.pdf", "x", 1), record("/b.pdf", "y", 2), record("/c.pdf", "x", 3)]

    def run(kb: KnowledgeBase, kill_at: int) -> int:
        """Returns how many commits there were."""
        commits = 0

        def counted(*given: Any, **more: Any) -> None:
            nonlocal commits
            commits += 1
            if commits == kill_at:
                raise Killed
            upsert(*given, **more)

        with monkeypatch.context() as patched:
            for module in (chunks_table, documents_table):
                patched.setattr(module, "upsert", counted)
            for row in rows:
                if not kb.is_current(row.source, row.doc_id, *MARKS):
                    ingest(kb, row)
        return commits

    def end(kb: KnowledgeBase) -> tuple[list[Any], list[Any]]:
        documents = [replace(row, ingested_at=None) for row in kb.documents()]
        return documents, sorted(map(str, kb.chunks.to_arrow().to_pylist()))

    clean = new(tmp_path / "clean")
    commits = run(clean, 0)
    for kill_at in range(1, commits + 1):
        kb = new(tmp_path / str(kill_at))
        with pytest.raises(Killed):
            run(kb, kill_at)
        run(kb, 0)
        run(kb, 0)
        assert end(kb) == end(clean), kill_at
    assert run(clean, 0) == 0


@pytest.fixture
def kb(tmp_path: Path) -> KnowledgeBase:
    return new(tmp_path)


def test_what_gave_way_waits_when_the_other_is_gone(kb: KnowledgeBase) -> None:
    first, second = record("/a.pdf", "x", 1), record("/b.pdf", "y", 2)
    for row in (first, second):
        ingest(kb, row)
    assert kb.is_current("/a.pdf", "x", *MARKS)
    kb.remove(["/b.pdf"])
    assert [row.source for row in kb.versions([first.work]).waiting()] == ["/a.pdf"]
    assert not kb.is_current("/a.pdf", "x", *MARKS)
    assert list(kb.stamped(*MARKS)) == []
    kb.write_source_failure(Failure("/b.pdf", None, "load", "broken", "y"))
    assert not kb.versions([first.work]).superseder(first)


def test_a_group_that_is_written_together_has_the_same_end(kb: KnowledgeBase) -> None:
    rows = [record("/a.pdf", "x", 1), record("/b.pdf", "y", 2), record("/c.pdf", "z", 0)]
    kb.replace_documents([document(row) for row in rows])
    assert {row.source: row.state for row in kb.documents()} == {
        "/a.pdf": "superseded",
        "/b.pdf": "done",
        "/c.pdf": "superseded",
    }
    assert {row["doc_id"] for row in kb.chunks.to_arrow().to_pylist()} == {"y"}


def test_renamed_chunks_are_those_that_the_other_document_would_have(kb: KnowledgeBase) -> None:
    old, later = document(record("/a.pdf", "x", 1)), record("/b.pdf", "x", 2)
    old = replace(old, record=replace(old.record, metadata={"arxiv_id": "1", "license": "by", "doi": "10.1/x"}))
    kb.replace_documents([old])
    table = Chunks(kb.chunks, 4)
    assert table.rename("x", replace(later, metadata=METADATA)) == 2
    expected = table.rows([replace(old, record=replace(later, metadata=METADATA))])
    assert kb.chunks.to_arrow().sort_by("id").to_pylist() == expected.sort_by("id").to_pylist()
