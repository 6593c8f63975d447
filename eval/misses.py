"""What was not found, why, and what was found instead: for looking at, question by question."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval.measures import Scores
from eval.metrics import Passage
from eval.records import MISSES, Row, read_results
from eval.relevance import QuestionJudge
from rag_ingest.errors import ConfigError

HEAD_CHARACTERS = 160

SHOWN = 5
"""Retrieved passages that a miss is told with."""

REASONS: Mapping[str, str] = {
    "parser": "the evidence is nowhere in the arm's Markdown of the paper",
    "splitter": "the Markdown has the evidence, but no passage does",
    "ranking": "a passage has it, but the budget was spent before",
}
"""Why an arm missed a question, by the judge that says when a passage is relevant."""


def reason(judge: QuestionJudge, scores: Scores, documents: Mapping[str, str]) -> str:
    """Where the evidence was lost, one of `REASONS`.

    A passage is looked for first, since the context that a splitter repeats can make evidence whole that the Markdown
    has in pieces. For a table the whole paper is one long passage, in which a label may come from anywhere: "splitter"
    can mean that the parser tore the table apart.

    Args:
        judge: of the question.
        scores: of the arm, which missed it at the primary budget.
        documents: paper to its Markdown in this arm.
    """
    if scores.first_rank is not None:
        return "ranking"
    whole = any(judge.relevant(doc, documents[doc]) for doc in judge.docs if doc in documents)
    return "splitter" if whole else "parser"


def miss_record(row: Row) -> dict[str, Any]:
    """One line of `misses.jsonl`: a question that an arm did not answer within the primary budget."""
    question, scores = row.question, row.scores
    docs = {gold.doc for gold in question.golds}
    return {
        "arm": row.arm,
        "question_id": question.id,
        "doc": question.doc,
        "stratum": question.stratum,
        "question": question.question,
        "evidence": dict(question.evidence),
        "reason": row.reason,
        "best_coverage": scores.best_coverage,
        "first_rank": scores.first_rank,
        "best": _passage(scores.best, docs) if scores.best else None,
        "retrieved": [_passage(passage, docs) for passage in row.retrieved[:SHOWN]],
    }


def _passage(passage: Passage, docs: set[str]) -> dict[str, Any]:
    head = " ".join(passage.text.split())[:HEAD_CHARACTERS]
    return {"doc": passage.doc, "right_paper": passage.doc in docs, "tokens": passage.tokens, "head": head}


def describe(out: Path, arm: str) -> Iterator[str]:
    """Lines about each question that `arm` missed, and a count in the end.

    Args:
        out: folder that a run wrote.
        arm: name.

    Raises:
        ConfigError: there is no such run, or it has no such arm.
    """
    results = read_results(out, ("arms",))
    try:
        lines = (out / MISSES).read_text(encoding="utf-8").split("\n")
        records = [json.loads(line) for line in lines if line]
    except OSError as e:
        raise ConfigError(f"{out} holds no run: {e.strerror}: {e.filename}") from e
    except ValueError as e:
        raise ConfigError(f"{out} holds a damaged run: {MISSES}: {e}") from e
    names = [found["name"] for found in results["arms"]]
    if arm not in names:
        raise ConfigError(f"no arm {arm!r} in {out} (arms: {', '.join(names)})")
    missed = [record for record in records if record["arm"] == arm]
    for record in missed:
        yield from _describe(record)
    counts = Counter(record["reason"] for record in missed)
    shares = ", ".join(f"{counts[name]} by {name}" for name in REASONS)
    yield f"{len(missed)} missed: {shares}"


def _describe(record: Mapping[str, Any]) -> Iterator[str]:
    yield f"{record['question_id']} ({record['stratum']}) {record['question']}"
    yield f"  wanted  {evidence_line(record['evidence'])}"
    best = record["best"]
    if record["reason"] == "ranking":
        yield f"  ranking: rank {record['first_rank']}, {best['tokens']} tokens: {best['head']}"
    else:
        shown = f": {best['head']}" if best else ""
        said = REASONS[record["reason"]]
        yield f"  {record['reason']}: {said}; best coverage {record['best_coverage']:.2f}{shown}"
    for rank, passage in enumerate(record["retrieved"], 1):
        place = "same paper" if passage["right_paper"] else passage["doc"]
        yield f"  {rank:4} {passage['tokens']:4} {place}: {passage['head']}"
    yield ""


def evidence_line(evidence: Mapping[str, Any]) -> str:
    """What was wanted, in a line."""
    keys = ("text", "tex", "row", "column", "value", "section")
    parts = [str(evidence[key]) for key in keys if key in evidence]
    return " | ".join(parts) or "any passage of the document"
