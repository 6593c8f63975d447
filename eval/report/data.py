"""What the report's scripts draw from: arms with their figures, and every question with what each arm retrieved.

A text that several questions or arms retrieve stands once in `texts` and is named by its number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eval.datasets import Question
from eval.metrics import Passage
from eval.records import Row
from eval.summary import leader

SHOWN = 12
"""Retrieved passages of a question and arm, at most; the tokens of the budget rarely pay for more."""

CHARACTERS = 2_000
"""Of a passage's text, at most; as much as an embedder of 512 tokens takes in."""


class Texts:
    """Numbers for passages, in order of first use."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self.rows: list[tuple[str, int, str]] = []

    def number(self, passage: Passage) -> int:
        """Of a passage; the same document and text have the same."""
        key = (passage.doc, passage.text)
        if key not in self._numbers:
            self._numbers[key] = len(self.rows)
            text = passage.text if len(passage.text) <= CHARACTERS else passage.text[:CHARACTERS] + " …"
            self.rows.append((passage.doc, passage.tokens, text))
        return self._numbers[key]


def payload(results: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    """Everything that the scripts need, as plain JSON values.

    Args:
        results: of `runner.run`.
        rows: one a question and arm, every question in every arm.
    """
    suite = results["suite"]
    texts = Texts()
    questions: dict[str, dict[str, Any]] = {}
    for row in rows:
        question = questions.setdefault(row.question.id, _question(row.question))
        question["arms"][row.arm] = _asked(row, f"recall@{suite['primary_budget']}", texts)
    tests: dict[str, dict[str, Any]] = {}
    for test in results["comparisons"]:
        tests.setdefault(test["arm"], {})[test["group"]] = test["difference"]
    return {
        "budgets": suite["budgets"],
        "primary": suite["primary_budget"],
        "baseline": suite["baseline"],
        "leader": leader(results),
        "groups": results["method"]["groups"],
        "reasons": results["method"]["reasons"],
        "arms": [{"name": arm["name"], "groups": arm["groups"]} for arm in results["arms"]],
        "differences": tests,
        "questions": list(questions.values()),
        "texts": texts.rows,
    }


def _question(question: Question) -> dict[str, Any]:
    golds = [{"doc": g.doc, "pages": list(g.pages), "evidence": _evidence(g.evidence)} for g in question.golds]
    return {
        "id": question.id,
        "doc": question.doc,
        "question": question.question,
        "answer": question.answer,
        "stratum": question.stratum,
        "golds": golds,
        "arms": {},
    }


def _evidence(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what, text) of each part that a person wants to read."""
    parts = ("caption", "row", "column", "value", "lead", "tex", "text", "section")
    return [(part, str(evidence[part])) for part in parts if evidence.get(part)]


def _asked(row: Row, primary: str, texts: Texts) -> dict[str, Any]:
    scores = row.scores
    found: dict[str, Any] = {
        "hit": scores.values[primary],
        "rank": scores.first_rank,
        "coverage": round(scores.best_coverage, 3),
        "reason": row.reason,
        "shown": [texts.number(passage) for passage in row.retrieved[:SHOWN]],
        "more": max(0, len(row.retrieved) - SHOWN),
        "hits": [rank for rank in row.hits if rank <= SHOWN],
    }
    if scores.best and scores.best not in row.retrieved[:SHOWN]:
        found["best"] = texts.number(scores.best)
    return found
