"""`retry`: what failed is read by the configuration by which it failed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rag_ingest.load.pdf import PdfLoader
from rag_ingest.types import Failure, SourceDocument
from tests.cli.conftest import Run, json_lines, rows
from tests.cli.other_embedder import save_other_embedder

SPLIT = ("--set", "split.max_tokens=96", "--set", "load.workers=1")


def failing(monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    """That page of every PDF can't be read."""
    whole = PdfLoader.pages

    def pages(self, document, numbers, **options):  # type: ignore[no-untyped-def]
        for item in whole(self, document, numbers, **options):
            yield item if getattr(item, "number", 0) != page else failure(document, page)

    def failure(document: SourceDocument, page: int) -> Failure:
        return Failure(document.source, page, "load", "for this test", document.doc_id)

    monkeypatch.setattr(PdfLoader, "pages", pages)


def marks(db: Path) -> dict[str, tuple[str, ...]]:
    """Of each file: state, engine and fingerprints."""
    names = ("state", "engine", "ocr_fingerprint", "split_fingerprint")
    return {Path(row["source"]).name: tuple(row[name] for name in names) for row in rows(db, "documents")}


def test_each_failure_is_read_as_it_was(run: Run, corpus: Path, tmp_path: Path) -> None:
    """Two engines, another splitter: what was read stays, and only the failed pages are read."""
    a, b, db = tmp_path / "a.pdf", tmp_path / "b.pdf", tmp_path / "db"
    shutil.copy(corpus / "tide-gauges.pdf", a)
    shutil.copy(corpus / "bus-holding.pdf", b)
    with pytest.MonkeyPatch.context() as patch:
        failing(patch, 2)
        run("ingest", a, "--db", db, "--engine", "textlayer", *SPLIT, expect=3)
        run("ingest", b, "--db", db, "--engine", "layout", "--set", "load.workers=1", expect=3)
    before = marks(db)
    assert {name: mark[:2] for name, mark in before.items()} == {
        "a.pdf": ("partial", "textlayer"),
        "b.pdf": ("partial", "layout"),
    }
    report = json_lines(run("retry", "--db", db, "--json"))
    assert len(report) == 1
    assert (report[0]["documents"], report[0]["pages"]["read"]) == ({"updated": 2}, 2)
    assert marks(db) == {name: ("done", *mark[1:]) for name, mark in before.items()}


def test_nothing_failed_is_a_report_too(run: Run, kb: Path) -> None:
    result = run("retry", "--db", kb, "--json")
    assert (json_lines(result)[0]["documents"], json_lines(result)[0]["failures"]) == ({}, [])
    assert "nothing failed" in result.stderr


def test_a_source_that_gave_no_document_is_read_as_the_last_run_would(run: Run, corpus: Path, tmp_path: Path) -> None:
    late, db = tmp_path / "late.pdf", tmp_path / "db"
    late.write_bytes(b"")
    run("ingest", corpus / "bus-holding.pdf", late, "--db", db, "--engine", "textlayer", *SPLIT, expect=3)
    shutil.copy(corpus / "tide-gauges.pdf", late)
    run("retry", "--db", db)
    assert len(set(marks(db).values())) == 1
    other = tmp_path / "other.pdf"
    other.write_bytes(b"")
    run("ingest", late, other, "--db", db, "--engine", "textlayer", *SPLIT, expect=3)
    shutil.copy(corpus / "starter-kinetics.pdf", other)
    run("retry", "--db", db, "--set", "split.max_tokens=64")
    assert len({mark[3] for mark in marks(db).values()}) == 2, "what is given goes before what is on record"


def test_no_password_is_put_down_and_the_same_run_again_writes_no_row(run: Run, corpus: Path, tmp_path: Path) -> None:
    db = tmp_path / "db"
    ingest = ("ingest", corpus / "bus-holding.pdf", "--db", db, "--engine", "textlayer", "--password", "hush-hush")
    run(*ingest)
    (row,) = rows(db, "runs")
    run(*ingest)
    assert rows(db, "runs") == [row]
    assert json.loads(row["config"])["engine"] == "textlayer"
    assert not any(b"hush-hush" in file.read_bytes() for file in db.rglob("*") if file.is_file())


def test_reembedding_keeps_the_options_of_the_last_ingest(run: Run, corpus: Path, tmp_path: Path) -> None:
    db, file = tmp_path / "db", corpus / "bus-holding.pdf"
    model = save_other_embedder(tmp_path)
    leave_out = ("--set", "split.exclude_kinds=reference")
    run("ingest", file, "--db", db, "--engine", "textlayer", *leave_out)
    run("reembed", "--db", db, "--set", f"embed.model={model}")
    clean = tmp_path / "clean"
    run("ingest", file, "--db", clean, "--engine", "textlayer", *leave_out, "--set", f"embed.model={model}")
    assert [row["id"] for row in rows(db, "chunks")] == [row["id"] for row in rows(clean, "chunks")]
    again = ("ingest", file, "--db", db, "--engine", "textlayer", *leave_out, "--set", f"embed.model={model}", "--json")
    assert json_lines(run(*again))[0]["documents"] == {"unchanged": 1}
