"""Writes what a run found: `results.json`, `rows.jsonl` and a `report.html` that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from eval.runner import Row, measures
from rag_ingest.errors import MissingExtraError

TEMPLATE = Path(__file__).with_name("report.html.j2")


def write(results: Mapping[str, Any], rows: Sequence[Row], out: Path) -> None:
    """Writes the three files into `out`, which is made where it is missing.

    Args:
        results: of `runner.run`.
        rows: one a question and arm.
        out: folder.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    out.mkdir(parents=True, exist_ok=True)
    dump = json.dumps(results, ensure_ascii=False, indent=2)
    (out / "results.json").write_text(dump + "\n", encoding="utf-8")
    lines = (json.dumps(row_record(row), ensure_ascii=False) + "\n" for row in rows)
    (out / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    (out / "report.html").write_text(render(results, rows), encoding="utf-8")


def row_record(row: Row) -> dict[str, Any]:
    """One line of `rows.jsonl`."""
    return {
        "arm": row.arm,
        "question_id": row.question.id,
        "doc": row.question.doc,
        "stratum": row.question.stratum,
        **measures(row),
        "best_coverage": row.scores.best_coverage,
        "first_rank": row.scores.first_rank,
    }


def render(results: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """The report as one HTML page without scripts or links to elsewhere."""
    try:
        jinja2 = import_module("jinja2")
    except ImportError as e:
        raise MissingExtraError("jinja2", "eval") from e
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    by_question: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_question.setdefault(row.question.id, {})[row.arm] = row
    page: str = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        results=results,
        questions=list(by_question.values()),
        arms=[arm["name"] for arm in results["arms"]],
        budget=results["suite"]["primary_budget"],
    )
    return page
