"""Dumps that are what their manifest says, by what tells that they have not been written since: hashing takes a second.

Only a dump that fits is put down: one that doesn't may be downloaded again with the time that it had.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from pathlib import Path

_NAME = "arxiv-md5.sqlite"
_TABLE = "CREATE TABLE IF NOT EXISTS dumps (archive TEXT PRIMARY KEY, state TEXT, md5 TEXT) WITHOUT ROWID"
_WAIT_S = 10.0

log = logging.getLogger(__name__)


class VerifiedDumps:
    """Kept in a cache folder, for all runs; a folder that can't be written costs hashing again and nothing else.

    Args:
        folder: made at the first dump that is put down.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / _NAME

    def has(self, archive: str, state: str, md5: str) -> bool:
        """Whether a dump in this state was found to have this md5."""
        if not self._file.is_file():
            return False
        try:
            with contextlib.closing(sqlite3.connect(self._file, timeout=_WAIT_S)) as database:
                found = database.execute("SELECT state, md5 FROM dumps WHERE archive = ?", (archive,)).fetchone()
                return bool(found == (state, md5))
        except sqlite3.Error as error:
            log.info("md5 sums of dumps can't be read from %s: %s", self._file, error)
            return False

    def put(self, archive: str, state: str, md5: str) -> None:
        """Puts down the md5 of a dump, in place of what was known of it."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(self._file, timeout=_WAIT_S)) as database:
                database.execute(_TABLE)
                database.execute("INSERT OR REPLACE INTO dumps VALUES (?, ?, ?)", (archive, state, md5))
                database.commit()
        except (OSError, sqlite3.Error) as error:
            log.info("md5 sums of dumps can't be kept in %s: %s", self._file, error)
