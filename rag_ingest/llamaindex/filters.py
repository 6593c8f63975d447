"""LlamaIndex metadata filters over the `chunks` table.

What names a column of text and asks for equality goes to LanceDB; everything else is decided in Python on the metadata
of the rows that are left, with LlamaIndex's own meaning of each operator, so that any key of any node can be asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from llama_index.core.vector_stores.types import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters
from llama_index.core.vector_stores.utils import build_metadata_filter_fn

from rag_ingest.store.tables import fetch

if TYPE_CHECKING:
    from lancedb.expr import Expr
    from lancedb.table import Table

_COLUMNS = {"doc_id": "doc_id", "ref_doc_id": "doc_id", "document_id": "doc_id", "source": "source", "title": "title"}


def filter_expression(table: Table, filters: MetadataFilters | None, within: Expr | None = None) -> Expr | None:
    """A condition that holds for exactly the rows that match `filters` and `within`; None when both are empty."""
    if filters is None or not filters.filters:
        return within
    from lancedb.expr import col

    parts = [] if within is None else [within]
    rest: list[MetadataFilter | MetadataFilters] = list(filters.filters)
    if filters.condition in (None, FilterCondition.AND):
        pushed = [(f, _equality(f)) for f in rest]
        parts += [expression for _, expression in pushed if expression is not None]
        rest = [f for f, expression in pushed if expression is None]
    if rest:
        left = MetadataFilters(filters=rest, condition=filters.condition)
        rows = fetch(table, reduce(and_, parts) if parts else None, ["id", "metadata"])
        parts = [col("id").isin([row["id"] for row in rows if matches(left, _metadata(row["metadata"]))])]
    return reduce(and_, parts)


def matches(filters: MetadataFilters, metadata: Mapping[str, Any]) -> bool:
    """What the filters mean for one node's metadata; groups may be nested. NOT: none of its parts holds."""
    results = [
        matches(part, metadata)
        if isinstance(part, MetadataFilters)
        else build_metadata_filter_fn(lambda _: metadata, MetadataFilters(filters=[part]))("")
        for part in filters.filters
    ]
    if filters.condition == FilterCondition.OR:
        return any(results)
    return not any(results) if filters.condition == FilterCondition.NOT else all(results)


def _equality(part: MetadataFilter | MetadataFilters) -> Expr | None:
    from lancedb.expr import col, lit

    if isinstance(part, MetadataFilters) or part.key not in _COLUMNS:
        return None
    column = col(_COLUMNS[part.key])
    if part.operator == FilterOperator.EQ and isinstance(part.value, str):
        return column == lit(part.value)
    if part.operator == FilterOperator.IN and isinstance(part.value, list) and part.value:
        return column.isin(part.value)
    return None


def _metadata(struct: Mapping[str, Any]) -> Mapping[str, Any]:
    node = json.loads(struct["_node_content"])
    ids = {key: struct[key] for key in ("doc_id", "ref_doc_id", "document_id")}
    return {**ids, **node.get("metadata", {})}
