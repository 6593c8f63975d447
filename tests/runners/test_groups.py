"""Documents are committed together, pages before them; what fails costs itself alone."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag_ingest.errors import StoreError
from rag_ingest.report import DocumentReport
from rag_ingest.runners import commit_group, page_log
from rag_ingest.runners.commit_group import CommitGroup, Ready
from rag_ingest.runners.page_log import PageLog
from rag_ingest.stages import Work
from rag_ingest.store.chunks import DocumentChunks
from rag_ingest.store.knowledge_base import DocumentRecord, KnowledgeBase
from rag_ingest.types import Chunk, Failure, PageMarkdown, SourceDocument, Span


@pytest.fixture
def kb(tmp_path: Path) -> KnowledgeBase:
    return KnowledgeBase.open(tmp_path / "kb", embedder_name="toy@1", dimension=4, create=True)


def ready(name: str, chunks: int = 3, dimension: int = 4) -> Ready:
    made = [Chunk(f"{name}{n}", name, f"{name} {n}", "", Span(n, n + 1), (), (1,), (), 1) for n in range(chunks)]
    record = DocumentRecord(f"/{name}.pdf", name, engine="e", ocr_fingerprint="f", chunk_count=chunks)
    vectors = np.ones((chunks, dimension), np.float32)
    return Ready(DocumentChunks(record, made, vectors), DocumentReport(f"/{name}.pdf", name, "", "added"))


@pytest.fixture
def group(kb: KnowledgeBase) -> tuple[CommitGroup, list[str]]:
    told: list[str] = []
    made = CommitGroup(
        kb,
        lambda: told.append("pages"),
        lambda one: told.append(one.report.doc_id),
        lambda one, reason: told.append(f"{one.report.doc_id} failed: {reason}"),
    )
    return made, told


def test_documents_wait_for_each_other_and_come_in_one_commit(
    kb: KnowledgeBase, group: tuple[CommitGroup, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_group, "SECONDS", 1e9)
    made, told = group
    before = kb.chunks.version
    for name in "abc":
        made.add(ready(name))
    assert (told, kb.chunks.version) == ([], before)
    made.flush()
    assert (told, kb.chunks.version) == (["pages", "a", "b", "c"], before + 1)
    assert kb.chunks.count_rows() == 9
    made.flush()
    assert kb.chunks.version == before + 1


def test_a_full_group_and_one_that_is_late_are_written_at_once(
    group: tuple[CommitGroup, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, told = group
    monkeypatch.setattr(commit_group, "SECONDS", 1e9)
    monkeypatch.setattr(commit_group, "ROWS", 6)
    made.add(ready("a"))
    made.add(ready("b"))
    assert told == ["pages", "a", "b"]
    monkeypatch.setattr(commit_group, "SECONDS", 0.0)
    made.add(ready("c"))
    assert told[3:] == ["pages", "c"]


def test_one_that_cannot_be_written_costs_itself_alone(
    kb: KnowledgeBase, group: tuple[CommitGroup, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_group, "SECONDS", 1e9)
    made, told = group
    for one in (ready("a"), ready("b", dimension=5), ready("c")):
        made.add(one)
    made.flush()
    assert told[:2] == ["pages", "a"]
    assert told[2].startswith("b failed: /b.pdf: vectors of shape (3, 5)")
    assert told[3] == "c"
    assert {d.doc_id for d in kb.documents()} == {"a", "c"}


def work(doc_id: str, *todo: int) -> Work:
    return Work(SourceDocument(doc_id, f"/{doc_id}.pdf", len(todo)), todo)


def page(doc_id: str, number: int, **checks: Any) -> PageMarkdown:
    text = "" if checks else f"# {number}"
    return PageMarkdown(doc_id, number, text, "e", "f", checks=checks)


def states(kb: KnowledgeBase) -> dict[tuple[str, int], str]:
    rows = kb._tables["pages"].to_arrow().to_pylist()
    return {(row["doc_id"], row["page"]): row["state"] for row in rows}


def test_pages_pass_from_pending_to_done_skipped_or_failed(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_log, "SECONDS", 1e9)
    log = PageLog(kb, "f", "e")
    stream: list[Work | PageMarkdown | Failure] = [
        work("a", 1, 2),
        page("a", 1),
        page("a", 2, verdict="blank"),
        work("b", 1, 2),
        page("b", 1),
    ]
    failed = Failure("/b.pdf", 2, "ocr", "no", "b")
    passing = log.through(iter([*stream, failed]), lambda item: None)
    seen = [next(passing) for _ in stream]
    assert seen == stream
    assert states(kb) == {}
    log.flush()
    assert states(kb) == {("a", 1): "done", ("a", 2): "skipped", ("b", 1): "done", ("b", 2): "pending"}
    assert kb.status().pages == {"done": 2, "skipped": 1, "pending": 1, "failed": 0}
    assert set(kb.done_pages("a", "f")) == {1, 2}
    assert set(kb.done_pages("b", "f")) == {1}
    assert len(list(passing)) == 1
    assert states(kb)["b", 2] == "failed"
    rows = {(r["doc_id"], r["page"]): r for r in kb._tables["pages"].to_arrow().to_pylist()}
    assert {key: row["source"] for key, row in rows.items()} == {key: f"/{key[0]}.pdf" for key in rows}
    assert {row["attempts"] for row in rows.values()} == {1}


def test_what_is_held_is_written_whatever_ends_the_stream(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_log, "SECONDS", 1e9)

    def broken() -> Any:
        yield work("a", 1, 2)
        yield page("a", 1)
        raise StoreError("stop")

    def consume(stream: Callable[[], Any]) -> None:
        for _ in PageLog(kb, "f", "e").through(stream(), lambda item: None):
            pass

    with pytest.raises(StoreError):
        consume(broken)
    assert states(kb) == {("a", 1): "done", ("a", 2): "pending"}


def test_removing_a_source_takes_what_was_read_of_its_earlier_contents(kb: KnowledgeBase) -> None:
    for name in ("old", "new"):
        kb.write_pages([page(name, 1)], source="/p.pdf", fingerprint="f", engine="e")
        one = ready(name).document
        record = DocumentRecord("/p.pdf", name, engine="e", ocr_fingerprint="f", chunk_count=3)
        kb.replace_documents([DocumentChunks(record, one.chunks, one.vectors)])
    assert set(states(kb)) == {("old", 1), ("new", 1)}
    kb.remove(["/p.pdf"])
    assert states(kb) == {}
    assert (kb.chunks.count_rows(), kb.documents()) == (0, [])


@pytest.mark.parametrize("at", ["pages", "a", "c"])
def test_ctrl_c_while_a_group_is_written_comes_when_all_of_it_is_told(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """A real signal: what is in the tables is in the report too."""
    monkeypatch.setattr(commit_group, "SECONDS", 1e9)
    told: list[str] = []

    def tell(what: str) -> None:
        if what == at:
            signal.raise_signal(signal.SIGINT)
        told.append(what)

    made = CommitGroup(kb, lambda: tell("pages"), lambda one: tell(one.report.doc_id), lambda one, reason: None)
    for name in "abc":
        made.add(ready(name))
    with pytest.raises(KeyboardInterrupt):
        made.flush()
    assert told == ["pages", "a", "b", "c"]
    assert {d.doc_id for d in kb.documents()} == {"a", "b", "c"}
    with pytest.raises(KeyboardInterrupt):  # and comes at once again
        signal.raise_signal(signal.SIGINT)


def test_a_second_ctrl_c_is_not_waited_with(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_group, "SECONDS", 1e9)
    told: list[str] = []

    def tell(one: Ready) -> None:
        signal.raise_signal(signal.SIGINT)
        told.append(one.report.doc_id)

    made = CommitGroup(kb, lambda: None, tell, lambda one, reason: None)
    for name in "abc":
        made.add(ready(name))
    with pytest.raises(KeyboardInterrupt):
        made.flush()
    assert told == ["a"]
