"""LlamaIndex nodes as rows of the `chunks` table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from llama_index.core.schema import BaseNode, MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.utils import node_to_metadata_dict

from rag_ingest.llamaindex.columns import known_columns
from rag_ingest.store.metadata_lines import metadata_lines
from rag_ingest.store.schema import searchable, storable
from rag_ingest.store.wider import widened

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["arrow_rows", "node_row"]


def node_row(node: BaseNode, texts: Mapping[str, str]) -> dict[str, Any]:
    """Every column of `chunks` that a node can fill; the node itself is kept whole in `metadata`.

    Links come from the node's relationships; what `store.node_metadata` tells about a parent comes back from there.

    Args:
        node: with its embedding.
        texts: of the nodes that come with it, by id: hybrid search reads the one before for words (`store.wider`).
    """
    text = node.get_content(MetadataMode.NONE)
    metadata = {key: storable(value) if isinstance(value, str) else value for key, value in node.metadata.items()}
    pages = _numbers(metadata.get("pages") or metadata.get("page"))
    headings = [h for h in str(metadata.get("headings") or "").split(" > ") if h]
    kinds = [k for k in str(metadata.get("kinds") or "").split(", ") if k]
    start = node.start_char_idx if isinstance(node, TextNode) else None
    embedded, links = node.get_content(MetadataMode.EMBED), _links(node)
    before = texts.get(links["previous_id"] or "", "")
    struct = node_to_metadata_dict(node, remove_text=False, flat_metadata=False)
    return {
        "id": node.node_id,
        "doc_id": node.ref_doc_id or "",
        "vector": node.get_embedding(),
        "text": storable(text),
        "context": str(metadata.get("context") or ""),
        "title": str(metadata.get("title") or ""),
        "source": str(metadata.get("source") or metadata.get("file_path") or ""),
        "search_text": searchable(embedded),
        "wider_text": searchable(widened(embedded, before, kinds)),
        "page_lines": _lines(pages),
        "heading_lines": _lines(headings),
        "kind_lines": _lines(kinds),
        "headings": headings,
        "pages": pages,
        "kinds": kinds,
        "first_page": min(pages, default=None),
        "last_page": max(pages, default=None),
        "span_start": start if start is not None else 0,
        "span_end": (start or 0) + len(text),
        "token_count": None,
        **links,
        **known_columns(metadata),
        "metadata": {**struct, "page": min(pages, default=None)},
        "metadata_lines": metadata_lines({key: value for key, value in struct.items() if key != "_node_content"}),
    }


def _links(node: BaseNode) -> dict[str, Any]:
    related = {
        "parent_id": node.relationships.get(NodeRelationship.PARENT),
        "previous_id": node.relationships.get(NodeRelationship.PREVIOUS),
        "next_id": node.relationships.get(NodeRelationship.NEXT),
    }
    found = {column: to.node_id if isinstance(to, RelatedNodeInfo) else None for column, to in related.items()}
    parent = related["parent_id"]
    around = parent.metadata if isinstance(parent, RelatedNodeInfo) else {}
    try:
        sections = [{"id": str(name), "start": int(a), "end": int(b)} for name, a, b in around.get("sections") or ()]
    except (TypeError, ValueError):  # somebody else's metadata, under the same name
        sections = []
    gap = around.get("gap") if sections else None
    return {**found, "gap": gap if isinstance(gap, str) else None, "sections": sections or None}


def arrow_rows(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Keys of `metadata` that the table's struct lacks, or has with another type, live on in its `_node_content`."""
    import pyarrow as pa

    kinds = {f.name: None if pa.types.is_string(f.type) else f.type for f in schema.field("metadata").type}
    known = [{**row, "metadata": _fitted(row["metadata"], kinds)} for row in rows]
    return pa.Table.from_pylist(known, schema=schema)


def _fitted(struct: Mapping[str, Any], kinds: Mapping[str, pa.DataType | None]) -> dict[str, Any]:
    """Of each kind a value or None; no kind is text."""
    given = {name: struct[name] for name in kinds if struct.get(name) is not None}
    return {
        name: _text(value) if kinds[name] is None else _fitting(value, kinds[name]) for name, value in given.items()
    }


def _fitting(value: Any, kind: pa.DataType | None) -> Any:
    import pyarrow as pa

    if kind is None:
        return _text(value)
    try:
        pa.scalar(value, kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None
    return value


def _text(value: Any) -> str:
    return storable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def _numbers(value: Any) -> list[int]:
    return [int(part) for part in str(value or "").replace(",", " ").split() if part.isdecimal()]


def _lines(values: Iterable[object]) -> str:
    return "\n" + "".join(f"{' '.join(str(value).split())}\n" for value in values)
