"""Datasets without a PDF, from folder to figures: OHR-Bench with its score, BEIR, and arms that are optional."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval.report import render
from eval.runner import run
from eval.suite import Suite
from eval.summary import summary
from rag_ingest.errors import MissingExtraError

LEVEL = "The level rose by four centimetres in the night after the storm had passed the harbour."
TIDES = "Nothing of note was seen on the other days, and the gauge was read every hour by the crew."
OTHER = "Bread rises faster in a warm kitchen, and the crumb is finer when the dough rests twice."


def suite(dataset: str, *arms: dict[str, Any], **options: Any) -> Suite:
    plain = {"name": "plain", "engine": "ground-truth", "splitter": "sentence", "mode": "text"}
    return Suite.model_validate(
        {"name": "x", "dataset": dataset, "baseline": "plain", "arms": [plain, *arms], **options}
    )


def silent(_: str) -> None:
    """Says nothing."""


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """An OHR-Bench folder: two papers, the evidence on the second page of one."""
    for name, pages in {"a": [TIDES, LEVEL], "b": [OTHER, TIDES]}.items():
        file = tmp_path / "bench" / "gt" / "paper" / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([{"page_idx": i, "text": text} for i, text in enumerate(pages)]), encoding="utf-8")
    question = {
        "ID": "1", "doc_name": "paper/a", "questions": "How far did the level rise after the storm?", "answers": "4 cm",
        "evidence_context": LEVEL, "evidence_page_no": 1, "evidence_source": "text",
    }  # fmt: skip
    (tmp_path / "bench" / "qas.json").write_text(json.dumps([question]), encoding="utf-8")
    return tmp_path / "bench"


def test_the_published_score_counts_passages_of_the_right_page(bench: Path, tmp_path: Path) -> None:
    whole = {"name": "whole", "engine": "ground-truth", "splitter": "structure", "mode": "text"}
    by_page = {"name": "page", "engine": "ground-truth", "splitter": "sentence", "mode": "text", "by_page": True}
    results, rows = run(suite(f"ohr-bench:{bench}", whole, by_page, lcs=True), tmp_path / "cache", silent)
    scores = {row.arm: row.scores.values for row in rows}
    assert scores["page"]["lcs@2"] == 1.0
    assert {arm["groups"]["prose"]["lcs@2"]["mean"] for arm in results["arms"]} == {1.0}
    assert {values["recall@1024"] for values in scores.values()} == {1.0}
    assert "lcs@2" in summary(results)
    assert "<html" in render(results, rows)


def test_a_beir_folder(tmp_path: Path) -> None:
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": "a", "title": "Tides", "text": LEVEL}, {"_id": "b", "title": "Bread", "text": OTHER}]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, corpus)), encoding="utf-8")
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "storm level"}), encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n", encoding="utf-8")
    results, _ = run(suite(f"beir:{folder}"), tmp_path / "cache", silent)
    assert results["arms"][0]["groups"]["all"]["recall@512"]["mean"] == 1.0


def test_an_optional_arm_is_left_out_with_its_reason_and_any_other_is_an_error(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str, extra: str = "peers") -> Any:
        raise MissingExtraError(name, extra)

    monkeypatch.setattr("eval.peers._module", absent)
    peer = {"name": "peer", "engine": "ground-truth", "splitter": "chonkie", "mode": "text"}
    said: list[str] = []
    results, _ = run(suite(f"ohr-bench:{bench}", {**peer, "optional": True}), tmp_path, said.append)
    assert [arm["name"] for arm in results["arms"]] == ["plain"]
    assert results["skipped"] == [
        {"name": "peer", "reason": "package 'chonkie' is not installed: pip install 'rag-ingest[peers]'"}
    ]
    assert any("peer: left out: package 'chonkie'" in line for line in said)
    with pytest.raises(MissingExtraError):
        run(suite(f"ohr-bench:{bench}", peer), tmp_path, silent)


def test_an_optional_arm_without_its_server_is_left_out(tmp_path: Path) -> None:
    arms = [
        {"name": "plain", "engine": "pypdfium2", "splitter": "sentence", "mode": "text"},
        {"name": "server", "engine": "server", "splitter": "structure", "mode": "text", "optional": True},
    ]
    options = {"name": "x", "dataset": "builtin", "docs": ["tide-gauges"], "baseline": "plain", "arms": arms}
    results, _ = run(Suite.model_validate(options), tmp_path, silent)
    [skipped] = results["skipped"]
    assert "no server at" in skipped["reason"]
