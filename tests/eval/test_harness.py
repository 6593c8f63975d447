"""The harness can fail: what must score near zero does, what is the same shows no difference, a second run agrees."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import eval.arms
import eval.runner
from eval.datasets import GROUND_TRUTH, Dataset, Question
from eval.metrics import Passage
from eval.records import Row
from eval.retrieval import MODES, Ranker
from eval.suite import Arm, Suite
from rag_ingest.types import Embedder

PAPERS, PARAGRAPHS = 12, 8


def words(seed: str, n: int) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices("bcdfghklmnprst", k=3)) + rng.choice("aeiou") + seed[-1] for _ in range(n)]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Papers whose paragraphs share few words, and a question for every other paragraph in some of its words."""
    truth, questions = {}, []
    for p in range(PAPERS):
        texts = [" ".join(words(f"{p}-{i}", 40)) for i in range(PARAGRAPHS)]
        truth[f"p{p}"] = tmp_path / f"p{p}.md"
        truth[f"p{p}"].write_text("\n\n".join(texts), encoding="utf-8")
        for i in range(0, PARAGRAPHS, 2):
            asked = " ".join(texts[i].split()[10:16])
            evidence = {"text": " ".join(texts[i].split()[5:25])}
            questions.append(Question(f"p{p}#{i}", f"p{p}", asked, "", "prose", 1, evidence))
    return Dataset("made", dict(truth), truth, tuple(questions), strata=("prose",))


def suite(**changes: Any) -> Suite:
    arms = [Arm(name=name, engine=GROUND_TRUTH, splitter="sentence", mode="text", max_tokens=45) for name in "ab"]
    return Suite(
        name="made", dataset="made", baseline="a", budgets=(50, 100), primary_budget=100, arms=tuple(arms), **changes
    )


@pytest.fixture
def run(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, hash_embedder: Callable[..., Any], tmp_path: Path
) -> Callable[[], tuple[dict[str, Any], list[Row]]]:
    """Runs the suite over the made-up papers, with an embedder that costs nothing."""

    @contextmanager
    def pipeline(_: object) -> Iterator[Any]:
        yield type("Open", (), {"embedder": hash_embedder()})

    monkeypatch.setattr(eval.runner, "load_dataset", lambda *_: dataset)
    monkeypatch.setattr(eval.runner, "Pipeline", pipeline)
    return lambda: eval.runner.run(suite(), tmp_path / "cache", lambda _: None)


def recall(results: dict[str, Any], arm: int) -> float:
    value: float = results["arms"][arm]["groups"]["all"]["recall@100"]["mean"]
    return value


def test_a_shuffled_index_scores_near_zero(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert recall(run()[0], 0) > 0.9

    def shuffled(passages: Sequence[Passage], embedder: Embedder, cache: Path) -> Ranker:
        found_by = [p.indexed for p in passages]
        random.Random(1).shuffle(found_by)
        wrong = [replace(p, embedded=other) for p, other in zip(passages, found_by, strict=True)]
        return MODES["text"](wrong, embedder, cache)

    monkeypatch.setattr(eval.arms, "MODES", {"text": shuffled})
    results, rows = run()
    assert recall(results, 0) < 0.1
    assert {row.reason for row in rows} <= {"", "ranking"}
    assert results["arms"][0]["groups"]["all"]["ceiling"]["mean"] > 0.9, "the passages themselves are all there"


def test_an_arm_against_itself_shows_no_difference(run: Callable[..., Any]) -> None:
    for test in run()[0]["comparisons"]:
        assert test["difference"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
        assert (test["won"], test["lost"], test["p"], test["p_arms"], test["smallest"]) == (0, 0, 1.0, 1.0, None)


def test_two_runs_give_the_same_numbers(run: Callable[..., Any]) -> None:
    (first, first_rows), (second, second_rows) = run(), run()
    for results in (first, second):
        for arm in results["arms"]:
            arm.pop("seconds")
    assert json.dumps(first) == json.dumps(second)
    assert first_rows == second_rows


def test_rows_keep_what_the_budget_paid_for(run: Callable[..., Any]) -> None:
    _, rows = run()
    assert len(rows) == 2 * PAPERS * PARAGRAPHS // 2
    for row in rows:
        whole = sum(passage.tokens for passage in row.retrieved[:-1])
        assert whole < 100 <= whole + row.retrieved[-1].tokens
        assert bool(row.reason) == (not row.scores.values["recall@100"])
        assert set(row.hits) <= set(range(1, len(row.retrieved) + 1))
