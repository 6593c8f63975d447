"""What a worker process runs: opens one document at a time and reads its pages, until its parent goes.

Everything that touches a file's content happens here, under a memory limit; the parent ends a worker that takes too
long, and a crash costs the page that caused it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from rag_ingest.errors import LoadError
from rag_ingest.load import wire

Reply = tuple[dict[str, Any], bytes | memoryview]
_PARENT_CHECK_S = 1.0


class OpenFile(Protocol):
    """One document that a worker holds open."""

    def info(self) -> dict[str, Any]:
        """`page_count`, `title` and `metadata`."""

    def page(self, number: int, longest_edge_px: int, *, image: bool) -> Reply:
        """The page with this 1-based number: fields of `Page` and its RGB rows."""

    def close(self) -> None:
        """Frees what it holds."""


def open_file(media: str, path: str, password: str | None) -> OpenFile:
    """Opens a local file.

    Raises:
        LoadError: it can't be read.
    """
    if media == "pdf":
        from rag_ingest.load.pdf_file import PdfFile

        return PdfFile(path, password)
    from rag_ingest.load.image_file import ImageFile

    return ImageFile(path)


def prepare(media: str) -> None:
    """Imports what reads this medium, so that it counts as needed to start."""
    if media == "pdf":
        import rag_ingest.load.pdf_file
    else:
        import warnings

        from PIL import Image

        import rag_ingest.load.image_file  # noqa: F401

        warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # it has a limit of its own


class Server:
    """Answers requests; keeps the document of the last one open, since its next page usually follows."""

    def __init__(self) -> None:
        self._key: tuple[str, str] | None = None
        self._file: OpenFile | None = None

    def answer(self, request: dict[str, Any]) -> Reply:
        """One request, one reply; what goes wrong is a reply too, `{"error": class name, "reason": line}`.

        `"worn": True` in a reply asks for a fresh process: after a file that did not open, since PDFium would blame the
        next one for it, and after memory ran out, since what is left lies in pieces.
        """
        try:
            file = self._open(request)
            if request["page"] is None:
                return file.info(), b""
            return file.page(request["page"], request["longest_edge_px"], image=request["image"])
        except LoadError as error:
            return self._error(type(error).__name__, str(error)), b""
        except MemoryError:
            return {"error": "MemoryError", "reason": "", "worn": True}, b""
        except Exception as error:  # a bug in a decoder costs one page
            line = (str(error) or type(error).__name__).splitlines()[0]
            return self._error("LoadError", f"can't be read: {line}"), b""

    def _error(self, kind: str, reason: str) -> dict[str, Any]:
        return {"error": kind, "reason": reason, "worn": self._file is None}

    def _open(self, request: dict[str, Any]) -> OpenFile:
        key = (request["path"], request["doc_id"])
        if self._file is None or key != self._key:
            if self._file is not None:
                self._file.close()
                self._file = None
            self._file = open_file(request["media"], request["path"], request["password"])
            self._key = key
        return self._file


def limit_memory(extra_mb: int) -> None:
    """Caps the address space at what is mapped now plus `extra_mb`; does nothing where /proc or the limit is absent."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGESIZE") + extra_mb * 2**20
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    except (ImportError, OSError, ValueError):  # not Linux
        return


def end_with_parent(parent: int) -> None:
    """Ends this process, even amid a page, once its parent is gone."""
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_S)
    os._exit(1)


def main() -> None:
    """Reads requests from stdin and writes replies to stdout; the first request sets the worker up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    parent = os.getppid()
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not end up among the replies
    threading.Thread(target=end_with_parent, args=(parent,), daemon=True).start()
    server = Server()
    try:
        setup, _ = wire.receive(requests)
        prepare(setup["media"])
        limit_memory(setup["memory_mb"])
        wire.send(replies, {"ready": True})
        while True:
            request, _ = wire.receive(requests)
            wire.send(replies, *server.answer(request))
    except (EOFError, BrokenPipeError):
        os._exit(0)
