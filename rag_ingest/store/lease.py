"""One writer at a time: whoever writes to a knowledge base holds its lease, and the others wait.

In a folder it is a lock of the operating system, which a process that dies gives back at once. Under a URI it is a row
in the table `leases`, renewed while it is held, which runs out when its holder dies.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from filelock import FileLock, Timeout

from rag_ingest.errors import StoreError
from rag_ingest.store.tables import connect, folder_of, foreign_errors

if TYPE_CHECKING:
    from lancedb.db import DBConnection
    from lancedb.table import Table

__all__ = ["Held", "TableLease", "is_alone", "lease"]

LOCK_FILE, HOLDER_FILE = ".writer.lock", ".writer.json"

POLL_S = 0.2

EXPIRY_S = 60.0
"""A row's lease runs out so long after its holder was last heard of; it is renewed three times as often."""

LOOK_S = 5.0
"""Between two looks at a row that somebody else holds; each is some seven requests."""

KEPT_VERSIONS = 40
"""Of the table `leases`: each commit lists them, and every renewal makes one."""

log = logging.getLogger(__name__)


def _quiet(message: str) -> None:
    """For those who don't want to be told."""


class Held(Protocol):
    """A lease while it is held."""

    def check(self) -> None:
        """Raises `StoreError` where somebody else holds it by now; to be asked before each commit."""


class _FolderLease:
    """The operating system takes a lock from nobody who lives."""

    def check(self) -> None:
        """See `Held`."""


@contextmanager
def lease(uri: str, *, wait_s: float | None = None, told: Callable[[str], None] = _quiet) -> Iterator[Held]:
    """Holds the lease of a knowledge base; in a folder, a thread that holds it may take it again.

    Args:
        uri: a folder, made where it is missing, or a URI that LanceDB knows.
        wait_s: how long to wait for another holder; None for ever, 0 not at all.
        told: is told, once, who has to be waited for.

    Raises:
        StoreError: it was not to be had in time, or the folder can't be written.
    """
    if "://" in uri:
        held = TableLease(connect(uri, create=True), uri)
        held.acquire(wait_s, told)
        try:
            yield held
        finally:
            held.release()
        return
    folder = folder_of(uri).absolute()
    lock = _acquired(folder, uri, wait_s, told)
    try:
        if lock.lock_counter == 1:
            _write_holder(folder)
        yield _FolderLease()
    finally:
        if lock.lock_counter == 1:
            with suppress(OSError):
                (folder / HOLDER_FILE).unlink(missing_ok=True)
        lock.release()


def is_alone(uri: str) -> bool:
    """Whether this thread holds the lease of a folder, which nobody takes from it; of a URI's none is that sure."""
    if "://" in uri:
        return False
    lock = FileLock(Path(uri).expanduser().absolute() / LOCK_FILE, is_singleton=True)  # its state is a thread's own
    return bool(lock.is_locked)


def _acquired(folder: Path, uri: str, wait_s: float | None, told: Callable[[str], None]) -> FileLock:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK_FILE, is_singleton=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            who = _holder(folder)
            if wait_s == 0:
                raise StoreError(f"{uri} is being written by {who}: try again when it is done") from None
            told(f"{uri} is being written by {who}: waiting for it to finish (Ctrl-C gives up)")
            lock.acquire(timeout=-1 if wait_s is None else wait_s, poll_interval=POLL_S)
    except Timeout:
        raise StoreError(f"{uri} has been written by {_holder(folder)} for {wait_s:g} s: try again later") from None
    except (OSError, NotImplementedError) as e:
        reason = getattr(e, "strerror", None) or str(e)
        raise StoreError(f"{uri} can't be written: {reason}") from e
    return lock


def _me() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _write_holder(folder: Path) -> None:
    """For the message to those who wait; the lock holds without it."""
    with suppress(OSError):
        told = {"holder": _me(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
        (folder / HOLDER_FILE).write_text(json.dumps(told), encoding="utf-8")


def _holder(folder: Path) -> str:
    try:
        told = json.loads((folder / HOLDER_FILE).read_text(encoding="utf-8"))
        return f"{told['holder']} since {told['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


class TableLease:
    """The lease as a row; for databases that aren't folders.

    A holder that was suspended for longer than `expiry_s` may find that somebody else has taken the lease: `check`
    says so, and keeps it for half of `expiry_s` where nobody has. LanceDB's own check for conflicts stands between two
    of which one was suspended between that and its commit.

    Args:
        db: of the knowledge base.
        uri: of it, for messages.
        expiry_s: see `EXPIRY_S`.
    """

    def __init__(self, db: DBConnection, uri: str, expiry_s: float = EXPIRY_S) -> None:
        self._uri = uri
        self._expiry_s = expiry_s
        with foreign_errors(f"{uri} can't be written, table 'leases'"):
            self._table = _lease_table(db)
            self._cleaned = self._table.version
        self._token = ""
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self, wait_s: float | None = None, told: Callable[[str], None] = _quiet) -> None:
        """See `lease`.

        Raises:
            StoreError: it was not to be had in time.
        """
        began, was_told, token = time.monotonic(), False, uuid.uuid4().hex
        while not self._taken(token):
            row = self._row()
            if row["holder"] == token:  # it was written, and the answer lost
                break
            while row["expires"] >= time.time():  # looking costs a store less than trying
                who = f"{row['who']} (the lease runs out {max(0.0, row['expires'] - time.time()):.0f} s from now)"
                if wait_s is not None and time.monotonic() - began >= wait_s:
                    raise StoreError(f"{self._uri} is being written by {who}: try again later")
                if not was_told:
                    told(f"{self._uri} is being written by {who}: waiting for it to finish (Ctrl-C gives up)")
                    was_told = True
                time.sleep(min(LOOK_S, self._expiry_s / 10))
                row = self._row()
        self._token = token
        self._done.clear()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Gives it back; a second call does nothing. What can't be written now runs out by itself."""
        self._done.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._token:
            try:
                self._update(f"holder = '{self._token}'", {"holder": "", "who": "", "expires": 0.0})
            except StoreError as e:
                log.warning("others have to wait until the lease runs out, %.0f s at most: %s", self._expiry_s, e)
            self._token = ""
            with suppress(StoreError):  # the next holder does it
                self._clean()

    def check(self) -> None:
        """Raises `StoreError` where somebody else has taken it; one that has run out, or soon will, is renewed."""
        row, now = self._row(), time.time()
        mine = row["holder"] == self._token
        if mine and row["expires"] < now + self._expiry_s / 2:
            mine = self._update(f"holder = '{self._token}'", {"expires": now + self._expiry_s})
        if not mine:
            raise StoreError(f"{self._uri}: this process was away for so long that another one writes there now")

    def _taken(self, token: str) -> bool:
        now = time.time()
        return self._update(f"expires < {now}", {"holder": token, "who": _me(), "expires": now + self._expiry_s})

    def _renew(self) -> None:
        while not self._done.wait(self._expiry_s / 3):
            with suppress(Exception):  # the next time may succeed, before it runs out
                self._update(f"holder = '{self._token}'", {"expires": time.time() + self._expiry_s})
                self._clean()

    def _clean(self) -> None:
        """Removes versions that nobody reads any more, once in `KEPT_VERSIONS` commits, whoever made them."""
        if self._table.version // KEPT_VERSIONS == self._cleaned // KEPT_VERSIONS:
            return
        self._cleaned = self._table.version
        with foreign_errors(f"{self._uri} can't be written, table 'leases'"):
            self._table.optimize(cleanup_older_than=timedelta(seconds=self._expiry_s))

    def _update(self, where: str, values: dict[str, Any]) -> bool:
        """Whether the row was as `where` says; two at once conflict, and the later one looks again."""
        with foreign_errors(f"{self._uri} can't be written, table 'leases'"):
            self._table.checkout_latest()
            return bool(self._table.update(where=where, values=values).rows_updated)

    def _row(self) -> dict[str, Any]:
        with foreign_errors(f"{self._uri} can't be read, table 'leases'"):
            self._table.checkout_latest()
            rows: list[dict[str, Any]] = self._table.search().limit(1).to_arrow().to_pylist()
        return rows[0]


def _lease_table(db: DBConnection) -> Table:
    import pyarrow as pa

    texts = [pa.field(name, pa.string()) for name in ("holder", "who")]
    schema = pa.schema([*texts, pa.field("expires", pa.float64())])
    free = pa.Table.from_pylist([{"holder": "", "who": "", "expires": 0.0}], schema=schema)
    return db.create_table("leases", free, exist_ok=True)
