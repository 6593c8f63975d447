"""Runs a suite: builds each arm, asks every question, and compares each arm with the baseline."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from eval.arms import Built, build
from eval.comparison import Pair, compare, groups, over_arms
from eval.datasets import GROUND_TRUTH, Dataset, load_dataset
from eval.measures import all_measures, definition, score
from eval.metrics import Asked
from eval.misses import REASONS, reason
from eval.progress import track
from eval.quality import arm_quality
from eval.records import Row
from eval.relevance import THRESHOLD, QuestionJudge
from eval.settings import configured
from eval.statistics import ALPHA, CONFIDENCE, FLIPS, POWER, ROUNDS, STUDIES, bootstrap
from eval.suite import Suite
from rag_ingest import Pipeline
from rag_ingest.errors import RagIngestError
from rag_ingest.types import Embedder, Failure

SHOWN_FAILURES = 10
"""Of an arm, told on the way."""

_PACKAGES = ("rag-ingest", "lancedb", "llama-index-core", "sentence-transformers", "ir-measures", "pypdfium2")


def run(
    suite: Suite, cache: Path, log: Callable[[str], None], folder: Path = Path()
) -> tuple[dict[str, Any], list[Row]]:
    """(results for `results.json`, a row for every question and arm).

    Args:
        suite: what to compare.
        cache: folder that is kept between runs.
        log: told what goes on, a line at a time.
        folder: where a dataset given as a relative path is looked for first: the suite file's.

    Raises:
        ConfigError: the dataset, an engine or an embedder can't be had.
    """
    dataset = load_dataset(suite.dataset, folder)
    dataset = dataset.only(suite.docs) if suite.docs else dataset
    judges = {question.id: QuestionJudge(question) for question in dataset.questions}
    quality = Quality(dataset, suite.seed)
    rows: dict[str, list[Row]] = {}
    arms: list[dict[str, Any]] = []
    skipped: list[dict[str, str]] = []
    with ExitStack() as stack:
        embedders: dict[str, Embedder] = {}
        for arm in suite.arms:
            if arm.embedder not in embedders:
                embedders[arm.embedder] = stack.enter_context(Pipeline(configured(embedder=arm.embedder))).embedder
            log(f"{arm.name}: reading {len(dataset.docs)} papers")
            try:
                built = build(arm, dataset, embedders[arm.embedder], cache)
            except RagIngestError as e:
                if not arm.optional:
                    raise
                log(f"{arm.name}: left out: {e}")
                skipped.append({"name": arm.name, "reason": str(e)})
                continue
            log(f"{arm.name}: {len(built.passages)} passages, {len(built.failures)} failures")
            for line in failure_lines(built.failures):
                log(f"{arm.name}: {line}")
            started = perf_counter()
            rows[arm.name] = list(_ask(built, dataset, judges, suite, embedders[arm.embedder]))
            result = arm_result(built, rows[arm.name], dataset.strata, suite, perf_counter() - started)
            arms.append(result | {"embedder_model": embedders[arm.embedder].name} | quality.of(built))
    results = {
        "suite": suite.model_dump(mode="json", exclude={"arms"}),
        "dataset": _dataset_result(dataset),
        "method": method(suite, dataset.strata),
        "arms": arms,
        "skipped": skipped,
        "comparisons": against_baseline(suite, dataset.strata, rows),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
    }
    return results, [row for arm in rows.values() for row in arm]


def method(suite: Suite, strata: Sequence[str]) -> dict[str, Any]:
    """How the figures come about, for the report and for who reads results.json alone."""
    measures = all_measures(suite.budgets, suite.primary_budget, lcs=suite.lcs)
    return {
        "coverage": THRESHOLD,
        "confidence": CONFIDENCE,
        "resamples": ROUNDS,
        "alpha": ALPHA,
        "power": {"wanted": POWER, "studies": STUDIES, "flips": FLIPS},
        "groups": {name: list(members) for name, members in groups(strata).items()},
        "measures": {measure.name: definition(measure) for measure in measures},
        "reasons": dict(REASONS),
    }


def _ask(
    built: Built, dataset: Dataset, judges: Mapping[str, QuestionJudge], suite: Suite, embedder: Embedder
) -> Iterator[Row]:
    measures = all_measures(suite.budgets, suite.primary_budget, lcs=suite.lcs)
    primary = f"recall@{suite.primary_budget}"
    rankings = built.rank([question.question for question in dataset.questions])
    asked = zip(dataset.questions, rankings, strict=True)
    for question, ranked in track(asked, f"{built.arm.name}: asking", len(dataset.questions), "questions"):
        judge = judges[question.id]
        ranking = Asked(judge, ranked, embedder.count_tokens)
        scores = score(ranking, measures)
        shown = tuple(ranked[: len(ranking.within(suite.primary_budget))])
        hits = tuple(rank for rank in ranking.relevant if rank <= len(shown))
        why = "" if scores.values[primary] else reason(judge, scores, built.documents)
        yield Row(built.arm.name, question, scores, why, shown, hits)


def arm_result(built: Built, rows: Sequence[Row], strata: Sequence[str], suite: Suite, ask_s: float) -> dict[str, Any]:
    """What results.json says of an arm."""
    tokens = [passage.tokens for passage in built.passages]
    picked = {name: _pick(rows, members) for name, members in groups(strata).items()}
    return {
        **built.arm.model_dump(mode="json"),
        "passages": len(tokens),
        "mean_tokens": sum(tokens) / len(tokens) if tokens else 0.0,
        "failures": [asdict(failure) for failure in built.failures],
        "seconds": {**built.seconds, "ask": ask_s},
        "groups": {name: summarise(members, suite.seed) for name, members in picked.items() if members},
    }


def failure_lines(failures: Sequence[Failure]) -> Iterator[str]:
    """What failed and why; results.json has those beyond the first few."""
    for failure in failures[:SHOWN_FAILURES]:
        page = f", page {failure.page}" if failure.page else ""
        yield f"failed: {failure.source}{page}: {failure.reason}"
    if len(failures) > SHOWN_FAILURES:
        yield f"failed: {len(failures) - SHOWN_FAILURES} more, see results.json"


def _pick(rows: Sequence[Row], strata: Sequence[str]) -> list[Row]:
    return [row for row in rows if row.question.stratum in strata]


def summarise(rows: Sequence[Row], seed: int) -> dict[str, Any]:
    """Mean and interval of every measure over one or more rows, and how many were missed for which reason."""
    docs = [row.question.doc for row in rows]
    names = rows[0].scores.values
    intervals = {name: asdict(bootstrap([r.scores.values[name] for r in rows], docs, seed=seed)) for name in names}
    missed = {name: sum(row.reason == name for row in rows) for name in REASONS}
    return {"questions": len(rows), "documents": len(set(docs)), **intervals, "missed": missed}


def against_baseline(suite: Suite, strata: Sequence[str], rows: Mapping[str, Sequence[Row]]) -> list[dict[str, Any]]:
    """Each arm against the baseline at the primary budget, in every group.

    Args:
        suite: names the baseline and the budget.
        strata: of the dataset.
        rows: arm to its rows, all in the same order of questions.
    """
    primary = f"recall@{suite.primary_budget}"
    found: list[dict[str, Any]] = []
    for arm in track(list(rows), "comparing", len(rows), "arms"):
        if arm == suite.baseline:
            continue
        pairs = [
            Pair(own.question.doc, own.question.stratum, own.scores.values[primary], base.scores.values[primary])
            for own, base in zip(rows[arm], rows[suite.baseline], strict=True)
        ]
        found += [{"arm": arm, **record} for record in compare(pairs, strata, suite.seed)]
    return over_arms(found)


class Quality:
    """How well each arm's Markdown agrees with the ground truth; arms of the same Markdown are measured once.

    Args:
        dataset: without ground truth nothing is measured.
        seed: of resampling.
    """

    def __init__(self, dataset: Dataset, seed: int) -> None:
        has_truth = GROUND_TRUTH in dataset.sources
        self._truth = {d: "\n\n".join(pages) for d, pages in dataset.texts(GROUND_TRUTH).items()} if has_truth else {}
        self._seed = seed
        self._known: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}

    def of(self, built: Built) -> dict[str, Any]:
        """`{"quality": …}` for results.json; {} for ground truth itself and where there is none."""
        if not set(self._truth) & set(built.documents) or built.arm.engine == GROUND_TRUTH:
            return {}
        key = tuple(sorted(built.documents.items()))
        if key not in self._known:
            self._known[key] = arm_quality(built.documents, self._truth, self._seed)
        return {"quality": self._known[key]}


def _dataset_result(dataset: Dataset) -> dict[str, Any]:
    counts = {name: sum(q.stratum == name for q in dataset.questions) for name in dataset.strata}
    return {"name": dataset.name, "documents": len(dataset.docs), "questions": counts}
