"""What the commands say when something is in the way: one line, the documented exit code, no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from eval.__main__ import app
from eval.records import prepare
from eval.runner import SHOWN_FAILURES, failure_lines
from rag_ingest.errors import ConfigError
from rag_ingest.types import Failure

SUITE = """
name = "x"
dataset = "jsonl:."
baseline = "a"
[[arms]]
name = "a"
engine = "ground-truth"
splitter = "sentence"
mode = "text"
[[arms]]
name = "b"
engine = "pypdfium2"
splitter = "sentence"
mode = "text"
"""
QUESTION = '{"id": "1", "doc": "a", "question": "which weir?", "evidence": {"text": "the northern weir"}}'


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A paper as Markdown, and as a file that is no PDF."""
    folder = tmp_path / "sét 1"
    folder.mkdir()
    (folder / "suite.toml").write_text(SUITE, encoding="utf-8")
    (folder / "questions.jsonl").write_text(QUESTION, encoding="utf-8")
    (folder / "a.md").write_text("# Weirs\n\nIt was the northern weir.", encoding="utf-8")
    (folder / "a.pdf").write_bytes(b"no PDF")
    return folder / "suite.toml"


def test_what_failed_is_told_with_its_reason_and_ends_with_3(suite: Path, tmp_path: Path) -> None:
    done = call("run", suite, "--out", tmp_path / "öut")
    assert done.exit_code == 3, done.output
    assert "a: 1 passages, 0 failures" in done.stderr
    assert f"b: failed: {suite.parent / 'a.pdf'}: pypdfium2 can't read" in done.stderr
    assert (tmp_path / "öut" / "report.html").is_file()


def test_many_failures_are_cut_short() -> None:
    lines = list(failure_lines([Failure("x.pdf", n, "ocr", "dark") for n in range(1, SHOWN_FAILURES + 3)]))
    assert lines[1] == "failed: x.pdf, page 2: dark"
    assert lines[SHOWN_FAILURES:] == ["failed: 2 more, see results.json"]


@pytest.mark.parametrize("taken", ["out", "out/cache"])
def test_a_place_that_can_not_be_written_is_told_before_anything_is_read(
    suite: Path, tmp_path: Path, taken: str
) -> None:
    (tmp_path / taken).parent.mkdir(exist_ok=True)
    (tmp_path / taken).write_text("")
    done = call("run", suite, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "can't be written" in done.stderr
    assert "reading" not in done.stderr


def test_a_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("eval.records.TemporaryFile", denied)
    with pytest.raises(ConfigError, match="can't be written: Permission denied"):
        prepare(tmp_path / "out")


def test_a_file_that_can_not_be_written_at_the_end_ends_with_1(suite: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    done = call("run", suite, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "error: Is a directory:" in done.stderr


@pytest.mark.parametrize("command", [["quality", "x", "y"], ["ocr", "x"], ["init", "x"]])
def test_a_negative_seed_is_refused(command: list[str]) -> None:
    done = call(*command, "--seed", "-1")
    assert done.exit_code == 2
    assert "--seed" in done.stderr


@pytest.mark.parametrize("stratum", ["all", "prose and table"])
def test_a_stratum_with_the_name_of_a_group_is_refused(suite: Path, tmp_path: Path, stratum: str) -> None:
    more = [QUESTION.replace('"1"', f'"{n}", "stratum": "{s}"') for n, s in ((2, stratum), (3, "formula"))]
    (suite.parent / "questions.jsonl").write_text("\n".join(more), encoding="utf-8")
    done = call("run", suite, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert f"can't be called '{stratum}'" in done.stderr
