"""The stages as LlamaIndex classes: a reader, a node parser and a vector store; each works alone in any pipeline."""

from rag_ingest.llamaindex.node_parser import MarkdownStructureNodeParser
from rag_ingest.llamaindex.reader import LightOnOCRReader
from rag_ingest.llamaindex.vector_store import LanceDBKnowledgeBase

__all__ = ["LanceDBKnowledgeBase", "LightOnOCRReader", "MarkdownStructureNodeParser"]
