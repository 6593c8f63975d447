"""LlamaIndex nodes as rows of the `chunks` table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from llama_index.core.schema import BaseNode, MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.utils import node_to_metadata_dict

from rag_ingest.llamaindex.columns import known_columns
from rag_ingest.store.metadata_lines import metadata_lines
from rag_ingest.store.schema import searchable, storable
from rag_ingest.store.wider import widened

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["arrow_rows", "node_row", "node_struct"]

AT_ONCE = 500
"""Rows that are Python's before they are Arrow's; 20,000 take a quarter longer, most of it collecting garbage."""


def node_row(node: BaseNode, vector: NDArray[np.float32], texts: Mapping[str, str]) -> dict[str, Any]:
    """Every column of `chunks` that a node can fill; the node itself is kept whole in `metadata`.

    Links come from the node's relationships; what `store.node_metadata` tells about a parent comes back from there.

    Args:
        node: as it came.
        vector: its embedding.
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
    struct = node_struct(node)
    content = struct.pop("_node_content")
    lines = metadata_lines(struct)
    return {
        "id": node.node_id,
        "doc_id": node.ref_doc_id or "",
        "vector": vector,
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
        "metadata": struct | {"_node_content": content, "page": min(pages, default=None)},
        "metadata_lines": lines,
    }


def node_struct(node: BaseNode) -> dict[str, Any]:
    """The node whole, but for its embedding, as LlamaIndex's stores keep it in `metadata`."""
    bare = node.model_copy(update={"embedding": None})  # else its numbers are written out, and left out again
    return node_to_metadata_dict(bare, remove_text=False, flat_metadata=False)


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

    remaining, parts = iter(rows), [schema.empty_table()]
    while some := list(islice(remaining, AT_ONCE)):
        parts.append(_arrow(some, schema))
    return pa.concat_tables(parts)


def _arrow(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    made = {"vector": _vectors, "metadata": _structs}
    columns = {
        field.name: made.get(field.name, pa.array)([row.get(field.name) for row in rows], field.type)
        for field in schema
    }
    return pa.table(columns, schema=schema)


def _vectors(values: Sequence[Any], kind: pa.FixedSizeListType) -> pa.Array:
    """From lists and arrays."""
    import numpy as np
    import pyarrow as pa

    if any(value is None for value in values):
        return pa.array(values, kind)
    flat = np.concatenate(values).astype(kind.value_type.to_pandas_dtype())
    return pa.FixedSizeListArray.from_arrays(pa.array(flat, kind.value_type), type=kind)


def _structs(values: Sequence[Mapping[str, Any]], kind: pa.StructType) -> pa.StructArray:
    import pyarrow as pa

    fields = [_field([value.get(field.name) for value in values], field.type) for field in kind]
    return pa.StructArray.from_arrays(fields, fields=list(kind))


def _field(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """What does not fit is null."""
    import pyarrow as pa

    if pa.types.is_string(kind):
        return pa.array([None if value is None else _text(value) for value in values], kind)
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return pa.array([_fitting(value, kind) for value in values], kind)


def _fitting(value: Any, kind: pa.DataType) -> Any:
    import pyarrow as pa

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
