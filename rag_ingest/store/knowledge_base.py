"""`KnowledgeBase`: the tables `documents`, `pages` and `chunks` of one LanceDB database.

Order of writing, so that a process killed between two commits leaves a database from which running again gives the
same rows: pages as they are read; rows of `documents` that are about to change lose their marks; the chunks of a group
of documents; their rows (see `store.replacing`). Whoever writes holds `store.lease`; any number read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike, fspath
from shlex import quote
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from rag_ingest.errors import StoreError, StoreMismatchError
from rag_ingest.store.abstracts import contents_with
from rag_ingest.store.chunks import Chunks, DocumentChunks
from rag_ingest.store.documents import Documents
from rag_ingest.store.expand import Expansion, Neighbours, expand
from rag_ingest.store.figure_files import FigureFiles
from rag_ingest.store.indexes import ensure_indexes
from rag_ingest.store.lease import is_alone
from rag_ingest.store.ledger import Ledger
from rag_ingest.store.mending import lost, tell_placings, unmark_lost
from rag_ingest.store.naming import meant_by
from rag_ingest.store.replacing import Replacing
from rag_ingest.store.schema import DocumentRecord, Identity, source_key
from rag_ingest.store.search import SearchMode, candidates
from rag_ingest.store.settings import with_settings
from rag_ingest.store.status import Marks, Status, read_failures, read_status
from rag_ingest.store.tables import connect, foreign_errors, no_chunks, no_knowledge_base, open_table, open_tables
from rag_ingest.store.trouble import damage
from rag_ingest.store.upkeep import Told, Upkeep
from rag_ingest.store.versions import Versions
from rag_ingest.store.where import parse_where
from rag_ingest.types import UNPLACED, Chunk, Failure, PageMarkdown, PlacedFigure, Placing, SearchHit

if TYPE_CHECKING:
    import numpy as np
    from lancedb.expr import Expr
    from lancedb.table import Table
    from numpy.typing import NDArray

__all__ = ["DocumentChunks", "DocumentRecord", "KnowledgeBase", "Status"]

T = TypeVar("T")

REMOVED_AT_ONCE = 10_000
"""Documents: their rows are held in memory several times over."""


class KnowledgeBase:
    """Use `KnowledgeBase.open`, as a context manager.

    Attributes:
        uri: as given.
        identity: the embedder that wrote the vectors.
    """

    def __init__(
        self, uri: str, tables: Mapping[str, Table], identity: Identity, told: Told = lambda message: None
    ) -> None:
        self.uri = uri
        self.identity = identity
        self._tables = tables
        alone = partial(is_alone, uri)
        self._documents = Documents(tables["documents"], alone)
        self._ledger = Ledger(tables["pages"], alone)
        self._chunks = Chunks(tables["chunks"], identity.dimension, alone)
        self._figures = FigureFiles(uri)
        self._replacing = Replacing(self._documents, self._ledger, self._chunks, self._figures)
        self._upkeep = Upkeep(uri, tables, told)
        self._told = told

    @classmethod
    def open(
        cls,
        uri: str | PathLike[str],
        *,
        embedder_name: str | None = None,
        dimension: int | None = None,
        create: bool = False,
        settings: Mapping[str, Any] | None = None,
        told: Told = lambda message: None,
    ) -> KnowledgeBase:
        """Opens a knowledge base, or makes one.

        Args:
            uri: a folder, or a URI that LanceDB knows.
            embedder_name: checked where given; recorded in a new one.
            dimension: of its vectors.
            create: make what is missing.
            settings: what the embedder was made from, recorded in a new one; JSON values, no secrets.
            told: is told what takes long: compacting and indexing large tables, removing many documents.

        Raises:
            StoreError: there is none (and `create` is false), or something else is there.
            StoreMismatchError: another embedder wrote it.
        """
        uri = fspath(uri)
        db = connect(uri, create=create)
        with foreign_errors(f"{uri} can't be opened"):
            identity = _identity(uri, open_table(db, "chunks"))
            if identity is None and not create:
                raise no_knowledge_base(uri) if open_table(db, "documents") is None else no_chunks(uri)
            if identity is None:
                if embedder_name is None or dimension is None:
                    raise StoreError(f"a new knowledge base at {uri} needs the embedder's name and dimension")
                identity = Identity(embedder_name, dimension, settings or {})
            if embedder_name is not None and dimension is not None:
                _require_embedder(uri, identity, embedder_name, dimension)
            if create:
                unmark_lost(db, identity, partial(is_alone, uri))
            tables = open_tables(uri, db, identity, create=create)
            kb = cls(uri, tables, _identity(uri, tables["chunks"]) or identity, told)
            if create:
                tell_placings(kb._documents, tables["pages"], told)
            if embedder_name is not None and dimension is not None:
                kb.require_embedder(embedder_name, dimension)
            if create:
                ensure_indexes(tables["chunks"], "chunks")
        return kb

    def __enter__(self) -> KnowledgeBase:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Every write was committed already; nothing is left to do."""

    def require_embedder(self, name: str, dimension: int) -> None:
        """Raises `StoreMismatchError` unless this embedder wrote the vectors."""
        _require_embedder(self.uri, self.identity, name, dimension)

    def _require_same(self) -> None:
        """Another process may have given the chunks another embedder's vectors since this one opened them."""
        now = _identity(self.uri, self._tables["chunks"])
        if now is not None and (now.embedder, now.dimension) != (self.identity.embedder, self.identity.dimension):
            raise StoreMismatchError(
                f"{self.uri} holds vectors of {now.embedder} by now, no more of {self.identity.embedder}: open it again"
            )

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the embedder was made from, as recorded."""
        return self.identity.settings

    @property
    def chunks(self) -> Table:
        """The table `chunks` itself, for readers that need more than `search`."""
        return self._tables["chunks"]

    def config(self, default: T) -> T:
        """A configuration dataclass with the recorded embedder settings in place of its own."""
        return with_settings(default, self.settings)

    def done_pages(self, doc_id: str, fingerprint: str) -> dict[int, PageMarkdown]:
        """Pages of a document that this engine fingerprint has read, by number."""
        with foreign_errors(f"{self.uri}: pages can't be read"):
            return self._ledger.done(doc_id, fingerprint)

    def write_pages(
        self,
        results: Sequence[PageMarkdown | Failure],
        *,
        source: str | Mapping[str, str],
        fingerprint: str,
        engine: str,
        pending: Sequence[tuple[str, int]] = (),
    ) -> None:
        """Records pages in one commit. Crops of figures that have a path go into files first, others into the table.

        Args:
            results: pages carry their own engine and fingerprint.
            source: of all, or by doc_id.
            fingerprint: of failures and pages that wait.
            engine: likewise.
            pending: (doc_id, page) of pages that are going to be read.

        Raises:
            StoreError: a failure without document or page.
        """
        with foreign_errors(f"{self.uri}: pages can't be written"):
            results = [self._figures.write(r) if isinstance(r, PageMarkdown) else r for r in results]
            doc_ids = [result.doc_id for result in results] + [doc_id for doc_id, _ in pending]
            sources = dict.fromkeys(doc_ids, source) if isinstance(source, str) else source
            changed = self._ledger.write(
                results, sources=sources, fingerprint=fingerprint, engine=engine, pending=pending
            )
        self._committed("pages", changed)

    def document_for(self, source: str) -> DocumentRecord | None:
        """What is recorded of a source."""
        with foreign_errors(f"{self.uri}: documents can't be read"):
            return self._documents.of_source(source)

    def is_current(
        self,
        source: str,
        doc_id: str,
        ocr_fingerprint: str,
        split_fingerprint: str,
        embedder: str,
        *,
        retry_failed: bool = False,
        placing: Placing = UNPLACED,
    ) -> bool:
        """True when ingesting this source again would change nothing.

        A document without some pages that failed is current unless `retry_failed`; a source that failed never is.
        Neither is one whose boxes or crops don't serve `placing`.
        """
        found = self.document_for(source)
        if found is None or found.state == "failed" or (retry_failed and found.state == "partial"):
            return False
        if found.state == "superseded":
            return found.doc_id == doc_id and self.versions([found.work]).superseder(found) is not None
        have = (found.doc_id, found.ocr_fingerprint, found.split_fingerprint, found.embedder)
        return have == (doc_id, ocr_fingerprint, split_fingerprint, embedder) and found.placing.serves(placing)

    def stamped(
        self, ocr_fingerprint: str, split_fingerprint: str, embedder: str, placing: Placing = UNPLACED
    ) -> Iterator[tuple[str, str]]:
        """(source, stamp) of every document that was done in full by these marks."""
        with foreign_errors(f"{self.uri}: documents can't be read"):
            yield from self._documents.stamped(ocr_fingerprint, split_fingerprint, embedder, placing)

    def restamp(self, stamps: Mapping[str, str]) -> None:
        """Records sources whose file was written again with the same content, by the new stamp."""
        with foreign_errors(f"{self.uri}: documents can't be written"):
            self._committed("documents", self._documents.restamp({source_key(s): new for s, new in stamps.items()}))

    def owners(
        self,
        doc_id: str,
        ocr_fingerprint: str,
        split_fingerprint: str,
        embedder: str,
        placing: Placing = UNPLACED,
    ) -> list[DocumentRecord]:
        """Sources that gave this content, read, split and embedded just so, and placed at least so; by source."""
        marks = (ocr_fingerprint, split_fingerprint, embedder)
        with foreign_errors(f"{self.uri}: documents can't be read"):
            found = [d for d in self._documents.of_contents([doc_id]) if d.state in ("done", "partial")]
        found = [d for d in found if d.placing.serves(placing)]
        return [d for d in found if (d.ocr_fingerprint, d.split_fingerprint, d.embedder) == marks]

    def vectors(self, doc_id: str) -> Mapping[str, NDArray[np.float32]]:
        """Of a document's chunks, by chunk id."""
        with foreign_errors(f"{self.uri}: chunks can't be read"):
            return self._chunks.vectors(doc_id)

    def versions(self, works: Iterable[str]) -> Versions:
        """The documents of these works, by which it is told who gives way to whom."""
        with foreign_errors(f"{self.uri}: documents can't be read"):
            return Versions(self._documents.of_works(works))

    def share_document(self, record: DocumentRecord) -> None:
        """Writes the row of a source whose content is here already, or superseded; what it held before goes."""
        self.share_documents([record])

    def share_documents(self, records: Sequence[DocumentRecord]) -> None:
        """Writes such rows in one commit."""
        with foreign_errors(f"{self.uri}: documents can't be written"):
            self._wrote(*self._replacing.share(records))

    def replace_document(self, record: DocumentRecord, chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> None:
        """Makes these the document's only chunks, in one commit, then writes its row; see `replace_documents`."""
        self.replace_documents([DocumentChunks(record, chunks, vectors)])

    def replace_documents(self, documents: Sequence[DocumentChunks]) -> None:
        """Replaces the chunks of many documents in one commit, then writes their rows in another.

        What these sources held before goes, unless another source still has that content. What is there already
        stays as it is: the same document again makes no new table version. Chunks of a content that several sources
        share name one that still has it.

        Raises:
            StoreError: vectors don't fit, two different chunks share an id, or the database can't be written.
        """
        if not documents:
            return
        with foreign_errors(f"{self.uri}: documents can't be written"):
            self._wrote(*self._replacing.replace(documents))

    def remove(self, sources: Iterable[str], *, keep_pages: bool = False) -> list[DocumentRecord]:
        """Removes sources with their chunks, pages and figures; returns the rows that they had.

        Args:
            sources: as they stand in `documents`; one that is not there is left out.
            keep_pages: leave what was read in the ledger, so that the same content is not read again.
        """
        sources, removed = list(sources), list[DocumentRecord]()
        for start in range(0, len(sources), REMOVED_AT_ONCE):
            with foreign_errors(f"{self.uri}: documents can't be removed"):
                if start:
                    self._told(f"{start:,} of {len(sources):,} documents removed")
                records = list(self._documents.of_sources(sources[start : start + REMOVED_AT_ONCE]).values())
                self._wrote(*self._replacing.remove(records, keep_pages=keep_pages))
            removed += records
        return removed

    def forget(self, doc_ids: Iterable[str]) -> None:
        """Drops the rows of documents whose chunks are gone; what was read of them stays in the ledger."""
        with foreign_errors(f"{self.uri}: documents can't be written"):
            rows = self._documents.of_contents(doc_ids)
            self._committed("documents", self._documents.remove(row.source for row in rows))

    def documents(self, *, metadata: bool = True) -> list[DocumentRecord]:
        """Every row of `documents`, by source; without its metadata, most of it, where they aren't asked for."""
        with foreign_errors(f"{self.uri}: documents can't be read"):
            return self._documents.all(metadata=metadata)

    def documents_of(self, sources: Iterable[str]) -> dict[str, DocumentRecord]:
        """Rows of these sources, by source; one that is not there is left out."""
        with foreign_errors(f"{self.uri}: documents can't be read"):
            return self._documents.of_sources(sources)

    def meant_by(self, names: Sequence[str]) -> list[str]:
        """Sources of the documents that names stand for, in the order of these; see `store.naming`.

        Raises:
            ConfigError: one stands for none.
        """
        with foreign_errors(f"{self.uri}: documents can't be read"):
            return meant_by(names, self._tables["documents"])

    def stamps(self) -> list[tuple[str, str]]:
        """(source, stamp) of every row of `documents`, by source."""
        with foreign_errors(f"{self.uri}: documents can't be read"):
            return self._documents.stamps()

    def _wrote(self, chunk_commits: int, rows: int) -> None:
        self._committed("chunks", chunk_commits)
        self._committed("documents", rows)

    def write_source_failure(self, failure: Failure) -> None:
        """Records a source that failed as a whole; what an earlier run stored for it stays."""
        with foreign_errors(f"{self.uri}: documents can't be written"):
            self._committed("documents", self._documents.write_failure(failure))

    def forget_failure(self, source: str) -> None:
        """Drops what `write_source_failure` recorded of a source that gave no document, if anything."""
        with foreign_errors(f"{self.uri}: documents can't be written"):
            self._documents.forget_failure(source)

    def failures(self) -> list[Failure]:
        """Every source and page that failed last time, by source and page."""
        with foreign_errors(f"{self.uri} can't be read"):
            return read_failures(self._documents, self._ledger)

    def status(self, marks: Marks | None = None, placing: Placing = UNPLACED) -> Status:
        """What is in the knowledge base; stale is what differs from `marks`, or from what was written last.

        So are documents whose boxes or crops don't serve `placing`.
        """
        with foreign_errors(f"{self.uri} can't be read"):
            chunks = self._tables["chunks"]
            rows, why = chunks.count_rows(), lost(chunks, self.identity)
            return read_status(self._documents, self._ledger, rows, marks, lost=why, placing=placing)

    def search(
        self,
        text: str,
        vector: NDArray[np.float32] | None,
        *,
        mode: SearchMode = "hybrid",
        k: int = 10,
        where: str | Expr | None = None,
        expansion: Expansion | Neighbours | None = None,
    ) -> list[SearchHit]:
        """The `k` best chunks, best first; see `store.search.candidates` and, for the filter, `store.where`.

        With `expansion` each comes with its section or neighbours, and of several in one such text only the best: the
        `k` are filled from all candidates of the search, the same ones in the same order as without.

        Raises:
            ConfigError: unknown mode, k below 1, or a filter that can't be read.
            StoreError: the database can't be read.
        """
        if vector is not None:
            self._require_same()
        with foreign_errors(f"{self.uri} can't be searched"):
            if isinstance(where, str):
                contents = partial(contents_with, self._tables["documents"])
                where = parse_where(where, contents) if where.strip() else None
            keep = None if expansion else k
            hits = candidates(self._tables["chunks"], text, vector, mode=mode, k=k, where=where, keep=keep)
            hits = expand(self._tables["chunks"], hits, expansion, k=k) if expansion else hits
        return [self._with_paths(hit) for hit in hits]

    def figure_image(self, doc_id: str, figure: PlacedFigure) -> bytes:
        """The crop of a figure of a search hit: an image file's bytes; empty where none was kept.

        Raises:
            StoreError: its file can't be read.
        """
        with foreign_errors(f"{self.uri}: figures can't be read"):
            if figure.path:
                return self._figures.read(self._figures.relative(figure.path))
            records = self._documents.of_contents([doc_id])
            marks = dict.fromkeys(record.ocr_fingerprint for record in records)
            of_figure = [(doc_id, figure.page, mark, figure.number) for mark in marks]
            image = next((image for one in of_figure if (image := self._ledger.figure_image(*one))), b"")
            if image or not figure.in_table:
                return image
            paths = (self._ledger.figure_path(*one) for one in of_figure)  # by now; chunks are about to say so
            return next((self._figures.read(path) for path in paths if path), b"")

    def _with_paths(self, hit: SearchHit) -> SearchHit:
        if not hit.figures:
            return hit
        figures = (replace(figure, path=self._figures.absolute(figure.path)) for figure in hit.figures)
        return replace(hit, figures=tuple(figures))

    def expand(
        self, hits: Sequence[SearchHit], expansion: Expansion | Neighbours, *, k: int | None = None
    ) -> list[SearchHit]:
        """Hits of an earlier search with their texts, `k` or all; those left out that a better one's text holds."""
        with foreign_errors(f"{self.uri} can't be searched"):
            return expand(self._tables["chunks"], hits, expansion, k=len(hits) if k is None else k)

    def optimize(self, *, exclusive: bool = False, thorough: bool = False, reindex: bool = False) -> None:
        """Compacts files, brings indexes up to date and cleans up; cheap where there is little to do.

        Args:
            exclusive: the caller holds the lease of the database; see `store.upkeep`.
            thorough: even where there is little to do.
            reindex: make all indexes anew, as when a file of one is damaged.
        """
        with foreign_errors(f"{self.uri} can't be optimized"):
            if reindex:
                self._upkeep.reindex()
            self._upkeep.run(exclusive=exclusive, thorough=thorough)

    def _committed(self, name: str, commits: int) -> None:
        with foreign_errors(f"{self.uri} can't be optimized"):
            self._upkeep.committed(name, commits)


def _require_embedder(uri: str, known: Identity, name: str, dimension: int) -> None:
    if (name, dimension) != (known.embedder, known.dimension):
        raise StoreMismatchError(
            f"{uri} holds vectors of {known.embedder} ({known.dimension} dimensions), not of {name} ({dimension}): "
            "choose another --db, or the same embedder again (--set embed.model=…), or make all vectors anew without "
            f"reading a page: rag-ingest reembed --db {quote(uri)} --set embed.model=…"
        )


def _identity(uri: str, chunks: Table | None) -> Identity | None:
    if chunks is None:
        return None
    try:
        return Identity.from_metadata(chunks.schema.metadata, uri)
    except StoreError as e:
        if told := damage(uri, "chunks"):  # a manifest of zeros reads as a table without columns
            raise StoreError(f"{uri} can't be opened: {told}") from e
        raise
