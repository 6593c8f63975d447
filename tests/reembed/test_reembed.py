"""Another embedder takes over a knowledge base: the rows of a clean ingest, from pages that nobody reads again."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pytest
from numpy.typing import NDArray

from rag_ingest.config import Config
from rag_ingest.errors import EmbedError, StoreMismatchError
from rag_ingest.pipeline import Pipeline
from rag_ingest.runners import local, reembed
from rag_ingest.store import chunks, documents, next_tables, tables
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.types import Engine


class WordHashes:
    """A word counts in one of `dimension` numbers; its tokens are its words."""

    def __init__(self, name: str, dimension: int, max_tokens: int) -> None:
        self.name, self.dimension, self.max_tokens = name, dimension, max_tokens
        self.texts = 0

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += len(texts)
        found = np.full((len(texts), self.dimension), 1e-3, np.float32)
        for row, text in zip(found, texts, strict=True):
            for word in text.lower().split():
                row[hashlib.sha256(word.encode()).digest()[0] % self.dimension] += 1
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)

    embed_queries = embed_documents

    def close(self) -> None:
        pass


class NoEngine:
    """Reading a page would be a mistake."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the engine was asked for {name}")


class Killed(BaseException):
    """Stands for the end of the process: nothing is committed after it."""


def old() -> Pipeline:
    return Pipeline(Config(engine="textlayer"), embedder=WordHashes("old", 16, 200))


def new(engine: Engine | None = None) -> Pipeline:
    return Pipeline(Config(engine="textlayer"), engine=engine, embedder=WordHashes("new", 24, 90))


def ingest(pipeline: Pipeline, folder: Path, db: Path) -> None:
    with pipeline:
        local.run(pipeline, [folder], str(db), lambda event: None)


def take_over(db: Path) -> reembed.ReembedReport:
    with new(NoEngine()) as pipeline:
        return reembed.run(pipeline, str(db), lambda event: None)


def rows(db: Path) -> dict[str, list[dict[str, Any]]]:
    opened = lancedb.connect(db)
    volatile = {"updated_at", "ingested_at", "seconds"}
    found = {name: opened.open_table(name).to_arrow().to_pylist() for name in ("documents", "pages", "chunks")}
    return {
        name: sorted(
            ({key: value for key, value in row.items() if key not in volatile} for row in theirs),
            key=lambda row: str(row.get("id") or row.get("source")),
        )
        for name, theirs in found.items()
    }


@pytest.fixture(scope="module")
def papers(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two papers, one of them twice, and a file that is none."""
    folder = tmp_path_factory.mktemp("papers")
    names = sorted(corpus.glob("*.pdf"))[:2]
    for name in names:
        shutil.copy(name, folder)
    shutil.copy(names[0], folder / "zz-copy.pdf")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    return folder


@pytest.fixture(scope="module")
def ingested(papers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("db") / "old"
    ingest(old(), papers, db)
    return db


@pytest.fixture(scope="module")
def clean(papers: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    db = tmp_path_factory.mktemp("db") / "new"
    ingest(new(), papers, db)
    return rows(db)


@pytest.fixture
def db(ingested: Path, tmp_path: Path) -> Path:
    return shutil.copytree(ingested, tmp_path / "db")


def test_the_rows_are_those_of_a_clean_ingest(db: Path, papers: Path, clean: dict[str, list[dict[str, Any]]]) -> None:
    report = take_over(db)
    assert (report.before, report.embedder, report.failures) == ("old", "new", [])
    assert report.chunks == len(clean["chunks"])
    assert rows(db) == clean
    with KnowledgeBase.open(db) as kb:
        assert (kb.identity.embedder, kb.identity.dimension) == ("new", 24)
        assert kb.chunks.schema.field("id").metadata[b"lance-schema:unenforced-primary-key:position"]
        assert len(kb.search("stable bread", None, mode="text")) > 0
        assert len(kb.search("the", np.ones(24, np.float32))) == 10
        assert {"search_text", "wider_text"} <= {index.columns[0] for index in kb.chunks.list_indices()}
    assert sorted(lancedb.connect(db).list_tables().tables) == ["chunks", "documents", "pages"]
    with new() as pipeline:
        again = local.run(pipeline, [papers], str(db), lambda event: None)
    assert again.documents == {"unchanged": 3, "failed": 1}


def test_who_had_it_open_before_is_told_and_not_answered_wrongly(db: Path) -> None:
    with KnowledgeBase.open(db) as before:
        dimension = before.identity.dimension
        take_over(db)
        assert before.search("bread", None, mode="text")
        with pytest.raises(StoreMismatchError, match="open it again"):
            before.search("bread", np.ones(dimension, np.float32))


def test_a_second_time_nothing_is_done(db: Path) -> None:
    take_over(db)
    before = lancedb.connect(db).open_table("chunks").version
    report = take_over(db)
    assert (report.documents, report.kept, report.before) == (0, 0, "new")
    assert lancedb.connect(db).open_table("chunks").version == before


def test_when_a_document_fails_the_old_chunks_stay(db: Path, clean: dict[str, list[dict[str, Any]]]) -> None:
    before = rows(db)
    with new(NoEngine()) as pipeline:
        embed, pipeline.embedder.embed_documents = pipeline.embedder.embed_documents, no_server  # type: ignore[method-assign]
        report = reembed.run(pipeline, str(db), lambda event: None)
        assert {failure.stage for failure in report.failures} == {"embed"}
        assert rows(db) == before
        pipeline.embedder.embed_documents = embed  # type: ignore[method-assign]
        assert not reembed.run(pipeline, str(db), lambda event: None).failures
    assert rows(db) == clean


def no_server(texts: Sequence[str]) -> NDArray[np.float32]:
    raise EmbedError("no server there")


def test_the_error_of_another_embedder_names_the_way(db: Path) -> None:
    with pytest.raises(StoreMismatchError, match=r"rag-ingest reembed --db .* --set embed\.model="):
        KnowledgeBase.open(db, embedder_name="new", dimension=24)


def deadly(call: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    def dying(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return call(*args, **kwargs)

    return dying


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


@pytest.mark.parametrize("commits", [0, 1, 3, 4, 6, 7, 9, 10, 11, 12])
def test_killed_anywhere_and_run_again(
    db: Path,
    clean: dict[str, list[dict[str, Any]]],
    kill_at: Callable[[int], pytest.MonkeyPatch],
    commits: int,
) -> None:
    patched = kill_at(commits)
    try:
        take_over(db)
    except Killed:
        with KnowledgeBase.open(db) as kb:  # one of both embedders answers, whole
            dimension = kb.identity.dimension
            found = kb.search("the", np.ones(dimension, np.float32), k=5)
            assert (kb.identity.embedder, len(found)) in (("old", 5), ("new", 5))
    patched.undo()
    take_over(db)
    assert rows(db) == clean


def test_what_came_and_went_in_between_is_seen(
    db: Path, papers: Path, clean: dict[str, list[dict[str, Any]]], kill_at: Callable[[int], pytest.MonkeyPatch]
) -> None:
    patched = kill_at(6)
    with pytest.raises(Killed):
        take_over(db)
    patched.undo()
    first = clean["documents"][1]["source"]
    with KnowledgeBase.open(db) as kb:
        kb.remove([first], keep_pages=True)
    report = take_over(db)
    assert report.documents + report.kept >= 1
    assert first not in {row["source"] for row in rows(db)["documents"]}
    assert {row["doc_id"] for row in rows(db)["chunks"]} == {
        row["doc_id"] for row in rows(db)["documents"] if row["chunk_count"]
    }
