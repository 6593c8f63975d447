"""A run of two arms on made-up rows, for what reads and shows results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from eval.arms import Built
from eval.comparison import groups
from eval.datasets import STRATA, Question
from eval.measures import Scores, all_measures
from eval.metrics import Passage
from eval.records import Row
from eval.runner import against_baseline, arm_result, method
from eval.suite import Arm, Suite
from rag_ingest.types import Failure

SUITE = Suite(
    name="little",
    dataset="builtin",
    baseline="plain",
    arms=tuple(Arm(name=name, engine="textlayer", splitter="sentence") for name in ("plain", "better")),
)
GROUPS = groups(STRATA)
STRATA_OF = ("prose", "table", "formula", "prose")
EVIDENCE: Sequence[dict[str, Any]] = (
    {"text": "the gauge drifted </script><b>twice</b> & more"},
    {"caption": "Levels.", "row": "Maren Lock", "column": "Night", "value": "6.7"},
    {"tex": r"E = \frac{1}{2} m v^2"},
    {"text": "plain words"},
)
REASONS = ("ranking", "splitter", "parser")


def rows(arm: str, hits: Sequence[int]) -> list[Row]:
    """A row a question, 1 where it is answered; two questions a document."""
    return [_row(arm, i, hit) for i, hit in enumerate(hits)]


def _row(arm: str, i: int, hit: int) -> Row:
    doc = f"doc{i // 2}"
    question = Question(f"q{i}", doc, "is a <b> & c?", "yes", STRATA_OF[i % 4], 1, EVIDENCE[i % 4])
    right = Passage(doc, f"here the gauge drifted twice, says {arm} of </script> {i}", 40)
    wrong = Passage("doc99", "nothing of the kind", 30)
    reason = "" if hit else REASONS[i % 3]
    values = {measure.name: 0.25 for measure in all_measures(SUITE.budgets, SUITE.primary_budget)}
    values |= {f"recall@{budget}": float(hit) for budget in SUITE.budgets}
    values |= {"ceiling": float(hit or reason == "ranking")}
    rank = 2 if hit else 31 if reason == "ranking" else None
    shown = (wrong, right) if hit else (wrong,)
    return Row(arm, question, Scores(values, 0.9, rank, right), reason, shown, (2,) if hit else ())


ROWS = {"plain": rows("plain", [0, 1, 0, 0] * 6), "better": rows("better", [1, 0, 0, 1] * 6)}
EVERYTHING = [row for arm in ROWS.values() for row in arm]


def results(suite: Suite = SUITE, found: dict[str, list[Row]] = ROWS) -> dict[str, Any]:
    """As `runner.run` gives them."""
    failure = Failure("/x/<y>.pdf", 2, "ocr", "cut & dried")
    passages = (Passage("doc0", "some text", 99), Passage("doc1", "more", 100))
    counts = {stratum: sum(row.question.stratum == stratum for row in found[suite.baseline]) for stratum in STRATA}
    return {
        "suite": suite.model_dump(mode="json", exclude={"arms"}),
        "dataset": {"name": "builtin", "documents": 12, "questions": counts},
        "method": method(suite, STRATA),
        "arms": [
            arm_result(
                Built(arm, passages, (failure,), lambda _: iter(()), {}, {}), found[arm.name], STRATA, suite, 1.0
            )
            for arm in suite.arms
        ],
        "skipped": [],
        "comparisons": against_baseline(suite, STRATA, found),
        "versions": {"python": "3.11"},
    }


def many(arms: int, questions: int) -> tuple[dict[str, Any], list[Row]]:
    """(results, rows) of a large run."""
    names = [f"arm {i}" for i in range(arms)]
    suite = SUITE.model_copy(
        update={"baseline": names[0], "arms": tuple(replaced(SUITE.arms[0], name) for name in names)}
    )
    found = {
        name: [
            replace(row, question=replace(row.question, doc=f"doc{i % 40}"))
            for i, row in enumerate(rows(name, [(i * (k + 3)) % 7 < 4 for i in range(questions)]))
        ]
        for k, name in enumerate(names)
    }
    return results(suite, found), [row for own in found.values() for row in own]


def replaced(arm: Arm, name: str) -> Arm:
    """The same arm under another name."""
    return arm.model_copy(update={"name": name})
