"""Boxes, figures and scores travel from the reader to the nodes, and from the nodes into the store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from llama_index.core.schema import MetadataMode, TextNode

from rag_ingest.llamaindex import LanceDBKnowledgeBase, LightOnOCRReader, MarkdownStructureNodeParser
from rag_ingest.llamaindex.places import PLACES, places_json, with_places
from rag_ingest.parse.document import assemble, parse_markdown
from rag_ingest.types import Figure, PageMarkdown, SourceDocument, Span, TextBox

BOX = (100.0, 100.0, 300.0, 200.0)
TEXT = "# Rig\n\n![image](image_1.png)\n\nFigure 1: The rig.\n\nWords about it, and some more of them."
CORPUS = Path(__file__).parents[2] / "eval" / "corpus"


def test_a_document_comes_back_with_all_that_is_known() -> None:
    page = PageMarkdown(
        "d",
        1,
        TEXT,
        "e",
        "f",
        figures=(Figure("image_1.png", BOX, path="figures/x.png"),),
        checks={"verdict": "ok", "witness_recall": 0.9},
        boxes=(TextBox(Span(0, 5), BOX),),
    )
    made = assemble(SourceDocument("d", "/a.pdf", 1), [page])
    assert made.boxes
    assert made.figures
    bare = parse_markdown(made.markdown, doc_id="d", page_spans=made.page_spans)
    back = with_places(bare, places_json(made))
    assert (back.boxes, back.figures, back.page_checks) == (made.boxes, made.figures, made.page_checks)
    assert places_json(bare) == ""


@pytest.mark.parametrize("text", ["", "{", "[]", '{"boxes": [[1]]}', '{"figures": 3}', '{"checks": {"x": 1}}', "null"])
def test_metadata_of_somebody_else_changes_nothing(text: str) -> None:
    bare = parse_markdown(TEXT)
    assert with_places(bare, text) == bare


def test_nodes_of_a_paper_know_their_place_and_their_figures(tmp_path: Path) -> None:
    reader = LightOnOCRReader(engine="layout", figures_folder=str(tmp_path / "crops"))
    (document,) = reader.load_data(CORPUS / "demo" / "tide-gauges.pdf")
    assert {PLACES} <= {*document.excluded_embed_metadata_keys} & {*document.excluded_llm_metadata_keys}
    nodes = [node for node in MarkdownStructureNodeParser()([document]) if isinstance(node, TextNode)]
    placed = [node for node in nodes if "bboxes" in node.metadata]
    assert len(placed) > 0.9 * len(nodes)
    for node in nodes:
        assert PLACES not in node.metadata
        for page, left, top, right, bottom in json.loads(node.metadata.get("bboxes", "[]")):
            assert str(page) in node.metadata["pages"].split(", ")
            assert 0 <= left < right <= 620
            assert 0 <= top < bottom <= 850
        for mode in (MetadataMode.EMBED, MetadataMode.LLM):
            assert "bbox" not in node.get_content(mode)
    figures = [figure for node in nodes for figure in json.loads(node.metadata.get("figures", "[]"))]
    assert {figure["caption"][:8] for figure in figures} == {"Figure 1"}
    for figure in figures:
        assert Path(figure["path"]).read_bytes().startswith(b"\x89PNG")
    store = LanceDBKnowledgeBase(uri=str(tmp_path / "kb"))
    for number, node in enumerate(nodes):
        node.embedding = [1.0, float(number)]
    store.add(nodes)
    known = {node.node_id: node.metadata for node in store.get_nodes()}
    assert known == {node.node_id: node.metadata for node in nodes}
    hits = store.knowledge_base.search("figure", None, mode="text", k=50)
    assert {hit.chunk_id for hit in hits if hit.figures} <= {n.node_id for n in nodes if "figures" in n.metadata}
    assert any(hit.figures and Path(hit.figures[0].path).is_file() for hit in hits)
