"""The report as one HTML page: its styles, scripts and data stand in it, and a policy forbids it the network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from eval.quality import MEASURES
from eval.records import Row
from eval.report.data import payload
from eval.summary import p_value, sentences, verdict
from rag_ingest.errors import MissingExtraError

FOLDER = Path(__file__).parent
SCRIPTS = ("dom.js", "plots.js", "questions.js", "main.js")

QUALITY: Mapping[str, str] = {
    "edit_similarity": "text",
    "reading_order": "order",
    "teds": "TEDS",
    "teds_structure": "TEDS, structure",
    "extra_tables": "extra tables",
    "formula_exact": "formulas, equal",
    "formula_similarity": "formulas, similarity",
    "formula_rendered": "formulas, as set",
}
"""Column titles of the measures of OCR quality; others go by their own name."""


def render(results: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """The whole page.

    Args:
        results: of `runner.run`.
        rows: one a question and arm.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        jinja2 = import_module("jinja2")
    except ImportError as e:
        raise MissingExtraError("jinja2", "eval") from e
    loader = jinja2.FileSystemLoader(FOLDER)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["p_value"] = p_value
    markup = import_module("markupsafe").Markup
    page: str = environment.get_template("report.html.j2").render(
        results=results,
        budget=results["suite"]["primary_budget"],
        sentences=sentences(results),
        arms_of=lambda group: [arm for arm in results["arms"] if group in arm["groups"]],
        tests={(test["arm"], test["group"]): test for test in results["comparisons"]},
        verdict=lambda test: verdict(test, results["method"]["alpha"]),
        extra=_extra(results),
        quality=_quality(results["arms"]),
        settings=_settings(results["arms"]),
        style=markup(_asset("page.css")),
        script=markup("\n".join(map(_asset, SCRIPTS))),
        data=markup(embed(payload(results, rows))),
    )
    return page


def embed(value: Any) -> str:
    """JSON that can stand in a script element, whatever its texts hold: no `<`, `>` or `&` is left in it."""
    dump = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    escapes: dict[str, str | int | None] = {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
    return dump.translate(str.maketrans(escapes))


def _asset(name: str) -> str:
    return (FOLDER / "assets" / name).read_text(encoding="utf-8")


def _extra(results: Mapping[str, Any]) -> list[str]:
    """Measures that have no column of their own."""
    suite = results["suite"]
    primary = suite["primary_budget"]
    recalls = {f"recall@{budget}" for budget in suite["budgets"]}
    shown = recalls | {"ndcg@10", "mrr", "ceiling", f"precision@{primary}", f"iou@{primary}"}
    return [name for name in results["method"]["measures"] if name not in shown]


def _quality(arms: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """(measure, title, what it says) for each that any arm has as an interval, the known ones first."""
    found = dict.fromkeys(
        name for arm in arms for name, value in (arm.get("quality") or {}).items() if _is_interval(value)
    )
    names = [*(name for name in QUALITY if name in found), *(name for name in found if name not in QUALITY)]
    return [(name, QUALITY.get(name, name.replace("_", " ")), MEASURES.get(name, "")) for name in names]


def _is_interval(value: Any) -> bool:
    return isinstance(value, Mapping) and {"mean", "low", "high"} <= set(value) and value["mean"] is not None


_FIGURES = frozenset({"name", "passages", "mean_tokens", "failures", "seconds", "groups", "quality"})


def _settings(arms: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(arm, its settings in a line), empty ones left out."""
    said = []
    for arm in arms:
        options = {key: value for key, value in arm.items() if key not in _FIGURES and value not in ({}, [], "", None)}
        said.append((arm["name"], ", ".join(f"{key} = {_plain(value)}" for key, value in options.items())))
    return said


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
