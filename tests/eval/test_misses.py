"""What was missed is told with the reason, what would have answered, and what came instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eval.__main__ import app
from eval.datasets import Question
from eval.measures import all_measures, score
from eval.metrics import Asked, Passage
from eval.misses import describe, miss_record, reason
from eval.records import Row
from eval.relevance import QuestionJudge
from rag_ingest.errors import ConfigError

GOLD = Passage("a", "the gold\nevidence stands here", 5)
FILLER = Passage("b", "something else " * 30, 60)
WHOLE = {"a": f"# Title\n\nbefore {GOLD.text} after", "b": FILLER.text}
TABLE = {"row": "Maren Lock", "column": "Night", "value": "6.7"}


def row(evidence: str | dict[str, str], *ranked: Passage, documents: dict[str, str] = WHOLE) -> Row:
    places = evidence if isinstance(evidence, dict) else {"text": evidence}
    question = Question("q1", "a", "where is it?", "here", "prose", 1, places)
    judge = QuestionJudge(question)
    scores = score(Asked(judge, ranked, lambda text: len(text.split())), all_measures((60,), 60))
    assert not scores.values["recall@60"]
    return Row("arm", question, scores, reason(judge, scores, documents), ranked[:5])


def written(folder: Path, *rows: Row) -> Path:
    (folder / "results.json").write_text(json.dumps({"arms": [{"name": "arm"}, {"name": "other"}]}))
    (folder / "misses.jsonl").write_text("".join(json.dumps(miss_record(r)) + "\n" for r in rows))
    return folder


def test_evidence_in_a_passage_was_ranked_too_low() -> None:
    assert row(GOLD.text, FILLER, GOLD).reason == "ranking"


def test_evidence_cut_in_two_was_lost_by_the_splitter() -> None:
    halves = [Passage("a", "before the gold", 3), Passage("a", "evidence stands here after", 4)]
    assert row(GOLD.text, *halves).reason == "splitter"


def test_evidence_that_was_never_read_was_lost_by_the_parser() -> None:
    assert row("the gold evidence was never cut like that", FILLER, GOLD).reason == "parser"
    assert row("something else", FILLER).reason == "parser", "it stands in another paper"


def test_a_paper_that_failed_was_lost_by_the_parser() -> None:
    assert row(GOLD.text, FILLER, documents={"b": FILLER.text}).reason == "parser"


def test_a_table_without_its_header_was_lost_by_the_splitter() -> None:
    table = {"a": "| Station | Night |\n|---|---|\n| Maren Lock | 6.7 |"}
    body = Passage("a", "| Maren Lock | 6.7 |", 5)
    assert row(TABLE, body, documents=table).reason == "splitter"
    assert row(TABLE, body, documents={"a": body.text}).reason == "parser"


def test_a_passage_made_whole_by_its_context_counts_although_the_paper_has_it_in_pieces() -> None:
    torn = {"a": "the gold " + "word " * 40 + "evidence stands here"}
    assert row(GOLD.text, FILLER, GOLD, documents=torn).reason == "ranking"


def test_reasons_are_told_apart_and_counted(tmp_path: Path) -> None:
    low, lost = row(GOLD.text, FILLER, GOLD), row("the gold evidence was never cut like that", FILLER, GOLD)
    lines = list(describe(written(tmp_path, low, lost), "arm"))
    text = "\n".join(lines)
    assert "ranking: rank 2, 5 tokens: the gold evidence stands here" in text
    assert "parser: the evidence is nowhere in the arm's Markdown of the paper; best coverage 0.38: the gold" in text
    assert "1   60 b: something else" in text
    assert "2    5 same paper: the gold" in text
    assert lines[-1] == "2 missed: 1 by parser, 0 by splitter, 1 by ranking"


def test_an_arm_that_missed_nothing_says_so(tmp_path: Path) -> None:
    assert list(describe(written(tmp_path, row(GOLD.text, FILLER)), "other"))[-1].startswith("0 missed")


def test_nothing_covered_has_no_best_passage(tmp_path: Path) -> None:
    lost = row("zebra", FILLER)
    assert lost.scores.best is None
    assert any(line.endswith("best coverage 0.00") for line in describe(written(tmp_path, lost), "arm"))


def refused(folder: Path, arm: str) -> str:
    with pytest.raises(ConfigError) as error:
        list(describe(folder, arm))
    return str(error.value)


def test_a_wrong_folder_or_arm_is_named(tmp_path: Path) -> None:
    assert "holds no run" in refused(tmp_path / "none", "arm")
    assert "arms: arm, other" in refused(written(tmp_path), "thing")


def test_damaged_misses_are_named(tmp_path: Path) -> None:
    out = written(tmp_path)
    (out / "misses.jsonl").write_text('{"arm": "a')
    assert "damaged run: misses.jsonl" in refused(out, "arm")


def test_the_command_prints_them_and_refuses_a_wrong_arm(tmp_path: Path) -> None:
    out = str(written(tmp_path, row(GOLD.text, FILLER)))
    done = CliRunner().invoke(app, ["misses", out, "--arm", "arm"])
    assert done.exit_code == 0
    assert "1 missed" in done.stdout
    assert CliRunner().invoke(app, ["misses", out, "--arm", "thing"]).exit_code == 2
