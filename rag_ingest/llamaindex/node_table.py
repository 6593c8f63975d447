"""What the vector store needs of a table that holds nodes, and our own table as one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from llama_index.core.schema import BaseNode, MetadataMode, NodeRelationship, RelatedNodeInfo
from llama_index.core.vector_stores.utils import metadata_dict_to_node

from rag_ingest.errors import StoreError
from rag_ingest.llamaindex.figure_paths import with_figure_paths
from rag_ingest.llamaindex.requests import Request
from rag_ingest.llamaindex.rows import arrow_rows, node_row
from rag_ingest.store.figure_files import FigureFiles
from rag_ingest.store.gone import GONE
from rag_ingest.store.indexes import VECTOR_INDEX_ROWS
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.lease import is_alone, lease
from rag_ingest.store.schema import searchable
from rag_ingest.store.search import SearchMode, ranked
from rag_ingest.store.tables import MANY_SMALL_FILES, backlog, fetch, foreign_errors, upsert
from rag_ingest.store.wider import widened

if TYPE_CHECKING:
    from lancedb.expr import Expr
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["ChunkTable", "NodeTable", "embeddings", "restricting"]

PROMPT_ROWS = 5_000
"""So many without an index cost a text search some 80 ms; in a large table a twentieth is waited for, because bringing
an index up to date reads all of it."""

PATIENT_ROWS = 50_000
"""So many, or as many as the index has, wait until somebody asks: a second of a search that can't index them itself."""


class NodeTable(Protocol):
    """A LanceDB table with the columns `id`, `doc_id`, `vector` and `metadata` (a node as LlamaIndex keeps it)."""

    @property
    def table(self) -> Table:
        """For conditions, deletion and whoever asks for the client."""

    @property
    def dimension(self) -> int:
        """Of its vectors."""

    @property
    def holder(self) -> str:
        """What holds vectors of that dimension, for an error."""

    def write(self, nodes: Sequence[BaseNode], vectors: NDArray[np.float32]) -> None:
        """Writes nodes with their embeddings; one whose id is there is replaced, of two with an id the last counts."""

    def delete(self, where: Expr | str) -> None:
        """Deletes all that match."""

    def rank(self, request: Request, where: Expr | None) -> list[tuple[str, float]]:
        """Ids and scores of the `request.depth` best, best first."""

    def nodes(self, where: Expr | None, *, with_embeddings: bool) -> list[BaseNode]:
        """All that match, in order of document and place."""


def embeddings(nodes: Sequence[BaseNode]) -> NDArray[np.float32]:
    """The nodes' embeddings, float32[len(nodes), dimension].

    Raises:
        StoreError: they differ in length, or a number is none, or too large for 32 bits.
    """
    given = [node.get_embedding() for node in nodes]
    lengths = set(map(len, given))
    if len(lengths) > 1:
        raise StoreError("the nodes' embeddings differ in length: embed them all with one model")
    if 0 in lengths:
        raise StoreError(f"the embedding of node {nodes[0].node_id!r} is empty: embed it again")
    with np.errstate(over="ignore"):
        found = np.array(given, dtype=np.float32)
    finite = np.isfinite(found).all(axis=1)
    if not finite.all():
        bad = nodes[int(finite.argmin())].node_id
        raise StoreError(f"the embedding of node {bad!r} has numbers that are not finite: embed it again")
    return found


_KIND = "metadata._node_type"

_SEARCHED: Mapping[SearchMode, Collection[str]] = {
    "vector": ["vector"],
    "text": ["search_text"],
    "hybrid": ["vector", "search_text", "wider_text"],
}


def restricting(table: Table, node_ids: Sequence[str]) -> Sequence[str] | None:
    """Ids that restrict a query; None where these are the image and index nodes of the table, all and nothing else.

    `VectorStoreIndex.as_retriever` sends the ids of what the index keeps beside the store: these and no text nodes,
    which a restriction would lose.
    """
    import pyarrow as pa
    from lancedb.expr import col

    struct = table.schema.field("metadata").type
    if not node_ids or not pa.types.is_struct(struct) or "_node_type" not in {field.name for field in struct}:
        return node_ids or None
    kinds = {row[_KIND] for row in fetch(table, col("id").isin(list(node_ids)), [_KIND])}
    if not kinds or not kinds <= {"ImageNode", "IndexNode"}:
        return node_ids
    kept_beside = fetch(table, f"{_KIND} IN ('ImageNode', 'IndexNode')", ["id"])  # no `col` for a field of a struct
    return None if {row["id"] for row in kept_beside} <= set(node_ids) else node_ids


class ChunkTable:
    """The table `chunks` of a knowledge base."""

    def __init__(self, kb: KnowledgeBase) -> None:
        self.kb = kb
        self._figures = FigureFiles(kb.uri)
        self._asked: set[str] = set()  # columns that were searched since it was opened

    @property
    def table(self) -> Table:
        """`chunks`."""
        return self.kb.chunks

    @property
    def dimension(self) -> int:
        """As recorded."""
        return self.kb.identity.dimension

    @property
    def holder(self) -> str:
        """The database and its embedder."""
        return f"{self.kb.uri} holds vectors of {self.kb.identity.embedder}"

    def write(self, nodes: Sequence[BaseNode], vectors: NDArray[np.float32]) -> None:
        """In one commit. A neighbour that is in the table gives its words, or gets them (see `store.wider`).

        Indexes are brought up to date here for those that were asked before; for others the first query does it.
        """
        with foreign_errors(f"{self.kb.uri}: nodes can't be written"):
            fresh = {node.node_id: with_figure_paths(node, self._figures.relative) for node in nodes}
            vector_of = {node.node_id: vector for node, vector in zip(nodes, vectors, strict=True)}
            around = self._around(fresh)
            texts = {name: row["text"] for name, row in around.items()}
            texts |= {name: node.get_content(MetadataMode.NONE) for name, node in fresh.items()}
            rows = (node_row(node, vector_of[name], texts) for name, node in fresh.items())
            behind = (_rewidened(row, texts) for row in around.values() if row["previous_id"] in fresh)
            append = is_alone(self.kb.uri) and not self.table.count_rows()
            upsert(self.table, "id", arrow_rows(chain(rows, behind), self.table.schema), append=append)
            left = backlog(self.table)
            is_due = left.small_files >= MANY_SMALL_FILES or left.unindexed_rows > max(PATIENT_ROWS, left.rows // 2)
            is_due = is_due or self._are_behind(self._asked)
        if is_due:
            self.kb.optimize()

    def _are_behind(self, columns: Collection[str]) -> bool:
        """Whether so many rows are missing in an index of one of these columns that it slows searches."""
        rows = self.table.count_rows()
        missing = {index.columns[0]: index.num_unindexed_rows or 0 for index in self.table.list_indices()}
        if rows >= VECTOR_INDEX_ROWS:
            missing.setdefault("vector", rows)
        return any(missing.get(column, 0) > max(PROMPT_ROWS, rows // 20) for column in columns)

    def _catch_up(self, columns: Collection[str]) -> None:
        """Indexes what is asked now; where somebody else writes, or nobody may, rows are searched without an index."""
        self._asked |= set(columns)
        if self._are_behind(columns):
            with suppress(StoreError), lease(self.kb.uri, wait_s=0):
                self.kb.optimize()

    def delete(self, where: Expr | str) -> None:
        """In one commit; a document that has no node left is no longer among the `documents`."""
        from lancedb.expr import col

        known = self.table.search().where(where).select(["doc_id"]).limit(None).to_arrow()["doc_id"]
        doc_ids = set(known.unique().to_pylist())
        self.table.delete(where)
        left = {row["doc_id"] for row in fetch(self.table, col("doc_id").isin(sorted(doc_ids)), ["doc_id"])}
        self.kb.forget(doc_ids - left)

    def _around(self, fresh: Mapping[str, BaseNode]) -> dict[str, dict[str, Any]]:
        """Rows of the nodes' neighbours that are not among them; a whole document has none."""
        from lancedb.expr import col

        kinds = (NodeRelationship.PREVIOUS, NodeRelationship.NEXT)
        related = [node.relationships.get(kind) for node in fresh.values() for kind in kinds]
        ids = {to.node_id for to in related if isinstance(to, RelatedNodeInfo)} - set(fresh)
        rows = fetch(self.table, col("id").isin(sorted(ids)), self.table.schema.names) if ids else []
        return {row["id"]: row for row in rows}

    def rank(self, request: Request, where: Expr | None) -> list[tuple[str, float]]:
        """As `rag-ingest search` ranks."""
        with foreign_errors(f"{self.kb.uri} can't be searched"):
            self._catch_up(_SEARCHED[request.mode])
            best = ranked(
                self.table,
                request.text,
                request.vector,
                mode=request.mode,
                k=request.depth,
                where=where,
                words_share=request.words_share,
            )
        return [(row["id"], row["score"]) for row in best[: request.depth]]

    def nodes(self, where: Expr | None, *, with_embeddings: bool) -> list[BaseNode]:
        """Nodes whole, as they were given; the paths of their figures are absolute."""
        columns = ["id", "doc_id", "span_start", "metadata._node_content", "metadata._node_type"]
        rows = fetch(self.table, where, [*columns, "vector"] if with_embeddings else columns)
        rows = [row for row in rows if row["doc_id"] != GONE]
        rows.sort(key=lambda row: (row["doc_id"], row["span_start"] or 0, row["id"]))
        return [with_figure_paths(_node(row), self._figures.absolute) for row in rows]


def _rewidened(row: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    embedded = metadata_dict_to_node(row["metadata"]).get_content(MetadataMode.EMBED)
    return {**row, "wider_text": searchable(widened(embedded, texts[row["previous_id"]], row["kinds"]))}


def _node(row: Mapping[str, Any]) -> BaseNode:
    node = metadata_dict_to_node({name: row[f"metadata.{name}"] for name in ("_node_content", "_node_type")})
    node.embedding = row.get("vector")
    return node
