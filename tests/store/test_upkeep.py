"""Upkeep: what was superseded goes, and nobody who reads is stranded."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import lancedb
import numpy as np
import pytest
from typer.testing import CliRunner

from rag_ingest.cli import app
from rag_ingest.store import indexes, tables, upkeep
from rag_ingest.store.knowledge_base import DocumentRecord, KnowledgeBase
from rag_ingest.store.trouble import never_stranded
from rag_ingest.store.upkeep import clean, folder_bytes
from rag_ingest.types import Chunk, PageMarkdown, Span

DIMENSION = 16
READER = Path(__file__).parent / "reader_loop.py"


def open_new(folder: Path, dimension: int = DIMENSION) -> KnowledgeBase:
    return KnowledgeBase.open(folder, embedder_name="toy", dimension=dimension, create=True)


def fill(kb: KnowledgeBase, tag: str, rows: int = 200, doc_id: str = "a") -> None:
    """One document, all of its chunks new."""
    rng = np.random.default_rng(len(tag))
    chunks = [Chunk(f"{doc_id}-{tag}-{n:04}", doc_id, f"word {tag} {n}", "", Span(n, n), (), (1,), (), 1)
              for n in range(rows)]  # fmt: skip
    vectors = rng.standard_normal((rows, kb.identity.dimension)).astype(np.float32)
    kb.write_pages([PageMarkdown(doc_id, 1, "# x", "e", "f")], source=f"/{doc_id}.pdf", fingerprint="f", engine="e")
    kb.replace_document(DocumentRecord(f"/{doc_id}.pdf", doc_id, chunk_count=rows), chunks, vectors)


def test_a_version_is_kept_for_the_grace_however_old_it_is(tmp_path: Path) -> None:
    with open_new(tmp_path / "kb") as kb:
        fill(kb, "first")
        opened = lancedb.connect(tmp_path / "kb").open_table("chunks")  # follows nothing
        time.sleep(0.6)
        fill(kb, "second")
        clean(kb.chunks, grace_s=0.5)
        assert opened.search().limit(None).to_arrow().num_rows == 200
        time.sleep(1.2)
        clean(kb.chunks, grace_s=0.5)
        with pytest.raises(RuntimeError, match="Not found"):
            opened.search().limit(None).to_arrow()
        assert len(kb.search("second", None, mode="text")) == 10


def test_a_reader_whose_files_are_gone_reads_the_newest_version(tmp_path: Path) -> None:
    tried: list[int] = []
    with open_new(tmp_path / "kb") as kb:
        fill(kb, "first")
        opened = lancedb.connect(tmp_path / "kb").open_table("chunks")
        fill(kb, "second")
        kb.optimize()
        time.sleep(0.6)
        clean(kb.chunks, grace_s=0)

        @never_stranded
        def read() -> list[str]:
            tried.append(len(tried))
            table = kb.chunks if len(tried) > 1 else opened
            return [str(row["id"]) for row in table.search().limit(3).to_arrow().to_pylist()]

        assert all("second" in name for name in read())
        assert tried == [0, 1]


def test_other_errors_are_not_tried_again() -> None:
    tried: list[int] = []

    @never_stranded
    def read() -> None:
        tried.append(1)
        raise ValueError("Not found: a column")

    with pytest.raises(ValueError, match="a column"):
        read()
    assert len(tried) == 1


def test_readers_go_on_while_a_writer_replaces_and_cleans_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "GRACE_S", 0.0)
    stop = tmp_path / "stop"
    with open_new(tmp_path / "kb") as kb:
        fill(kb, "first")
        command = [sys.executable, str(READER), str(tmp_path / "kb"), str(stop)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "reading\n"
            until = time.monotonic() + 3
            written = 0
            while time.monotonic() < until:
                fill(kb, f"tag{written}")
                kb.optimize(thorough=True)
                for table in kb._tables.values():
                    clean(table, grace_s=0)
                written += 1
            stop.touch()
            seen = json.loads(reader.stdout.readline())
    assert written > 3
    assert seen["rounds"] > 3
    assert seen["mixed"] == 0
    assert seen["errors"] == []


def test_a_re_ingest_leaves_no_more_than_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every chunk changes each time."""
    monkeypatch.setattr(upkeep, "GRACE_S", 0.1)
    with open_new(tmp_path / "kb") as kb:
        sizes = []
        for n in range(6):
            fill(kb, f"tag{n}", rows=1000)
            kb.optimize(exclusive=True, thorough=True)
            sizes.append(folder_bytes(str(tmp_path / "kb")))
    assert max(sizes[1:]) < 1.3 * sizes[0]


def test_without_being_told_to_a_run_cleans_up_what_is_worth_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "GRACE_S", 0.0)
    with open_new(tmp_path / "kb") as kb:
        sizes = []
        for n in range(4):
            fill(kb, f"tag{n}", rows=1000)
            time.sleep(0.6)  # so long a version may be kept for the clocks' sake
            kb.optimize(exclusive=True)
            sizes.append(folder_bytes(str(tmp_path / "kb" / "chunks.lance" / "data")))
    assert max(sizes) <= 2.1 * sizes[0]


def test_many_small_commits_are_compacted_though_few_rows_are_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(kb: KnowledgeBase, first: int, pages: int) -> None:
        read = [PageMarkdown("a", first + n, "# x", "e", "f") for n in range(pages)]
        kb.write_pages(read, source="/a.pdf", fingerprint="f", engine="e")

    for module, name, value in ((tables, "MOST_COMMITS", 8), (upkeep, "MANY_SMALL_FILES", 4), (upkeep, "GRACE_S", 0.0)):
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(indexes, "SCALAR_INDEX_ROWS", 1)
    with open_new(tmp_path / "kb") as kb:
        write(kb, 1, 1000)
        kb.optimize(thorough=True)
        pages = kb._tables["pages"]
        assert pages.list_indices()
        for n in range(24):
            write(kb, 1001 + n, 1)
        assert pages.stats()["fragment_stats"]["num_fragments"] <= 8
        time.sleep(0.6)  # so long a version may be kept for the clocks' sake
        before = pages.version
        for n in range(8):
            write(kb, 1101 + n, 1)
        assert min(version["version"] for version in pages.list_versions()) >= before
        assert pages.count_rows() == 1032


def test_what_a_killed_process_left_goes_only_under_the_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "GRACE_S", 0.1)
    with open_new(tmp_path / "kb") as kb:
        fill(kb, "first")
        left = tmp_path / "kb" / "chunks.lance" / "data" / ("0" * 24 + "a" * 26 + ".lance")
        left.write_bytes(b"x" * 1000)
        kb.optimize(thorough=True)
        assert left.exists()
        kb.optimize(exclusive=True, thorough=True)
        assert not left.exists()
        assert len(kb.search("word", None, mode="text")) == 10


def test_indexes_come_with_rows_and_one_on_a_key_doubles_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kinds(kb: KnowledgeBase, name: str) -> dict[str, str]:
        return {index.columns[0]: index.index_type for index in kb._tables[name].list_indices()}

    with open_new(tmp_path / "kb", dimension=12) as kb:
        fill(kb, "first", rows=300)
        kb.optimize(thorough=True)
        assert set(kinds(kb, "chunks")) == {"search_text", "wider_text"}
        monkeypatch.setattr(indexes, "SCALAR_INDEX_ROWS", 1)
        monkeypatch.setattr(indexes, "VECTOR_INDEX_ROWS", 300)
        kb.optimize(thorough=True)
        made = kinds(kb, "chunks")
        assert (made["vector"], made["verdict"], made["year"]) == ("IvfFlat", "Bitmap", "BTree")  # 12 is no 8, 16, …
        found = kb.search("", np.ones(12, np.float32), mode="vector", k=5, where="doc_id = 'a'")
        assert len(found) == 5
        assert (kinds(kb, "documents")["source"], made["id"]) == ("BTree", "BTree")
        for _ in range(2):
            fill(kb, "second", rows=300)
        for name, key in (("chunks", "id"), ("documents", "source")):
            keys = kb._tables[name].to_arrow()[key].to_pylist()
            assert len(keys) == len(set(keys))
        kb.optimize(thorough=True)
        assert {index.num_unindexed_rows for index in kb.chunks.list_indices()} == {0}


@pytest.mark.parametrize("harm", [Path.unlink, lambda file: file.write_bytes(b"garbage")])
def test_a_damaged_index_is_made_anew(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    with open_new(tmp_path / "kb") as kb:
        fill(kb, "first")
        kb.optimize(thorough=True)
    for file in (tmp_path / "kb" / "chunks.lance" / "_indices").rglob("*invert.lance"):
        harm(file)
    with KnowledgeBase.open(tmp_path / "kb") as kb:
        with pytest.raises(Exception, match=r"optimize --reindex --db"):
            kb.search("word", None, mode="text")
        kb.optimize(reindex=True)
        assert len(kb.search("word", None, mode="text")) == 10


def test_the_command_says_what_it_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "GRACE_S", 0.1)
    with open_new(tmp_path / "kb") as kb:
        for n in range(3):
            fill(kb, f"tag{n}", rows=500)
    result = CliRunner().invoke(app, ["optimize", "--db", str(tmp_path / "kb"), "--json"])
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["bytes_after"] >= folder_bytes(str(tmp_path / "kb"))  # the lease's own files are gone by now
    assert told["bytes_after"] < 0.7 * told["bytes_before"]
    assert CliRunner().invoke(app, ["optimize", "--db", str(tmp_path / "none")]).exit_code == 2
    assert not (tmp_path / "none").exists()
