"""What a node takes over from its document, and ids of one's own."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.schema import BaseNode, Document, MetadataMode, NodeRelationship, RelatedNodeInfo
from pydantic import ValidationError

from rag_ingest.llamaindex import MarkdownStructureNodeParser

TEXT = "# Heat\n\nA first paragraph.\n\n## Flow\n\nA second one.\n\n## Loss\n\nA third one."


def parsed(document: Document, **options: Any) -> list[BaseNode]:
    return MarkdownStructureNodeParser(max_tokens=16, **options).get_nodes_from_documents([document])


def test_what_a_document_hides_from_language_models_its_nodes_hide() -> None:
    metadata = {"file_path": "/home/me/x", "year": 2020}
    for child in parsed(Document(text=TEXT, metadata=metadata, excluded_llm_metadata_keys=["file_path"])):
        seen = child.get_content(MetadataMode.LLM)
        assert "/home/me/x" not in seen
        assert "2020" in seen
        assert child.metadata["file_path"] == "/home/me/x"


def test_templates_of_a_document_hold_for_its_nodes() -> None:
    document = Document(
        text=TEXT,
        metadata={"year": 2020},
        metadata_template="<{key}={value}>",
        text_template="{metadata_str}\n---\n{content}",
    )
    for child in parsed(document):
        assert child.get_content(MetadataMode.LLM) == f"<year=2020>\n---\n{child.get_content(MetadataMode.NONE)}"


def test_ids_of_ones_own_hold_in_all_relationships() -> None:
    document = Document(text=TEXT, id_="paper")
    nodes = parsed(document, include_parents=True, id_func=lambda number, of: f"{of.node_id}-{number}")
    plain = parsed(document, include_parents=True)
    assert [child.node_id for child in nodes] == [f"paper-{number}" for number in range(len(plain))]
    names = dict(zip((child.node_id for child in plain), (child.node_id for child in nodes), strict=True))
    for mine, theirs in zip(nodes, plain, strict=True):
        for kind, related in theirs.relationships.items():
            assert ids(mine.relationships[kind]) == [names.get(name, name) for name in ids(related)], kind
        assert mine.relationships[NodeRelationship.SOURCE].node_id == "paper"  # type: ignore[union-attr]


def ids(related: Any) -> list[str]:
    return [
        to.node_id for to in (related if isinstance(related, list) else [related]) if isinstance(to, RelatedNodeInfo)
    ]


def test_an_option_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(ValidationError, match="chunk_size"):
        MarkdownStructureNodeParser(chunk_size=100)  # type: ignore[call-arg]
