from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eval.__main__ import app

runner = CliRunner()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    output, truth = tmp_path / "output", tmp_path / "truth"
    for folder in (output, truth):
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "one.md").write_text("| a | b |\n|---|---|\n| 1 | 2 |\n\nA line of text.\n")
    (truth / "two.md").write_text("Only the truth has this.")
    (output / "three.md").write_text("Only the output has this.")
    return output, truth


def test_a_line_a_document_and_the_mean(folders: tuple[Path, Path]) -> None:
    result = runner.invoke(app, ["quality", *map(str, folders)])
    assert result.exit_code == 0
    lines = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines()}
    assert lines["sub/one"] == ["1.000", "1.000", "-", "1.000", "1.000", "0.000", "-", "-", "-"]
    assert lines["two"] == ["0.000", "0.000", "-", "-", "-", "0.000", "-", "-", "-"]
    assert lines["mean"][0] == "0.500"
    assert "formulas =: not measured, the truth has no display formula" in result.stdout
    assert "no output, counted as empty: two" in result.stderr
    assert "no truth, left out: three" in result.stderr


def test_json_holds_all(folders: tuple[Path, Path]) -> None:
    result = runner.invoke(app, ["quality", *map(str, folders), "--json"])
    measured = json.loads(result.stdout)
    assert measured["edit_similarity"]["by_document"] == {"sub/one": 1.0, "two": 0.0}
    assert measured["formula_exact"]["reason"] == "the truth has no display formula"


def test_what_is_wrong_is_said(folders: tuple[Path, Path], tmp_path: Path) -> None:
    output, truth = folders
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, message in [
        ([str(tmp_path / "nowhere"), str(truth)], "nowhere is no folder"),
        ([str(output), str(empty)], "empty has no .md file"),
        ([str(output / "sub"), str(truth)], "no document has a truth: one against sub/one, two"),
    ]:
        result = runner.invoke(app, ["quality", *arguments])
        assert result.exit_code == 2
        assert message in result.stderr
    (output / "sub" / "one.md").write_bytes(b"\xff\xfe")
    assert "one.md is not UTF-8" in runner.invoke(app, ["quality", str(output), str(truth)]).stderr
