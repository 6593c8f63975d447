"""The `metadata` struct of `chunks`: each chunk as LlamaIndex's own vector store wants to read it.

A node's text is `chunk.text`; its context is metadata that the node's templates put before the text, so that
`get_content(MetadataMode.EMBED)` is what was embedded (`chunk.embed_text`, outer white space stripped) and a language
model sees the same. The struct's fields are fixed: an Arrow type that followed the data would change with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rag_ingest.errors import MissingExtraError
from rag_ingest.store.schema import PAPER_COLUMNS, WITNESS_COLUMNS
from rag_ingest.types import Chunk, PlacedFigure

if TYPE_CHECKING:
    import pyarrow as pa
    from llama_index.core.schema import TextNode

__all__ = ["chunk_to_node", "figure_json", "known_metadata", "metadata_type", "node_metadata", "renamed_metadata"]

_TEXTS = ("context", "title", "source", "headings", "pages", "kinds", "oversize")
_KNOWN_TEXTS = ("verdict", *PAPER_COLUMNS, "categories", "bboxes", "figures")
"""In a node only where there is something to say; `bboxes` and `figures` are JSON."""
_READING = ("verdict", *WITNESS_COLUMNS)
_ADDED = ("_node_content", "_node_type", "document_id", "doc_id", "ref_doc_id")


def metadata_type() -> pa.DataType:
    """The Arrow type of the struct: flat values that LlamaIndex's filters can name, and the node as JSON."""
    import pyarrow as pa

    fields = [pa.field(name, pa.string()) for name in (*_TEXTS, *_KNOWN_TEXTS, *_ADDED)]
    numbers = [pa.field(name, pa.int32()) for name in ("page", "year", "version")]
    return pa.struct([*numbers, *(pa.field(name, pa.float64()) for name in WITNESS_COLUMNS), *fields])


def node_metadata(
    chunk: Chunk, *, title: str, source: str, paper: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """One value of the struct; `paper` is what `store.schema` has columns for.

    Raises:
        MissingExtraError: llama-index-core is not installed.
    """
    try:
        from llama_index.core.vector_stores.utils import node_to_metadata_dict
    except ImportError as e:
        raise MissingExtraError("llama-index-core", "llamaindex") from e
    node = chunk_to_node(chunk, title=title, source=source, paper=paper)
    return dict(node_to_metadata_dict(node, remove_text=False, flat_metadata=True))


def renamed_metadata(struct: Mapping[str, Any], title: str, source: str, paper: Mapping[str, Any]) -> dict[str, Any]:
    """The same value of the struct with another title, source and paper, as `node_metadata` would have made it."""
    node = json.loads(struct["_node_content"])
    before: dict[str, Any] = node["metadata"] | {"title": title, "source": source}
    last = {name: before[name] for name in ("bboxes", "figures") if name in before}
    metadata = {name: value for name, value in before.items() if name not in paper and name not in last}
    metadata |= _told(paper) | last
    for hidden in ("excluded_embed_metadata_keys", "excluded_llm_metadata_keys"):
        node[hidden] = [name for name in metadata if name in node[hidden] or name not in before]
    node["metadata"] = metadata
    own = {name: metadata.get(name) for name in ("title", "source", *paper)}
    return {**struct, **own, "_node_content": json.dumps(node, ensure_ascii=False)}


def _told(paper: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in paper.items() if value not in (None, "", [])}


def chunk_to_node(
    chunk: Chunk, *, title: str, source: str, paper: Mapping[str, Any] = MappingProxyType({})
) -> TextNode:
    """A chunk as a LlamaIndex node; its id is the chunk's, its source node the document's content hash."""
    from llama_index.core.schema import TextNode

    metadata = {**_flat(chunk, title, source), **known_metadata(chunk, paper)}
    hidden = [name for name in metadata if name != "context" or not chunk.context]
    return TextNode(
        id_=chunk.chunk_id,
        text=chunk.text,
        metadata=metadata,
        metadata_template="{value}",
        metadata_separator="\n",
        text_template="{metadata_str}\n{content}",
        excluded_embed_metadata_keys=hidden,
        excluded_llm_metadata_keys=hidden,
        start_char_idx=chunk.span.start,
        end_char_idx=chunk.span.end,
        relationships=_relationships(chunk),
    )


def known_metadata(chunk: Chunk, paper: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of the chunk's place, reading and paper: flat values, so that LlamaIndex's filters can name them.

    `bboxes` is JSON, `[[page, left, top, right, bottom], …]`; `figures` is JSON, a list of objects with `page`,
    `number`, `placeholder`, `caption`, `path` (relative to the knowledge base), `stored` ("file", "table", or empty
    where no crop was kept) and `bbox`.
    """
    known: dict[str, Any] = {name: chunk.metadata[name] for name in _READING if name in chunk.metadata}
    known |= _told(paper)
    if chunk.bboxes:
        known["bboxes"] = json.dumps([[page, *(round(side, 1) for side in box)] for page, box in chunk.bboxes])
    if chunk.figures:
        known["figures"] = json.dumps([figure_json(figure) for figure in chunk.figures], ensure_ascii=False)
    return known


def figure_json(figure: PlacedFigure) -> dict[str, Any]:
    """A figure for JSON."""
    return {
        "page": figure.page,
        "number": figure.number,
        "placeholder": figure.placeholder,
        "caption": figure.caption,
        "path": figure.path,
        "stored": figure.stored,
        "bbox": None if figure.bbox is None else [round(side, 1) for side in figure.bbox],
    }


def _relationships(chunk: Chunk) -> dict[Any, Any]:
    """The chunk's links; what ids alone can't say, its gap and the outer sections, is told about the parent."""
    from llama_index.core.schema import NodeRelationship, RelatedNodeInfo

    sections = [[name, span.start, span.end] for name, span in chunk.sections]
    around = {"gap": chunk.gap, "sections": sections} if sections else {}
    related = {
        NodeRelationship.SOURCE: RelatedNodeInfo(node_id=chunk.doc_id),
        NodeRelationship.PARENT: RelatedNodeInfo(node_id=chunk.parent_id, metadata=around),
        NodeRelationship.PREVIOUS: RelatedNodeInfo(node_id=chunk.previous_id),
        NodeRelationship.NEXT: RelatedNodeInfo(node_id=chunk.next_id),
    }
    return {kind: node for kind, node in related.items() if node.node_id or kind == NodeRelationship.SOURCE}


def _flat(chunk: Chunk, title: str, source: str) -> Mapping[str, Any]:
    return {
        "page": chunk.pages[0] if chunk.pages else None,
        "context": chunk.context,
        "title": title,
        "source": source,
        "headings": " > ".join(chunk.headings),
        "pages": ", ".join(map(str, chunk.pages)),
        "kinds": ", ".join(chunk.kinds),
        "oversize": str(chunk.metadata.get("oversize", "")),
    }
