"""What a store promises, whatever is behind it. Another one joins by a factory in `STORES`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rag_ingest.errors import ConfigError, StoreError, StoreMismatchError
from rag_ingest.store.expand import Expansion
from rag_ingest.store.knowledge_base import DocumentRecord, KnowledgeBase
from rag_ingest.types import Chunk, Failure, Figure, PageMarkdown, Span

DIMENSION = 8

STORES: dict[str, Callable[[str, bool], KnowledgeBase]] = {
    "lancedb": lambda uri, create: KnowledgeBase.open(uri, embedder_name="toy@1", dimension=DIMENSION, create=create),
}


@pytest.fixture(params=sorted(STORES))
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], KnowledgeBase]:
    """Opens the same store as often as it is called."""
    factory = STORES[request.param]
    factory(str(tmp_path / "kb"), True).close()
    return lambda: factory(str(tmp_path / "kb"), False)


def axis(n: int) -> NDArray[np.float32]:
    return np.eye(DIMENSION, dtype=np.float32)[n]


def chunk(doc_id: str, n: int, text: str, *, page: int = 1) -> Chunk:
    return Chunk(f"{doc_id}-{n}", doc_id, text, "Title", Span(n, n + len(text)), ("Title",), (page,), ("paragraph",), 3)


def store(kb: KnowledgeBase, source: str, doc_id: str, texts: list[str]) -> None:
    chunks = [chunk(doc_id, n, text, page=n + 1) for n, text in enumerate(texts)]
    record = DocumentRecord(
        source, doc_id, title="T", engine="e", ocr_fingerprint="o", split_fingerprint="s", embedder="toy@1",
        page_count=len(texts), chunk_count=len(texts), metadata={"authors": ["Ö"]},
    )  # fmt: skip
    kb.replace_document(record, chunks, np.vstack([axis(n) for n in range(len(texts))]))


def page(doc_id: str, number: int, markdown: str = "# x", fingerprint: str = "o") -> PageMarkdown:
    return PageMarkdown(doc_id, number, markdown, "e", fingerprint, checks={"route": "ocr"}, figures=(Figure("f.png"),))


def test_what_was_stored_is_found_by_every_mode(reopen: Callable[[], KnowledgeBase]) -> None:
    with reopen() as kb:
        store(kb, "/a.pdf", "a", ["photon energy", "neutron mass"])
    with reopen() as kb:
        for mode in ("hybrid", "vector", "text"):
            hits = kb.search("neutron", axis(1), mode=mode, k=1)  # type: ignore[arg-type]
            assert [(h.chunk_id, h.text, h.context, h.headings, h.pages, h.source, h.title, h.span) for h in hits] == [
                ("a-1", "neutron mass", "Title", ("Title",), (2,), "/a.pdf", "T", Span(1, 13))
            ]


def test_links_come_back_and_hits_grow_to_their_section(reopen: Callable[[], KnowledgeBase]) -> None:
    texts, gap = ["photon energy", "neutron mass", "proton"], "\n \n"
    whole = gap.join(texts)
    starts = [whole.index(text) for text in texts]
    section = ("s" * 32, Span(0, len(whole)))
    chunks = [
        replace(
            chunk("a", n, text, page=n + 1),
            span=Span(starts[n], starts[n] + len(text)),
            parent_id=section[0],
            previous_id=f"a-{n - 1}" if n else "",
            next_id=f"a-{n + 1}" if n < 2 else "",
            gap=gap if n else "",
            sections=(section,),
        )
        for n, text in enumerate(texts)
    ]
    with reopen() as kb:
        kb.replace_document(DocumentRecord("/a.pdf", "a"), chunks, np.vstack([axis(n) for n in range(3)]))
    with reopen() as kb:
        for mode in ("hybrid", "vector", "text"):
            grow = Expansion(max_tokens=5, count_tokens=lambda text: len(text.split()))
            hits = kb.search("neutron", axis(1), mode=mode, expansion=grow)  # type: ignore[arg-type]
            assert [(h.text, h.expanded, h.expanded_span, h.expanded_pages) for h in hits] == [
                ("neutron mass", whole, Span(0, len(whole)), (1, 2, 3))
            ]
            less = Expansion(max_tokens=3, count_tokens=lambda text: len(text.split()))
            hit = kb.search("neutron", axis(1), mode=mode, k=1, expansion=less)[0]  # type: ignore[arg-type]
            assert (hit.expanded, hit.expanded_pages) == (f"neutron mass{gap}proton", (2, 3))


def test_an_empty_store_answers_with_nothing(reopen: Callable[[], KnowledgeBase]) -> None:
    with reopen() as kb:
        for mode in ("hybrid", "vector", "text"):
            assert kb.search("x", axis(0), mode=mode) == []  # type: ignore[arg-type]
        assert kb.done_pages("a", "o") == {}
        assert kb.document_for("/a.pdf") is None
        assert kb.failures() == []
        status = kb.status()
        assert (status.documents, dict(status.pages), status.chunks, status.engines) == (
            0,
            {"done": 0, "failed": 0},
            0,
            (),
        )


def test_scores_fall_and_k_is_kept(reopen: Callable[[], KnowledgeBase]) -> None:
    with reopen() as kb:
        store(kb, "/a.pdf", "a", [f"common word{n}" for n in range(6)])
        for mode in ("hybrid", "vector", "text"):
            hits = kb.search("common", axis(0), mode=mode, k=4)  # type: ignore[arg-type]
            scores = [h.score for h in hits]
            assert len(hits) == 4
            assert scores == sorted(scores, reverse=True)


def test_filters_narrow_every_mode(reopen: Callable[[], KnowledgeBase]) -> None:
    with reopen() as kb:
        store(kb, "/a.pdf", "a", ["same words here"] * 3)
        store(kb, "/b.pdf", "b", ["same words here"] * 3)
        for mode in ("hybrid", "vector", "text"):
            hits = kb.search("same words", axis(0), mode=mode, where="source = '/b.pdf' and page >= 2")  # type: ignore[arg-type]
            assert {h.chunk_id for h in hits} == {"b-1", "b-2"}


def test_a_page_comes_back_as_it_went_in(reopen: Callable[[], KnowledgeBase]) -> None:
    pages = [page("a", 2, "# Ünï\n\n$$x$$"), page("a", 1)]
    with reopen() as kb:
        kb.write_pages(pages, source="/a.pdf", fingerprint="o", engine="e")
    with reopen() as kb:
        assert list(kb.done_pages("a", "o").items()) == [(1, pages[1]), (2, pages[0])]
        assert kb.done_pages("a", "other") == {}
        assert kb.done_pages("b", "o") == {}


def test_a_failed_page_is_reported_until_it_is_done(reopen: Callable[[], KnowledgeBase]) -> None:
    failure = Failure("/a.pdf", 1, "ocr", "no text: try again", "a")
    with reopen() as kb:
        kb.write_pages([failure, page("a", 2)], source="/a.pdf", fingerprint="o", engine="e")
        assert kb.failures() == [failure]
        assert kb.status().pages == {"done": 1, "failed": 1}
        kb.write_pages([page("a", 1)], source="/a.pdf", fingerprint="o", engine="e")
        assert kb.failures() == []
        kb.write_pages([failure], source="/a.pdf", fingerprint="o", engine="e")
        assert set(kb.done_pages("a", "o")) == {1, 2}  # what was read stays read


def test_a_failed_source_is_reported_until_it_is_stored(reopen: Callable[[], KnowledgeBase]) -> None:
    failure = Failure("/a.pdf", None, "load", "not a PDF")
    with reopen() as kb:
        kb.write_source_failure(failure)
        assert kb.failures() == [failure]
        assert not kb.is_current("/a.pdf", "", "", "", "")
        store(kb, "/a.pdf", "a", ["x"])
        assert kb.failures() == []


def test_current_means_same_content_and_same_settings(reopen: Callable[[], KnowledgeBase]) -> None:
    with reopen() as kb:
        store(kb, "/a.pdf", "a", ["x"])
        assert kb.is_current("/a.pdf", "a", "o", "s", "toy@1")
        for changed in (
            ("b", "o", "s", "toy@1"),
            ("a", "-", "s", "toy@1"),
            ("a", "o", "-", "toy@1"),
            ("a", "o", "s", "-"),
        ):
            assert not kb.is_current("/a.pdf", *changed)
        assert not kb.is_current("/b.pdf", "a", "o", "s", "toy@1")
        assert [owner.source for owner in kb.owners("a", "o", "s", "toy@1")] == ["/a.pdf"]
        assert kb.owners("a", "o", "-", "toy@1") == []
        assert kb.owners("b", "o", "s", "toy@1") == []


def test_a_shared_content_stays_while_one_source_has_it(reopen: Callable[[], KnowledgeBase]) -> None:
    with reopen() as kb:
        store(kb, "/a.pdf", "one", ["alpha"])
        kb.share_document(replace(kb.owners("one", "o", "s", "toy@1")[0], source="/b.pdf"))
        assert kb.status().documents == 1
        store(kb, "/a.pdf", "two", ["beta"])
        hits = kb.search("alpha", None, mode="text")
        assert [(hit.doc_id, hit.source) for hit in hits] == [("one", "/b.pdf")]
        kb.share_document(replace(kb.owners("two", "o", "s", "toy@1")[0], source="/b.pdf"))
        assert kb.search("alpha", None, mode="text") == []
        assert kb.status().documents == 1


def test_new_content_of_a_source_takes_the_place_of_the_old(reopen: Callable[[], KnowledgeBase]) -> None:
    with reopen() as kb:
        store(kb, "/a.pdf", "old", ["alpha", "beta"])
        store(kb, "/a.pdf", "new", ["gamma"])
        assert [h.doc_id for h in kb.search("", axis(0), mode="vector")] == ["new"]
        found = kb.document_for("/a.pdf")
        assert found is not None
        assert (found.doc_id, found.chunk_count, found.metadata) == ("new", 1, {"authors": ["Ö"]})


def test_old_content_stays_while_another_source_has_it(reopen: Callable[[], KnowledgeBase]) -> None:
    with reopen() as kb:
        store(kb, "/a.pdf", "shared", ["alpha", "beta"])
        store(kb, "/b.pdf", "shared", ["alpha", "beta"])
        assert kb.status().chunks == 2
        store(kb, "/b.pdf", "new", ["gamma"])
        assert {h.doc_id for h in kb.search("", axis(0), mode="vector")} == {"shared", "new"}
        store(kb, "/a.pdf", "new2", ["delta"])
        assert {h.doc_id for h in kb.search("", axis(0), mode="vector")} == {"new", "new2"}


def test_fewer_chunks_leave_none_of_the_others(reopen: Callable[[], KnowledgeBase]) -> None:
    with reopen() as kb:
        store(kb, "/a.pdf", "a", ["one", "two", "three"])
        store(kb, "/a.pdf", "a", ["one"])
        assert kb.status().chunks == 1
        kb.replace_document(DocumentRecord("/a.pdf", "a"), [], np.zeros((0, DIMENSION), np.float32))
        assert kb.status().chunks == 0


def test_another_embedder_is_refused(reopen: Callable[[], KnowledgeBase]) -> None:
    with reopen() as kb:
        for name, dimension in (("toy@2", DIMENSION), ("toy@1", 9)):
            with pytest.raises(StoreMismatchError, match=r"toy@1 \(8 dimensions\).*--db"):
                kb.require_embedder(name, dimension)


def test_vectors_that_do_not_fit_are_refused(reopen: Callable[[], KnowledgeBase]) -> None:
    chunks = [chunk("a", 0, "x")]
    with reopen() as kb:
        for vectors in (np.zeros((2, DIMENSION)), np.zeros((1, 9)), np.full((1, DIMENSION), np.nan)):
            with pytest.raises(StoreError, match=r"/a\.pdf"):
                kb.replace_document(DocumentRecord("/a.pdf", "a"), chunks, vectors.astype(np.float32))
        assert kb.status().chunks == 0


def test_wrong_questions_are_refused(reopen: Callable[[], KnowledgeBase]) -> None:
    with reopen() as kb:
        with pytest.raises(ConfigError, match="k = 0"):
            kb.search("x", axis(0), k=0)
        with pytest.raises(ConfigError, match="mode"):
            kb.search("x", axis(0), mode="fuzzy")  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="vector"):
            kb.search("x", None, mode="hybrid")
