"""The harness over the built-in corpus, by its command line and with the bundled embedder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from eval.datasets import load_dataset

SUITE = """
name = "little"
dataset = "builtin"
docs = ["bus-holding", "tide-gauges"]
baseline = "sentence"
[[arms]]
name = "sentence"
engine = "textlayer"
splitter = "sentence"
overlap_tokens = 20
[[arms]]
name = "structure"
engine = "textlayer"
splitter = "structure"
"""


def run(suite: Path, out: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, "-m", "eval", "run", str(suite), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def outs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same suite twice; the second time the cache is there."""
    folder = tmp_path_factory.mktemp("eval")
    (folder / "suite.toml").write_text(SUITE, encoding="utf-8")
    made = []
    for name in ("first", "second"):
        done = run(folder / "suite.toml", folder / name)
        assert done.returncode == 0, done.stderr
        made.append(folder / name)
        if name == "first":
            (folder / "second").mkdir()
            (folder / "first" / "cache").rename(folder / "second" / "cache")
    return made[0], made[1]


def load(out: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return results, pq.read_table(out / "rows.parquet").to_pylist()


@pytest.mark.slow
def test_every_question_is_asked_in_every_arm(outs: tuple[Path, Path]) -> None:
    _, rows = load(outs[0])
    asked = {(row["arm"], row["question_id"]) for row in rows}
    questions = load_dataset("builtin").only(("bus-holding", "tide-gauges")).questions
    assert len(asked) == len(rows) == 2 * len(questions)
    assert {row["doc"] for row in rows} == {"bus-holding", "tide-gauges"}


@pytest.mark.slow
def test_figures_hang_together(outs: tuple[Path, Path]) -> None:
    results, rows = load(outs[0])
    for row in rows:
        assert row["recall@512"] <= row["recall@1024"] <= row["recall@2048"]
        assert row["mrr"] == pytest.approx(1 / row["first_rank"] if row["first_rank"] else 0.0)
        assert row["ceiling"] == float(row["first_rank"] is not None)
        assert row["iou@1024"] <= row["precision@1024"] <= row["recall@1024"]
        assert bool(row["reason"]) == (not row["recall@1024"])
        assert (row["reason"] == "ranking") == (row["recall@1024"] < row["ceiling"])
    for arm in results["arms"]:
        prose = [row["recall@1024"] for row in rows if row["arm"] == arm["name"] and row["stratum"] == "prose"]
        assert arm["groups"]["prose"]["recall@1024"]["mean"] == pytest.approx(sum(prose) / len(prose))
        assert arm["failures"] == []
        found = arm["groups"]["all"]
        assert sum(found["missed"].values()) == pytest.approx(found["questions"] * (1 - found["recall@1024"]["mean"]))


@pytest.mark.slow
def test_prose_of_a_born_digital_paper_is_there_to_be_found(outs: tuple[Path, Path]) -> None:
    _, rows = load(outs[0])
    assert all(row["ceiling"] for row in rows if row["stratum"] == "prose" and row["arm"] == "structure")


@pytest.mark.slow
def test_a_second_run_from_the_cache_says_the_same(outs: tuple[Path, Path]) -> None:
    (first, first_rows), (second, second_rows) = load(outs[0]), load(outs[1])
    assert first_rows == second_rows
    for results in (first, second):
        for arm in results["arms"]:
            arm.pop("seconds")
    assert first == second
    reports = [(out / "report.html").read_text(encoding="utf-8") for out in outs]
    assert reports[0] == reports[1], "no time and no path stands in the page"


def test_a_wrong_suite_ends_with_code_2(tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(SUITE.replace("textlayer", "textlayr", 1), encoding="utf-8")
    done = run(tmp_path / "suite.toml", tmp_path / "out")
    assert done.returncode == 2
    assert "did you mean 'textlayer'" in done.stderr
    assert "Traceback" not in done.stderr
