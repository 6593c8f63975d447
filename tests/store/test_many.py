"""What is asked of all documents is asked at once, and says the same as one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rag_ingest.errors import ConfigError
from rag_ingest.store import knowledge_base, upkeep
from rag_ingest.store.knowledge_base import DocumentRecord, KnowledgeBase
from rag_ingest.types import Chunk, Failure, PageMarkdown, Span
from tests.store.all_rows import rows

HASH = "0123456789abcdef"
SOURCES = {
    "/papers/a.pdf": ("a", ""),
    "/papers/deep/b.pdf": ("b", ""),
    "/papers/same.pdf": ("a", ""),
    "/dumps/x.tar!/2301/2301.00001v1.pdf": ("c", "arXiv:2301.00001"),
    "/dumps/x.tar!/2301/2301.00001v2.pdf": ("d", "arXiv:2301.00001"),
    "/papersandmore/e.pdf": (HASH * 4, "arXiv:math/0309136"),
}


@pytest.fixture
def kb(tmp_path: Path) -> KnowledgeBase:
    """Two sources of one content, two versions of one paper."""
    kb = KnowledgeBase.open(tmp_path / "kb", embedder_name="toy", dimension=4, create=True)
    for source, (doc_id, work) in SOURCES.items():
        version = int(source[-5]) if source[-6] == "v" else 0
        record = DocumentRecord(source, doc_id, ocr_fingerprint="f", chunk_count=1, work=work, version=version)
        chunk = Chunk(f"{doc_id}-0", doc_id, f"text of {doc_id}", "", Span(0, 1), (), (1,), (), 1)
        kb.write_pages([PageMarkdown(doc_id, 1, "# x", "e", "f")], source=source, fingerprint="f", engine="e")
        kb.replace_document(record, [chunk], np.ones((1, 4), np.float32))
    return kb


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        (["/papers/deep/b.pdf", "/papers/a.pdf"], ["/papers/deep/b.pdf", "/papers/a.pdf"]),
        (["/papers", "/papers/a.pdf"], ["/papers/a.pdf", "/papers/deep/b.pdf", "/papers/same.pdf"]),
        (["/dumps/x.tar/"], [source for source in SOURCES if "x.tar" in source]),
        (["/papersand"], []),
        (["/dumps/x.tar"], [source for source in SOURCES if "x.tar" in source]),
        (["2301.00001"], [source for source in SOURCES if "2301.00001" in source]),
        (["arxiv.org/abs/2301.00001v2"], ["/dumps/x.tar!/2301/2301.00001v2.pdf"]),
        (["2301.00001v3"], []),
        (["math.GT/0309136", HASH.upper()[:8]], ["/papersandmore/e.pdf"]),
        ([HASH[1:9]], []),
        ([], []),
    ],
)
def test_names_stand_for_what_each_stands_for(kb: KnowledgeBase, names: list[str], meant: list[str]) -> None:
    if meant or not names:
        assert kb.meant_by(names) == meant
        return
    with pytest.raises(ConfigError, match="no document"):
        kb.meant_by(["/papers", *names])


def test_a_source_or_a_folder_called_like_a_paper_comes_first(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    kb.share_document(DocumentRecord("/2301.00001/f.pdf", "z", state="partial"))
    assert kb.meant_by(["2301.00001"]) == ["/2301.00001/f.pdf"]
    kb.share_document(DocumentRecord("/2301.00001", "y", state="partial"))
    assert kb.meant_by(["2301.00001"]) == ["/2301.00001"]


@pytest.mark.parametrize("at_once", [1, 2, 1000])
def test_many_are_removed_as_one_by_one(kb: KnowledgeBase, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge_base, "REMOVED_AT_ONCE", at_once)
    assert {record.source for record in kb.remove(kb.meant_by(["/papers", "2301.00001"]))} == {*SOURCES} - {
        "/papersandmore/e.pdf"
    }
    for name, left in rows(Path(kb.uri)).items():
        assert {row["doc_id"] for row in left} == {HASH * 4}, name


def test_failures_alone_are_those_of_the_status(kb: KnowledgeBase) -> None:
    for source, doc_id, page, fingerprint, why in (
        ("/papers/a.pdf", "a", 2, "f", "now"),
        ("/papers/a.pdf", "a", 3, "g", "by another engine"),
        ("/papers/a.pdf", "old", 1, "f", "of an earlier content"),
        ("/new.pdf", "n", 1, "f", "no row yet"),
    ):
        failure = Failure(source, page, "ocr", why, doc_id)
        kb.write_pages([failure], source=source, fingerprint=fingerprint, engine="e")
    kb.write_source_failure(Failure("/gone.pdf", None, "load", "no such file", ""))
    assert [(f.source, f.page, f.reason) for f in kb.failures()] == [
        ("/gone.pdf", None, "no such file"),
        ("/new.pdf", 1, "no row yet"),
        ("/papers/a.pdf", 2, "now"),
    ]
    assert kb.failures() == list(kb.status().failures)


def test_what_takes_long_is_told(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "SLOW_ROWS", 2)
    monkeypatch.setattr(upkeep, "GRACE_S", 0.01)
    monkeypatch.setattr(knowledge_base, "REMOVED_AT_ONCE", 1)
    told: list[str] = []
    with KnowledgeBase.open(kb.uri, told=told.append) as again:
        again.remove(["/papers/a.pdf", "/papers/same.pdf"])
        again.optimize(exclusive=True, thorough=True)
    assert told[0] == "1 of 2 documents removed"
    assert all("up to date" in one or "waiting" in one for one in told[1:])
    assert len(told) >= 4
