"""Crops of figures: in files or in the table, and found from a search hit; boxes and scores of chunks, and filters."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rag_ingest.cli import app
from rag_ingest.errors import StoreError
from rag_ingest.hits import hit_json, print_hits
from rag_ingest.store.knowledge_base import DocumentRecord, KnowledgeBase
from rag_ingest.types import Chunk, Figure, PageMarkdown, PlacedFigure, Span, TextBox

DOC = "d" * 64
CROP = b"\x89PNG and so on"
BOX = (10.0, 20.5, 300.25, 200.125)
FILE = f"figures/dd/{DOC}/f/0001-1.png"


def make(folder: Path) -> KnowledgeBase:
    return KnowledgeBase.open(folder, embedder_name="toy@1", dimension=4, create=True)


def page(path: str, image: bytes = CROP) -> PageMarkdown:
    boxes = (TextBox(Span(0, 3), (1.1, 2.2, 3.3, 4.4)), TextBox(Span(4, 9), BOX))
    return PageMarkdown(DOC, 1, "# x", "e", "f", figures=(Figure("image_1.png", BOX, image, path),), boxes=boxes)


def chunk(number: int, path: str, **metadata: object) -> Chunk:
    caption = 'Figure 1: It\'s "so".'
    figure = PlacedFigure(1, 1, Span(0, 4), "image_1.png", BOX, caption, path, in_table=not path)
    return Chunk(
        chunk_id=f"c{number}",
        doc_id=DOC,
        text=f"words {number}",
        context="",
        span=Span(number, number + 1),
        headings=(),
        pages=(1,),
        kinds=(),
        token_count=2,
        bboxes=((1, BOX),) if number else (),
        figures=(figure,) if number else (),
        metadata=metadata,
    )


def write(kb: KnowledgeBase, path: str, *chunks: Chunk, **paper: object) -> None:
    kb.write_pages([page(path)], source="/a.pdf", fingerprint="f", engine="e")
    record = DocumentRecord("/a.pdf", DOC, engine="e", ocr_fingerprint="f", chunk_count=len(chunks), metadata=paper)
    kb.replace_document(record, chunks, np.ones((len(chunks), 4), np.float32))


@pytest.mark.parametrize("path", [FILE, ""])
def test_the_crop_of_a_hit_is_found_again_in_file_or_table(
    tmp_path: Path, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with make(tmp_path / "kb") as kb:
        write(kb, path, chunk(0, path), chunk(1, path))
    assert (tmp_path / "kb" / FILE).is_file() == bool(path)
    with KnowledgeBase.open(tmp_path / "kb") as kb:
        hits = {hit.chunk_id: hit for hit in kb.search("words", None, mode="text")}
        assert (hits["c0"].figures, hits["c0"].bboxes) == ((), ())
        (figure,) = hits["c1"].figures
        assert figure.path == (str(tmp_path / "kb" / FILE) if path else "")
        assert figure.stored == ("file" if path else "table")
        assert hit_json(hits["c1"])["figures"][0]["stored"] == figure.stored
        print_hits([hits["c1"]])
        assert (figure.path or "kept in the table `pages`") in capsys.readouterr().out
        assert (figure.caption, figure.bbox, figure.page) == ('Figure 1: It\'s "so".', (10.0, 20.5, 300.25, 200.12), 1)
        assert [page for page, _ in hits["c1"].bboxes] == [1]
        assert hits["c1"].bboxes[0][1] == pytest.approx(BOX, abs=0.01)
        assert kb.figure_image(DOC, figure) == CROP


@pytest.mark.parametrize("path", [FILE, ""])
def test_search_copies_the_crops_of_its_hits(tmp_path: Path, path: str) -> None:
    with make(tmp_path / "kb") as kb:
        write(kb, path, chunk(0, path), chunk(1, path))
    command = ["search", "words", "--db", str(tmp_path / "kb"), "--mode", "text", "--json"]
    for gone in (False, True):
        if gone and path:
            (tmp_path / "kb" / path).unlink()
        done = CliRunner().invoke(app, [*command, "--figures", str(tmp_path / f"out-{gone}")])
        assert done.exit_code == 0, done.stderr
        rows = {row["chunk_id"]: row["figures"] for row in map(json.loads, done.stdout.splitlines())}
        assert rows["c0"] == []
        if gone and path:
            assert "figures can't be read" in done.stderr
            assert not list((tmp_path / "out-True").iterdir())
        else:
            copy = tmp_path / f"out-{gone}" / f"{DOC[:16]}-0001-1.png"
            assert [(figure["path"], figure["stored"]) for figure in rows["c1"]] == [(str(copy), "file")]
            assert copy.read_bytes() == CROP
    (tmp_path / "taken").touch()
    assert CliRunner().invoke(app, [*command, "--figures", str(tmp_path / "taken")]).exit_code == 2


def test_a_crop_whose_file_is_gone_is_said(tmp_path: Path) -> None:
    with make(tmp_path / "kb") as kb:
        write(kb, FILE, chunk(1, FILE))
        (tmp_path / "kb" / FILE).unlink()
        (hit,) = kb.search("words", None, mode="text")
        with pytest.raises(StoreError, match="figures can't be read"):
            kb.figure_image(DOC, hit.figures[0])


@pytest.mark.parametrize("path", [FILE, ""])
def test_a_page_comes_back_with_its_boxes_and_writing_it_again_changes_nothing(tmp_path: Path, path: str) -> None:
    with make(tmp_path / "kb") as kb:
        for _ in range(2):
            kb.write_pages([page(path)], source="/a.pdf", fingerprint="f", engine="e")
        assert kb._tables["pages"].version == make(tmp_path / "kb")._tables["pages"].version
        before = kb._tables["pages"].version
        kb.write_pages([page(path)], source="/a.pdf", fingerprint="f", engine="e")
        assert kb._tables["pages"].version == before
        found = kb.done_pages(DOC, "f")[1]
    assert [box.span for box in found.boxes] == [Span(0, 3), Span(4, 9)]
    assert found.boxes == (page("").boxes[0], TextBox(Span(4, 9), (10.0, 20.5, 300.25, 200.12)))
    assert found.figures == (Figure("image_1.png", BOX, path=path, in_table=not path),)


def test_of_crops_in_the_table_those_that_come_anew_replace_and_the_others_stay(tmp_path: Path) -> None:
    def two(*images: bytes) -> PageMarkdown:
        figures = tuple(Figure(f"image_{n}.png", BOX, image, in_table=True) for n, image in enumerate(images, 1))
        return replace(page(""), figures=figures, crops_by=f"column {len(images[1])}")

    with make(tmp_path / "kb") as kb:
        for images in ((b"one", b"two"), (b"", b"another")):
            kb.write_pages([two(*images)], source="/a.pdf", fingerprint="f", engine="e")
        assert [kb._ledger.figure_image(DOC, 1, "f", n) for n in (1, 2)] == [b"one", b"another"]


def test_scores_and_what_is_known_of_the_paper_are_filters(tmp_path: Path) -> None:
    with make(tmp_path / "kb") as kb:
        sure = chunk(0, "", verdict="ok", witness_recall=0.99, witness_numbers=1.0)
        unsure = chunk(1, "", verdict="doubtful", witness_recall=0.7, witness_numbers=0.5)
        paper = {"year": 2020, "categories": ["cs.CL", "math.PR"], "license": "CC BY 4.0", "arxiv_id": "2001.00001"}
        write(kb, "", sure, unsure, **paper)

        def found(where: str) -> list[str]:
            return sorted(hit.chunk_id for hit in kb.search("words", None, mode="text", where=where))

        assert found("witness_recall >= 0.9") == ["c0"]
        assert found("verdict = 'doubtful' and witness_numbers < 0.9") == ["c1"]
        assert found("not verdict in ('ok', 'blank')") == ["c1"]
        assert found("categories contains 'cs.cl' and year >= 2020") == ["c0", "c1"]
        assert found("category = 'cs.CL' and license contains 'by'") == ["c0", "c1"]
        assert found("category = 'cs' or year < 2020 or arxiv_id = 'x'") == []
        hits = {hit.chunk_id: hit for hit in kb.search("words", None, mode="text")}
        assert hits["c1"].metadata == {
            **{"verdict": "doubtful", "witness_recall": 0.7, "witness_numbers": 0.5},
            **paper,
        }


def test_metadata_of_any_kind_costs_no_document(tmp_path: Path) -> None:
    odd = {"year": "MMXX", "categories": 7, "authors": ["A. B", "C. D"], "doi": {"x": 1}, "version": 2**40}
    with make(tmp_path / "kb") as kb:
        write(kb, "", chunk(0, ""), **odd)
        (hit,) = kb.search("words", None, mode="text")
        assert hit.metadata == {"authors": "A. B; C. D"}
