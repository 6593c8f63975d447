"""What a run says when it can't go on leads out: sources that are gone, filters that keep all out, lost tables."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import lancedb
import pytest

from rag_ingest.store.run_configs import RunConfigs
from tests.cli.conftest import Run, json_lines, rows
from tests.load.dumps import record, regular, tar_of, write_metadata

ENGINE = ("--engine", "textlayer", "--set", "load.workers=1")


@pytest.fixture
def good(corpus: Path) -> Path:
    return corpus / "tide-gauges.pdf"


@pytest.mark.parametrize("columns", [(), ("bboxes", "search_text", "wider_text")])
def test_lost_chunks_come_back_without_reading_a_page(
    run: Run, good: Path, tmp_path: Path, columns: tuple[str, ...]
) -> None:
    db = tmp_path / "db"
    run("ingest", good, "--db", db, *ENGINE)
    before = rows(db, "chunks")
    if columns:
        lancedb.connect(db).open_table("chunks").drop_columns(list(columns))
        stale = json_lines(run("status", "--db", db, "--json"))[0]["stale"]
        assert [one["source"] for one in stale] == [str(good)]
    else:
        shutil.rmtree(db / "chunks.lance")
        assert "ingest into it again" in run("status", "--db", db, expect=2).stderr
    report = json_lines(run("ingest", good, "--db", db, *ENGINE, "--json"))[0]
    assert (report["pages"]["read"], report["pages"]["cached"], report["chunks"]) == (0, 3, len(before))
    assert rows(db, "chunks") == before
    assert json_lines(run("search", "tide", "--mode", "text", "--db", db, "--json"))
    assert json_lines(run("ingest", good, "--db", db, *ENGINE, "--json"))[0]["documents"] == {"unchanged": 1}


def test_a_file_in_place_of_a_knowledge_base_is_told_alike_by_all(run: Run, good: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for command in (("ingest", good, *ENGINE), ("status",), ("search", "x"), ("optimize",)):
        assert "is a file; a knowledge base is a folder" in run(*command, "--db", tmp_path / "file", expect=2).stderr


def test_status_builds_on_the_options_of_the_last_run(run: Run, good: Path, tmp_path: Path) -> None:
    db = tmp_path / "db"
    run("ingest", good, "--db", db, *ENGINE, "--set", "split.target_tokens=50")

    def stale(*options: str) -> list[str]:
        return [one["why"] for one in json_lines(run("status", "--db", db, "--json", *options))[0]["stale"]]

    assert stale("--set", "split.max_tokens=64") == ["split by other options, or by an older version"]
    assert stale("--set", "load.workers=2") == []
    assert stale("--engine", "textlayer") == []
    assert stale("--engine", "layout")[0].startswith("pages were read by textlayer")


def test_status_is_told_where_the_options_of_the_last_run_are_none_any_more(
    run: Run, good: Path, tmp_path: Path
) -> None:
    db = tmp_path / "db"
    run("ingest", good, "--db", db, *ENGINE)
    runs = RunConfigs(str(db))
    (last,) = runs.all()
    runs.put(replace(last, config={**last.config, "figures": {"format": "avif"}}))
    result = run("status", "--db", db)
    assert "documents" in result.stdout
    assert "the options of the last run" in result.stderr
    assert "avif" in result.stderr


@pytest.mark.parametrize("by_now", [None, b"no PDF any more"])
def test_retry_of_what_is_gone_says_how_to_forget_it(
    run: Run, good: Path, tmp_path: Path, by_now: bytes | None
) -> None:
    db, bad = tmp_path / "db", tmp_path / "it's broken.pdf"
    bad.write_bytes(b"%PDF-1.4 broken")
    run("ingest", good, bad, "--db", db, *ENGINE, expect=3)
    bad.unlink() if by_now is None else bad.write_bytes(by_now)
    result = run("retry", "--db", db, "--json", expect=3)
    report = json_lines(result)[0]
    assert report["documents"] == {"failed": 1}
    assert [failure["source"] for failure in report["failures"]] == [str(bad)]
    assert "rag-ingest remove" in result.stderr
    assert "it'\"'\"'s broken.pdf'" in result.stderr  # as a shell takes it
    run("remove", bad, "--db", db)
    assert "nothing failed" in run("retry", "--db", db).stderr


def test_papers_that_filters_keep_out_are_counted(run: Run, good: Path, tmp_path: Path) -> None:
    names = ("2301.00001", "2301.00002", "2301.00003", "odd")
    content = [regular(f"2301/{name}.pdf", good.read_bytes() + name.encode()) for name in names]
    dump = tmp_path / "arXiv_pdf_2301_001.tar"
    dump.write_bytes(tar_of(content))
    known = [record("2301.00001", categories="cs.CL"), record("2301.00002", categories="hep-th")]
    metadata = f"arxiv.metadata={write_metadata(tmp_path / 'm.json', *known)}"

    def left_out(*settings: str) -> tuple[dict[str, int], dict[str, int], str]:
        options = [part for setting in settings for part in ("--set", setting)]
        result = run("ingest", dump, "--db", tmp_path / "db", *ENGINE, *options, "--json")
        report = json_lines(result)[0]
        return report["documents"], report["left_out"], " ".join(result.stderr.split())

    documents, count, said = left_out(metadata, "arxiv.categories=nonsense")
    assert (documents, count) == ({}, {"papers": 4, "unknown": 2})
    assert "4 papers of dumps by the filters of [arxiv], 2 of them for lack of metadata" in said
    documents, count, _ = left_out(metadata, "arxiv.categories=cs.CL")
    assert (documents, count) == ({"added": 1}, {"papers": 3, "unknown": 2})
    documents, count, said = left_out("arxiv.year_from=2024")
    assert (documents, count) == ({}, {"papers": 4, "unknown": 1})
    _, count, said = left_out()
    assert count == {"papers": 0, "unknown": 0}
    assert "left out" not in said
