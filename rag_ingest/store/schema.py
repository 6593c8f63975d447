"""What the tables hold: Arrow schemas, and the values that go in and out.

The `chunks` table's schema metadata names the embedder that wrote its vectors; it is set once, when the table is made.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from rag_ingest.errors import StoreError
from rag_ingest.types import Placing

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DocumentRecord", "Identity", "chunks_schema", "documents_schema", "pages_schema"]

SCHEMA_VERSION = "4"
"""Of the tables; another one is refused. 2: chunks have links (`parent_id` to `sections`); 3: and `wider_text`; 4: and
boxes, figures, witness scores and what is known of the paper, and pages have boxes and crops."""

SIDES = ("left", "top", "right", "bottom")

WITNESS_COLUMNS = ("witness_recall", "witness_precision", "witness_order", "witness_numbers")

PAPER_COLUMNS = ("arxiv_id", "authors", "license", "doi", "published")
"""Texts that a loader may know of a paper, beside `year`, `version` and categories."""

PLACING_COLUMNS = ("boxes_by", "crops_by")
"""Of pages and of documents; see `types.Placing`."""

UNKNOWN = Placing("all", "-")
"""Of a document whose row does not say it, until `store.mending` has looked."""

DocumentState = Literal["done", "partial", "failed", "superseded"]


@dataclass(frozen=True)
class DocumentRecord:
    """A row of `documents`: one a source.

    Attributes:
        state: "partial" lacks the pages that failed; "failed" could not be read this time, and what an earlier run
            stored for it stays; "superseded" has given way to a later version of the same work and has no chunks.
        stage: where it failed.
        error: one line; empty unless failed.
        ocr_fingerprint: of everything that decides the Markdown.
        split_fingerprint: of everything that decides the chunks of that Markdown.
        chunk_count: chunks in the table for this document.
        metadata: JSON values.
        ingested_at: set by the store.
        work: what later versions share, for example "arXiv:2301.00001"; empty where there is no such thing.
        version: of the work, 0 where unknown.
        stamp: of the source, as `types.Source` has it; empty where unknown.
        boxes_by: see `types.Placing`, of all pages that its chunks were made of; None in rows of earlier versions.
        crops_by: likewise.
    """

    source: str
    doc_id: str
    title: str = ""
    page_count: int = 0
    state: DocumentState = "done"
    stage: str = ""
    error: str = ""
    engine: str = ""
    ocr_fingerprint: str = ""
    split_fingerprint: str = ""
    embedder: str = ""
    chunk_count: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    ingested_at: datetime | None = None
    work: str = ""
    version: int = 0
    stamp: str = ""
    boxes_by: str | None = ""
    crops_by: str | None = ""

    @property
    def placing(self) -> Placing:
        """How far places were looked for; where that is not known, all counts as done."""
        return UNKNOWN if self.boxes_by is None or self.crops_by is None else Placing(self.boxes_by, self.crops_by)


@dataclass(frozen=True)
class Identity:
    """Who wrote the vectors.

    Attributes:
        settings: what the embedder was made from; JSON values.
    """

    embedder: str
    dimension: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    def to_metadata(self) -> dict[str, str]:
        """Arrow schema metadata."""
        return {
            "rag_ingest.schema": SCHEMA_VERSION,
            "rag_ingest.embedder": self.embedder,
            "rag_ingest.dimension": str(self.dimension),
            "rag_ingest.settings": json.dumps(self.settings, sort_keys=True),
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes] | None, uri: str) -> Identity:
        """Of the table `chunks` in the database at `uri`.

        Raises:
            StoreError: `rag_ingest` did not write it, or wrote it in another version.
        """
        text = {key.decode(): value.decode() for key, value in (metadata or {}).items()}
        found = text.get("rag_ingest.schema")
        if found is None:
            raise StoreError(
                f"the table 'chunks' in {uri} was not written by this version of rag-ingest; use another --db"
            )
        if found != SCHEMA_VERSION:
            raise StoreError(
                f"{uri} was written by another version of rag-ingest (tables {found}, this version has "
                f"{SCHEMA_VERSION}): delete chunks.lance and documents.lance in it and ingest again, which reads no "
                "page a second time; or use another --db"
            )
        settings = json.loads(text["rag_ingest.settings"])
        return cls(text["rag_ingest.embedder"], int(text["rag_ingest.dimension"]), settings)


def documents_schema() -> pa.Schema:
    """`documents`: one row a source."""
    import pyarrow as pa

    names = ["doc_id", "title", "state", "stage", "error", "engine", "ocr_fingerprint", "split_fingerprint", "embedder"]
    return pa.schema(
        [
            pa.field("source", pa.string(), nullable=False),
            *(pa.field(name, pa.string()) for name in [*names, "work", "stamp", *PLACING_COLUMNS]),
            *_integers("page_count", "chunk_count", "version"),
            pa.field("metadata", pa.string()),
            pa.field("ingested_at", pa.timestamp("us", tz="UTC")),
        ]
    )


def pages_schema() -> pa.Schema:
    """`pages`: the ledger and OCR cache; `id` is `doc_id:page:fingerprint`, `seconds` the engine's wall time.

    `boxes` are those of `PageMarkdown`, in page points; `figure_images` the crops, in order of `figures`, where these
    are kept here.
    """
    import pyarrow as pa

    names = ["doc_id", "fingerprint", "engine", "state", "markdown", "finish_reason", "checks", "figures"]
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            *(pa.field(name, pa.string()) for name in [*names, "stage", "error", "source"]),
            pa.field("page", pa.int32()),
            pa.field("seconds", pa.float64()),
            pa.field("attempts", pa.int32()),
            pa.field("updated_at", pa.timestamp("us", tz="UTC")),
            pa.field("boxes", pa.list_(pa.struct([*_integers("start", "end"), *_sides()]))),
            pa.field("figure_images", pa.list_(pa.binary())),
            *(pa.field(name, pa.string()) for name in PLACING_COLUMNS),
        ]
    )


def _integers(*names: str) -> list[pa.Field]:
    import pyarrow as pa

    return [pa.field(name, pa.int32()) for name in names]


def _sides() -> list[pa.Field]:
    """Of a box: page points, origin top-left."""
    import pyarrow as pa

    return [pa.field(name, pa.float32()) for name in SIDES]


def chunks_schema(identity: Identity) -> pa.Schema:
    """`chunks`: one row a chunk.

    `search_text` (context and text, see `searchable`) is what full-text search reads, and `wider_text` (see
    `store.wider`) what hybrid search reads for words. `page_lines`, `heading_lines` and `kind_lines` hold the lists
    once more, each value between line breaks, because filters can't look into lists (lancedb 0.40); `first_page` and
    `last_page` are null where pages are unknown.

    `parent_id`, `previous_id`, `next_id`, `gap` and `sections` are a chunk's links (see `types.Chunk`): the texts of
    neighbours with the gaps between them are the document again. They are null where a foreign node has none.

    `witness_recall` to `witness_numbers` and `verdict` are the worst of the chunk's pages, null where nothing is known;
    `PAPER_COLUMNS` what the loader knows of the paper, `category_lines` one category a line.
    """
    import pyarrow as pa

    from rag_ingest.store.node_metadata import metadata_type

    texts = ["text", "context", "title", "source", "search_text", "wider_text"]
    lines = ["page_lines", "heading_lines", "kind_lines", "category_lines", "metadata_lines"]
    links = ["parent_id", "previous_id", "next_id", "gap"]
    section = [pa.field("id", pa.string()), pa.field("start", pa.int64()), pa.field("end", pa.int64())]
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("doc_id", pa.string()),
            pa.field("vector", pa.list_(pa.float32(), identity.dimension)),
            *(pa.field(name, pa.string()) for name in (*texts, *lines)),
            pa.field("headings", pa.list_(pa.string())),
            pa.field("pages", pa.list_(pa.int32())),
            pa.field("kinds", pa.list_(pa.string())),
            pa.field("first_page", pa.int32()),
            pa.field("last_page", pa.int32()),
            pa.field("span_start", pa.int64()),
            pa.field("span_end", pa.int64()),
            pa.field("token_count", pa.int32()),
            *(pa.field(name, pa.string()) for name in links),
            pa.field("sections", pa.list_(pa.struct(section))),
            pa.field("bboxes", pa.list_(pa.struct([*_integers("page"), *_sides()]))),
            pa.field("figures", pa.list_(pa.struct(_figure_fields()))),
            *(pa.field(name, pa.float32()) for name in WITNESS_COLUMNS),
            pa.field("verdict", pa.string()),
            *(pa.field(name, pa.string()) for name in PAPER_COLUMNS),
            *_integers("year", "version"),
            pa.field("metadata", metadata_type()),
        ],
        metadata=identity.to_metadata(),
    )


def _figure_fields() -> list[pa.Field]:
    """Of one `types.PlacedFigure`."""
    import pyarrow as pa

    texts = [pa.field(name, pa.string()) for name in ("placeholder", "caption", "path")]
    box = pa.field("bbox", pa.struct(_sides()))
    span = [pa.field("start", pa.int64()), pa.field("end", pa.int64())]
    return [*_integers("page", "number"), *span, *texts, pa.field("in_table", pa.bool_()), box]


_SURROGATES = re.compile("[\ud800-\udfff]")


def storable(text: str) -> str:
    """UTF-8 has no half characters: each becomes U+FFFD, so that offsets stay."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def searchable(text: str) -> str:
    """For full-text search, documents and queries alike: ligatures and mathematical letters resolved, accents dropped.

    LanceDB folds accents after stemming, so that "Schrodinger" would miss "Schrödinger".
    """
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", storable(text)) if not unicodedata.combining(c))


def source_key(source: str) -> str:
    r"""A file name that is no UTF-8 keeps its bytes as `\udcXX`, so that two such files stay two."""
    return source.encode("utf-8", "backslashreplace").decode()
