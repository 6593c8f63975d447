"""What the README says is so: its example runs, its commands exist, its folders are there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rag_ingest.cli import app


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def test_the_llamaindex_example_runs_as_it_stands(readme: str, root: Path, tmp_path: Path) -> None:
    code = next(c for c in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "LightOnOCRReader" in c)
    (tmp_path / "eval").symlink_to(root / "eval")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert "Two-parameter correction of thermal drift" in lines[0]
    assert all("page" in line for line in lines)


def test_every_command_it_names_exists_with_its_options(readme: str) -> None:
    runner = CliRunner()
    named = re.findall(r"rag-ingest ([a-z]+)((?: [^\n`|#]*)?)", readme)
    assert {command for command, _ in named} >= {"ingest", "search", "ocr", "split", "status", "retry", "doctor"}
    for command, arguments in named:
        shown = runner.invoke(app, [command, "--help"])
        assert shown.exit_code == 0, command
        for option in re.findall(r"(?<= )--[a-z]+", arguments):
            assert option in shown.stdout, f"{command} {option}"


def test_every_folder_and_make_target_it_names_exists(readme: str, root: Path) -> None:
    tree = re.search(r"```text\n(.*?)```", readme, re.DOTALL)
    assert tree
    for line in tree.group(1).splitlines():
        names = re.findall(r"[\w.]+(?:\.py|/)", line[:24])
        base = root / "rag_ingest" if line.startswith("  ") else root
        for name in names:
            assert (base / name).exists(), name
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make ([a-z]+)", readme):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_extras_it_names_exist(readme: str, root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "`[llamaindex]`" in readme
    for extra in re.findall(r"(?<=[.`])\[([a-z0-9]+)\](?=['`])", readme):
        assert extra in project["optional-dependencies"]
    for named in re.findall(r"configs/[\w.]+", readme):
        assert (root / named).exists(), named


def test_no_placeholder_is_left(readme: str) -> None:
    assert not re.findall(r"^(?:SESSION|EVALUATION|TESTED|TODO|TBD)$", readme, re.MULTILINE)
