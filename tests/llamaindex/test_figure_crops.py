"""Crops of figures, from the nodes of an ingested knowledge base: by absolute path, and as bytes from file or table."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import lancedb
import pytest
from llama_index.core.schema import BaseNode, TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode
from PIL import Image

from rag_ingest.config import Config
from rag_ingest.llamaindex import LanceDBKnowledgeBase
from rag_ingest.llamaindex.figure_paths import figures_of, with_figure_paths
from rag_ingest.ocr.figures import FigureOptions
from rag_ingest.pipeline import Pipeline
from rag_ingest.runners import local
from rag_ingest.types import Failure, Figure, Page, PageMarkdown
from tests.eval.conftest import HashEmbedder

FIGURE = {"page": 1, "number": 1, "placeholder": "image_1.png", "caption": "Figure 1", "stored": "file", "bbox": None}


class OneFigure:
    """Reads the same from every page: a figure with its box."""

    name, fingerprint, needs_image, batch_size = "one-figure", "one-figure@1", True, 2

    def recognize(self, pages: Sequence[Page]) -> list[PageMarkdown | Failure]:
        text = "# Rig\n\n![image](image_1.png)\n\nFigure 1: The rig."
        figures = (Figure("image_1.png", (20.0, 20.0, 80.0, 80.0)),)
        return [PageMarkdown(p.doc_id, p.number, text, self.name, self.fingerprint, figures=figures) for p in pages]

    def close(self) -> None:
        """Nothing to free."""


@pytest.fixture(scope="module", params=["files", "column"])
def ingested(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("crops")
    for name in ("red", "blue"):
        Image.new("RGB", (400, 500), name).save(folder / f"{name}.png", dpi=(144, 144))
    config = Config(figures=FigureOptions(keep=request.param))
    with Pipeline(config, engine=OneFigure(), embedder=HashEmbedder()) as pipeline:
        local.run(pipeline, [folder], str(folder / "db"), lambda event: None)
    return folder / "db", request.param


def told(nodes: list[BaseNode]) -> list[dict[str, object]]:
    return [figure for node in nodes for figure in json.loads(node.metadata.get("figures", "[]"))]


def written_anywhere(db: Path) -> str:
    rows = lancedb.connect(db).open_table("chunks").to_arrow().drop_columns(["vector"]).to_pylist()
    return json.dumps(rows, default=str)


def test_the_nodes_of_query_and_get_nodes_lead_to_the_crop(ingested: tuple[Path, str], tmp_path: Path) -> None:
    db, keep = ingested
    moved = tmp_path / "moved"
    shutil.copytree(db, moved)
    store = LanceDBKnowledgeBase(uri=str(moved))
    query = VectorStoreQuery(query_str="figure", similarity_top_k=50, mode=VectorStoreQueryMode.TEXT_SEARCH)
    for nodes in (store.get_nodes(), list(store.query(query).nodes or ())):
        assert {figure["stored"] for figure in told(nodes)} == {"file" if keep == "files" else "table"}
        for node in nodes:
            paths = [str(figure["path"]) for figure in told([node])]
            images = store.figure_images(node)
            assert all(image.startswith(b"\x89PNG") for image in images)
            if keep == "files":
                assert images == [Path(path).read_bytes() for path in paths]
                assert all(Path(path).is_relative_to(moved) for path in paths)
            else:
                assert paths == [""] * len(images)


def test_nodes_that_are_added_again_bring_no_absolute_path_into_the_table(
    ingested: tuple[Path, str], tmp_path: Path
) -> None:
    db = tmp_path / "db"
    shutil.copytree(ingested[0], db)
    store = LanceDBKnowledgeBase(uri=str(db), with_embeddings=True)
    before = store.get_nodes()
    known = {node.node_id: dict(node.metadata) for node in before}
    store.add(before)
    assert {node.node_id: dict(node.metadata) for node in before} == known  # the caller's own stay as they are
    assert {node.node_id: dict(node.metadata) for node in store.get_nodes()} == known
    assert str(db) not in written_anywhere(db)
    hits = store.knowledge_base.search("figure", None, mode="text", k=50)
    assert {figure.stored for hit in hits for figure in hit.figures} == {"file" if ingested[1] == "files" else "table"}


@pytest.mark.parametrize("figures", [None, 3, "{", "3", "[3]", '[{"page": 1}]', "null", "[]"])
def test_metadata_of_somebody_else_changes_nothing(figures: object) -> None:
    node = TextNode(text="x", metadata={"figures": figures})
    assert with_figure_paths(node, lambda path: f"/kb/{path}") is node
    assert list(figures_of(node)) == []


def test_paths_change_in_a_copy() -> None:
    node = TextNode(text="x", metadata={"figures": json.dumps([{**FIGURE, "path": "figures/x.png"}])})
    moved = with_figure_paths(node, lambda path: f"/kb/{path}")
    assert told([node]) == [{**FIGURE, "path": "figures/x.png"}]
    assert told([moved]) == [{**FIGURE, "path": "/kb/figures/x.png"}]
    assert [figure.path for figure in figures_of(moved)] == ["/kb/figures/x.png"]
