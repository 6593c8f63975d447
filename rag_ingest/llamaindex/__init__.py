"""The stages as LlamaIndex classes, each of which works alone in any pipeline.

A reader, a node parser, a vector store, and a postprocessor that grows what was retrieved to its section.
"""

from rag_ingest.llamaindex.node_parser import MarkdownStructureNodeParser
from rag_ingest.llamaindex.reader import LightOnOCRReader
from rag_ingest.llamaindex.sections import SectionExpander
from rag_ingest.llamaindex.vector_store import LanceDBKnowledgeBase

__all__ = ["LanceDBKnowledgeBase", "LightOnOCRReader", "MarkdownStructureNodeParser", "SectionExpander"]
