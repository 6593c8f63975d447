"""A table that LlamaIndex's own `LanceDBVectorStore` (0.6.0) wrote, or another program in the same form.

It has the columns `id`, `doc_id`, `vector`, `text` and `metadata` (a struct with the node as JSON). Everything that the
vector store does works on it, with these differences from a knowledge base: words are looked for in `text` alone, with
LanceDB's own folding of accents; filters other than on `doc_id` and ids read the metadata of every row; and nothing
keeps two processes that write at once from doubling rows. The table's columns and its key stay as they are, so that
the store that made it can go on using it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.schema import BaseNode, MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.utils import metadata_dict_to_node

from rag_ingest.errors import NoKnowledgeBaseError, StoreError
from rag_ingest.llamaindex.requests import Request
from rag_ingest.llamaindex.rows import arrow_rows, node_struct
from rag_ingest.store.metadata_lines import metadata_of
from rag_ingest.store.schema import storable
from rag_ingest.store.search import DEPTH, NPROBES, fuse
from rag_ingest.store.tables import backlog, connect, fetch, foreign_errors, open_table, upsert

if TYPE_CHECKING:
    import numpy as np
    from lancedb.expr import Expr
    from lancedb.query import LanceQueryBuilder
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["ForeignTable"]

_COLUMNS = ("id", "doc_id", "vector", "text", "metadata")

REFINE_FACTOR = 10
"""Whoever made the vector index, if there is one: one bit a dimension wants as much (eval/store.md)."""


class ForeignTable:
    """Use `ForeignTable.open`."""

    def __init__(self, uri: str, table: Table) -> None:
        self.uri = uri
        self.table = table

    @classmethod
    def open(cls, uri: str, name: str) -> ForeignTable:
        """Opens a table that is there.

        Raises:
            NoKnowledgeBaseError: there is none of this name.
            StoreError: it has other columns.
        """
        import pyarrow as pa

        table = open_table(connect(uri, create=False), name)
        if table is None:
            raise NoKnowledgeBaseError(f"no table {name!r} in {uri}; leave table_name out for a knowledge base")
        missing = [column for column in _COLUMNS if column not in table.schema.names]
        if missing:
            raise StoreError(f"table {name!r} in {uri} lacks the column {missing[0]!r} of LlamaIndex's stores")
        if not pa.types.is_fixed_size_list(table.schema.field("vector").type):
            raise StoreError(f"table {name!r} in {uri}: its vectors have no fixed length")
        if not pa.types.is_struct(table.schema.field("metadata").type):
            raise StoreError(f"table {name!r} in {uri}: its metadata is no struct")
        return cls(uri, table)

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return int(self.table.schema.field("vector").type.list_size)

    @property
    def holder(self) -> str:
        """The table."""
        return f"the table {self.table.name!r} in {self.uri} holds vectors"

    def delete(self, where: Expr | str) -> None:
        """In one commit."""
        self.table.delete(where)

    def _make_room_for_doc_ids(self) -> None:
        """The first nodes had none where the column's type is null, which fits no value and casts to none."""
        import pyarrow as pa

        if pa.types.is_null(self.table.schema.field("doc_id").type):
            self.table.drop_columns(["doc_id"])
            self.table.add_columns([pa.field("doc_id", pa.string())])

    def write(self, nodes: Sequence[BaseNode], vectors: NDArray[np.float32]) -> None:
        """One commit; one more before it where the table has a node twice, as a store that only appends leaves it."""
        from lancedb.expr import col

        rows = {node.node_id: _row(node, vector) for node, vector in zip(nodes, vectors, strict=True)}
        with foreign_errors(f"{self.uri}: nodes can't be written"):
            if any(row["doc_id"] for row in rows.values()):
                self._make_room_for_doc_ids()
            known = [row["id"] for row in fetch(self.table, col("id").isin(list(rows)), ["id"])]
            doubled = {name for name in known if known.count(name) > 1} if len(set(known)) < len(known) else set()
            if doubled:
                self.table.delete(col("id").isin(sorted(doubled)))
            upsert(self.table, "id", arrow_rows(rows.values(), self.table.schema))
            if backlog(self.table).is_due_after_adding:
                self.table.optimize()

    def rank(self, request: Request, where: Expr | None) -> list[tuple[str, float]]:
        """By cosine, by BM25 of `text`, or both; the first query for words makes the index of `text` if it has none."""
        depth = max(DEPTH, 3 * request.depth)
        with foreign_errors(f"{self.uri} can't be searched"):
            near = [] if request.mode == "text" else self._near(request, where, depth)
            worded = [] if request.mode == "vector" else self._worded(request, where, depth)
        if request.mode == "hybrid":
            ranked = fuse(near, worded, request.words_share)
        else:
            ranked = sorted(near + worded, key=lambda row: (-row["score"], row["id"]))
        return list({row["id"]: row["score"] for row in reversed(ranked)}.items())[::-1][: request.depth]

    def nodes(self, where: Expr | None, *, with_embeddings: bool) -> list[BaseNode]:
        """A row that is there twice is one node."""
        columns = ["id", "doc_id", "text", "metadata"]
        rows = fetch(self.table, where, [*columns, "vector"] if with_embeddings else columns)
        nodes = {row["id"]: _node(row) for row in rows}
        order = {row["id"]: (row["doc_id"] or "", _start(nodes[row["id"]]), row["id"]) for row in rows}
        return [nodes[name] for name in sorted(nodes, key=lambda name: order[name])]

    def _near(self, request: Request, where: Expr | None, depth: int) -> list[dict[str, Any]]:
        query = self.table.search(request.vector, vector_column_name="vector", query_type="vector")
        query = query.distance_type("cosine").nprobes(NPROBES).refine_factor(REFINE_FACTOR)
        rows = _rows(query.limit(depth).select(["id", "_distance"]), where)
        return [{"id": row["id"], "score": 1.0 - row["_distance"]} for row in rows]

    def _worded(self, request: Request, where: Expr | None, depth: int) -> list[dict[str, Any]]:
        from lancedb.index import FTS
        from lancedb.query import MatchQuery

        words = storable(request.text).strip()
        if not words:
            return []
        if not any(index.columns == ["text"] for index in self.table.list_indices()):
            self.table.create_index("text", config=FTS())
        query = self.table.search(MatchQuery(words, "text"), query_type="fts").limit(depth)
        rows = _rows(query.select(["id", "_score", "vector"]), where)
        return [{"id": r["id"], "score": r["_score"], "cosine": _cosine(r["vector"], request)} for r in rows]


def _rows(query: LanceQueryBuilder, where: Expr | None) -> list[dict[str, Any]]:
    return list((query if where is None else query.where(where)).to_arrow().to_pylist())


def _cosine(stored: Sequence[float], request: Request) -> float:
    import numpy as np

    if request.vector is None:
        return 0.0
    values = np.asarray(stored, dtype=np.float32)
    length = float(np.linalg.norm(values) * np.linalg.norm(request.vector))
    return float(values @ request.vector) / length if length else 0.0


def _row(node: BaseNode, vector: NDArray[np.float32]) -> dict[str, Any]:
    return {
        "id": node.node_id,
        "doc_id": node.ref_doc_id,
        "vector": vector,
        "text": storable(node.get_content(MetadataMode.NONE)),
        "metadata": node_struct(node),
    }


def _node(row: Mapping[str, Any]) -> BaseNode:
    """Where the struct has no node in it, its fields are the metadata."""
    struct = row["metadata"] or {}
    if struct.get("_node_content"):
        node = metadata_dict_to_node(struct)
    else:
        node = TextNode(id_=row["id"], text=row["text"] or "", metadata=metadata_of(struct))
        node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=row["doc_id"] or "")
    node.embedding = row.get("vector")
    return node


def _start(node: BaseNode) -> int:
    return (node.start_char_idx or 0) if isinstance(node, TextNode) else 0
