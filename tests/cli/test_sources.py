"""One file under several names, moved, swapped, replaced: what a source says now is what is found."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from rag_ingest.load.pdf import PdfLoader
from rag_ingest.types import Failure, Page, Source
from tests.cli.conftest import Run, json_lines, rows

ENGINE = ("--engine", "textlayer")


@pytest.fixture
def folder(corpus: Path, tmp_path: Path) -> Path:
    """Two papers, `a.pdf` and `b.pdf`."""
    (tmp_path / "in").mkdir()
    shutil.copy(corpus / "tide-gauges.pdf", tmp_path / "in" / "a.pdf")
    shutil.copy(corpus / "bus-holding.pdf", tmp_path / "in" / "b.pdf")
    return tmp_path / "in"


@pytest.fixture
def ingest(run: Run, folder: Path, tmp_path: Path):  # type: ignore[no-untyped-def]
    return lambda *more: json_lines(run("ingest", folder, "--db", tmp_path / "db", *ENGINE, *more, "--json"))[0][
        "documents"
    ]


def found(db: Path) -> dict[str, str]:
    """Content -> the one source that its chunks name."""
    pairs = {(row["doc_id"], Path(row["source"]).name) for row in rows(db, "chunks", ["vector"])}
    assert len({doc for doc, _ in pairs}) == len(pairs)
    return dict(pairs)


def test_a_copy_is_a_duplicate_now_and_later(ingest, folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    shutil.copy(folder / "a.pdf", folder / "c.pdf")
    assert ingest() == {"added": 2, "duplicate": 1}
    assert ingest() == {"unchanged": 3}
    assert ingest("--set", "split.max_tokens=100") == {"updated": 2, "duplicate": 1}
    assert len(found(tmp_path / "db")) == 2


def test_a_renamed_file_whose_name_is_taken_stays(ingest, folder: Path, corpus: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ingest()
    before = found(tmp_path / "db")
    (folder / "a.pdf").rename(folder / "a_old.pdf")
    shutil.copy(corpus / "starter-kinetics.pdf", folder / "a.pdf")
    ingest()
    after = found(tmp_path / "db")
    assert set(before) < set(after)
    assert len(after) == 3
    assert sorted(after.values()) == ["a.pdf", "a_old.pdf", "b.pdf"]
    assert set(ingest()) == {"unchanged"}


def test_two_files_that_swap_names_swap(ingest, folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ingest()
    before = found(tmp_path / "db")
    (folder / "a.pdf").rename(folder / "x")
    (folder / "b.pdf").rename(folder / "a.pdf")
    (folder / "x").rename(folder / "b.pdf")
    ingest()
    ingest()
    after = found(tmp_path / "db")
    assert {doc: {"a.pdf": "b.pdf", "b.pdf": "a.pdf"}[name] for doc, name in before.items()} == after


def test_a_file_that_becomes_another_leaves_nothing_behind(ingest, folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ingest()
    shutil.copy(folder / "b.pdf", folder / "a.pdf")
    assert ingest() == {"duplicate": 1, "unchanged": 1}
    assert list(found(tmp_path / "db").values()) == ["b.pdf"]


def test_a_moved_folder_is_found_at_its_new_place(run: Run, ingest, folder: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ingest()
    folder.rename(tmp_path / "moved")
    run("ingest", tmp_path / "moved", "--db", tmp_path / "db", *ENGINE)
    assert {Path(row["source"]).parent.name for row in rows(tmp_path / "db", "chunks", ["vector"])} == {"moved"}


def test_a_copy_of_what_fails_fails_with_it(run: Run, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    result = run("ingest", tmp_path / "a.png", tmp_path / "b.png", "--db", tmp_path / "db", *ENGINE, "--json", expect=3)
    assert json_lines(result)[0]["documents"] == {"failed": 2}


def test_retry_takes_the_engine_and_embedder_of_before(run: Run, folder: Path, tmp_path: Path) -> None:
    from tests.cli.other_embedder import save_other_embedder

    model = save_other_embedder(tmp_path / "other")
    (folder / "c.pdf").write_bytes(b"%PDF-1.4 cut")
    run("ingest", folder, "--db", tmp_path / "db", *ENGINE, "--set", f"embed.model={model}", expect=3)
    run("retry", "--db", tmp_path / "db", expect=3)
    assert json_lines(run("search", "bus", "--db", tmp_path / "db", "--set", "embed.batch_size=8", "--json"))


def test_a_file_replaced_while_it_is_read_mixes_nothing(folder: Path) -> None:
    with PdfLoader() as loader:
        document = loader.open(Source(str(folder / "a.pdf"), "pdf"))
        pages = loader.pages(document, (1, 2, 3), image=False)
        assert isinstance(next(pages), Page)
        shutil.copy(folder / "b.pdf", folder / "a.pdf")
        rest = list(pages)
        assert [type(page) for page in rest] == [Failure, Failure]
        assert all("changed" in page.reason for page in rest if isinstance(page, Failure))
        again = loader.open(Source(str(folder / "a.pdf"), "pdf"))
        assert all(isinstance(page, Page) for page in loader.pages(again, (1, 2, 3), image=False))


def test_a_name_that_is_no_utf8_is_read(run: Run, folder: Path, tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.pdf")
    try:
        shutil.copy(folder / "a.pdf", odd)
    except (OSError, UnicodeError):
        pytest.skip("this file system takes UTF-8 names only")
    (folder / "a.pdf").unlink()
    report = json_lines(run("ingest", folder, "--db", tmp_path / "db", *ENGINE, "--json"))[0]
    assert report["documents"] == {"added": 2}


def test_an_output_that_cannot_be_is_said_before_the_first_page(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run("ocr", folder, "-o", tmp_path / "file" / "out", *ENGINE, expect=2)
    assert "file" in result.stderr
