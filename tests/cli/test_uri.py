"""A knowledge base under a URI: every command takes the URI as it stands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run, json_lines

COMMANDS = [("status",), ("search", "buses"), ("retry",), ("reembed",), ("optimize",), ("remove", "a.pdf")]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder in which nothing is to appear."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_uri_is_no_folder(run: Run, elsewhere: Path, command: tuple[str, ...]) -> None:
    result = run(*command, "--db", "nowhere://bucket/kb/", expect=1)
    assert "nowhere://bucket/kb/" in result.stderr
    assert not list(elsewhere.iterdir())


def test_ingest_says_which_uri_leads_nowhere(run: Run, corpus: Path, elsewhere: Path) -> None:
    settings = ("--engine", "textlayer", "--set", "figures.keep=none")
    result = run("ingest", corpus, "--db", "nowhere://bucket/kb", *settings, expect=1)
    assert "error: nowhere://bucket/kb" in result.stderr
    assert not list(elsewhere.iterdir())


def test_the_same_commands_work_under_a_uri(run: Run, corpus: Path, elsewhere: Path, tmp_path: Path) -> None:
    paper, db = tmp_path / "late.pdf", f"file://{tmp_path}/kb"
    shutil.copy(corpus / "tide-gauges.pdf", paper)
    report = json_lines(run("ingest", paper, "--db", db, "--engine", "textlayer", "--json"))[0]
    assert (report["db"], report["documents"]) == (db, {"added": 1})
    assert json_lines(run("search", "tide gauges", "--db", db, "--mode", "text", "--json"))
    run("remove", paper, "--db", db)
    assert json_lines(run("status", "--db", db, "--json"))[0]["documents"] == 0
    assert not list(elsewhere.iterdir())


def test_a_folder_may_lie_at_home(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert f"no knowledge base at {tmp_path / 'kb'};" in run("status", "--db", "~/kb/", expect=2).stderr
