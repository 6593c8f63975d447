"""A table that we wrote, opened by LlamaIndex's own LanceDBVectorStore (0.6.0), which knows nothing of us."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import lancedb
import numpy as np
import pytest

from rag_ingest.store.knowledge_base import DocumentRecord, KnowledgeBase
from rag_ingest.store.node_metadata import metadata_type, node_metadata
from rag_ingest.store.schema import PAPER_COLUMNS
from rag_ingest.types import Chunk, PlacedFigure, Span

pytest.importorskip("pandas", reason="LanceDBVectorStore needs pandas and does not declare it")
store_module = pytest.importorskip("llama_index.vector_stores.lancedb")

from llama_index.core import VectorStoreIndex  # noqa: E402
from llama_index.core.base.embeddings.base import BaseEmbedding  # noqa: E402
from llama_index.core.schema import MetadataMode, TextNode  # noqa: E402
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters  # noqa: E402

pytestmark = [  # LanceDBVectorStore 0.6.0 calls what lancedb 0.40 calls deprecated
    pytest.mark.filterwarnings(r"ignore:table_names\(\) is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:create_fts_index is deprecated:DeprecationWarning"),
]

LETTERS = "abcdefgh"


def letters(text: str) -> list[float]:
    counts = [text.lower().count(letter) + 1e-3 for letter in LETTERS]
    return [c / math.hypot(*counts) for c in counts]


class LetterEmbedding(BaseEmbedding):
    """Counts letters: no model needed to see whether the right row comes back."""

    def _get_query_embedding(self, query: str) -> list[float]:
        return letters(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return letters(text)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return letters(query)


CHUNKS = [
    Chunk("c0", "d", "aaaa {braces} 'quote'", "Intro > Ä", Span(0, 21), ("Intro", "Ä"), (1, 2), ("paragraph",), 5),
    Chunk("c1", "d", "bbbb", "", Span(30, 34), (), (), ("table",), 1, metadata={"oversize": "one row"}),
    Chunk("c2", "d", "| h |\n| cccc |", "Results\n| h |", Span(40, 53), ("Results",), (3,), ("table",), 9),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interop") / "kb"
    with KnowledgeBase.open(folder, embedder_name="letters", dimension=len(LETTERS), create=True) as kb:
        vectors = np.array([letters(chunk.embed_text) for chunk in CHUNKS], np.float32)
        kb.replace_document(DocumentRecord("/a.pdf", "d", title="A title"), CHUNKS, vectors)
        kb.optimize()
    return folder


@pytest.fixture
def index(written: Path) -> VectorStoreIndex:
    store = store_module.LanceDBVectorStore(uri=str(written), table_name="chunks", refine_factor=10, nprobes=50)
    return VectorStoreIndex.from_vector_store(store, embed_model=LetterEmbedding())


@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: chunk.chunk_id)
def test_a_retriever_gives_our_chunk_back(index: VectorStoreIndex, chunk: Chunk) -> None:
    [hit] = index.as_retriever(similarity_top_k=1).retrieve(chunk.embed_text)
    node = hit.node
    assert isinstance(node, TextNode)
    assert (node.node_id, node.ref_doc_id, node.text) == (chunk.chunk_id, "d", chunk.text)
    assert (node.start_char_idx, node.end_char_idx) == (chunk.span.start, chunk.span.end)
    assert node.get_content(MetadataMode.EMBED) == chunk.embed_text  # what was embedded
    assert node.get_content(MetadataMode.LLM) == chunk.embed_text
    assert node.metadata["source"] == "/a.pdf"
    assert node.metadata["title"] == "A title"
    assert node.metadata["page"] == (chunk.pages[0] if chunk.pages else None)
    assert node.metadata["oversize"] == chunk.metadata.get("oversize", "")


def test_its_filters_reach_our_metadata(index: VectorStoreIndex) -> None:
    filters = MetadataFilters(filters=[MetadataFilter(key="kinds", value="table"), MetadataFilter(key="page", value=3)])
    hits = index.as_retriever(similarity_top_k=3, filters=filters).retrieve("aaaa")
    assert [hit.node.node_id for hit in hits] == ["c2"]


def test_its_text_search_works_on_a_copy(written: Path, tmp_path: Path) -> None:
    """On a copy, because it makes an index of its own at the first query."""
    table = lancedb.connect(tmp_path).create_table("chunks", lancedb.connect(written).open_table("chunks").to_arrow())
    store = store_module.LanceDBVectorStore(connection=lancedb.connect(tmp_path), table=table, query_type="fts")
    index = VectorStoreIndex.from_vector_store(store, embed_model=LetterEmbedding())
    assert [hit.node.node_id for hit in index.as_retriever(similarity_top_k=2).retrieve("bbbb")] == ["c1"]


def test_the_struct_has_a_field_for_everything_that_a_node_may_say() -> None:
    fields = {field.name for field in metadata_type()}
    paper = {"year": 2020, "version": 2, "categories": "cs.CL math.PR", **dict.fromkeys(PAPER_COLUMNS, "x")}
    scores = {"verdict": "ok", "witness_recall": 1.0, "witness_precision": 0.5, "witness_order": 1.0}
    full = replace(
        CHUNKS[0],
        bboxes=((1, (0.0, 0.0, 10.0, 10.0)),),
        figures=(PlacedFigure(1, 1, Span(0, 1), "image_1.png"),),
        metadata={**scores, "witness_numbers": 1.0},
    )
    assert set(node_metadata(full, title="", source="", paper=paper)) == fields
    for chunk in CHUNKS:
        assert set(node_metadata(chunk, title="", source="")) <= fields
