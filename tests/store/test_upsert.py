"""The tables against a plain dictionary: whatever is written in whatever order, nothing doubles and nothing is lost."""

from __future__ import annotations

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.errors import StoreError
from rag_ingest.store import chunks
from rag_ingest.store import documents as documents_table
from rag_ingest.store.gone import sweep
from rag_ingest.store.knowledge_base import DocumentChunks, DocumentRecord, KnowledgeBase
from rag_ingest.store.lease import is_alone, lease
from rag_ingest.store.search import SearchMode
from rag_ingest.types import Chunk, Failure, PageMarkdown, Span

if TYPE_CHECKING:
    from lancedb.table import Table

MODES: tuple[SearchMode, ...] = ("hybrid", "vector", "text")

SOURCES, CONTENTS = ["/a.pdf", "/b.pdf", "/c.pdf"], ["x", "y", "z"]


def document(source: str, doc_id: str, texts: tuple[str, ...]) -> DocumentChunks:
    chunks = [Chunk(f"{doc_id}{n}{t}", doc_id, t, "", Span(n, n + 1), (), (1,), (), 1) for n, t in enumerate(texts)]
    vectors = np.stack([np.full(4, n, np.float32) for n in range(len(texts))]) if texts else np.zeros((0, 4))
    record = DocumentRecord(source, doc_id, engine="e", ocr_fingerprint="o", chunk_count=len(texts))
    return DocumentChunks(record, chunks, vectors.astype(np.float32))


documents = st.builds(
    document,
    st.sampled_from(SOURCES),
    st.sampled_from(CONTENTS),
    st.lists(st.sampled_from(["p", "q", "'"]), max_size=3).map(tuple),
)


@dataclass
class Model:
    """What should be there: sources with their content, contents with their chunks."""

    rows: dict[str, str] = field(default_factory=dict)
    chunks: dict[str, dict[str, str]] = field(default_factory=dict)

    def replace(self, new: DocumentChunks) -> None:
        self.rows[new.record.source] = new.record.doc_id
        self.chunks[new.record.doc_id] = {c.chunk_id: c.text for c in new.chunks}
        self.chunks = {doc_id: c for doc_id, c in self.chunks.items() if doc_id in self.rows.values()}


def chunks_in(kb: KnowledgeBase) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in kb._tables["chunks"].to_arrow().select(["id", "doc_id", "text"]).to_pylist():
        assert row["id"] not in found.get(row["doc_id"], {}), "a row stands there twice"
        found.setdefault(row["doc_id"], {})[row["id"]] = row["text"]
    return found


def versions(kb: KnowledgeBase) -> dict[str, int]:
    return {name: table.version for name, table in kb._tables.items()}


@settings(max_examples=8, deadline=None)
@given(steps=st.lists(documents, min_size=1, max_size=8))
def test_replacing_documents_is_like_a_dictionary(steps: list[DocumentChunks]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kb = KnowledgeBase.open(Path(folder) / "kb", embedder_name="toy", dimension=4, create=True)
        model = Model()
        for step in steps:
            kb.replace_documents([step])
            model.replace(step)
            assert chunks_in(kb) == {doc_id: c for doc_id, c in model.chunks.items() if c}
            assert {d.source: d.doc_id for d in kb._documents.all()} == model.rows
        before = versions(kb)
        kb.replace_documents([steps[-1]])
        assert versions(kb) == before  # the same again changes nothing


@settings(max_examples=6, deadline=None)
@given(
    group=st.lists(documents, min_size=1, max_size=5, unique_by=(lambda d: d.record.source, lambda d: d.record.doc_id))
)
def test_a_group_in_one_commit_is_its_documents_one_by_one(group: list[DocumentChunks]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        together, single = (
            KnowledgeBase.open(Path(folder) / name, embedder_name="toy", dimension=4, create=True) for name in "ab"
        )
        for kb in (together, single):
            kb.replace_documents([document("/a.pdf", "y", ("old", "older"))])
        before = versions(together)
        together.replace_documents(group)
        for one in group:
            single.replace_documents([one])
        assert chunks_in(together) == chunks_in(single)
        assert together.status() == single.status()
        assert versions(together)["chunks"] <= before["chunks"] + 2  # the second takes away what the first left


def test_under_the_lease_new_rows_are_appended_and_known_ones_replaced(kb: KnowledgeBase) -> None:
    def write(text: str) -> None:
        kb.write_pages([as_result(1, "f", text)], source="/a.pdf", fingerprint="f", engine="e")
        kb.replace_documents([document("/a.pdf", "x", ("p", text))])

    with lease(kb.uri):
        assert is_alone(kb.uri)
        with ThreadPoolExecutor(1) as pool:
            assert not pool.submit(is_alone, kb.uri).result()  # others merge
        for text in ("failed", "# one", "# one"):
            write(text)
    assert not is_alone(kb.uri)
    write("# one")
    assert chunks_in(kb) == {"x": {"x0p": "p", "x1# one": "# one"}}
    assert [row["markdown"] for row in page_rows(kb)] == ["# one"]
    assert len(kb.documents()) == 1


def test_old_and_new_chunks_are_never_found_together(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []

    def look(table: Table) -> None:
        with KnowledgeBase.open(kb.uri) as reader:
            for mode in MODES:
                seen.append({hit.text for hit in reader.search("p q 'r", np.ones(4, np.float32), mode=mode)})
        sweep(table)

    def put(doc_id: str, *texts: str) -> None:
        vectors = np.eye(4, dtype=np.float32)[: len(texts)]  # no zeros, which have no cosine
        kb.replace_documents([replace(document("/a.pdf", doc_id, texts), vectors=vectors)])

    put("x", "p", "q")
    monkeypatch.setattr(chunks, "sweep", look)
    put("x", "r")
    put("y", "r", "q")
    assert seen == [{"r"}] * 3 + [{"r", "q"}] * 3
    assert kb.chunks.count_rows() == 2


results = st.builds(
    lambda page, fingerprint, outcome: (page, fingerprint, outcome),
    st.integers(1, 3),
    st.sampled_from(["f", "g"]),
    st.sampled_from(["failed", "# one", "# two '"]),
)


def as_result(page: int, fingerprint: str, outcome: str) -> PageMarkdown | Failure:
    if outcome == "failed":
        return Failure("/a.pdf", page, "ocr", "it's gone", "d")
    return PageMarkdown("d", page, outcome, "e", fingerprint)


@settings(max_examples=8, deadline=None)
@given(batches=st.lists(st.lists(results, min_size=1, max_size=5), min_size=1, max_size=4))
def test_the_ledger_is_like_a_dictionary(batches: list[list[tuple[int, str, str]]]) -> None:
    model: dict[tuple[int, str], str] = {}
    with tempfile.TemporaryDirectory() as folder:
        kb = KnowledgeBase.open(Path(folder) / "kb", embedder_name="toy", dimension=4, create=True)
        for batch in batches:
            for fingerprint in ("f", "g"):
                rows = [as_result(*item) for item in batch if item[1] == fingerprint]
                kb.write_pages(rows, source="/a.pdf", fingerprint=fingerprint, engine="e")
            for page, fingerprint, outcome in batch:
                if outcome != "failed" or model.get((page, fingerprint), "failed") == "failed":
                    model[page, fingerprint] = outcome
            for fingerprint in ("f", "g"):
                done = {n: p.markdown for n, p in kb.done_pages("d", fingerprint).items()}
                assert done == {n: m for (n, f), m in model.items() if f == fingerprint and m != "failed"}
        assert kb._tables["pages"].count_rows() == len(model)
        before = versions(kb)
        kb.write_pages(list(kb.done_pages("d", "f").values()), source="/a.pdf", fingerprint="f", engine="e")
        assert versions(kb) == before


@pytest.fixture
def kb(tmp_path: Path) -> KnowledgeBase:
    return KnowledgeBase.open(tmp_path / "kb", embedder_name="toy", dimension=4, create=True)


def page_rows(kb: KnowledgeBase) -> list[dict[str, Any]]:
    return list(kb._tables["pages"].to_arrow().sort_by("page").to_pylist())


def test_attempts_are_counted_until_a_page_is_done(kb: KnowledgeBase) -> None:
    for outcome in ("failed", "failed", "# one", "failed", "# one"):
        kb.write_pages([as_result(1, "f", outcome)], source="/a.pdf", fingerprint="f", engine="e")
    [row] = page_rows(kb)
    assert (row["state"], row["attempts"], row["markdown"]) == ("done", 3, "# one")


def test_the_attempts_of_an_engine_count_too(kb: KnowledgeBase) -> None:
    tries = [{"temperature": 0.2, "verdict": "loop"}, {"engine": "layout", "verdict": "ok"}]
    read = PageMarkdown("d" * 64, 1, "# one", "layout", "f", checks={"verdict": "ok", "attempts": tries})
    for _ in range(2):
        kb.write_pages([read], source="/a.pdf", fingerprint="f", engine="e")
    [row] = page_rows(kb)
    assert (row["attempts"], json.loads(row["checks"])["attempts"]) == (2, tries)
    assert kb.done_pages("d" * 64, "f") == {1: read}


def test_a_failure_without_its_page_is_refused(kb: KnowledgeBase) -> None:
    for failure in (Failure("/a.pdf", 1, "ocr", "x"), Failure("/a.pdf", None, "ocr", "x", "d")):
        with pytest.raises(StoreError, match="without document or page"):
            kb.write_pages([failure], source="/a.pdf", fingerprint="f", engine="e")


def test_two_chunks_with_one_id_are_refused_and_twins_are_one(kb: KnowledgeBase) -> None:
    one = document("/a.pdf", "x", ("p",))
    twins = DocumentChunks(one.record, [*one.chunks, *one.chunks], np.vstack([one.vectors, one.vectors]))
    kb.replace_documents([twins])
    assert chunks_in(kb) == {"x": {"x0p": "p"}}
    other = Chunk("x0p", "x", "another text", "", Span(0, 1), (), (), (), 1)
    with pytest.raises(StoreError, match="two different chunks"):
        kb.replace_documents([DocumentChunks(one.record, [*one.chunks, other], np.vstack([one.vectors] * 2))])


def test_status_counts_the_documents_as_they_stand(kb: KnowledgeBase) -> None:
    for fingerprint in ("old", "o"):
        pages: list[PageMarkdown | Failure] = [PageMarkdown("x", n, "m", "e", fingerprint) for n in (1, 2)]
        pages.append(Failure("/a.pdf", 3, "ocr", f"{fingerprint} failed", "x"))
        kb.write_pages(pages, source="/a.pdf", fingerprint=fingerprint, engine="e")
    kb.replace_documents([document("/a.pdf", "x", ("p", "q"))])
    kb.write_pages([PageMarkdown("y", 1, "m", "e", "o")], source="/running.pdf", fingerprint="o", engine="e")
    kb.write_source_failure(Failure("/bad.pdf", None, "load", "no PDF"))
    status = kb.status()
    assert (status.documents, status.chunks, status.pages) == (1, 2, {"done": 3, "failed": 1})
    assert [(f.source, f.page, f.stage, f.reason) for f in status.failures] == [
        ("/a.pdf", 3, "ocr", "o failed"),
        ("/bad.pdf", None, "load", "no PDF"),
    ]
    assert status.engines == ({"engine": "e", "fingerprint": "o", "embedder": "", "documents": 1},)


def test_documents_are_the_same_without_their_metadata(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_table, "BATCH_ROWS", 2)
    known = {"year": 2001, "authors": ["Å. Author"]}
    kb.replace_documents(
        [replace(d, record=replace(d.record, metadata=known, work=f"work {d.record.doc_id}"))
         for d in (document(f"/{name}.pdf", name, ("p",)) for name in ("c", "a", "e", "b", "d"))]
    )  # fmt: skip
    whole = kb.documents()
    assert [record.source for record in whole] == ["/a.pdf", "/b.pdf", "/c.pdf", "/d.pdf", "/e.pdf"]
    assert all(record.metadata == known for record in whole)
    assert kb.documents(metadata=False) == [replace(record, metadata={}) for record in whole]


def test_a_source_that_fails_later_keeps_what_it_had(kb: KnowledgeBase) -> None:
    kb.replace_documents([document("/a.pdf", "x", ("p",))])
    kb.write_source_failure(Failure("/a.pdf", None, "load", "disk gone"))
    found = kb.document_for("/a.pdf")
    assert found is not None
    assert (found.state, found.error, found.doc_id, found.chunk_count) == ("failed", "disk gone", "x", 1)
    assert kb.status().documents == kb.status().chunks == 1
    assert not kb.is_current("/a.pdf", "x", "o", "", "")


def test_a_partial_document_is_current_unless_it_is_retried(kb: KnowledgeBase) -> None:
    whole = document("/a.pdf", "x", ("p",))
    record = DocumentRecord("/a.pdf", "x", state="partial", ocr_fingerprint="o", chunk_count=1)
    kb.replace_documents([DocumentChunks(record, whole.chunks, whole.vectors)])
    assert kb.is_current("/a.pdf", "x", "o", "", "")
    assert not kb.is_current("/a.pdf", "x", "o", "", "", retry_failed=True)


def test_reading_in_one_thread_while_another_writes(kb: KnowledgeBase) -> None:
    def write() -> None:
        for n in range(1, 16):
            kb.write_pages([PageMarkdown("d", n, "m", "e", "f")], source="/a.pdf", fingerprint="f", engine="e")

    with ThreadPoolExecutor(1) as pool:
        writer, seen = pool.submit(write), [0]
        while not writer.done():
            done = kb.done_pages("d", "f")
            assert list(done) == list(range(1, len(done) + 1))
            seen.append(len(done))
            assert not kb.is_current("/a.pdf", "d", "f", "s", "toy")
        writer.result()
    assert seen == sorted(seen)
    assert len(kb.done_pages("d", "f")) == 15


def test_many_commits_are_compacted_on_the_way(kb: KnowledgeBase) -> None:
    for n in range(45):
        kb.write_pages([PageMarkdown("d", n + 1, "m", "e", "f")], source="/a.pdf", fingerprint="f", engine="e")
    assert kb._tables["pages"].stats()["fragment_stats"]["num_fragments"] < 10
    assert len(kb.done_pages("d", "f")) == 45


def test_optimize_leaves_a_large_table_alone_for_a_few_new_rows(kb: KnowledgeBase) -> None:
    large = document("/a.pdf", "x", tuple(f"text {n}" for n in range(500)))
    kb.replace_documents([large])
    kb.optimize()
    before = kb._tables["chunks"].version
    kb.replace_documents([document("/b.pdf", "y", ("p",))])
    kb.optimize()
    assert kb._tables["chunks"].version == before + 1  # the new row, nothing else
    assert len(kb.search("p", np.ones(4, np.float32), mode="text", where="doc_id = 'y'")) == 1
    kb.replace_documents([document("/c.pdf", "z", tuple(f"more {n}" for n in range(50)))])
    kb.optimize()
    assert kb._tables["chunks"].version > before + 2
