"""A dump in a knowledge base: once, again, interrupted, and what is told of it."""

from __future__ import annotations

import json
import re
import tarfile
from dataclasses import replace
from pathlib import Path

import lancedb
import pytest
from typer.testing import CliRunner

from rag_ingest.api import ingest, ocr, search
from rag_ingest.cli import app
from rag_ingest.config import load_config
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.types import Failure, PageMarkdown
from tests.load.dumps import record, regular, special, tar_of, write_metadata

PAPERS = ["2301/2301.00001.pdf", "2301/2301.00002.pdf", "0001/astro-ph0001001.pdf"]


@pytest.fixture(scope="module")
def contents(pdf, at) -> list[bytes]:
    """Three papers of three pages."""
    words = [["buses", "stops", "delays"], ["kefir", "yeast", "starters"], ["tides", "gauges", "radar"]]
    return [pdf([at(20, 300, f"On {word}: a page about {word} alone.") for word in paper]) for paper in words]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, contents) -> Path:
    """A dump of the papers with one link among them, and their metadata."""
    folder = tmp_path_factory.mktemp("dumps")
    members = [regular(name, content) for name, content in zip(PAPERS, contents, strict=True)]
    link = special("2301/2301.00009.pdf", tarfile.SYMTYPE, "/etc/passwd")
    (folder / "arXiv_pdf_2301_001.tar").write_bytes(tar_of([members[0], link, *members[1:]]))
    records = [record("2301.00001", title="Buses that hold"), record("2301.00002", categories="hep-ph")]
    write_metadata(folder / "meta.json", *records)
    return folder


@pytest.fixture(scope="module")
def config(folder):
    settings = [f"arxiv.metadata={folder / 'meta.json'}", f"arxiv.cache={folder / 'cache'}", "load.workers=1"]
    return load_config(settings=settings, engine="textlayer")


def rows(db: Path) -> dict[str, list[dict]]:
    """Everything that was stored, without times."""
    tables = {}
    for name in ("documents", "chunks", "pages"):
        found = lancedb.connect(db).open_table(name).to_arrow().to_pylist()
        for row in found:
            for passing in ("ingested_at", "seconds", "updated_at"):
                row.pop(passing, None)
        tables[name] = sorted(found, key=lambda row: json.dumps(row, default=str, sort_keys=True))
    return tables


@pytest.fixture(scope="module")
def clean(folder, config, tmp_path_factory):
    """One run without a break: (database, report)."""
    db = tmp_path_factory.mktemp("clean") / "kb"
    return db, ingest([folder], db, config=config)


def test_the_papers_are_documents_and_the_link_a_failure(clean, folder):
    db, report = clean
    tar = folder / "arXiv_pdf_2301_001.tar"
    assert report.documents == {"added": 3, "failed": 1}
    (failure,) = report.failures
    assert (failure.source, failure.reason) == (f"{tar}!/2301/2301.00009.pdf", "it is a link, not a file")
    documents = {row["source"]: row for row in rows(db)["documents"]}
    assert set(documents) == {f"{tar}!/{name}" for name in (*PAPERS, "2301/2301.00009.pdf")}
    first = documents[f"{tar}!/{PAPERS[0]}"]
    metadata = json.loads(first["metadata"])
    assert (first["title"], metadata["arxiv_id"], metadata["year"]) == ("Buses that hold", "2301.00001", 2022)
    assert {row["source"] for row in rows(db)["chunks"]} == {f"{tar}!/{name}" for name in PAPERS}


def test_ingesting_again_changes_nothing(clean, folder, config):
    db, _ = clean
    before = rows(db)
    report = ingest([folder], db, config=config)
    assert report.documents == {"unchanged": 3, "failed": 1}
    assert rows(db) == before


def test_an_interrupted_run_that_goes_on_gives_the_same_rows(clean, folder, config, tmp_path):
    db = tmp_path / "kb"
    pages = 0

    def stop(event: object) -> None:
        nonlocal pages
        pages += isinstance(event, PageMarkdown)
        if pages == 4:  # amid the second paper
            raise KeyboardInterrupt

    assert ingest([folder], db, config=config, progress=stop).interrupted
    assert not ingest([folder], db, config=config).interrupted
    assert rows(db) == rows(clean[0])


def test_a_dump_that_was_cut_off_and_is_whole_now_failed_no_more(config, tmp_path, contents):
    dump, db = tmp_path / "arXiv_pdf_2301_001.tar", tmp_path / "kb"
    whole = tar_of([regular(name, content) for name, content in zip(PAPERS, contents, strict=True)])
    dump.write_bytes(whole[: whole.index(PAPERS[2].encode()) + 700])
    assert ingest([dump], db, config=config).documents == {"added": 2, "failed": 1}
    with KnowledgeBase.open(str(db)) as kb:
        assert [failure.source for failure in kb.failures()] == [str(dump)]
    assert ingest([f"{dump}!/{PAPERS[0]}"], db, config=config).documents == {"unchanged": 1}
    with KnowledgeBase.open(str(db)) as kb:
        assert kb.failures()
    dump.write_bytes(whole)
    assert ingest([dump], db, config=config).documents == {"added": 1, "unchanged": 2}
    with KnowledgeBase.open(str(db)) as kb:
        assert kb.failures() == []
    assert len(rows(db)["documents"]) == 3


def test_chunks_are_found_by_what_arxiv_knows_of_a_paper(clean, folder):
    db, _ = clean
    tar = folder / "arXiv_pdf_2301_001.tar"
    for where, name in (
        ("year = 2022 and categories = 'cs.LG'", PAPERS[0]),
        ("categories = 'hep-ph'", PAPERS[1]),
        ("year < 2001", PAPERS[2]),
        ("arxiv_id = 'astro-ph/0001001'", PAPERS[2]),
    ):
        assert {hit.source for hit in search("page", db, mode="text", where=where)} == {f"{tar}!/{name}"}


def test_one_paper_in_two_dumps_is_stored_once(config, tmp_path, contents):
    for n in (1, 2):
        (tmp_path / f"arXiv_pdf_2301_00{n}.tar").write_bytes(tar_of([regular(PAPERS[0], contents[0])]))
    db = tmp_path / "kb"
    first, second = (tmp_path / f"arXiv_pdf_2301_00{n}.tar" for n in (1, 2))
    assert ingest([first], db, config=config).documents == {"added": 1}
    before = rows(db)["chunks"]
    assert ingest([second], db, config=config).documents == {"duplicate": 1}
    assert rows(db)["chunks"] == before
    assert ingest([first, second], db, config=config).documents == {"unchanged": 2}


def test_metadata_that_comes_later_is_joined_without_reading_a_page(clean, folder, config, tmp_path):
    db, plain = tmp_path / "kb", replace(config, arxiv=replace(config.arxiv, metadata=""))
    assert ingest([folder], db, config=plain).documents == {"added": 3, "failed": 1}
    joined = ingest([folder], db, config=config)
    assert (joined.documents, joined.pages_read) == ({"updated": 2, "unchanged": 1, "failed": 1}, 0)
    assert rows(db) == rows(clean[0])
    assert {hit.title for hit in search("page", db, mode="text", where="categories = 'cs.LG'")} == {"Buses that hold"}
    assert ingest([folder], db, config=config).documents == {"unchanged": 3, "failed": 1}
    assert ingest([folder], db, config=plain).documents == {"unchanged": 3, "failed": 1}  # what was known stays
    assert {row["title"] for row in rows(db)["chunks"]} == {row["title"] for row in rows(clean[0])["chunks"]}


def test_a_metadata_file_that_is_corrected_changes_the_papers_in_it(config, tmp_path, contents):
    db, meta = tmp_path / "kb", tmp_path / "meta.json"
    for n in (1, 2):
        (tmp_path / f"arXiv_pdf_2301_00{n}.tar").write_bytes(tar_of([regular(PAPERS[0], contents[0])]))
    (tmp_path / "arXiv_pdf_2301_003.tar").write_bytes(tar_of([regular(PAPERS[1], contents[1])]))
    config = replace(config, arxiv=replace(config.arxiv, metadata=str(meta)))
    dumps = sorted(tmp_path.glob("*.tar"))
    others = record("2301.00002")
    write_metadata(meta, record("2301.00001", doi=None), others)
    assert ingest(dumps, db, config=config).documents == {"added": 2, "duplicate": 1}
    write_metadata(meta, record("2301.00001", doi="10.1/late"), others)
    again = ingest(dumps, db, config=config)
    assert (again.documents, again.pages_read) == ({"updated": 1, "duplicate": 1, "unchanged": 1}, 0)
    dois = {row["source"]: json.loads(row["metadata"])["doi"] for row in rows(db)["documents"]}
    assert sorted(dois.values()) == ["10.1/late", "10.1/late", "10.1000/182"]
    assert search("page", db, mode="text", where="doi = '10.1/late'")
    assert ingest(dumps, db, config=config).documents == {"unchanged": 3}


def test_markdown_of_a_dump_goes_to_a_file_a_paper(folder, tmp_path):
    tar = folder / "arXiv_pdf_2301_001.tar"
    run = CliRunner().invoke(app, ["ocr", str(tar), "--engine", "textlayer", "-o", str(tmp_path / "out")])
    assert run.exit_code == 3  # the link
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "2301.00001.md",
        "2301.00002.md",
        "astro-ph0001001.md",
    }
    one_file = CliRunner().invoke(app, ["ocr", str(tar), "--engine", "textlayer", "-o", str(tmp_path / "one.md")])
    assert one_file.exit_code == 2
    assert "give a folder" in one_file.output


def test_the_command_line_filters_counts_and_retries(folder, tmp_path):
    common = ["--db", str(tmp_path / "kb"), "--set", f"arxiv.cache={folder / 'cache'}", "--set", "load.workers=1"]
    filters = ["--set", f"arxiv.metadata={folder / 'meta.json'}", "--set", "arxiv.categories=hep-ph,math"]
    run = CliRunner().invoke(app, ["ingest", str(folder), "--engine", "textlayer", *common, *filters, "--json"])
    assert run.exit_code == 3
    assert json.loads(run.stdout)["documents"] == {"added": 1, "failed": 1}
    assert re.search(r"\[2\] \S+00002\.pdf: added", run.stderr.replace("\n", " "))
    retried = CliRunner().invoke(app, ["retry", *common, "--json"])
    assert json.loads(retried.stdout)["documents"] == {"failed": 1}
    wrong = CliRunner().invoke(app, ["ingest", str(folder), *common, "--set", "arxiv.metadata=gone.json"])
    assert wrong.exit_code == 2
    assert "arxiv.metadata" in wrong.stderr


def test_the_reader_takes_a_dump(folder, config):
    items = list(ocr([folder / "arXiv_pdf_2301_001.tar"], config=config))
    assert [isinstance(item, Failure) for item in items] == [True, False, False, False]
