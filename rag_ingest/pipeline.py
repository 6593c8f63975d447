"""The stages in order, with the parts that they need.

    find -> open -> read -> recognize -> collect -> assemble -> chunks -> embed

`Pipeline` holds the parts (engine, embedder, loaders) and makes each at first use; `stages` has the streams.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import cached_property
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

from rag_ingest import registry
from rag_ingest.config import Config, section_of
from rag_ingest.load.discover import find_sources, once
from rag_ingest.ocr.figures import with_paths
from rag_ingest.ocr.places import check as check_places
from rag_ingest.ocr.placing import place, place_again, wanted
from rag_ingest.parse.document import assemble
from rag_ingest.split import split
from rag_ingest.stages import (
    Known,
    PageAgain,
    PageResult,
    Plan,
    Work,
    all_pages,
    collect,
    read,
    recognize,
    sourced,
)
from rag_ingest.types import (
    Chunk,
    Document,
    Embedder,
    Engine,
    Failure,
    Loader,
    Page,
    PageMarkdown,
    Placing,
    Source,
    SourceDocument,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SPLITTER_VERSION = 4
"""Counts up when parse or split make other chunks of the same Markdown and options."""

Paths: TypeAlias = Sequence[str | PathLike[str] | Source | Failure]
"""Files, folders, globs and URLs; or what `find_sources` made of them."""


class Pipeline:
    """The parts that a configuration asks for, each made at first use. Use it as a context manager, or `close` it.

    Args:
        config: options of every stage.
        engine: a ready engine, instead of the configured one.
        embedder: a ready embedder, instead of the configured one.
    """

    def __init__(
        self, config: Config | None = None, *, engine: Engine | None = None, embedder: Embedder | None = None
    ) -> None:
        self.config = config or Config()
        self.engine_reason = ""
        self._engine = engine
        self._embedder = embedder
        self._loaders: dict[str, Loader] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Ends worker processes and frees models."""
        self._stack.close()
        self._loaders.clear()

    @cached_property
    def engine(self) -> Engine:
        """The OCR engine, checked: a missing model or server raises here, before the first page."""
        if self._engine is None:
            name, self.engine_reason = self.config.engine, "as configured"
            if name == "auto":
                name, self.engine_reason = choose_engine(self.config)
            self._engine = registry.resolve("engine", name)(self.config.options_for(name))
            if hasattr(self._engine, "configure_fallback"):  # it hands pages on: with this configuration's options
                self._engine.configure_fallback(self.config.options_for)
        engine: Engine = self._engine
        self._stack.callback(engine.close)
        _check(engine)
        check_places(self.config.boxes)
        return engine

    @cached_property
    def embedder(self) -> Embedder:
        """The embedder, checked likewise."""
        if self._embedder is None:
            name = self.config.embedder
            self._embedder = registry.resolve("embedder", name)(self.config.options_for(name))
        embedder: Embedder = self._embedder
        self._stack.callback(embedder.close)
        _check(embedder)
        return embedder

    def loader(self, media: str) -> Loader:
        """The loader of one medium, a key of `registry.LOADERS`."""
        if media not in self._loaders:
            made = registry.resolve("loader", media)
            inner = getattr(made, "reads_through", "")  # a container leaves its members to another loader
            loader: Loader = made(self.config.options_for(media), *([self.loader(inner)] if inner else []))
            self._stack.callback(loader.close)
            self._loaders[media] = loader
        return self._loaders[media]

    @property
    def left_out(self) -> Counter[str]:
        """Papers that filters kept out so far; see `ArxivLoader`."""
        found = Counter[str]()
        for loader in self._loaders.values():
            found += getattr(loader, "left_out", Counter())
        return found

    @property
    def embedder_settings(self) -> dict[str, Any]:
        """What `load_config` needs to make the same embedder again; kept in the knowledge base for `search`."""
        name = self.config.embedder
        section = section_of(name)
        return {"embedder": name, section: asdict(self.config.options_for(name))} if section else {"embedder": name}

    @property
    def ocr_fingerprint(self) -> str:
        """Changes whenever a page's Markdown could: the engine's own fingerprint, and how pages are rendered."""
        rendering = self.config.load.longest_edge_px if self.engine.needs_image else 0
        return _digest(self.engine.fingerprint, rendering)

    @property
    def split_fingerprint(self) -> str:
        """Changes whenever the chunks of the same Markdown could."""
        counter = getattr(self.config.options_for(self.config.embedder), "tokenizer", "")
        self.config.split.limits(self.embedder.max_tokens)  # sizes that don't fit the embedder are said before a page
        options = asdict(self.config.split)
        return _digest(SPLITTER_VERSION, options, self.embedder.name, self.embedder.max_tokens, counter)

    @property
    def placing(self) -> Placing:
        """What is wanted of boxes and crops; it decides neither Markdown nor chunks' text."""
        return wanted(self.config.figures, self.config.boxes)

    def read(
        self, paths: Paths, plan: Plan = all_pages, known: Known = lambda source: False
    ) -> Iterator[Work | Page | PageAgain | Failure]:
        """Finds, opens and renders; see `stages.read`."""
        found = (
            one for path in paths for one in ([path] if isinstance(path, Source | Failure) else find_sources([path]))
        )
        return read(once(found), self.loader, plan=plan, image=self.engine.needs_image, known=known)

    def recognize(self, stream: Iterable[Work | Page | PageAgain | Failure]) -> Iterator[Work | PageResult]:
        """Runs the engine, and stamps what it read with this pipeline's fingerprint; pages again get their places."""
        fingerprint = self.ocr_fingerprint
        rest = (self._place_again(item) if isinstance(item, PageAgain) else item for item in stream)
        for item in sourced(recognize(rest, self.engine, self._finish)):
            if isinstance(item, PageMarkdown):
                item = with_paths(replace(item, fingerprint=fingerprint), self.config.figures)
            yield item

    def _finish(self, page: Page, read: PageMarkdown) -> PageMarkdown:
        return place(page, read, self.config.figures, self.config.boxes)

    def _place_again(self, item: PageAgain) -> PageMarkdown:
        return place_again(item.page, item.read, self.config.figures, self.config.boxes)

    def pages(self, paths: Paths) -> Iterator[tuple[SourceDocument, list[PageResult]] | Failure]:
        """Load and OCR: each document with its pages in order, a failed one in its place; and sources that failed."""
        for item in collect(self.recognize(self.read(paths))):
            yield item if isinstance(item, Failure) else (item[0].document, item[1])

    def documents(
        self, paths: Paths, keep: Callable[[PageMarkdown], PageMarkdown] | None = None
    ) -> Iterator[Document | Failure]:
        """Load, OCR and parse: one `Document` a paper, and the failures on the way.

        Args:
            paths: see `Paths`.
            keep: is given each page before it is joined, and gives it back: where crops of figures can be put aside.
        """
        for item in self.pages(paths):
            if isinstance(item, Failure):
                yield item
                continue
            document, results = item
            yield from (r for r in results if isinstance(r, Failure))
            pages = [keep(r) if keep else r for r in results if isinstance(r, PageMarkdown)]
            if pages:
                yield assemble(document, pages)

    def chunks(self, document: Document) -> list[Chunk]:
        """Splits a document within the embedder's token budget."""
        return list(split(document, self.config.split, self.embedder.count_tokens, self.embedder.max_tokens))

    def embed(self, chunks: Sequence[Chunk]) -> NDArray[np.float32]:
        """float32[len(chunks), dimension], unit length."""
        return self.embedder.embed_documents([chunk.embed_text for chunk in chunks])


def choose_engine(config: Config) -> tuple[str, str]:
    """`auto`: (engine name, why). `lightonocr` where an accelerator and the weights are there, else `layout`."""
    from rag_ingest.ocr.lightonocr import accelerator, weights_available

    device = accelerator()
    if device is None:
        return "layout", "no CUDA or MPS device: LightOnOCR would take minutes a page"
    there, why = weights_available(config.ocr.model, config.ocr.revision)
    if not there:
        return "layout", f"{device} is there, but not the weights of {config.ocr.model}: {why}"
    return "lightonocr", f"{device} is there, and the weights of {config.ocr.model}: {why}"


def _check(part: object) -> None:
    """Parts that depend on a server, a device or a download say so before the first page."""
    check = getattr(part, "check", None)
    if check is not None:
        check()


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
