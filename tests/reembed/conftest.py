"""A knowledge base by the old embedder, what a clean ingest by the new one gives, and a kill at any commit."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rag_ingest.store import chunks, documents, next_tables, tables
from tests.reembed.takeover import Rows, deadly, ingest, new, old, rows


@pytest.fixture(scope="session")
def papers(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two papers, one of them twice, and a file that is none."""
    folder = tmp_path_factory.mktemp("papers")
    names = sorted(corpus.glob("*.pdf"))[:2]
    for name in names:
        shutil.copy(name, folder)
    shutil.copy(names[0], folder / "zz-copy.pdf")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    return folder


@pytest.fixture(scope="session")
def ingested(papers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("db") / "old"
    ingest(old(), papers, db)
    return db


@pytest.fixture(scope="session")
def clean(papers: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    db = tmp_path_factory.mktemp("db") / "new"
    ingest(new(), papers, db)
    return rows(db)


@pytest.fixture
def db(ingested: Path, tmp_path: Path) -> Path:
    return shutil.copytree(ingested, tmp_path / "db")


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], pytest.MonkeyPatch]:
    """Lets so many commits pass, then none."""

    def arm(commits: int) -> pytest.MonkeyPatch:
        left = [commits]
        monkeypatch.setattr("rag_ingest.runners.commit_group.SECONDS", 0.0)  # each document in a commit of its own
        for module in (chunks, documents):
            monkeypatch.setattr(module, "upsert", deadly(module.upsert, left))

        def connected(*args: Any, **kwargs: Any) -> Any:
            opened = tables.connect(*args, **kwargs)
            for name in ("create_table", "drop_table"):
                setattr(opened, name, deadly(getattr(opened, name), left))
            return opened

        monkeypatch.setattr(next_tables, "connect", connected)
        return monkeypatch

    return arm
