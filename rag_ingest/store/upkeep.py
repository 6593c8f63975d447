"""When the tables are compacted and indexed, and when what was superseded goes from the disk.

Every commit makes a version, and files that only earlier versions have stay until a clean-up. LanceDB's own takes what
is older than a week; a re-ingest would double the database. Here a version goes `GRACE_S` after a later one took its
place: long enough for every query that had begun on it, and a reader of ours that is slower begins again
(`trouble.never_stranded`). A program that opens a table with lancedb itself and keeps it open must follow the newest
version (`read_consistency_interval=timedelta(0)` when connecting), or `checkout_latest` now and then.

LanceDB goes by the age of a version, not by when it was superseded: the table's last version may be a month old when a
commit takes its place. So the age that is asked of it is that of the newest version that is old enough itself: all
before that one were superseded earlier still.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rag_ingest.store.gone import sweep
from rag_ingest.store.indexes import drop_indexes, ensure_indexes
from rag_ingest.store.tables import MANY_SMALL_FILES, backlog

if TYPE_CHECKING:
    from lancedb.table import Table

__all__ = ["GRACE_S", "SLOW_ROWS", "Told", "Upkeep", "folder_bytes"]

GRACE_S = 10.0
"""A query takes milliseconds, a scan of 100,000 chunks with their vectors some 2 s."""

WORTH_WAITING_BYTES = 32 * 2**20
"""So much takes minutes to write, so that waiting `GRACE_S` at the end of a run is nothing. A smaller database is
cleaned of the rest by the next run, or by `rag-ingest optimize`."""

WASTED_SHARE = 0.2
"""Of the data that the newest version has: when so much more lies on the disk, a clean-up is worth it."""

SLOW_ROWS = 50_000
"""Bringing a table of more up to date, or reading all of it, takes seconds, of a million a minute: that is said."""

_CLOCK_S = 0.5
"""Between reading the clock here and LanceDB reading it."""


Told = Callable[[str], None]


class Upkeep:
    """Of the tables of one database, by the process that writes to it; `told` is told what takes long."""

    def __init__(self, uri: str, tables: Mapping[str, Table], told: Told = lambda message: None) -> None:
        self._uri = uri
        self._tables = tables
        self._told = told
        self._commits: Counter[str] = Counter()

    def committed(self, name: str, rows: int) -> None:
        """Counts a commit that changed rows; every so many, compacts and cleans where that has become worth it."""
        self._commits[name] += bool(rows)
        if self._commits[name] < MANY_SMALL_FILES:
            return
        self._commits[name] = 0
        left = backlog(self._tables[name])
        if left.is_due_while_writing or self._versions(name) >= left.most_commits or self._wasted(name) >= 1:
            self._compact(name)
            clean(self._tables[name])

    def run(self, *, exclusive: bool = False, thorough: bool = False) -> None:
        """Brings files and indexes up to date where that has become worth it; cheap where it has not.

        A clean-up compacts once more, now that all rows are indexed, and so writes the table anew: without `exclusive`
        it waits until it frees something.

        Args:
            exclusive: the caller holds the lease of the database: what a killed process left behind goes too, and in a
                database of `WORTH_WAITING_BYTES` the grace of what was just superseded is waited for.
            thorough: whether it is worth it or not.
        """
        touched = []
        sweep(self._tables["chunks"])
        for name, table in self._tables.items():
            wasteful = self._wasted(name) >= WASTED_SHARE
            if thorough or wasteful or backlog(table).is_slowing_searches:
                self._compact(name)
                if thorough or wasteful or exclusive or self._versions(name) >= MANY_SMALL_FILES:
                    clean(table, exclusive=exclusive)
                touched.append(table)
        if touched and exclusive and (thorough or folder_bytes(self._uri) >= WORTH_WAITING_BYTES):
            settle(touched, self._told)

    def reindex(self) -> None:
        """Makes all indexes anew."""
        for name, table in self._tables.items():
            self._tell("making all indexes anew", name)
            drop_indexes(table)
            ensure_indexes(table, name)

    def _compact(self, name: str) -> None:
        self._tell("bringing files and indexes up to date", name)
        if self._tables[name].name == name:  # one that is made beside another gets its indexes when it takes its place
            ensure_indexes(self._tables[name], name)
        self._tables[name].optimize()

    def _tell(self, doing: str, name: str) -> None:
        if (rows := self._tables[name].count_rows()) > SLOW_ROWS:
            self._told(f"{doing}: {name}, {rows:,} rows")

    def _versions(self, name: str) -> int:
        """How many there are; each keeps a list of all files of its own."""
        table = self._tables[name]
        if "://" in self._uri:
            return len(table.list_versions())
        return sum(1 for _ in (Path(self._uri).expanduser() / f"{table.name}.lance" / "_versions").glob("*.manifest"))

    def _wasted(self, name: str) -> float:
        """Bytes of data that the newest version does not have, as a share of those that it has.

        Deleted rows lie in its files until these are compacted, and count as what it does not have.
        Under a URI only versions can be counted: many are taken for much.
        """
        table = self._tables[name]
        if "://" in self._uri:
            return float(self._versions(name) >= MANY_SMALL_FILES)
        stats = table.stats()
        rows = stats["fragment_stats"]["num_fragments"] * stats["fragment_stats"]["lengths"]["mean"]
        live = stats["total_bytes"] * min(1.0, stats["num_rows"] / rows) if rows else 0
        data = folder_bytes(str(Path(self._uri).expanduser() / f"{table.name}.lance" / "data"))
        return (data - live) / live if live else float(data > 0)


def clean(table: Table, *, exclusive: bool = False, grace_s: float | None = None) -> None:
    """Removes versions that were superseded at least `grace_s` ago, by default `GRACE_S`.

    Call it when there is nothing to compact: LanceDB does that first, and what it supersedes has no grace then. With
    `exclusive`, files go too that belong to no version, as a killed process or a full disk leaves them.
    """
    now, grace_s = time.time(), GRACE_S if grace_s is None else grace_s
    times = sorted(version["timestamp"].timestamp() for version in table.list_versions())
    old = [made for made in times if made <= now - grace_s] or times[:1]
    if len(old) < 2 and not exclusive:
        return
    since = old[-1] if old == times else old[-1] - _CLOCK_S  # the last version of all stays anyhow
    table.optimize(cleanup_older_than=timedelta(seconds=max(0.001, now - since)), delete_unverified=exclusive)


def settle(tables: list[Table], told: Told = lambda message: None) -> None:
    """Waits until what is superseded now may go, and removes it; the caller holds the lease."""
    if all(len(table.list_versions()) == 1 for table in tables):
        return
    told(f"waiting {GRACE_S:g} s for those who still read what was superseded")
    time.sleep(GRACE_S)
    for table in tables:
        clean(table, exclusive=True)


def folder_bytes(uri: str) -> int:
    """Of all files in it; 0 under a URI."""
    if "://" in uri:
        return 0
    sizes = []
    for file in Path(uri).expanduser().rglob("*"):
        try:
            sizes.append(file.stat().st_size if file.is_file() else 0)
        except OSError:
            continue
    return sum(sizes)
