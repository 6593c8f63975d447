"""From sources to pages that were read, as generators.

    open -> read -> recognize -> sourced -> collect

Every stream is in document order. A document's pages may fail one by one; a `Failure` flows along with the good items
and nothing is dropped on the way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from rag_ingest.errors import LoadError, OcrError, RagIngestError
from rag_ingest.types import Container, Engine, Failure, Loader, Page, PageMarkdown, Source, SourceDocument

log = logging.getLogger(__name__)

PageResult: TypeAlias = PageMarkdown | Failure


@dataclass(frozen=True)
class Work:
    """One document's share of OCR.

    Attributes:
        todo: page numbers to read.
        done: pages that were read before.
        skip: why nothing is to be done at all: "unchanged", "duplicate" (`same_as` has this content), "superseded" (by
            a later version that is there); else empty.
        stamp: of the source, as it was found.
    """

    document: SourceDocument
    todo: tuple[int, ...]
    done: Mapping[int, PageMarkdown] = field(default_factory=dict)
    skip: Literal["", "unchanged", "duplicate", "superseded"] = ""
    same_as: str = ""
    stamp: str = ""


Plan: TypeAlias = Callable[[SourceDocument], Work]
"""Decides what is left to do for a document."""


Known: TypeAlias = Callable[[Source], bool]
"""Whether a source is as it was when all was done for it, so that it need not be opened."""


Finish: TypeAlias = Callable[[Page, PageMarkdown], PageMarkdown]
"""What is added to a page that was read while its image and text layer are at hand."""


def all_pages(document: SourceDocument) -> Work:
    """The plan of somebody who remembers nothing."""
    return Work(document, tuple(range(1, document.page_count + 1)))


def read(
    sources: Iterable[Source | Failure],
    loader: Callable[[str], Loader],
    *,
    plan: Plan,
    image: bool,
    known: Known = lambda source: False,
) -> Iterator[Work | Page | Failure]:
    """Opens each source and yields its `Work`, then the pages that it asks for; one that is `known` is not opened."""
    for source in unpacked(sources, loader):
        if isinstance(source, Failure):
            yield source
            continue
        if known(source):
            yield Work(SourceDocument("", source.uri, 0), (), skip="unchanged", stamp=source.stamp)
            continue
        medium = loader(source.media)
        try:
            document = medium.open(source)
        except LoadError as e:
            yield Failure(source.uri, None, "load", str(e).removeprefix(f"{source.uri}: "))
            continue
        work = replace(plan(document), stamp=source.stamp)
        yield work
        if work.todo:
            yield from medium.pages(document, work.todo, image=image)


def unpacked(sources: Iterable[Source | Failure], loader: Callable[[str], Loader]) -> Iterator[Source | Failure]:
    """A source that holds others, as a dump does, gives these, one at a time."""
    for source in sources:
        medium = loader(source.media) if isinstance(source, Source) else None
        if isinstance(medium, Container) and isinstance(source, Source):
            yield from medium.sources(source)
        else:
            yield source


def recognize(
    stream: Iterable[Work | Page | Failure], engine: Engine, finish: Finish = lambda page, read: read
) -> Iterator[Work | PageResult]:
    """Replaces each page by what the engine read; batches run over document borders and keep the order."""
    held: list[Work | Page | Failure] = []
    waiting = 0
    for item in stream:
        held.append(item)
        waiting += isinstance(item, Page)
        if waiting == 0 or waiting >= engine.batch_size:
            yield from _recognize(held, engine, finish)
            held, waiting = [], 0
    yield from _recognize(held, engine, finish)


def sourced(stream: Iterable[Work | PageResult]) -> Iterator[Work | PageResult]:
    """Engines don't know where a page came from: a page's failure gets its document's source and id."""
    document: SourceDocument | None = None
    for item in stream:
        if isinstance(item, Work):
            document = item.document
        elif isinstance(item, Failure) and item.page is not None and document is not None:
            item = replace(item, source=document.source, doc_id=document.doc_id)
        yield item


def _recognize(held: Sequence[Work | Page | Failure], engine: Engine, finish: Finish) -> Iterator[Work | PageResult]:
    pages = [item for item in held if isinstance(item, Page)]
    results = iter(_results(pages, engine) if pages else [])
    for item in held:
        if isinstance(item, Page):
            read = next(results)
            yield finish(item, read) if isinstance(read, PageMarkdown) else read
        else:
            yield item


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


def once(found: Iterable[Source | Failure]) -> Iterator[Source | Failure]:
    """A file that is reached in two ways is read once."""
    seen: set[str] = set()
    for item in found:
        if isinstance(item, Source):
            if item.uri in seen:
                continue
            seen.add(item.uri)
        yield item
