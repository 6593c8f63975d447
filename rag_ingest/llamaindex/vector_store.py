"""A LanceDB knowledge base as a LlamaIndex vector store, with real upsert and deletion."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Self

from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr, field_validator
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryResult,
)

from rag_ingest.errors import NoKnowledgeBaseError, StoreError, StoreMismatchError
from rag_ingest.llamaindex.figure_paths import figures_of
from rag_ingest.llamaindex.filters import all_of, filter_expression
from rag_ingest.llamaindex.foreign import ForeignTable
from rag_ingest.llamaindex.node_table import ChunkTable, NodeTable, embeddings, restricting
from rag_ingest.llamaindex.requests import Request, most_different, read_request
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.lease import lease
from rag_ingest.store.phrases import without_quotes
from rag_ingest.store.tables import foreign_errors

if TYPE_CHECKING:
    from lancedb.expr import Expr

CHUNKS = "chunks"

IDS_AT_ONCE = 10_000
"""As many ids in one condition take 40 ms to look up in 100,000 rows; ten times as many, 800 ms."""


WAIT_S = 60.0
"""So long a write waits for another process's; `rag-ingest ingest` may take longer."""


class LanceDBKnowledgeBase(BasePydanticVectorStore):
    """Stores nodes in the `chunks` table that `rag-ingest ingest` writes, and answers from it.

    Adding a node whose id is there replaces it. Query modes: DEFAULT (vector), MMR, TEXT_SEARCH and SPARSE (BM25),
    HYBRID (both, their scores combined; `alpha` is the vector's share). Filters, `doc_ids` and `node_ids` hold for
    every mode; nothing found is an empty result. The asynchronous methods do the same work in a thread, so that the
    event loop goes on meanwhile; one process writes at a time.

    With another `table_name` it opens a table that LlamaIndex's own `LanceDBVectorStore` wrote; see
    `llamaindex.foreign`.
    """

    model_config = ConfigDict(extra="forbid")

    stores_text: bool = True
    is_embedding_query: bool = True
    flat_metadata: bool = True
    uri: str = Field(description="Folder of the LanceDB database; made at the first `add` where it is missing")
    table_name: str = Field(default=CHUNKS, description="Another one was written by another program, and is there")
    embedder_name: str | None = Field(
        default=None, description="Name of the embedding model, recorded in a new database and checked in a known one"
    )
    with_embeddings: bool = Field(default=False, description="Whether nodes come back with their embeddings")

    _opened: NodeTable | None = PrivateAttr(default=None)
    _writing: Any = PrivateAttr(default_factory=RLock)

    @field_validator("uri", mode="before")
    @classmethod
    def _as_text(cls, uri: str | PathLike[str]) -> str:
        """A folder is the same one wherever the process goes, and for another that it is sent to."""
        text = fspath(uri)
        return text if "://" in text else str(Path(text).expanduser().absolute())

    @classmethod
    def class_name(cls) -> str:
        """Name for serialisation."""
        return "LanceDBKnowledgeBase"

    def __getstate__(self) -> dict[str, Any]:
        """The fields; whoever unpickles it opens the database anew."""
        return {"__dict__": dict(self.__dict__)}

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Another store of the same database."""
        return type(self)(**self.__dict__)

    @property
    def client(self) -> Any:
        """The LanceDB table.

        Raises:
            StoreError: there is no knowledge base yet.
        """
        return self._open().table

    @property
    def knowledge_base(self) -> KnowledgeBase:
        """The opened knowledge base.

        Raises:
            StoreError: there is none yet, or the table is another program's.
        """
        opened = self._open()
        if not isinstance(opened, ChunkTable):
            raise StoreError(f"the table {self.table_name!r} in {self.uri} is no knowledge base")
        return opened.kb

    def _open(self, dimension: int | None = None) -> NodeTable:
        """Opens the database; makes it where it is missing and a dimension is given."""
        with self._writing:
            if self._opened is None:
                self._opened = (
                    ChunkTable(self._open_chunks(dimension))
                    if self.table_name == CHUNKS
                    else ForeignTable.open(self.uri, self.table_name)
                )
        opened = self._opened
        if dimension is not None and dimension != opened.dimension:
            raise StoreMismatchError(
                f"{opened.holder} with {opened.dimension} dimensions, not {dimension}: use that embedding model, or "
                "another uri"
            )
        return opened

    def _open_chunks(self, dimension: int | None) -> KnowledgeBase:
        try:
            kb = KnowledgeBase.open(self.uri)
        except NoKnowledgeBaseError:
            if dimension is None:
                raise
            name = self.embedder_name or "llama-index"
            kb = KnowledgeBase.open(self.uri, embedder_name=name, dimension=dimension, create=True)
        if self.embedder_name:
            kb.require_embedder(self.embedder_name, kb.identity.dimension)
        return kb

    def _is_there(self) -> bool:
        """False before the first `add`; a table named by hand must be there."""
        try:
            self._open()
        except NoKnowledgeBaseError:
            if self.table_name != CHUNKS:
                raise
            return False
        return True

    def add(self, nodes: Sequence[BaseNode], **add_kwargs: Any) -> list[str]:
        """Writes nodes in one commit; one whose id is there is replaced, of two with the same id the last one counts.

        Raises:
            StoreMismatchError: the embeddings have another dimension than the table.
            StoreError: an embedding has numbers that are not finite. One of zeros has no direction: its node is found
                by words and ids alone.
        """
        nodes = list(nodes)
        if nodes:
            vectors = embeddings(nodes)
            with self._alone():
                self._open(vectors.shape[1]).write(nodes, vectors)
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Deletes every node of a document; nodes of none can't be named so.

        `rag-ingest ingest` then takes the document for a new one, whose pages it need not read again.
        """
        from lancedb.expr import col, lit

        if ref_doc_id:
            self._delete(col("doc_id") == lit(ref_doc_id))

    def delete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """Deletes nodes by id, by filter, or by both together; neither given deletes nothing."""
        if not self._is_there():
            return
        for some in _portions(None if node_ids is None else list(node_ids)):
            where = self._where(some, None, filters)
            if where is not None:
                self._delete(where)

    def _delete(self, where: Expr | str) -> None:
        if self._is_there():
            with self._alone(), foreign_errors(f"{self.uri}: nodes can't be deleted"):
                self._open().delete(where)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One writer at a time: of this store's threads and of all processes.

        Under a URI another program's table needs no lease, which would be a table more in its database.
        """
        is_free = "://" in self.uri and self.table_name != CHUNKS
        with self._writing, nullcontext() if is_free else lease(self.uri, wait_s=WAIT_S):
            yield

    def clear(self) -> None:
        """Deletes every node; the table stays."""
        self._delete("true")

    def get_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None) -> list[BaseNode]:
        """Nodes by id, by filter, by both together, or all; in order of document and place."""
        if not self._is_there() or node_ids == []:
            return []
        return self._nodes(self._where(node_ids, None, filters), with_embeddings=self.with_embeddings)

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """The `similarity_top_k` best nodes, best first.

        An index sends `node_ids` of its own: empty ones, and those of all image and index nodes, restrict nothing.

        Words in double quotes are a phrase, which every node has that TEXT_SEARCH, SPARSE or HYBRID gives; where none
        has it, they are words like others: whoever asks may be quoting, or measuring in inches.

        Similarities are cosine (DEFAULT), BM25 (TEXT_SEARCH), a share of the best (HYBRID), or what
        `get_top_k_mmr_embeddings` gives (MMR, from `mmr_prefetch_k` or `mmr_prefetch_factor` times as many nodes).

        Raises:
            ConfigError: a query mode, option or keyword that the store does not have; see `read_request`.
        """
        request = read_request(query, kwargs)
        if not self._is_there():
            return VectorStoreQueryResult(nodes=[], similarities=[], ids=[])
        opened = self._open(None if request.vector is None else len(request.vector))
        with foreign_errors(f"{self.uri} can't be searched"):
            node_ids = restricting(opened.table, query.node_ids or [])
        where = self._where(node_ids, query.doc_ids, query.filters)
        ranked = opened.rank(request, where)
        if not ranked and request.text != without_quotes(request.text):
            ranked = opened.rank(replace(request, text=without_quotes(request.text)), where)
        return self._answer(request, ranked)

    def _answer(self, request: Request, ranked: list[tuple[str, float]]) -> VectorStoreQueryResult:
        from lancedb.expr import col

        is_mmr = request.mmr_threshold is not None
        where = col("id").isin([name for name, _ in ranked])
        found = self._nodes(where, with_embeddings=is_mmr or self.with_embeddings) if ranked else []
        nodes = {node.node_id: node for node in found}
        ranked = [(name, score) for name, score in ranked if name in nodes]  # somebody else may delete meanwhile
        if is_mmr:
            ids = [name for name, _ in ranked]
            ranked = most_different(request, ids, [nodes[name].get_embedding() for name in ids])
        if not self.with_embeddings:
            for node in found:
                node.embedding = None
        return VectorStoreQueryResult(
            nodes=[nodes[name] for name, _ in ranked],
            similarities=[score for _, score in ranked],
            ids=[name for name, _ in ranked],
        )

    def figure_images(self, node: BaseNode) -> list[bytes]:
        """Crops of the figures that a node's metadata names, in their order; empty bytes where none was kept.

        Raises:
            StoreError: a crop's file can't be read, or there is no knowledge base.
        """
        return [self.knowledge_base.figure_image(node.ref_doc_id or "", figure) for figure in figures_of(node)]

    def _nodes(self, where: Expr | None, *, with_embeddings: bool) -> list[BaseNode]:
        with foreign_errors(f"{self.uri}: nodes can't be read"):
            return self._open().nodes(where, with_embeddings=with_embeddings)

    def _where(
        self, node_ids: Sequence[str] | None, doc_ids: Sequence[str] | None, filters: MetadataFilters | None
    ) -> Expr | None:
        from lancedb.expr import col

        columns = {"id": node_ids, "doc_id": doc_ids}
        within = all_of(col(name).isin(list(values)) for name, values in columns.items() if values is not None)
        with foreign_errors(f"{self.uri}: metadata can't be read"):
            return filter_expression(self.client, filters, within)

    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """As `add`, in a thread."""
        return await asyncio.to_thread(self.add, nodes, **kwargs)

    async def adelete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """As `delete`, in a thread."""
        await asyncio.to_thread(self.delete, ref_doc_id, **delete_kwargs)

    async def adelete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """As `delete_nodes`, in a thread."""
        await asyncio.to_thread(self.delete_nodes, node_ids, filters, **delete_kwargs)

    async def aget_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """As `get_nodes`, in a thread."""
        return await asyncio.to_thread(self.get_nodes, node_ids, filters)

    async def aclear(self) -> None:
        """As `clear`, in a thread."""
        await asyncio.to_thread(self.clear)

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """As `query`, in a thread."""
        return await asyncio.to_thread(self.query, query, **kwargs)


def _portions(ids: Sequence[str] | None) -> list[Sequence[str] | None]:
    if ids is None:
        return [None]
    return [ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE)]
