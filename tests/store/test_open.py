"""Opening: what is missing, what is something else, and what another embedder wrote."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa
import pytest

from rag_ingest.errors import StoreError, StoreMismatchError
from rag_ingest.store import tables
from rag_ingest.store.knowledge_base import DocumentRecord, KnowledgeBase
from rag_ingest.store.schema import Identity, chunks_schema
from rag_ingest.types import Chunk, Failure, PageMarkdown, Span


def make(path: Path) -> KnowledgeBase:
    return KnowledgeBase.open(path, embedder_name="toy@1", dimension=4, create=True)


def test_nothing_there_says_how_to_make_it_and_makes_nothing(tmp_path: Path) -> None:
    missing = tmp_path / "a" / "kb"
    with pytest.raises(StoreError, match=r"no knowledge base at .*rag-ingest ingest PATH --db"):
        KnowledgeBase.open(missing)
    assert not missing.parent.exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(StoreError, match="no knowledge base at"):
        KnowledgeBase.open(str(empty))


def test_a_file_is_no_knowledge_base(tmp_path: Path) -> None:
    file = tmp_path / "kb"
    file.write_text("x")
    for create in (False, True):
        with pytest.raises(StoreError, match="is a file"):
            KnowledgeBase.open(file, embedder_name="toy@1", dimension=4, create=create)


def test_an_unknown_scheme_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere") as caught:
        KnowledgeBase.open("nowhere://bucket/kb", embedder_name="toy@1", dimension=4, create=True)
    assert "\n" not in str(caught.value)


def test_somebody_elses_table_is_left_alone(tmp_path: Path) -> None:
    db = lancedb.connect(tmp_path)
    db.create_table("chunks", pa.table({"id": ["x"], "text": ["y"]}))
    for create in (False, True):
        with pytest.raises(StoreError, match="not written by this version of rag-ingest"):
            KnowledgeBase.open(tmp_path, embedder_name="toy@1", dimension=4, create=create)
    assert db.open_table("chunks").count_rows() == 1


def test_tables_of_another_version_say_what_to_do_and_doing_it_keeps_the_pages(tmp_path: Path) -> None:
    page = PageMarkdown("d", 1, "# x", "e", "f")
    with make(tmp_path / "kb") as kb:
        kb.write_pages([page], source="/a.pdf", fingerprint="f", engine="e")
        kb.replace_document(DocumentRecord("/a.pdf", "d"), [], np.zeros((0, 4), np.float32))
    db = lancedb.connect(tmp_path / "kb")
    schema = db.open_table("chunks").schema
    old = schema.with_metadata({**schema.metadata, b"rag_ingest.schema": b"1"})
    db.create_table("chunks", schema=old, mode="overwrite")
    for create in (False, True):
        with pytest.raises(StoreError, match=r"another version.*delete chunks\.lance and documents\.lance.*--db"):
            KnowledgeBase.open(tmp_path / "kb", embedder_name="toy@1", dimension=4, create=create)
    for name in ("chunks", "documents"):
        shutil.rmtree(tmp_path / "kb" / f"{name}.lance")
    with make(tmp_path / "kb") as kb:
        assert kb.done_pages("d", "f") == {1: page}
        assert kb.document_for("/a.pdf") is None


def test_another_embedder_is_refused_and_both_are_named(tmp_path: Path) -> None:
    make(tmp_path / "kb").close()
    for name, dimension in (("other@2", 4), ("toy@1", 5)):
        for create in (False, True):
            with pytest.raises(StoreMismatchError, match=r"toy@1 \(4 dim.*--db.*embed\.model") as caught:
                KnowledgeBase.open(tmp_path / "kb", embedder_name=name, dimension=dimension, create=create)
            assert f"{name} ({dimension})" in str(caught.value)


def test_a_new_one_needs_an_embedder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="name and dimension"):
        KnowledgeBase.open(tmp_path / "kb", create=True)


def test_opening_again_commits_nothing(tmp_path: Path) -> None:
    before = {name: table.version for name, table in make(tmp_path / "kb")._tables.items()}
    assert {name: table.version for name, table in make(tmp_path / "kb")._tables.items()} == before


def test_a_half_made_one_is_completed(tmp_path: Path) -> None:
    """As a process leaves it that is killed after `create_table`, before the key is declared."""
    identity = Identity("toy@1", 4)
    db = tables.connect(str(tmp_path / "kb"), create=True)
    tables.create_table(db, "documents", identity)
    db.create_table("chunks", schema=chunks_schema(identity))
    with pytest.raises(StoreError, match="lacks the table 'pages'"):
        KnowledgeBase.open(tmp_path / "kb")
    with make(tmp_path / "kb") as kb:
        chunks = kb._tables["chunks"]
        assert b"lance-schema:unenforced-primary-key:position" in chunks.schema.field("id").metadata
        assert sorted(index.columns for index in chunks.list_indices()) == [["search_text"], ["wider_text"]]
        assert kb.search("x", None, mode="text") == []


@dataclass(frozen=True)
class Section:
    model: str = "default"
    extensions: tuple[str, ...] = ()
    batch_size: int = 3


@dataclass(frozen=True)
class Settings:
    embedder: str = "none"
    embed: Section = field(default_factory=Section)


def test_the_embedders_settings_come_back(tmp_path: Path) -> None:
    recorded = {"embedder": "toy", "embed": {"model": "ü", "extensions": ["a"], "gone": 1}, "gone": 2}
    options = {"embedder_name": "toy@1", "dimension": 4, "create": True}
    KnowledgeBase.open(tmp_path / "kb", settings=recorded, **options).close()  # type: ignore[arg-type]
    with KnowledgeBase.open(tmp_path / "kb") as kb:
        assert kb.settings == recorded
        assert kb.config(Settings()) == Settings("toy", Section("ü", ("a",), 3))
    with make(tmp_path / "kb") as kb:
        assert kb.settings == recorded  # the first writer's


def test_names_and_texts_that_are_no_utf8_are_kept_apart(tmp_path: Path) -> None:
    with make(tmp_path / "kb") as kb:
        for name in ("/\udcff.pdf", "/\udcfe.pdf"):
            kb.write_source_failure(Failure(name, None, "load", "half a character: \ud800"))
        assert [f.source for f in kb.failures()] == ["/\\udcfe.pdf", "/\\udcff.pdf"]
        chunk = Chunk("c", "d", "a\ud800b", "", Span(0, 3), ("\udfff",), (), (), 1)
        kb.replace_document(DocumentRecord("/\udcff.pdf", "d"), [chunk], np.ones((1, 4), np.float32))
        assert kb.search("a", np.ones(4, np.float32))[0].text == "a\ufffdb"
        assert kb.document_for("/\udcff.pdf") is not None
        assert len(kb.failures()) == 1


def test_importing_the_store_is_light() -> None:
    code = (
        "import sys, rag_ingest.store.knowledge_base\n"
        "heavy = {'lancedb', 'pyarrow', 'numpy', 'llama_index', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
