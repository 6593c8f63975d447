"""`ingest`, `search`, `status`: the main job, from a person's side."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rag_ingest.load.pdf import PdfLoader
from rag_ingest.types import Source, SourceDocument
from tests.cli.conftest import Run, json_lines, rows
from tests.load.conftest import build_pdf, text_at

CORPUS = Path("eval/corpus")
PAPERS = {paper.stem for paper in (CORPUS / "demo").glob("*.pdf")}
QUESTIONS = [
    question
    for question in map(json.loads, (CORPUS / "questions.jsonl").read_text(encoding="utf-8").splitlines())
    if question["doc"] in PAPERS
]


def test_ingesting_twice_changes_no_row(run: Run, corpus: Path, tmp_path: Path) -> None:
    db = tmp_path / "db"
    first = json_lines(run("ingest", corpus, "--db", db, "--engine", "textlayer", "--json"))[0]
    before = {table: rows(db, table) for table in ("documents", "pages", "chunks")}
    second = json_lines(run("ingest", corpus, "--db", db, "--engine", "textlayer", "--json"))[0]
    assert first["documents"] == {"added": 3}
    assert second["documents"] == {"unchanged": 3}
    assert {table: rows(db, table) for table in before} == before


def test_another_splitter_runs_no_ocr_again(run: Run, corpus: Path, tmp_path: Path) -> None:
    db = tmp_path / "db"
    run("ingest", corpus, "--db", db, "--engine", "textlayer")
    pages = rows(db, "pages")
    again = json_lines(
        run("ingest", corpus, "--db", db, "--engine", "textlayer", "--set", "split.max_tokens=96", "--json")
    )[0]
    assert again["documents"] == {"updated": 3}
    assert again["pages"]["read"] == 0
    assert again["pages"]["cached"] == len(pages)
    assert rows(db, "pages") == pages
    assert len(rows(db, "chunks")) == again["chunks"]


def test_retry_reads_what_failed_and_nothing_else(run: Run, corpus: Path, tmp_path: Path) -> None:
    db, late = tmp_path / "db", tmp_path / "late.pdf"
    late.write_bytes(b"")
    run("ingest", late, corpus / "bus-holding.pdf", "--db", db, "--engine", "textlayer", expect=3)
    late.write_bytes((corpus / "tide-gauges.pdf").read_bytes())
    again = json_lines(run("retry", "--db", db, "--engine", "textlayer", "--json"))[0]
    assert again["documents"] == {"added": 1}
    assert json_lines(run("status", "--db", db, "--json"))[0]["failures"] == []
    assert "nothing failed" in run("retry", "--db", db).stderr


def test_status_tells_what_is_there(run: Run, kb: Path) -> None:
    found = json_lines(run("status", "--db", kb, "--json"))
    assert len(found) == 1
    assert set(found[0]) == {"documents", "pages", "chunks", "failures", "engines", "stale", "superseded"}
    assert found[0]["stale"] == []
    assert found[0]["documents"] == 3
    assert found[0]["failures"] == []
    assert found[0]["pages"]["done"] >= 9
    assert "layout" in run("status", "--db", kb).stdout


@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
def test_search_finds_the_right_paper(run: Run, kb: Path, mode: str) -> None:
    hits = 0
    for question in QUESTIONS:
        found = json_lines(run("search", question["question"], "--db", kb, "--mode", mode, "-k", "3", "--json"))
        assert all(
            set(hit)
            >= {"chunk_id", "doc_id", "source", "title", "text", "context", "headings", "pages", "score", "span"}
            for hit in found
        )
        assert [hit["score"] for hit in found] == sorted((hit["score"] for hit in found), reverse=True)
        hits += any(Path(hit["source"]).stem == question["doc"] for hit in found)
    assert hits == len(QUESTIONS)


def test_search_shows_headings_page_and_chunk(run: Run, kb: Path) -> None:
    shown = run("search", QUESTIONS[0]["question"], "--db", kb, "-k", "1").stdout
    assert "page" in shown
    assert QUESTIONS[0]["doc"] in shown


def test_where_limits_the_search(run: Run, kb: Path, corpus: Path) -> None:
    source = str((corpus / "tide-gauges.pdf").resolve())
    found = json_lines(run("search", "method", "--db", kb, "--where", f"source = '{source}'", "-k", "20", "--json"))
    assert found
    assert {hit["source"] for hit in found} == {source}


def test_chunks_are_slices_and_pages_are_right(run: Run, kb: Path) -> None:
    for row in rows(kb, "chunks", ["vector"]):
        assert len(row["text"]) == row["span_end"] - row["span_start"]
        assert row["pages"]


def test_ctrl_c_keeps_what_was_read(run: Run, tmp_path: Path) -> None:
    """A real process, a real signal: it ends soon, says what to do, and the next run takes over what is there."""
    db, papers, count = tmp_path / "db", tmp_path / "papers", 60
    papers.mkdir()
    for n in range(count):
        (papers / f"{n:02}.pdf").write_bytes(build_pdf([text_at(20, 300, f"Of gauge {n}, which has drifted.")]))
    command = ("ingest", str(papers), "--db", str(db), "--engine", "textlayer")
    started = [sys.executable, "-m", "rag_ingest.cli", *command]
    with subprocess.Popen(started, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stderr is not None
        said = [next(line for line in process.stderr if f"/{count}]" in line)]  # one document is done
        process.send_signal(signal.SIGINT)
        said.append(process.stderr.read())
        assert process.wait(timeout=20) == 1
    assert "interrupted" in said[-1]
    assert "Traceback" not in said[-1]
    documents = json_lines(run(*command, "--json"))[0]["documents"]
    assert 1 <= documents["unchanged"] < count
    assert documents["unchanged"] + documents["added"] == count


def test_a_file_that_was_not_written_since_is_not_opened(
    run: Run, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, folder = tmp_path / "db", tmp_path / "papers"
    folder.mkdir()
    for name in ("bus-holding", "tide-gauges"):
        (folder / f"{name}.pdf").write_bytes((corpus / f"{name}.pdf").read_bytes())
    opened: list[str] = []
    open_it = PdfLoader.open

    def counted(self: PdfLoader, source: Source) -> SourceDocument:
        opened.append(Path(source.uri).stem)
        return open_it(self, source)

    monkeypatch.setattr(PdfLoader, "open", counted)

    def ingested() -> tuple[dict[str, int], list[str]]:
        opened.clear()
        report = json_lines(run("ingest", folder, "--db", db, "--engine", "textlayer", "--json"))[0]
        return report["documents"], sorted(opened)

    assert ingested() == ({"added": 2}, ["bus-holding", "tide-gauges"])
    assert ingested() == ({"unchanged": 2}, [])
    os.utime(folder / "bus-holding.pdf", ns=(1, 1))
    assert ingested() == ({"unchanged": 2}, ["bus-holding"])
    assert ingested() == ({"unchanged": 2}, [])
    (folder / "bus-holding.pdf").write_bytes((corpus / "starter-kinetics.pdf").read_bytes())
    assert ingested() == ({"unchanged": 1, "updated": 1}, ["bus-holding"])
    assert ingested() == ({"unchanged": 2}, [])
