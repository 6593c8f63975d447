"""Conditions and comparisons on the command line: exit codes, and what a wrong request is told."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eval.__main__ import app
from eval.records import Row
from eval.report import write
from tests.eval.little_run import EVERYTHING, ROWS, SUITE, results

SUITES = Path(__file__).resolve().parents[2] / "eval" / "suites"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "out"
    write(results() | {"arms": [{**arm, "failures": []} for arm in results()["arms"]]}, EVERYTHING, folder)
    return folder


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_gate_that_is_met_ends_with_0(out: Path) -> None:
    done = call("gate", out, "--min", "recall@1024=0.5", "--min", "ceiling=0.5")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "ok   better, all, 24 questions: recall@1024 0.500 [0.50, 0.50], wanted 0.500",
        "ok   better, all, 24 questions: ceiling 0.667 [0.54, 0.79], wanted 0.500",
    ]


def test_a_gate_that_is_not_met_ends_with_1_and_names_each_condition(out: Path) -> None:
    done = call("gate", out, "--min", "recall@1024=0.51", "--min", "mrr=0.1", "--arm", "better", "--arm", "plain")
    assert done.exit_code == 1
    assert [line[:4] for line in done.stdout.splitlines()] == ["FAIL", "ok  ", "FAIL", "ok  "]


def test_a_gate_that_is_met_although_documents_failed_ends_with_3(tmp_path: Path) -> None:
    write(results(), EVERYTHING, tmp_path)
    assert call("gate", tmp_path, "--min", "recall@1024=0.5").exit_code == 3
    assert call("gate", tmp_path, "--min", "recall@1024=0.9").exit_code == 1


def test_a_gate_does_not_judge_the_baseline_in_place_of_an_arm_that_was_left_out(tmp_path: Path) -> None:
    made = results()
    skipped = [{"name": "better", "reason": "no weights"}]
    write(made | {"skipped": [{"name": "third", "reason": "no server"}]}, EVERYTHING, tmp_path / "one")
    assert "not judged: third: no server" in call("gate", tmp_path / "one", "--min", "mrr=0").stderr
    write(made | {"arms": made["arms"][:1], "comparisons": [], "skipped": skipped}, ROWS["plain"], tmp_path / "none")
    done = call("gate", tmp_path / "none", "--min", "mrr=0")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "'better' was left out of the run: no weights" in done.stderr
    assert call("gate", tmp_path / "none", "--min", "mrr=0", "--arm", "plain").exit_code == 3


@pytest.mark.parametrize("left", ["", "{}", "[]", '{"suite": {}'])
def test_a_damaged_run_ends_with_2_and_is_named(out: Path, tmp_path: Path, left: str) -> None:
    shutil.copytree(out, tmp_path / "run")
    (tmp_path / "run" / "results.json").write_text(left)
    for arguments in (["gate", "--min", "mrr=0"], ["misses", "--arm", "plain"], ["compare", out]):
        done = call(arguments[0], tmp_path / "run", *arguments[1:])
        assert done.exit_code == 2, done.output
        assert "results.json" in done.stderr


def test_a_gate_looks_at_one_group_if_asked(out: Path) -> None:
    assert call("gate", out, "--min", "recall@1024=1", "--group", "prose").exit_code == 0
    assert call("gate", out, "--min", "recall@1024=0.1", "--group", "table").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--min", "recall@1024"], "write MEASURE=NUMBER"),
        (["--min", "recall@1024=7"], "from 0 to 1"),
        (["--min", "recall@1024=nan"], "from 0 to 1"),
        (["--min", "recal=0.5"], "measures: recall@512"),
        (["--min", "mrr=0.5", "--arm", "best"], "arms: plain, better"),
        (["--min", "mrr=0.5", "--group", "proze"], "groups: all, prose and table"),
    ],
)
def test_a_wrong_condition_ends_with_2_and_says_what_to_do(out: Path, arguments: list[str], said: str) -> None:
    done = call("gate", out, *arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_wrong_condition_is_told_before_the_suite_runs(tmp_path: Path) -> None:
    done = call("gate", SUITES / "builtin.toml", "--min", "recall@77=0.5", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "recall@512" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_gate_without_condition_or_run_ends_with_2(out: Path, tmp_path: Path) -> None:
    assert call("gate", out).exit_code == 2
    assert call("gate", tmp_path, "--min", "mrr=0.1").exit_code == 2
    assert call("gate", tmp_path / "none.toml", "--min", "mrr=0.1").exit_code == 2


def test_two_arms_of_a_run_are_compared_by_group(out: Path) -> None:
    done = call("compare", f"{out}:better", f"{out}:plain")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("better (")
    assert "recall@1024" in lines[0]
    assert [line.split("  ")[0] for line in lines[2:7]] == ["all", "prose and table", "prose", "table", "formula"]
    prose = lines[4].split()
    assert prose[1:5] == ["12", "12", "12", "0"]
    assert "+1.000" in prose


def test_an_arm_against_itself_shows_no_difference(out: Path) -> None:
    done = call("compare", f"{out}:plain", f"{out}:plain")
    assert done.exit_code == 0
    for line in done.stdout.splitlines()[2:7]:
        assert "+0.000 [+0.00, +0.00]" in line
        assert "1.000" in line.split()


def other(folder: Path, rows: list[Row], **dataset: object) -> Path:
    made = results()
    made["dataset"] |= dataset
    write(made, rows, folder)
    return folder


def test_two_runs_are_compared_on_their_common_questions(out: Path, tmp_path: Path) -> None:
    fewer = [row for row in EVERYTHING if row.question.id != "q3"]
    reworded = [
        replace(row, question=replace(row.question, question="which?")) if row.question.id == "q4" else row
        for row in fewer
    ]
    done = call("compare", other(tmp_path / "new", reworded), out)
    assert done.exit_code == 0, done.output
    assert done.stdout.count("less") == 2, "arms of the same name, each with its own"
    assert "left out: 0 questions of the first alone, 1 of the second alone" in done.stdout
    assert "left out: 1 questions whose wording or evidence differs" in done.stdout
    assert done.stdout.splitlines()[4].split()[:2] == ["all", "22"]


@pytest.mark.parametrize("measure", ["recall@2048", "ndcg@10", "iou@1024"])
def test_another_measure_can_be_compared(out: Path, measure: str) -> None:
    done = call("compare", f"{out}:better", f"{out}:plain", "--measure", measure)
    assert done.exit_code == 0
    assert measure in done.stdout


def refused(*arguments: object) -> str:
    done = call("compare", *arguments)
    assert done.exit_code == 2, done.output
    return done.stderr


def test_what_can_not_be_compared_is_told_why(out: Path, tmp_path: Path) -> None:
    assert "nothing to compare" in refused(out, other(tmp_path / "set", EVERYTHING, name="papers"))
    strange = [replace(row, question=replace(row.question, id=f"z{row.question.id}")) for row in EVERYTHING]
    assert "other questions were asked" in refused(out, other(tmp_path / "strange", strange))
    changed = [replace(row, question=replace(row.question, question="which?")) for row in EVERYTHING]
    assert "all 24 were worded or answered otherwise" in refused(out, other(tmp_path / "changed", changed))
    assert "name two arms" in refused(out, out)
    assert "arms: plain, better" in refused(f"{out}:best", out)
    assert "no folder" in refused(tmp_path / "none", out)
    assert "holds no run" in refused(tmp_path, out)
    assert "measures: recall@512" in refused(f"{out}:better", f"{out}:plain", "--measure", "recall")


def test_other_primary_budgets_need_a_measure(out: Path, tmp_path: Path) -> None:
    made = results()
    made["suite"]["primary_budget"] = 512
    write(made | {"suite": results()["suite"]}, EVERYTHING, tmp_path)
    text = (tmp_path / "results.json").read_text().replace('"primary_budget": 1024', '"primary_budget": 512')
    (tmp_path / "results.json").write_text(text)
    assert "--measure" in refused(tmp_path, out)
    assert call("compare", tmp_path, out, "--measure", "recall@1024").exit_code == 0


def test_a_folder_with_a_colon_and_an_arm_with_one_are_told_apart(tmp_path: Path) -> None:
    suite = SUITE.model_copy(
        update={"arms": tuple(arm.model_copy(update={"name": f"x:{arm.name}"}) for arm in SUITE.arms)}
    ).model_copy(update={"baseline": "x:plain"})
    rows = {f"x:{name}": [replace(row, arm=f"x:{name}") for row in own] for name, own in ROWS.items()}
    folder = tmp_path / "a:b"
    write(results(suite, rows), [row for own in rows.values() for row in own], folder)
    shutil.copytree(folder, tmp_path / "second")
    assert call("compare", f"{folder}:x:better", f"{tmp_path / 'second'}:x:plain").exit_code == 0
