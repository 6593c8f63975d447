"""What the loaders share: a local copy, a document identity, and pages read ahead by worker processes."""

from __future__ import annotations

import weakref
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rag_ingest import errors
from rag_ingest.errors import LoadError, LoadTimeout
from rag_ingest.load import wire
from rag_ingest.load.fetch import LocalCopies, content_id, is_remote, one_line
from rag_ingest.load.options import LoadOptions
from rag_ingest.load.pool import Pool, WorkerLost
from rag_ingest.types import Failure, Page, Source, SourceDocument, TextLine, Word

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from PIL.Image import Image

_State = tuple[int, int, int, int] | None
_CHANGED = "the file has changed since it was opened; ingest it again"

KEPT_STATES = 1024
"""Files whose time and size are remembered; a run over millions must not remember them all."""
LOOK_AHEAD = 2
"""Pages under way or waiting for the consumer, for each worker."""


class WorkerLoader:
    """A `types.Loader` that reads every page in a worker process; any thread may drive it.

    Args:
        options: size of the rendered page, limits, number of workers, password.
    """

    media: ClassVar[str]

    def __init__(self, options: LoadOptions | None = None) -> None:
        self._options = options or LoadOptions()
        setup = {"media": self.media, "memory_mb": self._options.worker_memory_mb}
        self._pool = Pool(self._options.worker_count, setup)
        self._copies = LocalCopies()
        self._seen: OrderedDict[tuple[str, str], _State] = OrderedDict()  # the file when its content was named
        self._forgotten = weakref.finalize(self, _abandon, self._pool, self._copies)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def open(self, source: Source) -> SourceDocument:
        """Opens a source and names its content.

        Raises:
            EncryptedSourceError: a password is needed, or another one.
            UnsupportedSourceError: the content is not of this medium.
            LoadTimeout: opening took too long.
            LoadError: it is missing, empty, damaged, or can't be fetched.
        """
        with self._copies.use(source.uri) as path:
            try:
                if not path.stat().st_size:
                    raise LoadError(f"{source.uri}: file is empty")
                seen = _state(path)
                doc_id = content_id(path)
            except FileNotFoundError as error:
                raise LoadError(f"{source.uri}: not found") from error
            except OSError as error:
                raise LoadError(f"{source.uri}: can't be read: {one_line(error)}") from error
            future = self._submit(str(path), doc_id, None, image=False)
            try:
                fields, _ = self._reply(future, "opening the file")
            except LoadError as error:
                raise type(error)(f"{source.uri}: {error}") from error
        self._seen[source.uri, doc_id] = seen
        if len(self._seen) > KEPT_STATES:
            self._seen.popitem(last=False)
        return SourceDocument(doc_id, source.uri, fields["page_count"], fields["title"], fields["metadata"])

    def pages(
        self, document: SourceDocument, numbers: Sequence[int], *, image: bool = True
    ) -> Iterator[Page | Failure]:
        """Yields the pages asked for, in that order; workers read ahead by two pages each.

        Args:
            document: as `open` gave it.
            numbers: 1-based, in any order.
            image: False renders nothing and leaves `Page.image` None.

        Yields:
            A `Page`, or a `Failure` of stage "load" that costs this page alone.
        """
        try:
            with self._copies.use(document.source) as path:
                if is_remote(document.source) and content_id(path) != document.doc_id:
                    raise LoadError(_CHANGED)
                seen = self._seen.get((document.source, document.doc_id)) or _state(path)
                for page in self._read_ahead(str(path), document, numbers, image=image):
                    changed = not is_remote(document.source) and _state(path) != seen
                    number = page.number if isinstance(page, Page) else page.page or 0
                    yield self._failure(document, number, _CHANGED) if changed else page
        except LoadError as error:  # the file itself is gone
            yield from (self._failure(document, number, str(error)) for number in numbers)

    def close(self) -> None:
        """Ends worker processes and removes temporary files; a second call does nothing."""
        self._forgotten.detach()
        self._pool.close()
        self._copies.close()

    def _read_ahead(
        self, path: str, document: SourceDocument, numbers: Sequence[int], *, image: bool
    ) -> Iterator[Page | Failure]:
        window: deque[tuple[int, Future[wire.Message] | None]] = deque()
        try:
            for number in numbers:
                known = 1 <= number <= document.page_count
                future = self._submit(path, document.doc_id, number, image=image) if known else None
                window.append((number, future))
                if len(window) > LOOK_AHEAD * self._pool.size:
                    yield self._page(document, *window.popleft())
            while window:
                yield self._page(document, *window.popleft())
        finally:  # the consumer may have stopped early
            for _, future in window:
                if future is not None:
                    future.cancel()

    def _submit(self, path: str, doc_id: str, number: int | None, *, image: bool) -> Future[wire.Message]:
        options = self._options
        request = {
            "media": self.media,
            "path": path,
            "doc_id": doc_id,
            "password": options.password,
            "page": number,
            "longest_edge_px": options.longest_edge_px,
            "image": image,
        }
        return self._pool.submit(request, options.page_timeout_s)

    def _page(self, document: SourceDocument, number: int, future: Future[wire.Message] | None) -> Page | Failure:
        if future is None:
            return self._failure(document, number, f"no such page: the document has {document.page_count}")
        try:
            fields, pixels = self._reply(future, "page")
        except LoadError as error:
            return self._failure(document, number, str(error))
        lines = fields["text_layer"]
        return Page(
            doc_id=document.doc_id,
            number=number,
            image=_image(fields, pixels) if "size_px" in fields else None,
            text_layer=None if lines is None else tuple(_line(*row) for row in lines),
            size_pt=tuple(fields["size_pt"]),
            rotation=fields["rotation"],
        )

    def _reply(self, future: Future[wire.Message], what: str) -> wire.Message:
        limit_mb = self._options.worker_memory_mb
        try:
            fields, blob = future.result()
        except WorkerLost as lost:
            if lost.timed_out:
                limit_s = self._options.page_timeout_s
                raise LoadTimeout(f"{what} took longer than {limit_s:g} s; raise load.page_timeout_s") from lost
            raise LoadError(
                f"{what} crashed the reader ({lost.ending}): a damaged file, or one that needs more memory than "
                f"load.worker_memory_mb = {limit_mb}"
            ) from lost
        kind = fields.get("error")
        if kind == "MemoryError":
            raise LoadTimeout(f"{what} needs more than {limit_mb} MB of memory; raise load.worker_memory_mb")
        if kind is not None:
            raise _ERRORS.get(kind, LoadError)(fields["reason"])
        return fields, blob

    @staticmethod
    def _failure(document: SourceDocument, number: int, reason: str) -> Failure:
        return Failure(document.source, number, "load", reason, document.doc_id)


def _state(path: Path) -> _State:
    """Changes when a file is written or replaced; None when it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _abandon(pool: Pool, copies: LocalCopies) -> None:
    pool.kill()
    copies.close()


_ERRORS: dict[str, type[LoadError]] = {
    name: kind
    for name in errors.__all__
    if isinstance(kind := getattr(errors, name), type) and issubclass(kind, LoadError)
}


def _image(fields: dict[str, Any], pixels: bytearray) -> Image:
    from PIL import Image

    width, height = fields["size_px"]
    return Image.frombytes("RGB", (width, height), pixels, "raw", "RGB", fields["stride"], 1)


def _line(text: str, bbox: Any, size_pt: float, bold: bool, words: list[Any]) -> TextLine:
    return TextLine(text, tuple(bbox), size_pt, bold, tuple(Word(word, tuple(box), seen) for word, box, seen in words))
