"""A full disk, a folder that may not be written, damaged files: one line that says what to do, and doing it helps."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import lancedb
import numpy as np
import pytest
from typer.testing import CliRunner

from rag_ingest.cli import app
from rag_ingest.errors import StoreError
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.trouble import damaged_files, explain
from tests.store.all_rows import rows

WRITER = Path(__file__).parent / "limited_writer.py"
fill = runpy.run_path(str(WRITER))["fill"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("made") / "kb"
    fill(str(db))
    return db


@pytest.fixture
def db(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "kb")


def limited(db: Path, *limit: str) -> str:
    done = subprocess.run([sys.executable, str(WRITER), str(db), *limit], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "\n" not in done.stdout
    return done.stdout


@pytest.mark.parametrize("size", [200, 20_000])
def test_on_a_full_disk_nothing_is_half_written_and_the_same_again_completes(db: Path, size: int) -> None:
    before = rows(db)["chunks"]
    told = limited(db, "full", str(size))
    assert "the disk is full" in told
    assert "run the same again" in told
    assert rows(db)["chunks"] == before
    with KnowledgeBase.open(db) as kb:
        assert len(kb.search("word", None, mode="text")) == 10
    fill(str(db), "b")
    clean = db.parent / "clean"
    fill(str(clean))
    fill(str(clean), "b")
    assert rows(db) == rows(clean)


@pytest.fixture
def anybodys(made: Path) -> Iterator[Path]:
    """A copy in a place that every user may read and none but its owner write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield shutil.copytree(made, Path(folder) / "kb")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can become another user")
def test_who_may_not_write_is_told_so_and_may_read(anybodys: Path) -> None:
    before = rows(anybodys)
    told = limited(anybodys, "nobody")
    assert "may not write" in told
    assert str(anybodys) in told
    assert rows(anybodys) == before


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def overwrite(file: Path) -> None:
    file.write_bytes(b"\x07" * file.stat().st_size)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def use(db: Path) -> None:
    with KnowledgeBase.open(db) as kb:
        kb.search("word", np.ones(16, np.float32))
        kb.search("word", None, mode="text")
        kb.status()
        kb.done_pages("a", "f")


FROM_PAGES = r"in .* and ingest again, which reads no page a second time"


@pytest.mark.parametrize("harm", [cut, overwrite, Path.unlink])
@pytest.mark.parametrize(
    ("where", "way"),
    [
        ("chunks.lance/data", rf"delete chunks\.lance {FROM_PAGES}"),
        ("documents.lance/data", rf"delete chunks\.lance and documents\.lance {FROM_PAGES}"),
        ("chunks.lance/_indices", r"rag-ingest optimize --reindex --db"),
        ("pages.lance/data", r"restore pages\.lance .* from a backup, or delete it and ingest again"),
    ],
)
def test_damage_is_named_with_the_way_out(db: Path, where: str, way: str, harm: Callable[[Path], object]) -> None:
    for file in (db / where).rglob("*.lance"):
        harm(file)
    with pytest.raises(StoreError, match=way) as caught:
        use(db)
    told = str(caught.value)
    assert where in told
    assert ("is missing" if harm is Path.unlink else "is damaged") in told
    assert "\n" not in told
    assert ".rs:" not in told


def zero(file: Path) -> None:
    file.write_bytes(bytes(64))


@pytest.mark.parametrize("harm", [overwrite, empty, zero])
@pytest.mark.parametrize("name", ["chunks", "documents", "pages"])
def test_a_damaged_manifest_is_named(db: Path, name: str, harm: Callable[[Path], object]) -> None:
    for file in (db / f"{name}.lance" / "_versions").glob("*.manifest"):
        harm(file)
    with pytest.raises(StoreError, match=rf"{name}\.lance.*manifest is damaged; .*{name}\.lance"):
        use(db)


def test_the_command_says_one_line_and_exits_with_1(db: Path) -> None:
    for file in (db / "chunks.lance" / "data").iterdir():
        cut(file)
    result = CliRunner().invoke(app, ["search", "word", "--mode", "text", "--db", str(db)])
    assert result.exit_code == 1
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert "is damaged" in line


def test_a_column_that_an_earlier_version_did_not_have_is_added_by_ingesting(db: Path) -> None:
    expected = rows(db)
    lancedb.connect(db).open_table("documents").drop_columns(["work"])
    with KnowledgeBase.open(db) as kb:
        assert len(kb.search("word", None, mode="text")) == 10
        with pytest.raises(StoreError, match=r"lacks the column 'work'.*ingest into .* again, which adds it"):
            kb.status()
    fill(str(db))
    assert rows(db)["chunks"] == expected["chunks"]
    with KnowledgeBase.open(db) as kb:
        assert kb.status().documents == 1


@pytest.mark.parametrize(
    ("doing", "table"),
    [
        ("s3://b/runs/kb: documents can't be read", "documents"),
        ("s3://b/chunks: runs can't be read", "runs"),
        ("s3://b/kb can't be searched", "chunks"),
        ("s3://b/kb can't be opened, table 'pages'", "pages"),
        ("s3://b/kb can't be written, table 'leases'", "leases"),
    ],
)
def test_where_files_are_not_known_the_table_is(doing: str, table: str) -> None:
    told = explain(doing, OSError("LanceError(IO): failed to fill whole buffer"))
    assert f"a file of {table}.lance is damaged; " in told
    assert f"{table}.lance" in told.split("; ", 1)[1]


def test_a_whole_database_has_no_damaged_files(db: Path) -> None:
    assert damaged_files(str(db)) == []


def test_what_is_not_known_is_told_as_it_came_without_places_in_foreign_code() -> None:
    error = RuntimeError("lance error: odd thing, /root/.cargo/registry/src/lance-1/src/x.rs:16:5\nmore")
    assert explain("kb can't be read", error) == "kb can't be read: lance error: odd thing"
    assert explain("kb can't be read", KeyError()) == "kb can't be read: KeyError"
