"""Runs a suite: builds each arm, asks every question, and compares each arm with the baseline."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from eval.arms import Built, build
from eval.datasets import STRATA, Dataset, Question, load_dataset
from eval.metrics import Passage, Scores, score
from eval.relevance import THRESHOLD, Judge
from eval.statistics import CONFIDENCE, ROUNDS, bootstrap, holm, sign_flip
from eval.suite import Suite
from rag_ingest import Config, Pipeline
from rag_ingest.types import Embedder

GROUPS: Mapping[str, tuple[str, ...]] = {
    "all": STRATA,
    "text": ("prose", "table"),
    **{name: (name,) for name in STRATA},
}
"""What is reported together. "text" leaves formulas out: an engine that writes no TeX can't be expected to match it."""

SHOWN = 5
"""Retrieved passages that a row keeps, for looking at what was found instead."""

_PACKAGES = ("rag-ingest", "lancedb", "llama-index-core", "sentence-transformers", "ir-measures", "pypdfium2")


@dataclass(frozen=True, slots=True)
class Row:
    """One question in one arm.

    Attributes:
        retrieved: the first few passages, best first.
    """

    arm: str
    question: Question
    scores: Scores
    retrieved: tuple[Passage, ...] = ()


def run(suite: Suite, cache: Path, log: Callable[[str], None]) -> tuple[dict[str, Any], list[Row]]:
    """(results for `results.json`, a row for every question and arm).

    Args:
        suite: what to compare.
        cache: folder that is kept between runs.
        log: told what goes on, a line at a time.

    Raises:
        ConfigError: the dataset, an engine or an embedder can't be had.
    """
    dataset = load_dataset(suite.dataset)
    dataset = dataset.only(suite.docs) if suite.docs else dataset
    judges = {question.id: Judge(question.evidence) for question in dataset.questions}
    rows: dict[str, list[Row]] = {}
    arms: list[dict[str, Any]] = []
    with ExitStack() as stack:
        embedders: dict[str, Embedder] = {}
        for arm in suite.arms:
            if arm.embedder not in embedders:
                embedders[arm.embedder] = stack.enter_context(Pipeline(Config(embedder=arm.embedder))).embedder
            log(f"{arm.name}: reading {len(dataset.papers)} papers")
            built = build(arm, dataset, embedders[arm.embedder], cache)
            log(f"{arm.name}: {len(built.passages)} passages, {len(built.failures)} failures")
            started = perf_counter()
            rows[arm.name] = list(_ask(built, dataset, judges, suite, embedders[arm.embedder]))
            arms.append(_arm_result(built, rows[arm.name], suite, perf_counter() - started))
    results = {
        "suite": suite.model_dump(mode="json", exclude={"arms"}),
        "dataset": _dataset_result(dataset),
        "method": {"coverage": THRESHOLD, "confidence": CONFIDENCE, "resamples": ROUNDS, "groups": GROUPS},
        "arms": arms,
        "comparisons": compare(suite, rows),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
    }
    return results, [row for arm in rows.values() for row in arm]


def _ask(
    built: Built, dataset: Dataset, judges: Mapping[str, Judge], suite: Suite, embedder: Embedder
) -> Iterable[Row]:
    rankings = built.rank([question.question for question in dataset.questions])
    for question, ranked in zip(dataset.questions, rankings, strict=True):
        scores = score(
            question.doc, judges[question.id], ranked, budgets=suite.budgets, count_tokens=embedder.count_tokens
        )
        yield Row(built.arm.name, question, scores, tuple(ranked[:SHOWN]))


def measures(row: Row) -> dict[str, float]:
    """Every figure of a row by name; `recall@B` for each budget."""
    recall = {f"recall@{budget}": value for budget, value in row.scores.recall.items()}
    return {**recall, "ndcg@10": row.scores.ndcg, "mrr": row.scores.mrr, "ceiling": row.scores.ceiling}


def _arm_result(built: Built, rows: Sequence[Row], suite: Suite, ask_s: float) -> dict[str, Any]:
    tokens = [passage.tokens for passage in built.passages]
    return {
        **built.arm.model_dump(mode="json"),
        "passages": len(tokens),
        "mean_tokens": sum(tokens) / len(tokens) if tokens else 0.0,
        "failures": [asdict(failure) for failure in built.failures],
        "seconds": {**built.seconds, "ask": ask_s},
        "groups": {name: _summary(rows, strata, suite) for name, strata in GROUPS.items() if _pick(rows, strata)},
    }


def _pick(rows: Sequence[Row], strata: Sequence[str]) -> list[Row]:
    return [row for row in rows if row.question.stratum in strata]


def _summary(rows: Sequence[Row], strata: Sequence[str], suite: Suite) -> dict[str, Any]:
    picked = _pick(rows, strata)
    docs = [row.question.doc for row in picked]
    values = [measures(row) for row in picked]
    intervals = {name: asdict(bootstrap([v[name] for v in values], docs, seed=suite.seed)) for name in values[0]}
    return {"questions": len(picked), "documents": len(set(docs)), **intervals}


def compare(suite: Suite, rows: Mapping[str, Sequence[Row]]) -> list[dict[str, Any]]:
    """Each arm against the baseline at the primary budget, in every group; `p_holm` is over an arm's three strata.

    Args:
        suite: names the baseline and the budget.
        rows: arm to its rows, all in the same order of questions.
    """
    found: list[dict[str, Any]] = []
    for name, own in rows.items():
        if name == suite.baseline:
            continue
        tests = {group: _test(_pick(own, s), _pick(rows[suite.baseline], s), suite) for group, s in GROUPS.items()}
        tests = {group: test for group, test in tests.items() if test}
        adjusted = holm({group: test["p"] for group, test in tests.items() if group in STRATA})
        for group, test in tests.items():
            found.append({"arm": name, "group": group, **test, "p_holm": adjusted.get(group)})
    return found


def _test(own: Sequence[Row], base: Sequence[Row], suite: Suite) -> dict[str, Any]:
    docs = [row.question.doc for row in own]
    differences = [
        a.scores.recall[suite.primary_budget] - b.scores.recall[suite.primary_budget]
        for a, b in zip(own, base, strict=True)
    ]
    if not differences:
        return {}
    return {
        "questions": len(differences),
        "documents": len(set(docs)),
        "difference": asdict(bootstrap(differences, docs, seed=suite.seed)),
        "won": sum(d > 0 for d in differences),
        "lost": sum(d < 0 for d in differences),
        "p": sign_flip(differences, docs, seed=suite.seed),
    }


def _dataset_result(dataset: Dataset) -> dict[str, Any]:
    strata = {name: sum(q.stratum == name for q in dataset.questions) for name in STRATA}
    return {"name": dataset.name, "documents": len(dataset.papers), "questions": strata}
