"""Writes what a run found: results.json, rows.parquet, misses.jsonl, and a report.html that stands alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.misses import miss_record
from eval.records import MISSES, RESULTS, ROWS, Row, write_rows
from eval.report.page import render

__all__ = ["REPORT", "render", "write"]

REPORT = "report.html"


def write(results: Mapping[str, Any], rows: Sequence[Row], out: Path) -> None:
    """Writes the four files into `out`, which is made where it is missing; the page last, so that no figure is lost.

    Args:
        results: of `runner.run`.
        rows: one a question and arm.
        out: folder.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    out.mkdir(parents=True, exist_ok=True)
    dump = json.dumps(results, ensure_ascii=False, indent=2)
    (out / RESULTS).write_text(dump + "\n", encoding="utf-8")
    write_rows(rows, out / ROWS)
    missed = (json.dumps(miss_record(row), ensure_ascii=False) + "\n" for row in rows if row.reason)
    (out / MISSES).write_text("".join(missed), encoding="utf-8")
    (out / REPORT).write_text(render(results, rows), encoding="utf-8")
