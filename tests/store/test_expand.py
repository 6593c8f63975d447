"""Small to big: what a hit grows to, what hits are merged, and how much is read for it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_ingest.errors import ConfigError
from rag_ingest.parse import parse_markdown
from rag_ingest.split import SplitOptions, split
from rag_ingest.store import expand as expanding
from rag_ingest.store.expand import Expansion, Neighbours
from rag_ingest.store.knowledge_base import DocumentChunks, DocumentRecord, KnowledgeBase
from rag_ingest.types import Chunk, Document, SearchHit, Span
from tests.linked import linked

PAPER = """\
# Title

The abstract says little.

## Method

Both ways share this text.

### Gain

Apples are red.

Pears are green.

### Lag

Plums are blue.

## Results

They are good.
"""
PAGES = "".join(f"\n\n<!-- page {n} -->\n\nOn page {n} stands word{n}." for n in range(1, 5))


def words(text: str) -> int:
    return len(text.split())


def stored(kb: KnowledgeBase, document: Document, budget: int, **options: object) -> list[Chunk]:
    chunks = list(split(document, SplitOptions(**options), words, budget))  # type: ignore[arg-type]
    vectors = np.eye(len(chunks), 8, dtype=np.float32) + 0.01
    kb.replace_documents([DocumentChunks(DocumentRecord(f"/{document.doc_id}", document.doc_id), chunks, vectors)])
    return chunks


@pytest.fixture
def kb(tmp_path: Path) -> KnowledgeBase:
    return KnowledgeBase.open(tmp_path / "kb", embedder_name="toy", dimension=8, create=True)


def ask(kb: KnowledgeBase, query: str, max_tokens: int, k: int = 5) -> list[SearchHit]:
    expansion = Expansion(max_tokens=max_tokens, count_tokens=words)
    return kb.search(query, None, mode="text", k=k, expansion=expansion)


def one_block_a_chunk(kb: KnowledgeBase, markdown: str = PAPER) -> None:
    stored(kb, parse_markdown(markdown, doc_id="d"), 5, min_tokens=1, context=())


@pytest.mark.parametrize(
    ("max_tokens", "begins", "ends"),
    [
        (1, "Pears", "green."),  # the hit alone has more
        (3, "Pears", "green."),
        (8, "### Gain", "green."),  # its section
        (20, "## Method", "blue."),  # the one around it
        (22, "## Method", "blue."),
        (40, "# Title", "good."),  # the document
    ],
)
def test_the_largest_section_that_fits(kb: KnowledgeBase, max_tokens: int, begins: str, ends: str) -> None:
    one_block_a_chunk(kb)
    [hit] = ask(kb, "pears", max_tokens)
    assert hit.text == "Pears are green."
    assert hit.expanded.startswith(begins)
    assert hit.expanded.endswith(ends)
    assert hit.expanded_span is not None
    assert hit.expanded == PAPER[hit.expanded_span.start : hit.expanded_span.end]


def test_an_opening_is_a_section_of_its_own(kb: KnowledgeBase) -> None:
    one_block_a_chunk(kb)
    assert ask(kb, "share", 8)[0].expanded == "## Method\n\nBoth ways share this text."


def test_a_section_that_does_not_fit_gives_neighbours_on_both_sides(kb: KnowledgeBase) -> None:
    one_block_a_chunk(kb, "# T\n\n" + "\n\n".join(f"say word{n} now" for n in range(9)))
    assert ask(kb, "word4", 3)[0].expanded == "say word4 now"
    assert ask(kb, "word4", 6)[0].expanded == "say word4 now\n\nsay word5 now"
    assert ask(kb, "word4", 11)[0].expanded == "say word3 now\n\nsay word4 now\n\nsay word5 now"
    assert ask(kb, "word8", 9)[0].expanded == "say word6 now\n\nsay word7 now\n\nsay word8 now"


def test_hits_in_one_text_are_one_and_k_is_filled_from_the_others(kb: KnowledgeBase) -> None:
    sections = "\n\n".join(f"## S{n}\n\n" + "\n\n".join(["common thing"] * 4) for n in range(6))
    one_block_a_chunk(kb, f"# T\n\n{sections}")
    hits = ask(kb, "common", 12, k=5)
    assert len({hit.expanded.split()[1] for hit in hits}) == len(hits) == 5
    plain = [hit.chunk_id for hit in kb.search("common", None, mode="text", k=24)]
    places = [plain.index(hit.chunk_id) for hit in hits]
    assert places == sorted(places)  # the best of each, in the order of the search
    assert places[0] == 0
    assert len(ask(kb, "common", 1000, k=5)) == 1


def test_windows_of_one_section_share_nothing(kb: KnowledgeBase) -> None:
    one_block_a_chunk(kb, "# T\n\n" + "\n\n".join(["same words here"] * 12))
    hits = ask(kb, "same", 7, k=6)
    spans = sorted(hit.expanded_span for hit in hits if hit.expanded_span)
    assert all(a.end <= b.start for a, b in pairwise(spans))


def test_left_out_blocks_leave_a_blank_line_and_pages_are_those_of_the_text(kb: KnowledgeBase) -> None:
    document = parse_markdown(PAGES.replace("On page 2", "| a |\n|---|\n| 1 |\n\nOn page 2"), doc_id="d")
    stored(kb, document, 9, min_tokens=1, context=(), exclude_kinds=("table", "html"))
    [hit] = ask(kb, "word2", 100)
    assert hit.expanded == "\n\n".join(f"On page {n} stands word{n}." for n in range(1, 5))
    assert hit.expanded_pages == (1, 2, 3, 4)
    assert ask(kb, "word2", 10)[0].expanded_pages == (2, 3)


def test_what_overlapping_chunks_repeat_stands_there_once(kb: KnowledgeBase) -> None:
    text = "# T\n\n" + "\n\n".join(f"say word{n} now" for n in range(6))
    document = parse_markdown(text, doc_id="d")
    chunks = list(split(document, SplitOptions(min_tokens=1, context=()), words, 5))
    spans = [Span(max(0, c.span.start - 5 * bool(n)), c.span.end) for n, c in enumerate(chunks)]
    overlapping = [
        replace(c, span=span, text=text[span.start : span.end]) for c, span in zip(chunks, spans, strict=True)
    ]
    vectors = np.eye(len(chunks), 8, dtype=np.float32) + 0.01
    chained = linked(overlapping, document)
    kb.replace_documents([DocumentChunks(DocumentRecord("/d", "d"), chained, vectors)])
    for budget in (4, 7, 10, 14, 100):
        for hit in ask(kb, "word3", budget):
            assert hit.expanded_span is not None
            assert hit.expanded == text[hit.expanded_span.start : hit.expanded_span.end]
    assert hit.expanded == text


def test_a_chunk_without_links_is_its_own_text(kb: KnowledgeBase) -> None:
    chunks = stored(kb, parse_markdown(PAPER, doc_id="d"), 5, min_tokens=1, context=())
    bare = [replace(c, sections=(), parent_id="", previous_id="", next_id="", gap="") for c in chunks]
    vectors = np.eye(len(bare), 8, dtype=np.float32)
    kb.replace_documents([DocumentChunks(DocumentRecord("/d", "d"), bare, vectors)])
    hits = ask(kb, "green blue", 1000)
    assert len(hits) > 1
    assert all(hit.expanded == hit.text for hit in hits)


def test_neighbours_come_with_one_query(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(6):
        stored(kb, parse_markdown(PAPER.replace("Pears", f"Pears{n} pears"), doc_id=f"d{n}"), 6, context=())
    asked: list[list[str]] = []
    fetch: Callable[..., list[dict[str, object]]] = expanding.fetch

    def counted(table: object, where: object, columns: list[str]) -> list[dict[str, object]]:
        asked.append(columns)
        return fetch(table, where, columns)

    monkeypatch.setattr(expanding, "fetch", counted)
    assert len(ask(kb, "pears", 15, k=6)) == 6
    assert len(asked) == 1
    assert "vector" not in asked[0]


def test_only_rows_near_a_hit_are_read(kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    one_block_a_chunk(kb, "# T\n\n" + "\n\n".join(f"say word{n} now" for n in range(400)))
    read: list[int] = []
    fetch: Callable[..., list[dict[str, object]]] = expanding.fetch

    def counted(table: object, where: object, columns: list[str]) -> list[dict[str, object]]:
        rows = fetch(table, where, columns)
        read.append(len(rows))
        return rows

    monkeypatch.setattr(expanding, "fetch", counted)
    assert words(ask(kb, "word200", 9)[0].expanded) == 9
    assert read[0] < 100


def test_a_budget_is_positive() -> None:
    with pytest.raises(ConfigError, match="max_tokens = 0"):
        Expansion(max_tokens=0, count_tokens=words)


BLOCKS = st.sampled_from(
    ["# A", "## B", "## C", "### D", "cat dog", "cat dog fish", "cat " * 9, "| cat |\n|---|\n| 1 |\n| 2 |", "bird",
     "- cat\n- dog", "[1] A cat."]
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(BLOCKS, min_size=1, max_size=14).map("\n\n".join), min_size=1, max_size=3),
    st.integers(2, 12),
    st.integers(1, 40),
    st.sampled_from([(), ("table",)]),
    st.booleans(),
)
def test_texts_are_slices_within_the_budget_and_none_holds_another(
    texts: list[str], budget: int, max_tokens: int, exclude: tuple[str, ...], overlap: bool
) -> None:
    options = {"exclude_kinds": exclude, "overlap_tokens": overlap * budget // 2}
    with tempfile.TemporaryDirectory() as folder:
        kb = KnowledgeBase.open(Path(folder) / "kb", embedder_name="toy", dimension=8, create=True)
        for n, text in enumerate(texts):
            stored(kb, parse_markdown(text, doc_id=str(n)), budget, **options)
        hits = kb.search("cat", None, mode="text", k=40)
        grown = ask(kb, "cat", max_tokens, k=40)
    shown = [(hit.doc_id, hit.expanded_span) for hit in grown if hit.expanded_span]
    assert len(shown) == len(grown)
    for hit in grown:
        text, span = texts[int(hit.doc_id)], hit.expanded_span
        assert span is not None
        assert span.start <= hit.span.start
        assert hit.span.end <= span.end
        assert hit.text in hit.expanded
        assert words(hit.expanded) <= max_tokens or hit.expanded == hit.text
        if not exclude:
            assert hit.expanded == text[span.start : span.end]
    for doc_id, span in shown:
        inside = [s for d, s in shown if d == doc_id and s.start <= span.start and span.end <= s.end]
        assert inside == [span] or overlap  # there a chunk may hold the one before it
    for hit in hits:  # what was merged away is shown by another
        assert any(d == hit.doc_id and s.start <= hit.span.start and hit.span.end <= s.end for d, s in shown)


@pytest.mark.parametrize(
    ("word", "count", "first", "last"), [(0, 2, 0, 2), (5, 1, 4, 6), (5, 4, 1, 9), (9, 3, 6, 9), (5, 99, 0, 9)]
)
def test_neighbours_are_as_many_as_there_are_on_each_side(
    kb: KnowledgeBase, word: int, count: int, first: int, last: int
) -> None:
    one_block_a_chunk(kb, "\n\n".join(f"say word{n} now" for n in range(10)))
    [hit] = kb.search(f"word{word}", None, mode="text", k=3, expansion=Neighbours(count=count))
    assert hit.text == f"say word{word} now"
    assert hit.expanded == "\n\n".join(f"say word{n} now" for n in range(first, last + 1))


def test_neighbours_come_with_two_queries_and_only_their_texts(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_block_a_chunk(kb, "# T\n\n" + "\n\n".join(f"say word{n} now" for n in range(400)))
    read: list[tuple[bool, int]] = []
    fetch: Callable[..., list[dict[str, object]]] = expanding.fetch

    def counted(table: object, where: object, columns: list[str]) -> list[dict[str, object]]:
        rows = fetch(table, where, columns)
        read.append(("text" in columns, len(rows)))
        return rows

    monkeypatch.setattr(expanding, "fetch", counted)
    [hit] = kb.search("word200", None, mode="text", k=1, expansion=Neighbours(count=2))
    assert hit.expanded == "\n\n".join(f"say word{n} now" for n in range(198, 203))
    assert read == [(False, 400), (True, 5)]


def test_a_number_of_neighbours_is_positive() -> None:
    with pytest.raises(ConfigError, match="neighbours = 0"):
        Neighbours(count=0)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(BLOCKS, min_size=1, max_size=14).map("\n\n".join), min_size=1, max_size=3),
    st.integers(2, 12),
    st.integers(1, 4),
)
def test_runs_of_neighbours_are_slices_and_show_no_chunk_twice(texts: list[str], budget: int, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        kb = KnowledgeBase.open(Path(folder) / "kb", embedder_name="toy", dimension=8, create=True)
        chunks = {chunk.chunk_id: chunk for n, text in enumerate(texts)
                  for chunk in stored(kb, parse_markdown(text, doc_id=str(n)), budget)}  # fmt: skip
        hits = kb.search("cat", None, mode="text", k=40)
        grown = kb.search("cat", None, mode="text", k=40, expansion=Neighbours(count=count))
    seen: list[str] = []
    for hit in grown:
        assert hit.expanded_span is not None
        inside = [c for c in chunks.values() if c.doc_id == hit.doc_id
                  and hit.expanded_span.start <= c.span.start and c.span.end <= hit.expanded_span.end]  # fmt: skip
        assert hit.expanded == texts[int(hit.doc_id)][hit.expanded_span.start : hit.expanded_span.end]
        seen += [chunk.chunk_id for chunk in inside]
        for side in ("previous_id", "next_id"):
            reached = chunks[hit.chunk_id]
            for _ in range(count):
                following = chunks.get(getattr(reached, side))
                if following is None or following not in inside:
                    assert following is None or following.chunk_id in seen  # a better hit's text has it
                    break
                reached = following
            assert getattr(reached, side) == "" or chunks[getattr(reached, side)] not in inside
    assert len(seen) == len(set(seen))
    assert {hit.chunk_id for hit in hits} <= set(seen)
