"""`search`: reranking, neighbours, phrases and filters on a knowledge base that `ingest` wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag_ingest import search
from rag_ingest.embed.rerank import CrossEncoderReranker
from rag_ingest.errors import ConfigError
from tests.cli.conftest import Run, json_lines, rows
from tests.cross_encoder import make_cross_encoder

QUERY = "remaining error of the level at night"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = ["error", "level", "night", "remaining", "gauge", "station", "bus", "drift", "the", "of", "at"]
    return make_cross_encoder(tmp_path_factory.mktemp("reranker") / "model", words)


@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
def test_a_reranker_orders_the_first_hits_anew(run: Run, kb: Path, model: Path, mode: str) -> None:
    options = ["search", QUERY, "--db", kb, "--mode", mode, "--json"]
    first = json_lines(run(*options, "-k", "12"))
    found = json_lines(run(*options, "-k", "12", "--rerank", model, "--rerank-depth", "12"))
    passages = [f"{hit['context']}\n{hit['text']}" if hit["context"] else hit["text"] for hit in first]
    scores = CrossEncoderReranker(str(model)).scores(QUERY, passages)
    order = sorted(range(12), key=lambda i: -scores[i])
    assert [hit["chunk_id"] for hit in found] == [first[i]["chunk_id"] for i in order] != [h["chunk_id"] for h in first]
    assert [hit["score"] for hit in found] == pytest.approx([scores[i] for i in order], abs=1e-5)
    assert [hit["metadata"]["first_score"] for hit in found] == [first[i]["score"] for i in order]


def test_reranked_hits_grow_afterwards(kb: Path, model: Path) -> None:
    plain = search(QUERY, kb, mode="text", k=3, rerank=str(model))
    grown = search(QUERY, kb, mode="text", k=3, rerank=str(model), neighbours=1)
    assert grown[0].chunk_id == plain[0].chunk_id
    assert [hit.score for hit in grown] == sorted((hit.score for hit in grown), reverse=True)
    assert all("first_score" in hit.metadata and len(hit.expanded) > len(hit.text) for hit in grown)


def test_a_reranker_that_is_not_there_is_a_usage_error(run: Run, kb: Path) -> None:
    for name in ("nobody/none", "none"):
        assert name in run("search", "x", "--db", kb, "--mode", "text", "--rerank", name, expect=2).stderr
    assert "--rerank MODEL" in run("search", "x", "--db", kb, "--rerank-depth", "9", expect=2).stderr
    with pytest.raises(ConfigError, match="rerank_depth = 0"):
        search("x", kb, rerank="none", rerank_depth=0)


def test_neighbours_are_the_documents_own_text(run: Run, kb: Path) -> None:
    chunks = {row["id"]: row for row in rows(kb, "chunks", ["vector"])}
    found = json_lines(run("search", QUERY, "--db", kb, "-k", "1", "--neighbours", "2", "--json"))
    hit = chunks[found[0]["chunk_id"]]
    run_of = [hit]
    for _ in range(2):
        run_of = [*([chunks[run_of[0]["previous_id"]]] if run_of[0]["previous_id"] else []), *run_of]
        run_of = [*run_of, *([chunks[run_of[-1]["next_id"]]] if run_of[-1]["next_id"] else [])]
    assert len(run_of) == 5
    text = run_of[0]["text"] + "".join(row["gap"] + row["text"] for row in run_of[1:])
    assert found[0]["expanded"] == text
    assert found[0]["expanded_span"] == [run_of[0]["span_start"], run_of[-1]["span_end"]]
    assert found[0]["expanded_pages"] == sorted({page for row in run_of for page in row["pages"]})
    shown = run("search", QUERY, "--db", kb, "-k", "1", "--neighbours", "2").stdout.splitlines()
    marked = [line.removeprefix(" \u2503 ") for line in shown if line.startswith(" \u2503 ")]
    assert marked == [line.rstrip() for line in hit["text"].splitlines() if line.strip()]


def test_neighbours_and_sections_exclude_each_other(run: Run, kb: Path) -> None:
    stderr = run("search", "x", "--db", kb, "--expand", "section", "--neighbours", "1", expect=2).stderr
    assert "give one of them" in stderr
    with pytest.raises(ConfigError, match="give one of them"):
        search("x", kb, expand="section", neighbours=1)
    with pytest.raises(ConfigError, match="neighbours = -1"):
        search("x", kb, neighbours=-1)


def test_phrases_and_filters_reach_the_search(run: Run, kb: Path) -> None:
    found = json_lines(run("search", '"tide gauges" error', "--db", kb, "-k", "50", "--json"))
    assert found
    assert all("tide gauges" in " ".join(f"{hit['context']} {hit['text']}".lower().split()) for hit in found)
    assert json_lines(run("search", "error", "--db", kb, "--where", "year != 2020", "--json"))
    assert not json_lines(run("search", "error", "--db", kb, "--where", "year >= 2020", "--json"))
