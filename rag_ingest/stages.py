"""From sources to pages that were read, as generators.

    open -> read -> recognize -> sourced -> collect

Every stream is in document order. A document's pages may fail one by one; a `Failure` flows along with the good items
and nothing is dropped on the way.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Semaphore
from typing import Final, Literal, TypeAlias

from rag_ingest.errors import LoadError, OcrError, RagIngestError
from rag_ingest.types import (
    Container,
    Engine,
    Failure,
    FlowingEngine,
    Loader,
    Page,
    PageMarkdown,
    Source,
    SourceDocument,
)

log = logging.getLogger(__name__)

AHEAD: Final = 8
"""Times `batch_size`: results that wait for one page in front of them. A killed process has read them in vain."""

PageResult: TypeAlias = PageMarkdown | Failure


@dataclass(frozen=True)
class Work:
    """One document's share of OCR.

    Attributes:
        todo: page numbers to read.
        done: pages that were read before.
        skip: why no page is to be read: "unchanged", "duplicate" (`same_as` has this content), "moved" (`same_as` had
            it, and its file is gone), "superseded" (by a later version that is there, or under way); else empty.
        stamp: of the source, as it was found.
        again: pages that were read before and are loaded again, for boxes and crops; of `pictured` the image, too.
    """

    document: SourceDocument
    todo: tuple[int, ...]
    done: Mapping[int, PageMarkdown] = field(default_factory=dict)
    skip: Literal["", "unchanged", "duplicate", "moved", "superseded"] = ""
    same_as: str = ""
    stamp: str = ""
    again: Mapping[int, PageMarkdown] = field(default_factory=dict)
    pictured: frozenset[int] = frozenset()

    @property
    def pages(self) -> int:
        """How many are loaded."""
        return len(self.todo) + len(self.again)


@dataclass(frozen=True)
class PageAgain:
    """A page that is loaded again, and what was read of it."""

    page: Page
    read: PageMarkdown


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
) -> Iterator[Work | Page | PageAgain | Failure]:
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
        yield from _again(work, medium, image)


def _again(work: Work, medium: Loader, image: bool) -> Iterator[PageAgain | Failure]:
    """Pages that are not for the engine; what is not looked at is not rendered."""
    for rendered in (False, True):
        numbers = [number for number in work.again if (image and number in work.pictured) == rendered]
        for page in medium.pages(work.document, numbers, image=rendered) if numbers else ():
            yield PageAgain(page, work.again[page.number]) if isinstance(page, Page) else page


def unpacked(sources: Iterable[Source | Failure], loader: Callable[[str], Loader]) -> Iterator[Source | Failure]:
    """A source that holds others, as a dump does, gives these, one at a time."""
    for source in sources:
        medium = loader(source.media) if isinstance(source, Source) else None
        if isinstance(medium, Container) and isinstance(source, Source):
            yield from medium.sources(source)
        else:
            yield source


def recognize(
    stream: Iterable[Work | Page | PageResult], engine: Engine, finish: Finish = lambda page, read: read
) -> Iterator[Work | PageResult]:
    """Replaces each page by what the engine read, in the same order and over document borders; all else passes.

    An engine that is at many pages at a time gets them one by one, others in batches.
    """
    if isinstance(engine, FlowingEngine):
        yield from flowing(stream, engine, finish)
        return
    held: list[Work | Page | PageResult] = []
    waiting = 0
    for item in stream:
        held.append(item)
        waiting += isinstance(item, Page)
        if waiting == 0 or waiting >= engine.batch_size:
            yield from _recognize(held, engine, finish)
            held, waiting = [], 0
    yield from _recognize(held, engine, finish)


def flowing(
    stream: Iterable[Work | Page | PageResult], engine: FlowingEngine, finish: Finish
) -> Iterator[Work | PageResult]:
    """As `recognize`. A page that takes long holds back what comes behind it, `AHEAD` batches of it, but not its work.

    Leaving it early cancels what is under way.
    """
    flow = _Flow(engine, finish)
    held: deque[Work | PageResult | Future[PageResult]] = deque()
    try:
        for item in stream:
            held.append(flow.begin(item) if isinstance(item, Page) else item)
            while held and (len(held) > AHEAD * engine.batch_size or _is_there(held[0])):
                yield _waited_for(held.popleft())
        while held:
            yield _waited_for(held.popleft())
    finally:
        flow.end()


class _Flow:
    """The pages that an engine is at; each is let go, image and all, once what was read of it is finished.

    Twice a batch: so many pages have room, half of them for the while in which nobody asks for more. They are finished
    in one thread, as they would be without a flow.
    """

    def __init__(self, engine: FlowingEngine, finish: Finish) -> None:
        self._engine = engine
        self._finish = finish
        self._room = Semaphore(2 * engine.batch_size)
        self._finisher = ThreadPoolExecutor(1, "finish-pages")
        self._pages: dict[Future[PageResult], Page] = {}

    def begin(self, page: Page) -> Future[PageResult]:
        """Waits until there is room for it."""
        self._room.acquire()
        begun, finished = self._engine.begin(page), Future[PageResult]()
        self._pages[begun] = page
        begun.add_done_callback(lambda begun: self._read(begun, finished))
        return finished

    def end(self) -> None:
        """Cancels what is not finished."""
        for begun in list(self._pages):
            begun.cancel()
        self._finisher.shutdown(cancel_futures=True)

    def _read(self, begun: Future[PageResult], finished: Future[PageResult]) -> None:
        with suppress(RuntimeError):  # the flow has ended meanwhile
            self._finisher.submit(self._finished, begun, finished)

    def _finished(self, begun: Future[PageResult], finished: Future[PageResult]) -> None:
        page = self._pages.pop(begun)
        try:
            finished.set_result(self._result(page, begun))
        except BaseException as e:
            finished.set_exception(e)
        finally:
            self._room.release()

    def _result(self, page: Page, begun: Future[PageResult]) -> PageResult:
        try:
            read = begun.result()
        except RagIngestError:
            raise
        except Exception as e:
            return _engine_failed(page, self._engine, e)
        return self._finish(page, read) if isinstance(read, PageMarkdown) else read


def _is_there(item: Work | PageResult | Future[PageResult]) -> bool:
    return not isinstance(item, Future) or item.done()


def _waited_for(item: Work | PageResult | Future[PageResult]) -> Work | PageResult:
    return item.result() if isinstance(item, Future) else item


def _engine_failed(page: Page, engine: Engine, error: Exception) -> Failure:
    log.debug("engine %s failed", engine.name, exc_info=error)
    reason = f"engine {engine.name} failed: {type(error).__name__}: {error}"
    return Failure("", page.number, "ocr", reason, page.doc_id)


def sourced(stream: Iterable[Work | PageResult]) -> Iterator[Work | PageResult]:
    """Engines don't know where a page came from: a page's failure gets its document's source and id."""
    document: SourceDocument | None = None
    for item in stream:
        if isinstance(item, Work):
            document = item.document
        elif isinstance(item, Failure) and item.page is not None and document is not None:
            item = replace(item, source=document.source, doc_id=document.doc_id)
        yield item


def _recognize(held: Sequence[Work | Page | PageResult], engine: Engine, finish: Finish) -> Iterator[Work | PageResult]:
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
        return [_engine_failed(page, engine, e) for page in pages]
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
        if work is not None and len(results) == work.pages:
            yield work, sorted([*work.done.values(), *results], key=_page_number)
            work = None


def _page_number(result: PageResult) -> int:
    return (result.page or 0) if isinstance(result, Failure) else result.number
