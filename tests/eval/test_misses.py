"""What was missed is told with what would have answered and what came instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eval.__main__ import app
from eval.datasets import Question
from eval.metrics import Passage, score
from eval.misses import describe, miss_record
from eval.relevance import Judge
from eval.runner import Row
from rag_ingest.errors import ConfigError

GOLD = Passage("a", "the gold\nevidence stands here", 5)
FILLER = Passage("b", "something else " * 30, 60)


def row(evidence: str, *ranked: Passage) -> Row:
    question = Question("q1", "a", "where is it?", "here", "prose", 1, {"text": evidence})
    scores = score("a", Judge(question.evidence), ranked, budgets=[60], count_tokens=lambda text: len(text.split()))
    return Row("arm", question, scores, ranked[:5])


def written(folder: Path, *rows: Row) -> Path:
    (folder / "results.json").write_text(json.dumps({"arms": [{"name": "arm"}, {"name": "other"}]}))
    (folder / "misses.jsonl").write_text("".join(json.dumps(miss_record(r)) + "\n" for r in rows))
    return folder


def test_low_rank_and_lost_evidence_are_told_apart(tmp_path: Path) -> None:
    low, lost = row(GOLD.text, FILLER, GOLD), row("the gold evidence was never cut like that", FILLER, GOLD)
    lines = list(describe(written(tmp_path, low, lost), "arm"))
    text = "\n".join(lines)
    assert "rank 2, 5 tokens: the gold evidence stands here" in text
    assert "in no passage, best coverage 0.38: the gold evidence" in text
    assert "1   60 b: something else" in text
    assert "2    5 same paper: the gold" in text
    assert lines[-1] == "2 missed: 1 that no passage holds, 1 ranked too low"


def test_an_arm_that_missed_nothing_says_so(tmp_path: Path) -> None:
    assert list(describe(written(tmp_path, row(GOLD.text, FILLER)), "other"))[-1].startswith("0 missed")


def test_nothing_covered_has_no_best_passage(tmp_path: Path) -> None:
    lost = row("zebra", FILLER)
    assert lost.scores.best is None
    assert "  in no passage, best coverage 0.00" in list(describe(written(tmp_path, lost), "arm"))


def list_or_error(folder: Path, arm: str) -> str:
    with pytest.raises(ConfigError) as error:
        list(describe(folder, arm))
    return str(error.value)


def test_a_wrong_folder_or_arm_is_named(tmp_path: Path) -> None:
    assert "holds no run" in list_or_error(tmp_path / "none", "arm")
    assert "arms: arm, other" in list_or_error(written(tmp_path), "thing")


def test_the_command_prints_them_and_refuses_a_wrong_arm(tmp_path: Path) -> None:
    out = str(written(tmp_path, row(GOLD.text, FILLER)))
    done = CliRunner().invoke(app, ["misses", out, "--arm", "arm"])
    assert done.exit_code == 0
    assert "1 missed" in done.stdout
    assert CliRunner().invoke(app, ["misses", out, "--arm", "thing"]).exit_code == 2
