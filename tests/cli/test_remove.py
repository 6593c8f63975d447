"""Documents leave: by name, because their file is gone, or because a later version is there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rag_ingest import Config
from rag_ingest.pipeline import Pipeline
from rag_ingest.runners.local import run as run_local
from rag_ingest.store import lease, upkeep
from tests.cli.conftest import Run, json_lines, rows
from tests.load.dumps import regular, tar_of

ENGINE = ("--engine", "textlayer")


@pytest.fixture
def folder(tmp_path: Path, corpus: Path) -> Path:
    """Two papers, and one of them again under another name."""
    folder = tmp_path / "papers"
    folder.mkdir()
    for name, paper in (("a", "bus-holding"), ("b", "tide-gauges"), ("b again", "tide-gauges")):
        shutil.copy(corpus / f"{paper}.pdf", folder / f"{name}.pdf")
    return folder


def everything(db: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        "documents": rows(db, "documents", ["ingested_at"]),
        "pages": rows(db, "pages", ["updated_at", "seconds"]),
        "chunks": rows(db, "chunks"),
    }


def test_a_removed_document_leaves_nothing_and_comes_back_the_same(run: Run, folder: Path, tmp_path: Path) -> None:
    db = tmp_path / "db"
    run("ingest", folder, "--db", db, *ENGINE)
    before = everything(db)
    a = next(row for row in before["documents"] if row["source"].endswith("a.pdf"))
    assert json_lines(run("remove", a["doc_id"][:10], "--db", db, "--dry-run", "--json"))[0]["source"] == a["source"]
    assert everything(db) == before
    run("remove", folder / "a.pdf", "--db", db)
    for table, left in everything(db).items():
        assert left == [row for row in before[table] if row["doc_id"] != a["doc_id"]]
    report = json_lines(run("ingest", folder, "--db", db, *ENGINE, "--json"))[0]
    assert (report["documents"], report["pages"]["read"]) == ({"added": 1, "unchanged": 2}, 3)
    assert everything(db) == before


def test_what_was_read_can_be_kept(run: Run, folder: Path, tmp_path: Path) -> None:
    db = tmp_path / "db"
    run("ingest", folder / "a.pdf", "--db", db, *ENGINE)
    before = everything(db)
    run("remove", folder, "--db", db, "--keep-pages")
    assert everything(db) == {"documents": [], "pages": before["pages"], "chunks": []}
    report = json_lines(run("ingest", folder / "a.pdf", "--db", db, *ENGINE, "--json"))[0]
    assert report["pages"] == {"read": 0, "cached": 3, "failed": 0, "cut": 0, "empty": 0, "placed": 0}


def test_a_removal_gives_back_what_the_documents_took(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "GRACE_S", 0.2)
    monkeypatch.setattr(upkeep, "WORTH_WAITING_BYTES", 0)  # as in a large database
    db = tmp_path / "db"
    run("ingest", folder / "a.pdf", folder / "b.pdf", "--db", db, *ENGINE)
    data = [db / f"{table}.lance" / "data" for table in ("chunks", "pages")]
    before = [upkeep.folder_bytes(str(at)) for at in data]
    run("remove", folder / "a.pdf", "--db", db)
    assert all(upkeep.folder_bytes(str(at)) < 0.7 * one for at, one in zip(data, before, strict=True))


def test_who_has_to_wait_is_told_for_whom(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "GRACE_S", 0.2)
    db = tmp_path / "db"
    run("ingest", folder / "a.pdf", "--db", db, *ENGINE)
    holder = lease._holder
    for command in (["reembed"], ["optimize"], ["remove", folder / "a.pdf"]):
        with another_writer(db) as writer:
            monkeypatch.setattr(lease, "_holder", ended_when_asked_for(writer, holder))
            result = run(*command, "--db", db)
        assert f"is being written by process {writer.pid} on" in " ".join(result.stderr.split()), command


@contextmanager
def another_writer(db: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lease until it is killed."""
    code = "import sys, time\nfrom rag_ingest.store.lease import lease\nwith lease(sys.argv[1]):\n"
    code += "    print('held', flush=True)\n    time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(db)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def ended_when_asked_for(writer: subprocess.Popen[str], holder: Callable[[Path], str]) -> Callable[[Path], str]:
    def found(folder: Path) -> str:
        who = holder(folder)
        writer.kill()
        return who

    return found


def test_a_name_that_stands_for_nothing_removes_nothing(run: Run, folder: Path, tmp_path: Path) -> None:
    db = tmp_path / "db"
    run("ingest", folder / "a.pdf", "--db", db, *ENGINE)
    before = everything(db)
    failed = run("remove", folder / "a.pdf", "aa.pdf", "--db", db, expect=2)
    assert "no document 'aa.pdf'" in failed.stderr
    assert "did you mean" in failed.stderr
    assert everything(db) == before


def test_what_another_source_has_stays_under_its_name(run: Run, folder: Path, tmp_path: Path) -> None:
    db = tmp_path / "db"
    run("ingest", folder, "--db", db, *ENGINE)
    before = everything(db)
    owner = next(row["source"] for row in before["chunks"] if "b" in Path(row["source"]).stem)
    other = next(r["source"] for r in before["documents"] if r["source"] != owner and "b" in Path(r["source"]).stem)
    run("remove", owner, "--db", db)
    after = everything(db)
    assert len(after["pages"]) == len(before["pages"])
    assert len(after["chunks"]) == len(before["chunks"])
    assert {row["source"] for row in after["chunks"]} == {str(folder / "a.pdf"), other}


def test_sync_removes_what_vanished_from_the_folder_and_nothing_else(run: Run, folder: Path, tmp_path: Path) -> None:
    db, elsewhere = tmp_path / "db", tmp_path / "elsewhere.pdf"
    shutil.copy(folder / "b.pdf", elsewhere)
    (folder / "b again.pdf").unlink()
    run("ingest", folder, elsewhere, "--db", db, *ENGINE)
    elsewhere.unlink()
    (folder / "a.pdf").unlink()
    without = json_lines(run("ingest", folder, "--db", db, *ENGINE, "--json"))[0]
    assert without["documents"] == {"unchanged": 1}
    synced = json_lines(run("ingest", folder, "--db", db, *ENGINE, "--sync", "--json"))[0]
    assert synced["documents"] == {"removed": 1, "unchanged": 1}
    assert {row["source"] for row in rows(db, "documents")} == {str(folder / "b.pdf"), str(elsewhere)}
    assert "needs a folder" in run("ingest", folder / "b.pdf", "--db", db, *ENGINE, "--sync", expect=2).stderr


def test_sync_of_a_folder_that_is_gone_removes_nothing(run: Run, folder: Path, tmp_path: Path) -> None:
    """A disk that isn't mounted is no reason to forget what was on it."""
    db = tmp_path / "db"
    run("ingest", folder, "--db", db, *ENGINE)
    before = everything(db)
    folder.rename(tmp_path / "away")
    with Pipeline(Config(engine="textlayer")) as pipeline:
        run_local(pipeline, [], str(db), lambda event: None, sync=[folder])
    assert everything(db) == before


def test_a_later_version_takes_the_place_of_an_earlier_one(run: Run, corpus: Path, tmp_path: Path) -> None:
    db, first, second = tmp_path / "db", tmp_path / "arXiv_pdf_2301_001.tar", tmp_path / "arXiv_pdf_2301_002.tar"
    papers = [(corpus / f"{name}.pdf").read_bytes() for name in ("bus-holding", "tide-gauges")]
    first.write_bytes(tar_of([regular("2301/2301.00001v1.pdf", papers[0])]))
    second.write_bytes(tar_of([regular("2301/2301.00001v2.pdf", papers[1])]))
    run("ingest", first, "--db", db, *ENGINE)
    assert {row["version"] for row in rows(db, "chunks")} == {1}
    run("ingest", second, "--db", db, *ENGINE)
    assert {(row["arxiv_id"], row["version"]) for row in rows(db, "chunks")} == {("2301.00001", 2)}
    states = {row["version"]: (row["state"], row["chunk_count"] > 0) for row in rows(db, "documents")}
    assert states == {1: ("superseded", False), 2: ("done", True)}
    before = everything(db)
    again = json_lines(run("ingest", first, second, "--db", db, *ENGINE, "--json"))[0]
    assert (again["documents"], again["pages"]["read"]) == ({"unchanged": 2}, 0)
    assert everything(db) == before
    status = json_lines(run("status", "--db", db, "--json"))[0]
    assert (status["documents"], status["superseded"], status["stale"]) == (1, 1, [])
    run("remove", "2301.00001v2", "--db", db)
    back = json_lines(run("ingest", first, "--db", db, *ENGINE, "--json"))[0]
    assert back["documents"] == {"added": 1}  # its pages were read before
    assert {row["version"] for row in rows(db, "chunks")} == {1}


def test_an_earlier_version_that_comes_later_is_only_recorded(run: Run, corpus: Path, tmp_path: Path) -> None:
    db, old, new = tmp_path / "db", tmp_path / "arXiv_pdf_2301_001.tar", tmp_path / "arXiv_pdf_2301_002.tar"
    old.write_bytes(tar_of([regular("2301/2301.00001v1.pdf", (corpus / "bus-holding.pdf").read_bytes())]))
    new.write_bytes(tar_of([regular("2301/2301.00001v2.pdf", (corpus / "tide-gauges.pdf").read_bytes())]))
    run("ingest", new, "--db", db, *ENGINE)
    late = json_lines(run("ingest", old, "--db", db, *ENGINE, "--json"))[0]
    assert (late["documents"], late["pages"]["read"]) == ({"superseded": 1}, 0)
    assert {row["version"] for row in rows(db, "chunks")} == {2}
    assert {row["state"] for row in rows(db, "documents")} == {"done", "superseded"}


def test_status_says_what_is_stale_and_why(run: Run, folder: Path, tmp_path: Path) -> None:
    db = tmp_path / "db"
    run("ingest", folder / "a.pdf", folder / "b.pdf", "--db", db, *ENGINE)

    def stale(*options: str) -> dict[str, str]:
        found = json_lines(run("status", "--db", db, *options, "--json"))[0]["stale"]
        return {Path(one["source"]).stem: one["why"] for one in found}

    assert stale() == stale(*ENGINE) == {}
    other = stale(*ENGINE, "--set", "split.max_tokens=96")
    assert set(other) == {"a", "b"}
    assert all("split by other options" in why for why in other.values())
    assert set(stale("--engine", "layout")) == {"a", "b"}
    assert "read by textlayer" in stale("--engine", "layout")["a"]
    run("ingest", folder / "b.pdf", "--db", db, *ENGINE, "--set", "split.max_tokens=96")
    assert set(stale()) == {"a"}
    assert "1 documents: split by other options" in run("status", "--db", db).stdout


@pytest.mark.slow
def test_two_processes_at_once_take_turns_and_neither_loses_nor_doubles(folder: Path, run: Run, tmp_path: Path) -> None:
    db, clean = tmp_path / "db", tmp_path / "clean"
    command = [sys.executable, "-m", "rag_ingest.cli", "ingest", "--db", str(db), *ENGINE]
    sets = [[folder / "a.pdf", folder / "b.pdf"], [folder / "b.pdf", folder / "b again.pdf"]]
    both = [
        subprocess.Popen([*command, *map(str, paths)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for paths in sets
    ]
    said = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert any("is being written by process" in text and "waiting" in text for text in said)
    for paths in sets:
        run("ingest", *paths, "--db", clean, *ENGINE)

    def sourceless(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Which of two sources with one content stands for it depends on who was first; vectors, on their company."""
        of_source = ("source", "metadata", "metadata_lines", "vector")
        return [{k: v for k, v in row.items() if k not in of_source} for row in found]

    ours, theirs = everything(db), everything(clean)
    for table in ours:
        assert sorted(sourceless(ours[table]), key=str) == sorted(sourceless(theirs[table]), key=str)
