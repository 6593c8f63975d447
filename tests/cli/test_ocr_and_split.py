"""`ocr`, `split`, `doctor`, and what every command shares."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.cli.conftest import Run, json_lines

MARKER = re.compile(r"^<!-- page (\d+) -->$", re.MULTILINE)


def test_ocr_writes_a_marker_before_each_page(run: Run, corpus: Path) -> None:
    text = run("ocr", corpus / "tide-gauges.pdf", "--engine", "layout").stdout
    numbers = [int(n) for n in MARKER.findall(text)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 3
    assert text.startswith("<!-- page 1 -->")


def test_ocr_into_a_folder_and_into_a_file(run: Run, corpus: Path, tmp_path: Path) -> None:
    run("ocr", corpus, "-o", tmp_path / "out", "--engine", "textlayer")
    assert {f.stem for f in (tmp_path / "out").iterdir()} == {f.stem for f in corpus.glob("*.pdf")}
    run("ocr", corpus / "tide-gauges.pdf", "-o", tmp_path / "one.md", "--engine", "textlayer")
    assert (tmp_path / "one.md").read_text() == (tmp_path / "out" / "tide-gauges.md").read_text()


def test_ocr_of_many_into_one_file_is_refused(run: Run, corpus: Path, tmp_path: Path) -> None:
    result = run("ocr", corpus, "-o", tmp_path / "one.md", "--engine", "textlayer", expect=2)
    assert "folder" in result.stderr


def test_split_rows_are_slices_of_the_file(run: Run, tmp_path: Path) -> None:
    text = (
        "# Title\r\n\r\nFirst paragraph.\r\n\r\n## 1 Method\r\n\r\n$$\r\na = b\r\n$$\r\n\r\nwhere a is b. "
        + "word " * 400
    )
    file = tmp_path / "paper.md"
    file.write_bytes(text.encode())
    found = json_lines(run("split", file, "--max-tokens", "64", "--json"))
    keys = {"text", "context", "start", "end", "headings", "pages", "kinds", "token_count"}
    assert all(set(row) - {"oversize"} == keys for row in found)
    assert all(row["text"] == text[row["start"] : row["end"]] for row in found)
    assert all(row["token_count"] <= 64 for row in found)
    assert "".join("".join(row["text"].split()) for row in found) == "".join(text.split())


def test_split_reads_stdin() -> None:
    command = [sys.executable, "-m", "rag_ingest.cli", "split", "-", "--json"]
    done = subprocess.run(command, input="# A\n\nb\n", capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["text"].split() == ["#", "A", "b"]


def test_split_of_a_missing_or_binary_file_says_so(run: Run, tmp_path: Path) -> None:
    assert "can't be read" in run("split", tmp_path / "none.md", expect=2).stderr
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in run("split", tmp_path / "binary.md", expect=2).stderr


def test_doctor_is_well_and_says_what_auto_takes(run: Run) -> None:
    found = json_lines(run("doctor", "--json"))[0]
    assert found["problems"] == []
    assert found["auto"]["engine"] in ("layout", "lightonocr")
    assert found["auto"]["reason"]


@pytest.mark.parametrize("command", ["ingest", "search", "ocr", "split", "status", "doctor"])
def test_every_command_has_help(run: Run, command: str) -> None:
    assert "Usage" in run(command, "--help").stdout


def test_help_starts_in_half_a_second() -> None:
    """Of a processor's time, the best of five: the promise is about imports, not about how busy the machine is."""
    seconds = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "rag_ingest.cli", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert 0 < min(seconds) < 0.5


def test_figures_lie_beside_the_markdown_and_its_links_lead_to_them(run: Run, corpus: Path, tmp_path: Path) -> None:
    paper = tmp_path / "tide gauges.pdf"
    paper.write_bytes((corpus / "tide-gauges.pdf").read_bytes())
    run("ocr", paper, "-o", tmp_path / "out", "--engine", "layout", "--figures")
    text = (tmp_path / "out" / "tide gauges.md").read_text(encoding="utf-8")
    links = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert links
    for link in links:
        assert (tmp_path / "out" / unquote(link)).read_bytes().startswith(b"\x89PNG")
    run("ocr", paper, "-o", tmp_path / "bare.md", "--engine", "layout")
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".figures"] == []
    assert re.sub(r"\(tide%20gauges\.figures/[^)]*-(\d)\.png\)", r"(image_\1.png)", text) == (
        tmp_path / "bare.md"
    ).read_text(encoding="utf-8")
    assert "give -o" in run("ocr", paper, "--figures", expect=2).stderr
