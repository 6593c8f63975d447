"""The three modes give the product's ranking, and every passage, whatever the words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eval.metrics import Passage
from eval.retrieval import DEPTH, MODES, WORDS_SHARE, fold, fuse
from rag_ingest.store import search as product
from rag_ingest.store.schema import searchable

PASSAGES = [
    Passage("a", text, 1, wider=f"{before}\n{text}" if before else "")
    for before, text in (
        ("", "Schrödinger's cat sleeps in a box."),
        ("Schrödinger's cat sleeps in a box.", "The box holds efficient cats and dogs."),
        ("The box holds efficient cats and dogs.", "Dogs bark; the dog sleeps."),
        ("Dogs bark; the dog sleeps.", "Nothing of the kind, in another tongue."),
        ("", "A table of boxes: 1.5, 2.5, 3.5"),
    )
]
QUESTIONS = [
    "does Schrodinger's cat sleep?",
    "dog",
    "how many boxes (2.5)?",
    "quantum",
    "?",
    "a 'dog' or `NOT (cat` \"",
]
"""None with a phrase in double quotes: the product asks for it word for word, the evaluation for its words."""


def test_settings_are_the_products() -> None:
    assert (WORDS_SHARE, DEPTH) == (product.WORDS_SHARE, product.DEPTH)


@given(st.text(st.characters(codec=None)))
@example("a\ud800b\udfff")
def test_folding_is_the_products(text: str) -> None:
    assert fold(text) == searchable(text)


@pytest.mark.parametrize("mode", ["vector", "text", "hybrid"])
def test_ranking_is_the_products(mode: Any, tmp_path: Path, hash_embedder: Callable[..., Any]) -> None:
    embedder = hash_embedder()
    table = product_table(tmp_path, embedder)
    for question, ranked in zip(QUESTIONS, MODES[mode](PASSAGES, embedder, tmp_path)(QUESTIONS), strict=True):
        hits = product.candidates(table, question, embedder.embed_queries([question])[0], mode=mode, k=9, where=None)
        assert [p.text for p in ranked[: len(hits)]] == [hit.text for hit in hits]
        assert sorted(ranked, key=PASSAGES.index) == PASSAGES


def product_table(folder: Path, embedder: Any) -> Any:
    import lancedb
    import pyarrow as pa

    from rag_ingest.store.indexes import ensure_indexes
    from rag_ingest.store.schema import Identity, chunks_schema

    vectors = embedder.embed_documents([p.text for p in PASSAGES])
    rows = [
        {
            "id": str(i), "text": p.text, "search_text": searchable(p.text), "wider_text": searchable(p.worded),
            "vector": vector, "headings": [], "pages": [], "kinds": [], "span_start": 0, "span_end": 0,
        }
        for i, (p, vector) in enumerate(zip(PASSAGES, vectors, strict=True))
    ]  # fmt: skip
    schema = chunks_schema(Identity(embedder.name, embedder.dimension))
    table = lancedb.connect(folder / "db").create_table("chunks", pa.Table.from_pylist(rows, schema=schema))
    ensure_indexes(table, "chunks")
    return table


def test_words_are_looked_for_in_what_is_embedded(tmp_path: Path, hash_embedder: Callable[..., Any]) -> None:
    passages = [Passage("a", "shown", 1), Passage("a", "also shown", 1, "hidden words")]
    ranked = next(MODES["text"](passages, hash_embedder(), tmp_path)(["hidden"]))
    assert ranked == [passages[1], passages[0]]


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=9), st.data())
def test_fusion_keeps_every_item_once_and_the_unanimous_first(cosines: list[float], data: st.DataObject) -> None:
    words = data.draw(st.dictionaries(st.sampled_from(range(len(cosines))), st.floats(0.1, 40)))
    fused = fuse(np.array(cosines, np.float32), words)
    assert sorted(fused) == list(range(len(cosines)))
    best = max(range(len(cosines)), key=lambda i: (cosines[i], -i))
    if words and cosines[best] > 0 and words.get(best) == max(words.values()):
        assert cosines[fused[0]] == pytest.approx(cosines[best], abs=1e-6)
        assert words[fused[0]] == words[best]


def test_a_hybrid_search_looks_for_words_in_the_wider_text(tmp_path: Path, hash_embedder: Callable[..., Any]) -> None:
    passages = [Passage("a", "same", 1, wider="same"), Passage("a", "same", 1, wider="hidden words\nsame")]
    assert next(MODES["hybrid"](passages, hash_embedder(), tmp_path)(["hidden"])) == [passages[1], passages[0]]
    assert next(MODES["text"](passages, hash_embedder(), tmp_path)(["hidden"])) == passages


def test_no_passages_no_ranking(tmp_path: Path, hash_embedder: Callable[..., Any]) -> None:
    for mode in MODES.values():
        assert list(mode([], hash_embedder(), tmp_path)(["x"])) == [[]]
