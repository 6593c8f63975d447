"""What is printed is what is there: texts, names and paths of papers, whatever they look like to a terminal library."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from rag_ingest import console, hits
from rag_ingest.report import DocumentReport, IngestReport
from rag_ingest.store.status import Status
from rag_ingest.types import SearchHit, Span

ODD = "1:100:5 A:B:C x:o:y [bold]key:key:value[/bold] :smile:"


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")


def test_codes_and_markup_of_the_terminal_library_mean_nothing_in_a_hit(capsys: pytest.CaptureFixture[str]) -> None:
    hits.print_hits([SearchHit("c", "d", f"/papers/{ODD}.pdf", ODD, ODD, ODD, (ODD,), (1,), 0.5, Span(0, len(ODD)))])
    shown = capsys.readouterr().out
    assert f"1. {ODD}" in shown
    assert f"   {ODD}\n" in shown
    assert f"/papers/{ODD}.pdf, page 1" in shown


def test_nor_in_progress_and_failures(capsys: pytest.CaptureFixture[str]) -> None:
    with console.IngestProgress(1) as progress:
        progress(DocumentReport(f"/papers/{ODD}.pdf", "d", ODD, "added"))
    assert f"/papers/{ODD}.pdf: added" in capsys.readouterr().err


def test_nor_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    screen = Console(force_terminal=True, width=200, stderr=True, markup=False, emoji=False)
    monkeypatch.setattr(console, "err", screen)
    with console.IngestProgress(1) as progress:
        progress.show(ODD)
        progress.bar.refresh()
    assert "key:key:value" in capsys.readouterr().err


def test_nothing_of_a_status_is_cut_or_broken(capsys: pytest.CaptureFixture[str]) -> None:
    engines = [
        {"engine": "layout", "fingerprint": "f" * 16, "embedder": "all-minilm-l6-v2@53aa51172d14", "documents": 3}
    ]
    stale = [{"source": "a", "why": "pages were read by textlayer f00, not by layout f01"}]
    status = Status(3, Counter(done=5), 9, (), tuple(engines), tuple(stale), 0)  # type: ignore[arg-type]
    console.print_status(status, "/a/long/path/" + "x" * 200)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["knowledge", "base", "/a/long/path/" + "x" * 200]
    assert any(line.endswith(f"layout {'f' * 16} with all-minilm-l6-v2@53aa51172d14: 3") for line in lines)
    assert any(
        line.endswith("1 documents: pages were read by textlayer f00, not by layout f01; ingest them again")
        for line in lines
    )


def test_a_terminal_whose_encoding_lacks_a_letter_gets_its_number(tmp_path: Path) -> None:
    text = tmp_path / "a.md"
    text.write_text("# α and é\n\nWords of β.", encoding="utf-8")
    command = [sys.executable, "-m", "rag_ingest.cli", "split", str(text)]
    done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "latin-1"})
    assert "é" in done.stdout.decode("latin-1")
    assert r"Words of \u03b2." in done.stdout.decode("latin-1")


def test_a_command_that_is_advised_can_be_pasted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    db = str(tmp_path / "kb #4 %41 'ä")
    console.print_ingest_report(IngestReport(db))
    advised = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("next: "))
    assert shlex.split(advised.removeprefix("next: ")) == ["rag-ingest", "search", "your question", "--db", db]
