"""Members of archives as files of their own, for as long as their pages are read."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rag_ingest.types import SourceDocument

KEPT_COPIES = 4
"""Members kept that were opened, and whose pages may be asked for next, beside those in use."""


class MemberCopies:
    """Opened copies of members, by URI, in a temporary folder that `close` removes."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._folder: Path | None = None
        self._gone: weakref.finalize[[str, bool], MemberCopies] | None = None
        self._copies: OrderedDict[str, SourceDocument] = OrderedDict()
        self._in_use: dict[str, int] = {}
        self._made = 0

    def add(self, uri: str, content: Iterable[bytes], opened: Callable[[Path], SourceDocument]) -> SourceDocument:
        """Writes a member to a file, opens that, and keeps it; the file goes where either fails."""
        with self._lock:
            path = self._free_path()
            try:
                with path.open("wb") as file:
                    file.writelines(content)
                document = opened(path)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            if not self._in_use.get(uri):
                self._remove(uri)
            self._copies[uri] = document
            self._drop_old()
            return document

    @contextlib.contextmanager
    def use(self, uri: str, make: Callable[[], SourceDocument]) -> Iterator[SourceDocument]:
        """The opened copy of a member, made anew where it went meanwhile; it stays while the context lasts."""
        with self._lock:
            document = self._copies.get(uri) or make()
            self._copies.move_to_end(uri)
            self._in_use[uri] = self._in_use.get(uri, 0) + 1
        try:
            yield document
        finally:
            with self._lock:
                self._in_use[uri] -= 1
                self._drop_old()

    def close(self) -> None:
        """Removes every copy; a second call does nothing."""
        with self._lock:
            self._copies.clear()
            if self._gone is not None:
                self._gone()
            self._folder = self._gone = None

    def _free_path(self) -> Path:
        if self._folder is None:
            folder = tempfile.mkdtemp(prefix="rag-ingest-")
            self._gone = weakref.finalize(self, shutil.rmtree, folder, True)
            self._folder = Path(folder)
        self._made += 1
        return self._folder / f"{self._made}.pdf"

    def _drop_old(self) -> None:
        idle = [uri for uri in self._copies if not self._in_use.get(uri)]
        for uri in idle[: max(0, len(idle) - KEPT_COPIES)]:
            self._remove(uri)

    def _remove(self, uri: str) -> None:
        document = self._copies.pop(uri, None)
        self._in_use.pop(uri, None)
        if document is not None:
            Path(document.source).unlink(missing_ok=True)
