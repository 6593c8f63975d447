"""A process killed between two commits, then run again, leaves the rows of one clean run."""

from __future__ import annotations

import runpy
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag_ingest.llamaindex.node_table import ChunkTable
from rag_ingest.store.gone import GONE
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.search import SearchMode

WRITER = Path(__file__).parent / "killed_writer.py"


def rows(db: Path) -> dict[str, list[dict[str, Any]]]:
    volatile = {"updated_at", "ingested_at"}
    with KnowledgeBase.open(db) as kb:
        return {
            name: sorted(
                ({k: v for k, v in row.items() if k not in volatile} for row in table.to_arrow().to_pylist()), key=str
            )
            for name, table in kb._tables.items()
        }


def doc_ids_found(db: Path) -> set[str]:
    """By any search, and by the whole table as LlamaIndex reads it."""
    found: set[str] = set()
    with KnowledgeBase.open(db) as kb:
        assert GONE in kb.chunks.to_arrow()["doc_id"].to_pylist()
        modes: tuple[SearchMode, ...] = ("hybrid", "vector", "text")
        for mode in modes:
            hits = kb.search("a1 a2 b 1", np.ones(4, np.float32), mode=mode, k=100)
            found |= {hit.doc_id for hit in hits}
        nodes = ChunkTable(kb).nodes(None, with_embeddings=True)
        return found | {str(node.ref_doc_id) for node in nodes}


def versions(db: Path) -> dict[str, int]:
    with KnowledgeBase.open(db) as kb:
        return {name: table.version for name, table in kb._tables.items()}


@pytest.mark.slow
def test_killed_twice_and_run_again(tmp_path: Path) -> None:
    """Between chunks and row of a new source, and of a source that has got new content."""
    write = runpy.run_path(str(WRITER))["write"]
    clean, killed = tmp_path / "clean", tmp_path / "killed"
    write(str(clean))
    for commit, when in ((8, "before"), (5, "after")):
        command = [sys.executable, str(WRITER), str(killed), str(commit), when]
        died = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert died.returncode == -signal.SIGKILL, died.stderr
        assert rows(killed) != rows(clean)
    assert doc_ids_found(killed) == {"a2", "b"}  # killed before the chunks of a1 were deleted
    write(str(killed))
    assert rows(killed) == rows(clean)
    before = versions(killed)
    write(str(killed))
    assert versions(killed) == before  # nothing left to do, nothing written
