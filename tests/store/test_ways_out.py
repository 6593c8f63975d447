"""What is told of a damaged file names tables to delete: deleting just these, and doing as told, mends the database."""

from __future__ import annotations

import re
import runpy
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pytest

from rag_ingest.errors import StoreError
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.lease import lease
from rag_ingest.store.next_tables import NextTables
from rag_ingest.store.run_configs import RunConfig, RunConfigs
from rag_ingest.store.schema import Identity

fill = runpy.run_path(str(Path(__file__).parent / "limited_writer.py"))["fill"]
RUN, NEXT = RunConfig("f", "s", {"engine": "e"}), Identity("other", 16)


def remember(db: Path) -> None:
    RunConfigs(str(db)).put(RUN)
    assert RunConfigs(str(db)).all() == [RUN]


def prepare_next(db: Path) -> None:
    """As `reembed` begins, and goes on where it was killed."""
    with KnowledgeBase.open(db) as kb:
        tables = NextTables(str(db), NEXT)
        tables.settle(kb.identity)
        with tables.open() as made:
            records = [replace(record, chunk_count=0) for record in kb.documents()]
            for record in records:
                made.replace_document(record, [], np.zeros((0, 16), np.float32))
            assert [record.source for record in made.documents()] == [record.source for record in records]
            made.chunks.count_rows()


def ingest(db: Path) -> None:
    fill(str(db))
    with KnowledgeBase.open(db) as kb:
        assert len(kb.search("word", None, mode="text")) == 10
        assert (kb.status().documents, kb.status().chunks) == (1, 300)


def hold(db: Path) -> None:
    """As a database under a URL is held, whose lease is a table."""
    with lease(f"file://{db}"):
        pass


USES: dict[str, Callable[[Path], None]] = {
    "chunks": ingest,
    "documents": ingest,
    "pages": ingest,
    "runs": remember,
    "leases": hold,
    "chunks_next": prepare_next,
    "documents_next": prepare_next,
}


def rows(db: Path, name: str) -> list[dict[str, Any]]:
    found = lancedb.connect(db).open_table(name).to_arrow().drop_columns(["ingested_at"] if name == "documents" else [])
    return sorted(found.to_pylist(), key=str)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("made") / "kb"
    fill(str(db))
    remember(db)
    prepare_next(db)
    hold(db)
    return db


@pytest.mark.parametrize(
    ("name", "part"),
    [(name, part) for name in USES for part in ("data", "_versions") if (name, part) != ("chunks_next", "data")],
)
def test_the_way_out_leads_out(made: Path, tmp_path: Path, name: str, part: str) -> None:
    db = shutil.copytree(made, tmp_path / "kb")
    kept = rows(db, "pages"), rows(db, "chunks"), rows(db, "documents")
    for file in (db / f"{name}.lance" / part).iterdir():
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(StoreError, match=rf"{name}\.lance/{part}/.* is damaged; ") as caught:
        USES[name](db)
    way = str(caught.value).split(" is damaged; ")[1]
    for table in re.findall(r"\w+\.lance", way):
        shutil.rmtree(db / table)
    USES[name](db)
    ingest(db)
    assert (rows(db, "chunks"), rows(db, "documents")) == kept[1:]
    assert len(rows(db, "pages")) == len(kept[0])
