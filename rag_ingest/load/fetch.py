"""Local copies of remote sources, and the identity of content."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag_ingest.errors import ConfigError, LoadError, MissingExtraError, RagIngestError

KEPT_COPIES = 4
"""Copies of remote sources kept at a time, beside those in use."""
_EXTRAS = {"s3": ("s3fs", "s3"), "s3a": ("s3fs", "s3")}
"""Protocol: the package that reads it, and the extra that has it."""


def is_remote(uri: str) -> bool:
    """A URL; `file://` counts as one."""
    return "://" in uri


def one_line(error: BaseException) -> str:
    """First line of an error's message, or its type where it has none."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def unreachable(error: FileNotFoundError) -> str:
    """Why a file behind a URL was said to be missing, where that is not because there is none; else empty.

    fsspec's https says "not found" whatever kept it from the file, and has that as the cause; S3's says so of a bucket.
    """
    cause = error.__cause__
    if cause is None or isinstance(cause, FileNotFoundError):
        return ""
    if answer := getattr(cause, "response", None):
        code = answer.get("Error", {}).get("Code", "") if isinstance(answer, dict) else ""
        return "its bucket does not exist" if code == "NoSuchBucket" else ""
    status = getattr(cause, "status", None)
    if status in (404, 410):
        return ""
    return f"the server answers {status}" if status else f"its server can't be reached: {one_line(cause)}"


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL and the path in it.

    Raises:
        MissingExtraError: the package that reads this protocol is not installed and an extra has it.
        ConfigError: the same, and no extra has it.
        LoadError: the protocol is unknown, or the store can't be reached.
    """
    import fsspec

    try:
        fs, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        protocol = fsspec.utils.get_protocol(url)
        if protocol in _EXTRAS:
            raise MissingExtraError(*_EXTRAS[protocol]) from error
        raise ConfigError(f"{protocol}:// needs a package that is not installed: {one_line(error)}") from error
    except Exception as error:  # every store has errors of its own
        raise LoadError(f"{url}: {one_line(error)}") from error
    return fs, path


def content_id(path: Path) -> str:
    """sha256 of a file's content, 64 hex digits, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class LocalCopies:
    """Gives a local path for any source; remote ones are copied to a temporary folder that `close` removes."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._copies: OrderedDict[str, Path] = OrderedDict()
        self._in_use: dict[str, int] = {}
        self._made = 0
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def use(self, uri: str) -> Iterator[Path]:
        """A local path that stays while the context lasts.

        Raises:
            LoadError: the source is missing or can't be fetched.
        """
        if not is_remote(uri):
            yield Path(uri)
            return
        with self._lock:
            path = self._copies.get(uri) or self._fetch(uri)
            self._copies[uri] = path
            self._copies.move_to_end(uri)
            self._in_use[uri] = self._in_use.get(uri, 0) + 1
        try:
            yield path
        finally:
            with self._lock:
                self._in_use[uri] -= 1
                self._drop_old()

    def close(self) -> None:
        """Removes every copy."""
        with self._lock:
            self._copies.clear()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def _fetch(self, url: str) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="rag-ingest-"))
        self._made += 1
        path = self._folder / str(self._made)
        fs, remote = filesystem(url)
        try:
            fs.get_file(remote, str(path))
        except RagIngestError:
            raise
        except FileNotFoundError as error:
            raise LoadError(f"{url}: {unreachable(error) or 'not found'}") from error
        except Exception as error:  # every store has errors of its own
            path.unlink(missing_ok=True)
            raise LoadError(f"{url}: can't be fetched: {one_line(error)}") from error
        return path

    def _drop_old(self) -> None:
        idle = [uri for uri in self._copies if not self._in_use.get(uri)]
        for uri in idle[: max(0, len(idle) - KEPT_COPIES)]:
            self._copies.pop(uri).unlink(missing_ok=True)
            self._in_use.pop(uri, None)
