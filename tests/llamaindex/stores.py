"""Nodes, and the store on both kinds of table: a knowledge base, and one that LlamaIndex's own store wrote."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

from rag_ingest.llamaindex import LanceDBKnowledgeBase

KINDS = ("chunks", "vectors")


def node(name: str, text: str, document: str | None, vector: Sequence[float], **metadata: Any) -> TextNode:
    made = TextNode(id_=name, text=text, metadata=metadata, embedding=list(vector))
    if document is not None:
        made.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=document)
    return made


def their_store(folder: Path, nodes: Sequence[TextNode], **options: Any) -> Any:
    """LlamaIndex's `LanceDBVectorStore`, which calls what lancedb 0.40 calls deprecated, with these nodes."""
    from llama_index.vector_stores.lancedb import LanceDBVectorStore

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        store = LanceDBVectorStore(uri=str(folder), **options)
        store.flat_metadata = False  # lists in metadata
        store.add(list(nodes))
    return store


def our_store(folder: Path, nodes: Sequence[TextNode], kind: str) -> LanceDBKnowledgeBase:
    """Over a table of that kind with these nodes."""
    if kind == "vectors":
        their_store(folder, nodes)
        return LanceDBKnowledgeBase(uri=str(folder), table_name="vectors")
    store = LanceDBKnowledgeBase(uri=str(folder))
    store.add(nodes)
    return store
