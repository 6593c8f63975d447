"""Bars with the time left on a terminal, plain lines elsewhere, nothing outside of a run; an interrupt ends cleanly."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from eval.progress import showing, track


def shown(terminal: bool) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=120)
    with showing(console) as log:
        assert list(track(range(3), "[arm] x: reading", 3, "papers")) == [0, 1, 2]
        log("arm [x]: 3 papers")
    return stream.getvalue()


def test_a_terminal_sees_a_bar_with_the_time_left() -> None:
    text = shown(terminal=True)
    assert "[arm] x: reading" in text
    assert "papers" in text
    assert "left" in text


def test_a_log_file_sees_lines_alone() -> None:
    assert shown(terminal=False) == "arm [x]: 3 papers\n"


def test_a_log_file_sees_how_far_a_slow_loop_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr("eval.progress.monotonic", lambda: next(clock))
    stream = io.StringIO()
    with showing(Console(file=stream, width=120)):
        list(track(range(6), "embedding", 6, "batches"))
    assert stream.getvalue().splitlines() == [
        "embedding: 2/6 batches, about 80 s left",
        "embedding: 4/6 batches, about 40 s left",
    ]


def test_without_a_run_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track("abc", "reading", 3, "papers")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")


def test_an_error_in_the_loop_gets_through() -> None:
    with showing(Console(file=io.StringIO(), force_terminal=True)):
        inverse = (1 / item for item in track([1, 0], "dividing", 2, "numbers"))
        with pytest.raises(ZeroDivisionError):
            list(inverse)


INTERRUPTED = """
import eval.runner, os, signal
from eval.progress import track
def run(suite, cache, log, folder):
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "kept").write_text("vectors")
    for _ in track(range(9), "embedding", 9, "batches"):
        os.kill(os.getpid(), signal.SIGINT)
eval.runner.run = run
from eval.__main__ import app
app()
"""


def test_an_interrupt_ends_with_130_and_keeps_the_cache(tmp_path: Path) -> None:
    suite = Path(__file__).resolve().parents[2] / "eval" / "suites" / "builtin.toml"
    command = [sys.executable, "-c", INTERRUPTED, "run", str(suite), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    assert done.returncode == 128 + signal.SIGINT, done.stderr
    assert done.stderr == "interrupted: pages and vectors are kept, the same command goes on from there\n"
    assert (tmp_path / "out" / "cache" / "kept").read_text() == "vectors"
    assert not (tmp_path / "out" / "results.json").exists()
