"""Files of crops that are superseded go; documents of earlier versions are told what their pages show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from rag_ingest.store import mending
from rag_ingest.store.documents import Documents
from rag_ingest.store.figure_files import FigureFiles
from rag_ingest.store.knowledge_base import DocumentRecord, KnowledgeBase
from rag_ingest.types import Figure, PageMarkdown, Placing

DOC = "d" * 64
FOLDER = f"figures/dd/{DOC}"


def crops(files: FigureFiles, *paths: str) -> None:
    figures = tuple(Figure(path, (0.0, 0.0, 9.0, 9.0), b"crop", path) for path in paths)
    files.write(PageMarkdown(DOC, 1, "", "e", "f", figures=figures))


@pytest.mark.parametrize("remote", [False, True])
def test_superseded_crops_go_and_no_others(tmp_path: Path, remote: bool) -> None:
    files = FigureFiles(f"memory://{uuid4().hex}" if remote else str(tmp_path))
    files.keep_only(DOC, "f", ())  # there is no folder yet
    old, new, another = f"{FOLDER}/f/0001-1.png", f"{FOLDER}/f/0001-1.jpeg", f"{FOLDER}/g/0001-1.png"
    crops(files, old, new, another)
    files.keep_only(DOC, "f", {new, ""})
    assert files.read(new) == files.read(another) == b"crop"
    with pytest.raises(FileNotFoundError):
        files.read(old)


def test_what_is_not_told_is_taken_from_the_pages_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> KnowledgeBase:
        return KnowledgeBase.open(tmp_path, embedder_name="toy@1", dimension=4, create=True, told=said.append)

    said: list[str] = []
    placings = {"/a.pdf": Placing("all", "files png 3"), "/b.pdf": Placing("layer", "-"), "/c.pdf": Placing("", "")}
    with make() as kb:
        for source, placing in placings.items():
            page = PageMarkdown(source, 1, "words", "e", "o", boxes_by=placing.boxes, crops_by=placing.crops)
            kb.write_pages([page], source=source, fingerprint="o", engine="e")
            row = DocumentRecord(
                source, source, ocr_fingerprint="o", split_fingerprint="s", boxes_by=None, crops_by=None
            )
            kb.replace_document(row, [], np.zeros((0, 4), np.float32))
        written = [document.ingested_at for document in kb.documents()]
        assert kb.status(None, Placing("all", "column png 3")).stale == ()
    told: list[int] = []
    set_placings = Documents.set_placings

    def counting(self: Documents, found: Mapping[str, Placing]) -> None:
        told.append(len(found))
        set_placings(self, found)

    monkeypatch.setattr(mending, "ROWS_A_COMMIT", 2)
    monkeypatch.setattr(mending, "SLOW_ROWS", 2)
    monkeypatch.setattr(Documents, "set_placings", counting)
    for _ in range(2):
        with make() as kb:
            assert {document.source: document.placing for document in kb.documents()} == placings
            assert [document.ingested_at for document in kb.documents()] == written
    assert told == [2, 1]
    assert len(said) == 1, "and only the first time"
    assert "3 pages" in said[0]
