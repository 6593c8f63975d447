"""A LanceDB knowledge base as a LlamaIndex vector store, with real upsert and deletion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)
from llama_index.core.vector_stores.utils import metadata_dict_to_node

from rag_ingest.errors import ConfigError, NoKnowledgeBaseError, StoreError, StoreMismatchError
from rag_ingest.llamaindex.filters import filter_expression
from rag_ingest.llamaindex.rows import arrow_rows, node_row
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.search import SearchMode
from rag_ingest.store.tables import fetch, upsert

if TYPE_CHECKING:
    from lancedb.expr import Expr

_MODES: Mapping[VectorStoreQueryMode, SearchMode] = {
    VectorStoreQueryMode.DEFAULT: "vector",
    VectorStoreQueryMode.TEXT_SEARCH: "text",
    VectorStoreQueryMode.SPARSE: "text",
    VectorStoreQueryMode.HYBRID: "hybrid",
}


class LanceDBKnowledgeBase(BasePydanticVectorStore):
    """Stores nodes in the `chunks` table that `rag-ingest ingest` writes, and answers from it.

    Adding a node whose id is there replaces it. Query modes: DEFAULT (vector), TEXT_SEARCH and SPARSE (BM25), HYBRID
    (both, their scores combined). Filters, `doc_ids` and `node_ids` hold for every mode; nothing found is an empty
    result.
    """

    stores_text: bool = True
    is_embedding_query: bool = True
    flat_metadata: bool = True
    uri: str = Field(description="Folder of the LanceDB database; made at the first `add` where it is missing")
    embedder_name: str | None = Field(
        default=None, description="Name of the embedding model, recorded in a new database and checked in a known one"
    )

    _kb: KnowledgeBase | None = PrivateAttr(default=None)

    @classmethod
    def class_name(cls) -> str:
        """Name for serialisation."""
        return "LanceDBKnowledgeBase"

    @property
    def client(self) -> Any:
        """The LanceDB table `chunks`.

        Raises:
            StoreError: there is no knowledge base yet.
        """
        return self._open().chunks

    @property
    def knowledge_base(self) -> KnowledgeBase:
        """The opened knowledge base.

        Raises:
            StoreError: there is none yet.
        """
        return self._open()

    def _open(self, dimension: int | None = None) -> KnowledgeBase:
        """Opens the database; makes it where it is missing and a dimension is given."""
        if self._kb is None:
            try:
                self._kb = KnowledgeBase.open(self.uri)
            except NoKnowledgeBaseError:
                if dimension is None:
                    raise
                name = self.embedder_name or "llama-index"
                self._kb = KnowledgeBase.open(self.uri, embedder_name=name, dimension=dimension, create=True)
            if self.embedder_name:
                self._kb.require_embedder(self.embedder_name, self._kb.identity.dimension)
        if dimension is not None and dimension != self._kb.identity.dimension:
            raise StoreMismatchError(
                f"{self.uri} holds vectors of {self._kb.identity.embedder} with {self._kb.identity.dimension} "
                f"dimensions, not {dimension}: use that embedding model, or another uri"
            )
        return self._kb

    def add(self, nodes: Sequence[BaseNode], **add_kwargs: Any) -> list[str]:
        """Writes nodes in one commit; one whose id is there is replaced, of two with the same id the last one counts.

        Raises:
            StoreMismatchError: the embeddings have another dimension than the table.
        """
        if not nodes:
            return []
        dimension = len(nodes[0].get_embedding())
        if any(len(node.get_embedding()) != dimension for node in nodes):
            raise StoreError("the nodes' embeddings differ in length: embed them all with one model")
        kb = self._open(dimension=dimension)
        before = {node.node_id: node.get_content(MetadataMode.NONE) for node in nodes}
        rows = {node.node_id: node_row(node, before) for node in nodes}
        upsert(kb.chunks, "id", arrow_rows(rows.values(), kb.chunks.schema))
        kb.optimize()
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Deletes every node of a document."""
        from lancedb.expr import col, lit

        self._delete(col("doc_id") == lit(ref_doc_id))

    def delete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """Deletes nodes by id, by filter, or by both together; neither given deletes nothing."""
        where = self._where(node_ids, None, filters)
        if where is not None:
            self._delete(where)

    def _delete(self, where: Expr) -> None:
        if self._is_there():
            self.client.delete(where)

    def clear(self) -> None:
        """Deletes every node; the table stays."""
        if self._is_there():
            self.client.delete("true")

    def get_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None) -> list[BaseNode]:
        """Nodes by id, by filter, by both together, or all; in order of document and place."""
        if not self._is_there():
            return []
        columns = ["id", "doc_id", "span_start", "metadata"]
        rows = fetch(self.client, self._where(node_ids, None, filters), columns)
        rows.sort(key=lambda row: (row["doc_id"], row["span_start"] or 0, row["id"]))
        return [metadata_dict_to_node(row["metadata"]) for row in rows]

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """The `similarity_top_k` best nodes, best first; empty lists of ids restrict nothing (an index sends them).

        Raises:
            ConfigError: a query mode that the store does not have.
        """
        if query.mode not in _MODES:
            known = ", ".join(mode.name for mode in _MODES)
            raise ConfigError(f"query mode {query.mode.name} is not supported (supported: {known})")
        if not self._is_there():
            return VectorStoreQueryResult(nodes=[], similarities=[], ids=[])
        kb = self._open(dimension=len(query.query_embedding) if query.query_embedding else None)
        vector = None
        if query.query_embedding is not None:
            import numpy as np

            vector = np.asarray(query.query_embedding, dtype=np.float32)
        hybrid_k = query.hybrid_top_k if query.mode == VectorStoreQueryMode.HYBRID else None
        hits = kb.search(
            query.query_str or "",
            vector,
            mode=_MODES[query.mode],
            k=hybrid_k or query.similarity_top_k,
            where=self._where(query.node_ids or None, query.doc_ids or None, query.filters),
        )
        nodes = self._nodes([hit.chunk_id for hit in hits])
        return VectorStoreQueryResult(
            nodes=[nodes[hit.chunk_id] for hit in hits],
            similarities=[hit.score for hit in hits],
            ids=[hit.chunk_id for hit in hits],
        )

    def _is_there(self) -> bool:
        try:
            self._open()
        except NoKnowledgeBaseError:
            return False
        return True

    def _nodes(self, ids: Sequence[str]) -> dict[str, BaseNode]:
        from lancedb.expr import col

        if not ids:
            return {}
        rows = fetch(self.client, col("id").isin(list(ids)), ["id", "metadata"])
        return {row["id"]: metadata_dict_to_node(row["metadata"]) for row in rows}

    def _where(
        self, node_ids: list[str] | None, doc_ids: list[str] | None, filters: MetadataFilters | None
    ) -> Expr | None:
        from lancedb.expr import col

        where: Expr | None = None
        for column, values in (("id", node_ids), ("doc_id", doc_ids)):
            if values is not None:
                condition = col(column).isin(values)
                where = condition if where is None else where & condition
        return filter_expression(self.client, filters, where) if filters and self._is_there() else where
