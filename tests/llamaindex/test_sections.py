"""Small to big in LlamaIndex: relationships, section nodes under AutoMergingRetriever, and `SectionExpander`."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core import Document, StorageContext, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.node_parser import get_leaf_nodes, get_root_nodes
from llama_index.core.postprocessor import PrevNextNodePostprocessor
from llama_index.core.retrievers import AutoMergingRetriever
from llama_index.core.schema import BaseNode, MetadataMode, NodeRelationship, NodeWithScore, RelatedNodeInfo, TextNode
from llama_index.core.storage.docstore import SimpleDocumentStore

from rag_ingest import Config, ingest
from rag_ingest.llamaindex import LanceDBKnowledgeBase, MarkdownStructureNodeParser, SectionExpander

FRUIT = ("apple", "pear", "plum", "fig", "grape", "lemon", "melon", "cherry")
PARAGRAPH = "The {} is a fruit. " + "It grows in gardens, on hills and by the sea where the wind is mild. " * 2
TEXT = "# Fruit\n\nAll kinds of it.\n\n" + "\n\n".join(
    f"## Section {a} and {b}\n\n{PARAGRAPH.format(a)}\n\n{PARAGRAPH.format(b)}\n\n{PARAGRAPH.format(a)}"
    for a, b in zip(FRUIT[::2], FRUIT[1::2], strict=True)
)


def words(text: str) -> int:
    return len(text.split())


class FruitEmbedding(BaseEmbedding):
    """Counts fruit: no model needed to see which sections are meant."""

    def _get_text_embedding(self, text: str) -> list[float]:
        counts = [text.lower().count(name) + 1e-3 for name in FRUIT]
        return [c / math.hypot(*counts) for c in counts]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


def parse(text: str = TEXT, **options: object) -> list[TextNode]:
    parser = MarkdownStructureNodeParser(max_tokens=45, count_tokens=words, **options)  # type: ignore[arg-type]
    return parser.get_nodes_from_documents([Document(id_="doc", text=text)])  # type: ignore[return-value]


def related(node: BaseNode, relationship: NodeRelationship) -> str:
    found = node.relationships.get(relationship)
    return found.node_id if isinstance(found, RelatedNodeInfo) else ""


def children(node: BaseNode) -> list[str]:
    return [child.node_id for child in node.child_nodes or []]


def test_nodes_name_parent_and_neighbours() -> None:
    nodes = parse()
    names = [node.node_id for node in nodes]
    assert [related(node, NodeRelationship.PREVIOUS) for node in nodes] == ["", *names[:-1]]
    assert [related(node, NodeRelationship.NEXT) for node in nodes] == [*names[1:], ""]
    assert all(related(node, NodeRelationship.PARENT) for node in nodes)
    assert not set(names) & {related(node, NodeRelationship.PARENT) for node in nodes}


def test_neighbours_can_be_left_out() -> None:
    for node in parse(include_prev_next_rel=False, include_parents=True):
        assert not {NodeRelationship.PREVIOUS, NodeRelationship.NEXT} & set(node.relationships)
        assert NodeRelationship.SOURCE in node.relationships


BLOCKS = st.sampled_from(["# A", "## B", "## C", "### D", "words of it", "many words " * 20, "- one\n- two", "same"])


@settings(max_examples=40, deadline=None)
@given(st.lists(BLOCKS, min_size=1, max_size=14).map("\n\n".join))
def test_section_nodes_make_one_tree_over_the_chunks(text: str) -> None:
    nodes = parse(text, include_parents=True)
    by_id = {node.node_id: node for node in nodes}
    assert len(by_id) == len(nodes)
    leaves = get_leaf_nodes(nodes)  # type: ignore[arg-type]
    assert [node.node_id for node in leaves] == [node.node_id for node in parse(text)]
    assert len(get_root_nodes(nodes)) == 1  # type: ignore[arg-type]
    for node in nodes:
        assert node.start_char_idx is not None
        assert text[node.start_char_idx : node.end_char_idx] == node.text
        assert node.ref_doc_id == "doc"
        parent = by_id.get(related(node, NodeRelationship.PARENT))
        assert parent is None or node.node_id in children(parent)
        places = [by_id[child].start_char_idx or 0 for child in children(node)]
        assert places == sorted(places)
        assert all(related(by_id[child], NodeRelationship.PARENT) == node.node_id for child in children(node))


def test_section_nodes_embed_nothing_but_their_text() -> None:
    [root, *_] = parse(include_parents=True)
    assert root.get_content(MetadataMode.EMBED) == root.get_content(MetadataMode.LLM) == TEXT.strip()


@pytest.fixture
def merging(tmp_path: Path) -> tuple[AutoMergingRetriever, VectorStoreIndex]:
    nodes: list[BaseNode] = list(parse(include_parents=True))
    docstore = SimpleDocumentStore()
    docstore.add_documents(nodes)
    store = LanceDBKnowledgeBase(uri=str(tmp_path / "kb"))
    context = StorageContext.from_defaults(docstore=docstore, vector_store=store)
    index = VectorStoreIndex(get_leaf_nodes(nodes), storage_context=context, embed_model=FruitEmbedding())
    return AutoMergingRetriever(index.as_retriever(similarity_top_k=3), context), index  # type: ignore[arg-type]


def test_auto_merging_retriever_merges_to_the_section(
    merging: tuple[AutoMergingRetriever, VectorStoreIndex],
) -> None:
    retriever, index = merging
    plain = index.as_retriever(similarity_top_k=3).retrieve("plum fig")
    assert len(plain) == 3
    [merged] = retriever.retrieve("plum and fig, plum")
    text = merged.node.get_content()
    assert text.startswith("## Section plum and fig")
    assert text.count("is a fruit") == 3
    assert text in TEXT


def test_neighbours_of_a_hit_come_from_the_docstore(merging: tuple[AutoMergingRetriever, VectorStoreIndex]) -> None:
    _, index = merging
    hits = index.as_retriever(similarity_top_k=1).retrieve("pear")
    wider = PrevNextNodePostprocessor(docstore=index.storage_context.docstore, num_nodes=1, mode="both")
    assert len(wider.postprocess_nodes(hits)) == 3


def test_links_of_nodes_come_back_from_the_store(tmp_path: Path) -> None:
    nodes = parse()
    for node in nodes:
        node.embedding = FruitEmbedding().get_text_embedding(node.text)
    store = LanceDBKnowledgeBase(uri=str(tmp_path / "kb"))
    foreign = TextNode(id_="foreign", text="a grape", embedding=nodes[0].embedding)
    foreign.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id="other")
    foreign.relationships[NodeRelationship.PARENT] = RelatedNodeInfo(node_id="p", metadata={"sections": "3"})
    store.add([*nodes, foreign])
    rows = {row["id"]: row for row in store.client.to_arrow().to_pylist()}
    for node in nodes:
        row = rows[node.node_id]
        assert row["parent_id"] == related(node, NodeRelationship.PARENT) == row["sections"][0]["id"]
        assert (row["previous_id"] or "") == related(node, NodeRelationship.PREVIOUS)
        assert (row["next_id"] or "") == related(node, NodeRelationship.NEXT)
    assert "".join(rows[node.node_id]["gap"] + node.text for node in nodes) == TEXT.strip()
    links = ("parent_id", "previous_id", "next_id", "gap", "sections")
    assert [rows["foreign"][name] for name in links] == ["p", None, "other", None, None]
    again = {node.node_id: node for node in store.get_nodes()}
    assert all(again[node.node_id].relationships == node.relationships for node in nodes)


def test_the_expander_grows_nodes_and_merges_those_of_one_section(tmp_path: Path) -> None:
    store = LanceDBKnowledgeBase(uri=str(tmp_path / "kb"))
    context = StorageContext.from_defaults(vector_store=store)
    nodes: list[BaseNode] = [*parse(), *(TextNode(id_=f"foreign{n}", text="a melon") for n in range(2))]
    index = VectorStoreIndex(nodes, storage_context=context, embed_model=FruitEmbedding())
    hits = index.as_retriever(similarity_top_k=3).retrieve("plum fig")
    before = [hit.node.get_content() for hit in hits]
    expander = SectionExpander(store=store, max_tokens=150, count_tokens=words)
    [grown] = expander.postprocess_nodes(hits)
    assert isinstance(grown.node, TextNode)
    assert grown.node.text.startswith("## Section plum and fig")
    assert grown.node.text == TEXT[grown.node.start_char_idx : grown.node.end_char_idx]
    assert (grown.score, grown.node.node_id) == (hits[0].score, hits[0].node.node_id)
    assert [hit.node.get_content() for hit in hits] == before  # the nodes given are left alone
    foreign = [NodeWithScore(node=node, score=0.5) for node in nodes[-2:]]
    assert expander.postprocess_nodes(foreign) == foreign
    assert expander.postprocess_nodes([]) == []


def test_an_ingested_table_has_relationships_and_expands(corpus: Path, tmp_path: Path) -> None:
    ingest(corpus / "tide-gauges.pdf", tmp_path / "kb", config=Config(engine="textlayer"))
    store = LanceDBKnowledgeBase(uri=str(tmp_path / "kb"))
    nodes = store.get_nodes()
    assert [related(node, NodeRelationship.NEXT) for node in nodes[:-1]] == [node.node_id for node in nodes[1:]]
    assert all(related(node, NodeRelationship.PARENT) for node in nodes)
    [grown] = SectionExpander(store=store, max_tokens=100_000).postprocess_nodes(
        [NodeWithScore(node=node, score=1.0) for node in nodes]
    )
    assert all(node.get_content() in grown.node.get_content() for node in nodes)
    assert grown.node.metadata["pages"] == "1, 2, 3"
