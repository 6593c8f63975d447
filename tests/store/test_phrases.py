"""Phrases in a query: found word for word, wherever they stand in a chunk, in every mode that looks for words."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.store import search as searching
from rag_ingest.store.knowledge_base import DocumentChunks, DocumentRecord, KnowledgeBase
from rag_ingest.store.phrases import read_query, without_quotes
from rag_ingest.store.schema import searchable
from rag_ingest.types import Chunk, Span

TEXTS = {
    "clip": "We use gradient clipping for a recurrent net.",
    "clip-transformer": "The transformer needs Gradient\nClipping.",
    "clips": "Gradients clipped in a transformer, a gradient clip.",
    "turned": "Clipping the gradient of a transformer.",
    "transformer": "A transformer, a transformer, a transformer.",
    "art": "The state of the art is good.",
    "no-art": "A state of some art is good.",
    "names": "Schr\u00f6dinger\u2019s \ufb01ne cat, by \u0141ukasz M\u00fcller-L\u00fcdenscheidt, at 5\u201d.",
    "heading": "It explodes otherwise.",
}
CONTEXT = {"heading": "3 Training > 3.1 Norm clipping"}


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    chunks = [
        Chunk(name, "d", text, CONTEXT.get(name, ""), Span(n, n), (), (), ("table",), 1)
        for n, (name, text) in enumerate(TEXTS.items())
    ]
    folder = tmp_path_factory.mktemp("phrases") / "kb"
    with KnowledgeBase.open(folder, embedder_name="toy", dimension=4, create=True) as made:
        made.replace_documents(
            [DocumentChunks(DocumentRecord("/d.pdf", "d"), chunks, np.ones((len(chunks), 4), np.float32))]
        )
        yield made


def found(kb: KnowledgeBase, query: str, mode: str) -> list[str]:
    return [hit.chunk_id for hit in kb.search(query, np.ones(4, np.float32), mode=mode, k=20)]  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["text", "hybrid"])
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('"gradient clipping"', {"clip", "clip-transformer"}),  # over a line break, in any case; other forms are others
        ('"GRADIENT  CLIPPING" transformer', {"clip", "clip-transformer"}),
        ("\u201cgradient clipping\u201d transformer", {"clip", "clip-transformer"}),
        ('transformer "clipping the gradient"', {"turned"}),
        ('"the transformer" needs "gradient clipping"', {"clip-transformer"}),
        ('"state of the art"', {"art"}),
        ('"schrodingers fine"', set()),
        ('"Schrodinger\'s fine cat"', {"names"}),
        ('"lukasz muller ludenscheidt"', {"names"}),
        ('"norm clipping"', {"heading"}),  # stands in the context alone
        ('"gradient clipping" "state of the art"', set()),
        ('"clip"', {"clips"}),
        ('"a gradient clip" nowhere', {"clips"}),
    ],
)
def test_a_chunk_has_every_phrase_word_for_word(kb: KnowledgeBase, query: str, names: set[str], mode: str) -> None:
    assert set(found(kb, query, mode)) == names


def test_the_other_words_decide_the_order(kb: KnowledgeBase) -> None:
    for mode in ("text", "hybrid"):
        assert found(kb, '"gradient clipping" transformer', mode) == ["clip-transformer", "clip"]
        assert found(kb, '"gradient clipping" recurrent net', mode) == ["clip", "clip-transformer"]


@pytest.mark.parametrize("query", ['gradient "clipping', 'gradient clipping"', '"" gradient clipping', '"!?" gradient'])
def test_lone_quotes_and_quotes_around_nothing_are_characters(kb: KnowledgeBase, query: str) -> None:
    assert {"clip", "clip-transformer", "clips", "turned"} <= set(found(kb, query, "text"))
    assert set(found(kb, query, "hybrid")) == set(TEXTS)


def test_a_phrase_is_found_behind_any_number_of_chunks_that_only_have_its_stems(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "DEPTH", 4)
    texts = [
        *["gradients clipped"] * 40,
        "long words around it make gradient clipping score less than all the others do",
    ]
    chunks = [Chunk(f"c{n:03}", "d", text, "", Span(n, n), (), (), (), 1) for n, text in enumerate(texts)]
    folder = tmp_path_factory.mktemp("deep") / "kb"
    with KnowledgeBase.open(folder, embedder_name="toy", dimension=4, create=True) as kb:
        vectors = np.eye(4, dtype=np.float32)[[0] * 40 + [1]]
        kb.replace_documents([DocumentChunks(DocumentRecord("/d.pdf", "d"), chunks, vectors)])
        for mode in ("text", "hybrid"):
            hits = kb.search('"gradient clipping"', np.eye(4, dtype=np.float32)[0], mode=mode, k=1)
            assert [hit.chunk_id for hit in hits] == ["c040"]


words = st.lists(st.text("abc\u00e9\u00df", min_size=1, max_size=4), min_size=1, max_size=4)


@settings(max_examples=200, deadline=None)
@given(before=words, inside=words, after=words, gap=st.sampled_from([" ", "\n", "-", ", ", "_"]))
def test_a_phrase_stands_in_a_text_where_its_words_follow_each_other(
    before: list[str], inside: list[str], after: list[str], gap: str
) -> None:
    wanted = read_query(f'{after[0]} "{" ".join(inside)}" {before[0]}')
    assert wanted.words == read_query(f"{after[0]}   {before[0]}").words
    assert wanted.stands_in(searchable(gap.join([*before, *inside, *after]).upper()))
    other = [*inside, "x"]
    assert not read_query(f'"{" ".join(other)}"').stands_in(gap.join([*before, *inside, *after]))


@settings(max_examples=100, deadline=None)
@given(text=st.text())
def test_any_text_is_a_query(text: str) -> None:
    wanted = read_query(text)
    assert all(re.search(r"\w", phrase) for phrase in wanted.phrases)
    assert len(without_quotes(text)) <= len(text)
    if '"' not in text and "\u201c" not in text:
        assert without_quotes(text) == text
