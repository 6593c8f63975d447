"""Comparisons pair the same questions; the report is one page that needs nothing else."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from eval.datasets import Question
from eval.metrics import Scores
from eval.report import render, summary, write
from eval.runner import GROUPS, Row, compare, measures
from eval.statistics import bootstrap
from eval.suite import Arm, Suite

SUITE = Suite(
    name="little",
    dataset="builtin",
    baseline="plain",
    arms=tuple(Arm(name=name, engine="textlayer", splitter="sentence") for name in ("plain", "better")),
)
STRATA_OF = ("prose", "table", "formula", "prose")


def rows(arm: str, hits: list[int]) -> list[Row]:
    return [
        Row(
            arm,
            Question(f"q{i}", f"doc{i // 2}", "is a <b> & c?", "yes", STRATA_OF[i % 4], 1, {"text": "x"}),
            Scores({b: float(hit) for b in (512, 1024, 2048)}, hit / 2, hit / 3, 1.0, 0.9, 4 if hit else None),
        )
        for i, hit in enumerate(hits)
    ]


ROWS = {"plain": rows("plain", [0, 1, 0, 0] * 6), "better": rows("better", [1, 0, 0, 1] * 6)}


def results() -> dict[str, Any]:
    def group(name: str, strata: tuple[str, ...]) -> dict[str, Any]:
        own = [row for row in ROWS[name] if row.question.stratum in strata]
        docs = [row.question.doc for row in own]
        values = [measures(row) for row in own]
        made = {key: vars_of(bootstrap([v[key] for v in values], docs, rounds=50)) for key in values[0]}
        return {"questions": len(own), "documents": len(set(docs)), **made}

    arms = [
        {
            **arm.model_dump(mode="json"), "passages": 3, "mean_tokens": 99.5, "seconds": {},
            "failures": [{"source": "/x/<y>.pdf", "page": 2, "stage": "ocr", "reason": "cut & dried"}],
            "groups": {key: group(arm.name, strata) for key, strata in GROUPS.items()},
        }
        for arm in SUITE.arms
    ]  # fmt: skip
    return {
        "suite": SUITE.model_dump(mode="json", exclude={"arms"}),
        "dataset": {"name": "builtin", "documents": 12, "questions": {"prose": 12, "table": 6, "formula": 6}},
        "method": {"coverage": 0.8, "confidence": 0.95, "resamples": 50, "groups": GROUPS},
        "arms": arms,
        "comparisons": compare(SUITE, ROWS),
        "versions": {"python": "3.11"},
    }


def vars_of(interval: Any) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def test_comparison_is_paired_and_by_group() -> None:
    found = {c["group"]: c for c in compare(SUITE, ROWS)}
    assert set(found) == set(GROUPS)
    assert (found["prose"]["won"], found["prose"]["lost"], found["prose"]["difference"]["mean"]) == (12, 0, 1.0)
    assert (found["table"]["won"], found["table"]["lost"], found["table"]["difference"]["mean"]) == (0, 6, -1.0)
    assert found["formula"]["p"] == 1.0
    assert found["all"]["questions"] == len(ROWS["plain"])
    assert found["text"]["questions"] == found["prose"]["questions"] + found["table"]["questions"]
    assert found["text"]["p_holm"] is None
    assert all(found[s]["p_holm"] >= found[s]["p"] for s in ("prose", "table", "formula"))


def test_unpaired_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        compare(SUITE, {"plain": ROWS["plain"], "better": ROWS["better"][:-1]})


class Outline(HTMLParser):
    """Collects tags and what they point to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.targets += [value or "" for name, value in attrs if name in ("src", "href")]


def test_report_stands_alone_and_escapes() -> None:
    page = render(results(), [row for arm in ROWS.values() for row in arm])
    outline = Outline()
    outline.feed(page)
    assert not outline.targets
    assert not {"script", "link", "img", "iframe", "b"} & set(outline.tags)
    assert "is a &lt;b&gt; &amp; c?" in page
    assert "/x/&lt;y&gt;.pdf" in page
    assert page.count("<small>q") == len(ROWS["plain"])


def test_summary_has_a_line_an_arm_and_group() -> None:
    lines = summary(results()).splitlines()
    heads = [i for i, line in enumerate(lines) if "ceiling" in line]
    assert [lines[i].split(",")[0] for i in heads] == list(GROUPS)
    prose = heads[list(GROUPS).index("prose")]
    assert lines[prose].split()[3:6] == ["@512", "@1024", "@2048"]
    assert lines[prose + 1].split()[:4] == ["plain", "0.000", "0.000", "0.000"]
    assert lines[prose + 1].endswith("baseline")
    assert "+1.000 [+1.00, +1.00]" in lines[prose + 2]


def test_files_hold_what_was_measured(tmp_path: Path) -> None:
    everything = [row for arm in ROWS.values() for row in arm]
    write(results(), everything, tmp_path / "new")
    assert json.loads((tmp_path / "new" / "results.json").read_text()) == json.loads(json.dumps(results()))
    lines = [json.loads(line) for line in (tmp_path / "new" / "rows.jsonl").read_text().splitlines()]
    assert [(line["arm"], line["question_id"]) for line in lines] == [(r.arm, r.question.id) for r in everything]
    assert {line["recall@1024"] for line in lines} == {0.0, 1.0}
    missed = [json.loads(line) for line in (tmp_path / "new" / "misses.jsonl").read_text().splitlines()]
    assert [m["question_id"] for m in missed] == [r.question.id for r in everything if not r.scores.recall[1024]]
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
