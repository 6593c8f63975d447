"""PDFs and page images -> LlamaIndex documents, one a paper, their text the Markdown that the engine read."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import PurePosixPath
from typing import Any

from llama_index.core.bridge.pydantic import Field
from llama_index.core.readers.base import BasePydanticReader
from llama_index.core.schema import Document as LlamaDocument

from rag_ingest.config import load_config
from rag_ingest.errors import LoadError
from rag_ingest.llamaindex.places import PLACES, places_json
from rag_ingest.pipeline import Pipeline
from rag_ingest.store.figure_files import FigureFiles
from rag_ingest.types import Document, Failure

log = logging.getLogger(__name__)

PAGE_SPANS = "page_spans"
"""Metadata key: JSON list of [page number, start, end], character offsets into the text."""

ABSTRACT = "abstract"
"""Metadata key of a paper's abstract: kept with the document, not copied to each of its nodes."""

INTERNAL_KEYS = ["doc_id", PAGE_SPANS, PLACES, "failed_pages", ABSTRACT]


class LightOnOCRReader(BasePydanticReader):
    """Reads PDFs and images with LightOnOCR, or any other engine of the package.

    A document's `id_` is the sha256 of the file, so that a docstore recognises a file that it knows. Its metadata holds
    `source`, `file_name`, `title`, `page_count`, `engine`, and `page_spans` and `places` (boxes, figures, and how far
    each page can be trusted) for `MarkdownStructureNodeParser`, which gives each node its own.

    With `figures_folder`, figures whose boxes the engine knows are cut out of their pages into files there, and the
    nodes that show one have its path in their metadata's `figures`.

    A page that fails is left out, logged, and listed in the metadata's `failed_pages`; a source that fails is logged
    and skipped, or raises where it was the only one.
    """

    is_remote: bool = False
    engine: str = Field(default="auto", description="auto, lightonocr, server, layout or textlayer")
    config_file: str | None = Field(default=None, description="TOML file with options of every stage")
    settings: list[str] = Field(default_factory=list, description="Options, e.g. 'ocr.model=/models/mine'")
    figures_folder: str | None = Field(default=None, description="Where crops of figures go; none are made without it")

    @classmethod
    def class_name(cls) -> str:
        """Name for serialisation."""
        return "LightOnOCRReader"

    def lazy_load_data(
        self, paths: str | PathLike[str] | Sequence[str | PathLike[str]], extra_info: dict[str, Any] | None = None
    ) -> Iterator[LlamaDocument]:
        """Yields one document a paper.

        Args:
            paths: files, folders, globs and fsspec URLs.
            extra_info: metadata to add to every document.

        Raises:
            LoadError: nothing at all could be read.
            ConfigError: a wrong option, engine or model.
        """
        wanted = [paths] if isinstance(paths, str | PathLike) else list(paths)
        engine = None if self.engine == "auto" else self.engine
        config = load_config(self.config_file, self.settings, engine=engine)
        files = FigureFiles(self.figures_folder) if self.figures_folder else None
        if files:
            files.check()
        config = replace(config, figures=replace(config.figures, keep="files" if files else "none"))
        lost: list[Failure] = []
        loaded = 0
        with Pipeline(config) as pipeline:
            for item in pipeline.documents(wanted, files.write_absolute if files else None):
                if isinstance(item, Failure):
                    log.warning("%s%s: %s", item.source, f" page {item.page}" if item.page else "", item.reason)
                    lost.append(item)
                    continue
                loaded += 1
                yield self._document(item, lost, pipeline.engine.name, extra_info or {})
        if lost and not loaded:
            raise LoadError("; ".join(dict.fromkeys(f"{failure.source}: {failure.reason}" for failure in lost)))

    def _document(
        self, document: Document, failures: Sequence[Failure], engine: str, extra: dict[str, Any]
    ) -> LlamaDocument:
        failed = [f.page for f in failures if f.doc_id == document.doc_id and f.page]
        spans = [[p.number, p.span.start, p.span.end] for p in document.page_spans]
        metadata = {
            **{key: value for key, value in document.metadata.items() if isinstance(value, str | int | float)},
            "doc_id": document.doc_id,
            "source": document.source,
            "file_name": PurePosixPath(document.source).name,
            "title": document.title,
            "page_count": len(spans) + len(failed),
            "engine": engine,
            PAGE_SPANS: json.dumps(spans),
            **({PLACES: places} if (places := places_json(document)) else {}),
            **({"failed_pages": json.dumps(failed)} if failed else {}),
            **extra,
        }
        return LlamaDocument(
            id_=document.doc_id,
            text=document.markdown,
            metadata=metadata,
            excluded_embed_metadata_keys=list(metadata),
            excluded_llm_metadata_keys=INTERNAL_KEYS,
        )
