"""The documents of an arm: read by an engine, by a plain reader, or ready Markdown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from eval.cache import CachedEngine, reading_code
from eval.datasets import Dataset, Pages
from eval.datasets.files import read_text
from eval.readers import READERS, UnreadableError, read_pages
from eval.settings import configured
from eval.suite import FOLDER, Arm
from rag_ingest import Pipeline
from rag_ingest.errors import ConfigError
from rag_ingest.registry import names, nearest
from rag_ingest.types import Document, Failure, PageMarkdown, PageSpan, SourceDocument, Span

__all__ = ["documents"]

PAGE_BREAK = "\n\n"
"""Between pages that are not assembled."""


def documents(arm: Arm, dataset: Dataset, cache: Path) -> Iterator[tuple[str, Document] | Failure]:
    """Name and content of each document, or what went wrong with it, or with one of its pages.

    An engine's pages are always assembled as the product does it. Pages of a plain reader and of ready Markdown are
    assembled for this project's splitter; the others get them one after the other, as their users would.

    Args:
        arm: `engine` says what reads.
        dataset: whose documents.
        cache: folder for pages.

    Raises:
        ConfigError: an unknown engine, a document has no PDF, or there is no such Markdown.
        MissingExtraError: the reader's package is not installed.
    """
    if arm.engine.startswith(FOLDER):
        texts: Mapping[str, Pages] = _folder(arm, dataset)
    elif arm.engine in dataset.sources:
        texts = dataset.texts(arm.engine)
    elif arm.engine in READERS:
        yield from _plain(arm, _pdfs(arm, dataset), cache / "readers")
        return
    else:
        _check_engine(arm, dataset)
        yield from _recognised(arm, _pdfs(arm, dataset), cache / "pages")
        return
    missing = sorted(set(dataset.docs) - set(texts))
    if missing:
        raise ConfigError(f"arm {arm.name!r}: no Markdown from {arm.engine!r} for {', '.join(missing)}")
    for doc in dataset.docs:
        yield doc, _document(arm, doc, texts[doc])


def _check_engine(arm: Arm, dataset: Dataset) -> None:
    engines = names("engine")
    if arm.engine not in engines:
        ready = ", ".join(dataset.sources) or "none"
        close = nearest(arm.engine, [*engines, *READERS, *dataset.sources])
        raise ConfigError(
            f"arm {arm.name!r}: unknown engine {arm.engine!r}{close} (engines: {', '.join(sorted(engines))}; readers: "
            f"{', '.join(READERS)}; ready Markdown in dataset {dataset.name!r}: {ready}; or folder:PATH)"
        )


def _pdfs(arm: Arm, dataset: Dataset) -> Mapping[str, Path]:
    missing = sorted(set(dataset.docs) - set(dataset.papers))
    if missing:
        sources = ", ".join(dataset.sources) or "none"
        raise ConfigError(
            f"arm {arm.name!r}: engine {arm.engine!r} needs PDFs, and {missing[0]} has none "
            f"(sources of ready Markdown: {sources})"
        )
    return dataset.papers


def _recognised(arm: Arm, papers: Mapping[str, Path], cache: Path) -> Iterator[tuple[str, Document] | Failure]:
    docs: dict[str, list[str]] = {}
    for doc, path in papers.items():
        docs.setdefault(str(path.resolve()), []).append(doc)  # a file may be known under several names
    config = configured(engine=arm.engine)
    with ExitStack() as stack:
        inner = stack.enter_context(Pipeline(config))
        cached = CachedEngine(inner.engine, cache, f"{inner.ocr_fingerprint} {reading_code()}")
        pipeline = stack.enter_context(Pipeline(config, engine=cached))
        for found in pipeline.documents(list(docs)):
            if isinstance(found, Failure):
                yield found
                continue
            for doc in docs[str(Path(found.source).resolve())]:
                yield doc, found


def _plain(arm: Arm, papers: Mapping[str, Path], cache: Path) -> Iterator[tuple[str, Document] | Failure]:
    for doc, path in papers.items():
        try:
            yield doc, _document(arm, doc, read_pages(arm.engine, path, cache))
        except UnreadableError as e:
            yield Failure(str(path), None, "load", str(e))


def _folder(arm: Arm, dataset: Dataset) -> Mapping[str, Pages]:
    folder = Path(arm.engine.removeprefix(FOLDER)).expanduser()
    if not folder.is_dir():
        raise ConfigError(f"arm {arm.name!r}: no folder {folder}")
    files = {doc: folder / f"{doc}.md" for doc in dataset.docs}
    return {doc: (read_text(file, f"arm {arm.name!r}"),) for doc, file in files.items() if file.is_file()}


def _document(arm: Arm, doc: str, pages: Pages) -> Document:
    if arm.splitter != "structure":
        return _joined(doc, pages)
    [found] = _Ready(doc, pages, arm.engine).documents([doc])
    assert isinstance(found, Document)
    return found


def _joined(doc: str, pages: Pages) -> Document:
    """Without blocks: splitters of other projects read the Markdown themselves."""
    spans, start = [], 0
    for number, text in enumerate(pages, 1):
        spans.append(PageSpan(number, Span(start, start + len(text))))
        start += len(text) + len(PAGE_BREAK)
    return Document("", doc, "", PAGE_BREAK.join(pages), tuple(spans), ())


class _Ready(Pipeline):
    """Ready Markdown in the place of a PDF: its pages are there already."""

    def __init__(self, doc: str, pages: Pages, source: str) -> None:
        super().__init__()
        self._ready = doc, pages, source

    def pages(self, paths: object) -> Iterator[tuple[SourceDocument, list[PageMarkdown | Failure]] | Failure]:
        """The one document."""
        doc, pages, source = self._ready
        doc_id = hashlib.sha256("\f".join(pages).encode("utf-8", "surrogatepass")).hexdigest()
        read = [PageMarkdown(doc_id, number, text, source, source) for number, text in enumerate(pages, 1)]
        yield SourceDocument(doc_id, doc, len(pages)), list(read)
