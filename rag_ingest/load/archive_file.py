"""An archive as a file of bytes, local or behind a URL: opened to seek in, or a stretch of it copied."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag_ingest.errors import LoadError, RagIngestError
from rag_ingest.load.fetch import filesystem, is_remote, one_line, unreachable
from rag_ingest.load.stamp import stamp_told

_PIECE_BYTES = 2**23
_HEADER_BLOCK_BYTES = 2**16
"""What a store is asked for at a time while headers are read: a header and a little more; contents are skipped."""


@contextlib.contextmanager
def open_archive(uri: str) -> Iterator[tuple[Any, int]]:
    """A binary file that can be seeked in, and its size in bytes.

    Raises:
        LoadError: it is missing, can't be read, or its server sends no parts of files.
    """
    with _told(uri):
        if not is_remote(uri):
            with Path(uri).open("rb") as file:
                yield file, Path(uri).stat().st_size
            return
        fs, path = filesystem(uri)
        size = fs.info(path).get("size")
        if size is None or (size and len(fs.cat_file(path, start=0, end=1)) != 1):
            raise LoadError(f"{uri}: its server sends no parts of files; copy the dump to a disk or a store")
        with fs.open(path, "rb", block_size=_HEADER_BLOCK_BYTES) as file:
            yield file, size


def pieces(uri: str, start: int, size: int) -> Iterator[bytes]:
    """Yields `size` bytes from `start` on, in pieces of at most 8 MiB.

    Raises:
        LoadError: it can't be read, or ends before.
    """
    with _told(uri), contextlib.ExitStack() as stack:
        if is_remote(uri):
            fs, path = filesystem(uri)
        else:
            file = stack.enter_context(Path(uri).open("rb"))
            file.seek(start)
        for at in range(start, start + size, _PIECE_BYTES):
            count = min(_PIECE_BYTES, start + size - at)
            piece = fs.cat_file(path, start=at, end=at + count) if is_remote(uri) else file.read(count)
            if len(piece) != count:
                raise LoadError(f"{uri}: ends at byte {at + len(piece):,}; it has changed since it was listed")
            yield piece


def size_of(uri: str) -> int:
    """Bytes of an archive.

    Raises:
        LoadError: it is missing, or its server doesn't tell.
    """
    with open_archive(uri) as (_, size):
        return size


def md5_of(uri: str) -> str:
    """md5 of a whole archive, 32 hex digits.

    Raises:
        LoadError: it can't be read.
    """
    digest = hashlib.md5(usedforsecurity=False)
    for piece in pieces(uri, 0, size_of(uri)):
        digest.update(piece)
    return digest.hexdigest()


def read_beside(uri: str, name: str, max_bytes: int) -> bytes | None:
    """A small file that lies in the same folder; None where there is none.

    Raises:
        LoadError: it is larger than `max_bytes`, or can't be read.
    """
    beside = uri.rpartition("/")[0] + "/" + name if is_remote(uri) else str(Path(uri).with_name(name))
    return read_whole(beside, max_bytes) if _exists(beside) else None


def read_whole(uri: str, max_bytes: int) -> bytes:
    """A small file.

    Raises:
        LoadError: it is missing, larger than `max_bytes`, or can't be read.
    """
    size = size_of(uri)
    if size > max_bytes:
        raise LoadError(f"{uri}: has {size:,} bytes, more than any such file")
    return b"".join(pieces(uri, 0, size))


def _exists(uri: str) -> bool:
    if not is_remote(uri):
        return Path(uri).is_file()
    with _told(uri):
        fs, path = filesystem(uri)
        return bool(fs.exists(path))


def state_of(uri: str) -> str:
    """Changes when an archive is written or replaced, as far as its store can tell.

    Raises:
        LoadError: it is missing, or can't be asked for.
    """
    with _told(uri):
        if is_remote(uri):
            fs, path = filesystem(uri)
            info = fs.info(path)
            return stamp_told(info) or f"{info.get('size')} {fs.ukey(path)}"
        found = Path(uri).stat()
        return f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns}"


@contextlib.contextmanager
def _told(uri: str) -> Iterator[None]:
    """Foreign errors as one line that names the file."""
    try:
        yield
    except RagIngestError:
        raise
    except FileNotFoundError as error:
        raise LoadError(f"{uri}: {unreachable(error) or 'not found'}") from error
    except Exception as error:  # every store has errors of its own
        raise LoadError(f"{uri}: can't be read: {one_line(error)}") from error
