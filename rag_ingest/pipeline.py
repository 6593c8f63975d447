"""The stages, in order, as generators.

    find -> open -> read -> recognize -> collect -> assemble -> chunks -> embed

Every stream is in document order. A document's pages may fail one by one; a `Failure` flows along with the good items
and nothing is dropped on the way. `Pipeline` holds the parts (engine, embedder, loaders) and makes each at first use.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from rag_ingest import registry
from rag_ingest.config import Config, section_of
from rag_ingest.errors import LoadError, OcrError, RagIngestError
from rag_ingest.load.discover import find_sources
from rag_ingest.parse.document import assemble
from rag_ingest.split import split
from rag_ingest.types import (
    Chunk,
    Document,
    Embedder,
    Engine,
    Failure,
    Loader,
    Page,
    PageMarkdown,
    Source,
    SourceDocument,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

SPLITTER_VERSION = 2
"""Counts up when parse or split make other chunks of the same Markdown and options."""

PageResult: TypeAlias = PageMarkdown | Failure
Paths: TypeAlias = Sequence[str | PathLike[str] | Source | Failure]
"""Files, folders, globs and URLs; or what `find_sources` made of them."""


@dataclass(frozen=True)
class Work:
    """One document's share of OCR.

    Attributes:
        todo: page numbers to read.
        done: pages that were read before.
        skip: why nothing is to be done at all ("unchanged", "duplicate"), else empty.
    """

    document: SourceDocument
    todo: tuple[int, ...]
    done: Mapping[int, PageMarkdown] = field(default_factory=dict)
    skip: Literal["", "unchanged", "duplicate"] = ""


Plan: TypeAlias = Callable[[SourceDocument], Work]
"""Decides what is left to do for a document."""


def all_pages(document: SourceDocument) -> Work:
    """The plan of somebody who remembers nothing."""
    return Work(document, tuple(range(1, document.page_count + 1)))


def read(
    sources: Iterable[Source | Failure], loader: Callable[[str], Loader], *, plan: Plan, image: bool
) -> Iterator[Work | Page | Failure]:
    """Opens each source and yields its `Work`, then the pages that it asks for."""
    for source in sources:
        if isinstance(source, Failure):
            yield source
            continue
        medium = loader(source.media)
        try:
            document = medium.open(source)
        except LoadError as e:
            yield Failure(source.uri, None, "load", str(e).removeprefix(f"{source.uri}: "))
            continue
        work = plan(document)
        yield work
        if work.todo:
            yield from medium.pages(document, work.todo, image=image)


def recognize(stream: Iterable[Work | Page | Failure], engine: Engine) -> Iterator[Work | PageResult]:
    """Replaces each page by what the engine read; batches run over document borders and keep the order."""
    held: list[Work | Page | Failure] = []
    waiting = 0
    for item in stream:
        held.append(item)
        waiting += isinstance(item, Page)
        if waiting == 0 or waiting >= engine.batch_size:
            yield from _recognize(held, engine)
            held, waiting = [], 0
    yield from _recognize(held, engine)


def placed(stream: Iterable[Work | PageResult]) -> Iterator[Work | PageResult]:
    """Engines don't know where a page came from: a page's failure gets its document's source and id."""
    document: SourceDocument | None = None
    for item in stream:
        if isinstance(item, Work):
            document = item.document
        elif isinstance(item, Failure) and item.page is not None and document is not None:
            item = replace(item, source=document.source, doc_id=document.doc_id)
        yield item


def _recognize(held: Sequence[Work | Page | Failure], engine: Engine) -> Iterator[Work | PageResult]:
    pages = [item for item in held if isinstance(item, Page)]
    results = iter(_results(pages, engine) if pages else [])
    for item in held:
        yield next(results) if isinstance(item, Page) else item


def _results(pages: Sequence[Page], engine: Engine) -> Sequence[PageResult]:
    """An engine that breaks down over a batch costs that batch; one that says what is wrong with the set-up raises."""
    try:
        results = engine.recognize(pages)
    except RagIngestError:
        raise
    except Exception as e:
        log.debug("engine %s failed", engine.name, exc_info=True)
        reason = f"engine {engine.name} failed: {type(e).__name__}: {e}"
        return [Failure("", page.number, "ocr", reason, page.doc_id) for page in pages]
    if len(results) != len(pages):
        raise OcrError(f"engine {engine.name} gave {len(results)} results for {len(pages)} pages")
    return results


def collect(stream: Iterable[Work | PageResult]) -> Iterator[tuple[Work, list[PageResult]] | Failure]:
    """Gathers the pages of each document again: `(work, results in page order, those read before included)`."""
    work: Work | None = None
    results: list[PageResult] = []
    for item in stream:
        if isinstance(item, Work):
            work, results = item, []
        elif isinstance(item, Failure) and item.page is None:
            yield item
            continue
        elif work is not None:
            results.append(item)
        if work is not None and len(results) == len(work.todo):
            yield work, sorted([*work.done.values(), *results], key=_page_number)
            work = None


def _page_number(result: PageResult) -> int:
    return (result.page or 0) if isinstance(result, Failure) else result.number


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
        engine: Engine = self._engine
        self._stack.callback(engine.close)
        _check(engine)
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
            loader: Loader = registry.resolve("loader", media)(self.config.options_for(media))
            self._stack.callback(loader.close)
            self._loaders[media] = loader
        return self._loaders[media]

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

    def read(self, paths: Paths, plan: Plan = all_pages) -> Iterator[Work | Page | Failure]:
        """Finds, opens and renders."""
        found = (
            one for path in paths for one in ([path] if isinstance(path, Source | Failure) else find_sources([path]))
        )
        return read(_once(found), self.loader, plan=plan, image=self.engine.needs_image)

    def recognize(self, stream: Iterable[Work | Page | Failure]) -> Iterator[Work | PageResult]:
        """Runs the engine, and stamps what it read with this pipeline's fingerprint."""
        fingerprint = self.ocr_fingerprint
        for item in placed(recognize(stream, self.engine)):
            yield replace(item, fingerprint=fingerprint) if isinstance(item, PageMarkdown) else item

    def pages(self, paths: Paths) -> Iterator[tuple[SourceDocument, list[PageResult]] | Failure]:
        """Load and OCR: each document with its pages in order, a failed one in its place; and sources that failed."""
        for item in collect(self.recognize(self.read(paths))):
            yield item if isinstance(item, Failure) else (item[0].document, item[1])

    def documents(self, paths: Paths) -> Iterator[Document | Failure]:
        """Load, OCR and parse: one `Document` a paper, and the failures on the way."""
        for item in self.pages(paths):
            if isinstance(item, Failure):
                yield item
                continue
            document, results = item
            yield from (r for r in results if isinstance(r, Failure))
            pages = [r for r in results if isinstance(r, PageMarkdown)]
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


def _once(found: Iterable[Source | Failure]) -> Iterator[Source | Failure]:
    """A file that is reached in two ways is read once."""
    seen: set[str] = set()
    for item in found:
        if isinstance(item, Source):
            if item.uri in seen:
                continue
            seen.add(item.uri)
        yield item


def _check(part: object) -> None:
    """Parts that depend on a server, a device or a download say so before the first page."""
    check = getattr(part, "check", None)
    if check is not None:
        check()


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
