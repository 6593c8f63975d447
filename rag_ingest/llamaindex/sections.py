"""The sections of a document as LlamaIndex nodes, and retrieved nodes grown to their sections."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence

from llama_index.core.bridge.pydantic import Field
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode

from rag_ingest.embed.bundled import bundled_token_counter
from rag_ingest.llamaindex.vector_store import LanceDBKnowledgeBase
from rag_ingest.split.links import document_sections
from rag_ingest.store.expand import Expansion
from rag_ingest.store.node_metadata import chunk_to_node
from rag_ingest.types import Chunk, Document, SearchHit, Span

__all__ = ["SectionExpander", "section_nodes"]


def section_nodes(document: Document, chunks: Sequence[Chunk]) -> list[TextNode]:
    """A node for each section that some chunk lies in, outer ones first, with its CHILD nodes in reading order."""
    held = {section_id for chunk in chunks for section_id, _ in chunk.sections}
    sections = [section for section in document_sections(document) if section.section_id in held]
    children: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for section in sections:
        children[section.parent_id].append((section.span.start, section.section_id))
    for chunk in chunks:
        children[chunk.parent_id].append((chunk.span.start, chunk.chunk_id))
    starts = [block.span.start for block in document.blocks]
    nodes = []
    for section in sections:
        blocks = document.blocks[bisect_left(starts, section.span.start) : bisect_left(starts, section.span.end)]
        as_chunk = Chunk(
            chunk_id=section.section_id,
            doc_id=document.doc_id,
            text=document.markdown[section.span.start : section.span.end],
            context="",
            span=section.span,
            headings=section.headings,
            pages=tuple(dict.fromkeys(page for block in blocks for page in block.pages)),
            kinds=(),
            token_count=0,
            parent_id=section.parent_id,
        )
        node = chunk_to_node(as_chunk, title="", source="")
        below = sorted(children[section.section_id])
        node.relationships[NodeRelationship.CHILD] = [RelatedNodeInfo(node_id=node_id) for _, node_id in below]
        nodes.append(node)
    return nodes


class SectionExpander(BaseNodePostprocessor):
    """Gives each retrieved node the text of the section around it that fits a token budget; scores stay.

    As `rag-ingest search --expand section` does: of several nodes in one such text the best is kept. It reads the
    neighbours from the knowledge base, with one query. Nodes that were not written by `rag-ingest ingest`, or cut by
    `MarkdownStructureNodeParser`, stay as they are.
    """

    store: LanceDBKnowledgeBase = Field(description="Where the nodes were retrieved from")
    max_tokens: int = Field(default=1024, ge=1, description="Token budget of an expanded text")
    count_tokens: Callable[[str], int] | None = Field(
        default=None, exclude=True, description="Tokens of a text; by default the tokenizer of all-MiniLM-L6-v2"
    )

    @classmethod
    def class_name(cls) -> str:
        """Name for serialisation."""
        return "SectionExpander"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        expansion = Expansion(max_tokens=self.max_tokens, count_tokens=self.count_tokens or bundled_token_counter())
        given = {item.node.node_id: item for item in nodes}
        if not nodes:
            return []
        hits = self.store.knowledge_base.expand([_hit(item) for item in given.values()], expansion)
        return [_expanded(given[hit.chunk_id], hit) for hit in hits]


def _hit(item: NodeWithScore) -> SearchHit:
    node, text = item.node, item.node.get_content()
    start = node.start_char_idx if isinstance(node, TextNode) else None
    return SearchHit(
        chunk_id=node.node_id,
        doc_id=node.ref_doc_id or "",
        source="",
        title="",
        text=text,
        context="",
        headings=(),
        pages=(),
        score=item.score or 0.0,
        span=Span(start or 0, (start or 0) + len(text)),
    )


def _expanded(item: NodeWithScore, hit: SearchHit) -> NodeWithScore:
    """A copy with the larger text; the context belongs to the chunk's own beginning and goes where another is."""
    node = item.node
    if not isinstance(node, TextNode) or hit.expanded_span is None or hit.expanded == node.text:
        return item
    grown = node.model_copy(deep=True)
    grown.text = hit.expanded
    grown.start_char_idx, grown.end_char_idx = hit.expanded_span.start, hit.expanded_span.end
    if hit.expanded_pages:
        grown.metadata["pages"] = ", ".join(map(str, hit.expanded_pages))
        grown.metadata["page"] = hit.expanded_pages[0]
    if hit.expanded_span.start != hit.span.start:
        grown.metadata.pop("context", None)
    return NodeWithScore(node=grown, score=item.score)
