"""Writes what a run found: `results.json`, `rows.jsonl`, `misses.jsonl` and a `report.html` that stands alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from eval.misses import miss_record
from eval.runner import Row, measures
from rag_ingest.errors import MissingExtraError

TEMPLATE = Path(__file__).with_name("report.html.j2")


def write(results: Mapping[str, Any], rows: Sequence[Row], out: Path) -> None:
    """Writes the four files into `out`, which is made where it is missing.

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
    missed = [row for row in rows if not row.scores.recall[results["suite"]["primary_budget"]]]
    for name, records in (("rows", map(row_record, rows)), ("misses", map(miss_record, missed))):
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        (out / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
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


def summary(results: Mapping[str, Any]) -> str:
    """A table a group: recall at every budget, and the difference to the baseline at the primary one."""
    budgets, primary = results["suite"]["budgets"], results["suite"]["primary_budget"]
    tests = {(test["arm"], test["group"]): test for test in results["comparisons"]}
    width = max(len(arm["name"]) for arm in results["arms"])
    lines: list[str] = []
    for group in results["method"]["groups"]:
        arms = [arm for arm in results["arms"] if group in arm["groups"]]
        if not arms:
            continue
        heads = "".join(f"{f'@{budget}':>7}" for budget in budgets)
        title = f"{group}, {arms[0]['groups'][group]['questions']} questions"
        lines += ["", f"{title:{width}}{heads} ceiling passages tokens  difference@{primary}     p"]
        for arm in arms:
            found = arm["groups"][group]
            recalls = "".join(f"{found[f'recall@{budget}']['mean']:7.3f}" for budget in budgets)
            size = f"{arm['passages']:8} {arm['mean_tokens']:6.0f}"
            end = _difference(tests.get((arm["name"], group)))
            lines.append(f"{arm['name']:{width}}{recalls} {found['ceiling']['mean']:7.3f} {size}  {end}")
    return "\n".join(lines[1:])


def _difference(test: Mapping[str, Any] | None) -> str:
    if test is None:
        return "baseline"
    change = test["difference"]
    return f"{change['mean']:+.3f} [{change['low']:+.2f}, {change['high']:+.2f}] {test['p']:5.3f}"
