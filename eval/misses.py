"""What was not found, and what was found instead: for looking at, question by question."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_ingest.errors import ConfigError

if TYPE_CHECKING:
    from eval.metrics import Passage
    from eval.runner import Row

HEAD_CHARACTERS = 160


def miss_record(row: Row) -> dict[str, Any]:
    """One line of `misses.jsonl`: a question that an arm did not answer within the primary budget."""
    question, scores = row.question, row.scores
    return {
        "arm": row.arm,
        "question_id": question.id,
        "doc": question.doc,
        "stratum": question.stratum,
        "question": question.question,
        "evidence": dict(question.evidence),
        "ceiling": scores.ceiling,
        "best_coverage": scores.best_coverage,
        "first_rank": scores.first_rank,
        "best": _passage(scores.best, question.doc) if scores.best else None,
        "retrieved": [_passage(passage, question.doc) for passage in row.retrieved],
    }


def _passage(passage: Passage, doc: str) -> dict[str, Any]:
    head = " ".join(passage.text.split())[:HEAD_CHARACTERS]
    return {"doc": passage.doc, "right_paper": passage.doc == doc, "tokens": passage.tokens, "head": head}


def describe(out: Path, arm: str) -> Iterator[str]:
    """Lines about each question that `arm` missed, and a count in the end.

    Args:
        out: folder that a run wrote.
        arm: name.

    Raises:
        ConfigError: there is no such run, or it has no such arm.
    """
    try:
        results = json.loads((out / "results.json").read_text(encoding="utf-8"))
        lines = (out / "misses.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError as e:
        raise ConfigError(f"{out} holds no run: {e.strerror}: {e.filename}") from e
    names = [found["name"] for found in results["arms"]]
    if arm not in names:
        raise ConfigError(f"no arm {arm!r} in {out} (arms: {', '.join(names)})")
    missed = [record for record in map(json.loads, lines) if record["arm"] == arm]
    for record in missed:
        yield from _describe(record)
    lost = sum(not record["ceiling"] for record in missed)
    yield f"{len(missed)} missed: {lost} that no passage holds, {len(missed) - lost} ranked too low"


def _describe(record: Mapping[str, Any]) -> Iterator[str]:
    yield f"{record['question_id']} ({record['stratum']}) {record['question']}"
    keys = ("text", "tex", "row", "column", "value")
    yield "  wanted  " + " | ".join(str(record["evidence"][key]) for key in keys if key in record["evidence"])
    best = record["best"]
    if record["ceiling"]:
        yield f"  rank {record['first_rank']}, {best['tokens']} tokens: {best['head']}"
    else:
        shown = f": {best['head']}" if best else ""
        yield f"  in no passage, best coverage {record['best_coverage']:.2f}{shown}"
    for rank, passage in enumerate(record["retrieved"], 1):
        place = "same paper" if passage["right_paper"] else passage["doc"]
        yield f"  {rank:4} {passage['tokens']:4} {place}: {passage['head']}"
    yield ""
