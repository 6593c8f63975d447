"""arXiv's metadata, millions of JSON lines: found by identifier without being held in memory.

An index is made once, in one pass, and kept in a cache folder: identifier -> where its line lies. It is made again
when the file's size or time differs. A gzip file is unpacked there first, since nothing can be found in it otherwise.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import logging
import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from rag_ingest.errors import ConfigError

_FORMAT = 1
"""Counts up when the index's layout changes."""
_MAX_LINE = 2**24
"""Bytes; the longest of arXiv's lines, a paper of some thousand authors, has about 150 kB."""
_LOG_EVERY = 500_000
_STARTS_WITH_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*"([^"\\]+)"')
_TABLES = """
CREATE TABLE papers (id TEXT PRIMARY KEY, start INTEGER, length INTEGER) WITHOUT ROWID;
CREATE TABLE made_of (format INTEGER, size INTEGER, mtime_ns INTEGER, papers INTEGER, unread INTEGER);
"""

log = logging.getLogger(__name__)


def default_cache() -> Path:
    """`rag-ingest` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rag-ingest"


def cache_folder(cache: str) -> Path:
    """Of `ArxivOptions.cache`."""
    return Path(cache).expanduser() if cache else default_cache()


class MetadataIndex:
    """Records by identifier; any thread may ask.

    Args:
        file: JSON lines, or these in gzip.
        cache: folder for the index, which takes about 30 bytes a paper, and for the lines of a gzip file.

    Raises:
        ConfigError: the file can't be read or holds no paper, or the folder can't be written.
    """

    def __init__(self, file: Path, cache: Path | None = None) -> None:
        self._lock = threading.Lock()
        file = file.expanduser().absolute()
        index = (cache or default_cache()) / f"arxiv-{hashlib.sha256(str(file).encode()).hexdigest()[:16]}.sqlite"
        try:
            found = file.stat()
            self._state = (_FORMAT, found.st_size, found.st_mtime_ns)
            packed = file.suffix.lower() == ".gz"
            lines = index.with_suffix(".jsonl") if packed else file
            if not _is_current(index, self._state) or not lines.is_file():
                index.parent.mkdir(parents=True, exist_ok=True)
                if packed:
                    _unpack(file, lines)
                _build(lines, index, self._state)
            self._lines = lines.open("rb")
            self._index = sqlite3.connect(f"{index.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
            self.papers, self.unread = self._index.execute("SELECT papers, unread FROM made_of").fetchone()
        except (OSError, EOFError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            said = f"arxiv.metadata = {str(file)!r} can't be read, or indexed in {index.parent}: {reason}"
            raise ConfigError(said) from error
        if not self.papers:
            self.close()
            raise ConfigError(f"arxiv.metadata = {str(file)!r} holds no paper: wanted are JSON lines that have an id")

    def record(self, paper: str) -> dict[str, Any] | None:
        """The record of an identifier (`2301.00001`, `astro-ph/0001001`), or None."""
        with self._lock:
            found = self._index.execute("SELECT start, length FROM papers WHERE id = ?", (paper,)).fetchone()
            if found is None:
                return None
            self._lines.seek(found[0])
            line = self._lines.read(found[1])
        record = _parsed(line)
        if record is None or record.get("id") != paper:
            log.warning("the metadata of %s can't be read: the file has changed, or the line is damaged", paper)
            return None
        return record

    def close(self) -> None:
        """Closes both files; a second call does nothing."""
        with self._lock:
            self._index.close()
            self._lines.close()


def _is_current(index: Path, state: tuple[int, int, int]) -> bool:
    if not index.is_file():
        return False
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(index)) as database:
        return bool(database.execute("SELECT format, size, mtime_ns FROM made_of").fetchone() == state)
    return False


def _unpack(file: Path, lines: Path) -> None:
    part = _part(lines)
    log.info("unpacking %s, once", file)
    try:
        with gzip.open(file) as packed, part.open("wb") as out:
            shutil.copyfileobj(packed, out, 2**20)
        part.replace(lines)
    finally:
        part.unlink(missing_ok=True)


def _build(lines: Path, index: Path, state: tuple[int, int, int]) -> None:
    """Writes beside the index and moves it into place: who reads it never sees half of one."""
    part = _part(index)
    started = time.perf_counter()
    try:
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as database, lines.open("rb") as file:
            database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)
            database.execute("BEGIN")
            counts = {"read": 0, "unread": 0}
            rows = _rows(file, lines.stat().st_size, counts)
            database.executemany("INSERT OR REPLACE INTO papers VALUES (?, ?, ?)", rows)
            papers = database.execute("SELECT count(*) FROM papers").fetchone()[0]
            database.execute("INSERT INTO made_of VALUES (?, ?, ?, ?, ?)", (*state, papers, counts["unread"]))
            database.execute("COMMIT")
        part.replace(index)
    finally:
        part.unlink(missing_ok=True)
    log.info("indexed %s papers of %s in %.0f s", f"{papers:,}", lines, time.perf_counter() - started)
    if counts["unread"]:
        log.warning("%s has %s lines that are no JSON object with an id", lines, f"{counts['unread']:,}")


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.{os.getpid()}.part")


def _rows(file: BinaryIO, size: int, counts: dict[str, int]) -> Iterator[tuple[str, int, int]]:
    """Yields (identifier, start, length) of each line, and counts."""
    start = 0
    whole = True  # False amid a line that is longer than any of arXiv's
    for line in iter(lambda: file.readline(_MAX_LINE), b""):
        ends = line.endswith(b"\n") or len(line) < _MAX_LINE
        name = _name(line) if whole and ends else None
        if name:
            yield name, start, len(line)
            counts["read"] += 1
            if counts["read"] % _LOG_EVERY == 0:
                log.info("indexing: %s papers, %.0f %%", f"{counts['read']:,}", 100 * start / max(1, size))
        elif ends and line.strip():
            counts["unread"] += 1
        whole = ends
        start += len(line)


def _name(line: bytes) -> str | None:
    """The `id` of a line; it stands first in arXiv's, so that most lines need no parser."""
    if found := _STARTS_WITH_ID.match(line):
        return found[1].decode("utf-8", "replace")
    name = (_parsed(line) or {}).get("id")
    return name if isinstance(name, str) else None


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
