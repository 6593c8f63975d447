"""What an arm hands over: passages within the embedder's budget, ranked by cosine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.arms import build
from eval.datasets import GROUND_TRUTH, Dataset
from eval.metrics import Passage
from eval.retrieval import MODES
from eval.splitters import wider_texts
from eval.suite import Arm
from rag_ingest.store import wider
from rag_ingest.types import Chunk, Span

TEXT = "# Title\n\n" + "\n\n".join(f"Paragraph {i} has words. It goes on a little longer than that." for i in range(60))


def arm(**options: Any) -> Arm:
    return Arm(**{"name": "x", "engine": GROUND_TRUTH, "splitter": "sentence"} | options)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """One paper of which only the ground truth is read."""
    (tmp_path / "a.md").write_text(TEXT, encoding="utf-8")
    return Dataset("own", {"a": tmp_path / "a.pdf"}, {"a": tmp_path / "a.md"}, ())


@pytest.mark.parametrize("splitter", ["structure", "sentence", "markdown+sentence", "chonkie", "semchunk"])
def test_passages_hold_the_text_and_fit_the_embedder(
    splitter: str, dataset: Dataset, tmp_path: Path, hash_embedder: Callable[..., Any]
) -> None:
    embedder = hash_embedder()
    built = build(arm(splitter=splitter), dataset, embedder, tmp_path / "cache")
    assert len(built.passages) > 1
    assert all(
        p.doc == "a" and p.tokens == embedder.count_tokens(p.text) <= embedder.max_tokens for p in built.passages
    )
    together = " ".join(p.text for p in built.passages)
    assert all(f"Paragraph {i} has" in together for i in range(60))


def test_overlap_repeats_text(tmp_path: Path, dataset: Dataset, hash_embedder: Callable[..., Any]) -> None:
    plain, overlapping = (
        build(arm(overlap_tokens=n), dataset, hash_embedder(), tmp_path / "cache").passages for n in (0, 50)
    )
    assert sum(p.tokens for p in overlapping) > sum(p.tokens for p in plain)


@pytest.mark.parametrize("splitter", ["sentence", "markdown+sentence", "chonkie", "semchunk"])
def test_peers_keep_to_a_smaller_size(
    splitter: str, tmp_path: Path, dataset: Dataset, hash_embedder: Callable[..., Any]
) -> None:
    built = build(arm(splitter=splitter, max_tokens=30), dataset, hash_embedder(), tmp_path / "cache")
    assert max(p.tokens for p in built.passages) <= 30


def test_split_options_reach_the_splitter(tmp_path: Path, dataset: Dataset, hash_embedder: Callable[..., Any]) -> None:
    options: list[dict[str, Any]] = [{}, {"target_tokens": 30}, {"context": []}]
    default, small, bare = (
        build(arm(splitter="structure", split=split), dataset, hash_embedder(), tmp_path / "cache").passages
        for split in options
    )
    assert len(small) > len(default)
    assert sum("Title" in p.text for p in default) > 1
    assert sum("Title" in p.text for p in bare) == 1


def test_header_path_stands_before_each_piece_and_is_counted(
    tmp_path: Path, dataset: Dataset, hash_embedder: Callable[..., Any]
) -> None:
    (tmp_path / "a.md").write_text("# Top\n\n## Below\n\nSome words here.", encoding="utf-8")
    peer = arm(splitter="markdown+sentence")
    built = build(peer, dataset, hash_embedder(), tmp_path / "cache")
    assert built.passages[-1].text == "header_path: /Top/\n\n## Below\n\nSome words here."
    bare = build(peer.model_copy(update={"header_path": False}), dataset, hash_embedder(), tmp_path / "cache")
    assert bare.passages[-1].text == "## Below\n\nSome words here."


def test_vector_mode_is_exact_cosine(tmp_path: Path, hash_embedder: Callable[..., Any]) -> None:
    embedder = hash_embedder()
    passages = [Passage("a", text, 1) for text in ("one", "two", "three", "two", "four")]
    ranked = next(MODES["vector"](passages, embedder, tmp_path)(["two"]))
    query = embedder.embed_queries(["two"])[0]
    scores = [float(embedder.embed_documents([p.text])[0] @ query) for p in ranked]
    assert [p.text for p in ranked[:2]] == ["two", "two"]
    assert ranked[0] is passages[1], "ties keep document order"
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(1.0)
    assert len(ranked) == len(passages)
    assert np.isfinite(scores).all()


def test_only_an_arm_that_embeds_nothing_may_pass_the_embedders_limit(
    tmp_path: Path, dataset: Dataset, hash_embedder: Callable[..., Any]
) -> None:
    sizes = {
        mode: max(p.tokens for p in build(arm(mode=mode, max_tokens=400), dataset, hash_embedder(), tmp_path).passages)
        for mode in ("vector", "text", "hybrid")
    }
    assert sizes["vector"] == sizes["hybrid"] <= 100 < sizes["text"] <= 400


def test_structure_gives_hybrid_search_the_words_before(
    tmp_path: Path, dataset: Dataset, hash_embedder: Callable[..., Any]
) -> None:
    first, second, *_ = build(arm(splitter="structure"), dataset, hash_embedder(), tmp_path).passages
    narrow = build(arm(splitter="structure", wider=False), dataset, hash_embedder(), tmp_path).passages
    assert narrow[1].worded == narrow[1].indexed == second.indexed
    assert first.worded == first.indexed
    assert second.worded.endswith(second.indexed)
    assert len(second.worded) > len(second.indexed)


@given(st.lists(st.tuples(st.text(max_size=9), st.sampled_from(["table", "paragraph"])), max_size=6))
def test_words_before_are_the_products(parts: list[tuple[str, str]]) -> None:
    chunks = [
        Chunk(str(n), "d", text, "", Span(n, n), (), (), (kind,), 1)  # type: ignore[arg-type]
        for n, (text, kind) in enumerate(parts)
    ]
    assert list(wider_texts(chunks)) == list(wider.wider_texts(chunks))
