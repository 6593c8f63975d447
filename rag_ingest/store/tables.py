"""Opening a LanceDB database and its tables; the one way in which rows are written.

Rows are written by one `merge_insert` on the table's key: they are replaced by key, and the commit is atomic. (New rows
of a thread that holds the lease are appended, which reads no keys.) The key is declared (`set_unenforced_primary_key`),
so that two writers at once conflict instead of doubling rows, and the merge never uses an index on it: with one,
lancedb 0.40 doubles rows silently.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from math import isqrt
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from rag_ingest.errors import NoKnowledgeBaseError, RagIngestError, StoreError
from rag_ingest.store.schema import (
    PLACING_COLUMNS,
    Identity,
    chunks_schema,
    documents_schema,
    pages_schema,
    source_key,
)
from rag_ingest.store.trouble import FOREIGN, damage, explain, never_stranded

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.db import DBConnection
    from lancedb.expr import Expr
    from lancedb.table import Table

__all__ = [
    "KEYS",
    "MANY_SMALL_FILES",
    "NARROW_BATCH_ROWS",
    "Backlog",
    "backlog",
    "connect",
    "create_table",
    "fetch",
    "folder_of",
    "foreign_errors",
    "known_columns",
    "lacking",
    "never_alone",
    "open_table",
    "open_tables",
    "upsert",
]

MANY_SMALL_FILES = 40
"""Each commit leaves one; LanceDB advises to compact every 20 to 50."""

MOST_COMMITS = 100
"""Between two compactions of a table of up to 250,000 rows: 600 commits of 3 pages into 20,000 took 19 s with them and
79 s without, the last ones 28 and 187 ms each."""

NARROW_BATCH_ROWS = 100_000
"""Of a few columns of a table that is read as a whole: some megabytes. Unasked, LanceDB gives 1,024 rows at a time, and
what is done once a batch, as hashing all the values that are looked for, is done so much more often."""

KEYS = {"documents": "source", "pages": "id", "chunks": "id"}

ADDED = {
    "documents": {"work", "version", "stamp", *PLACING_COLUMNS},
    "pages": {"boxes", "figure_images", *PLACING_COLUMNS},
}
"""Columns that tables of earlier versions lack."""


@contextmanager
def foreign_errors(doing: str) -> Iterator[None]:
    """Turns whatever LanceDB and Arrow raise into one `StoreError` line; `doing` begins with the database's URI."""
    try:
        yield
    except RagIngestError:
        raise
    except FOREIGN as e:
        raise StoreError(explain(doing, e)) from e


def connect(uri: str, *, create: bool) -> DBConnection:
    """Opens a database folder, or any other URI that LanceDB knows.

    Raises:
        StoreError: there is none and `create` is false, or it can't be one.
    """
    import lancedb

    if "://" not in uri:
        path = folder_of(uri)
        if not create and not path.is_dir():  # connecting would make it
            raise no_knowledge_base(uri)
        uri = str(path)
    with foreign_errors(f"{uri} can't be opened"):
        return lancedb.connect(uri, read_consistency_interval=timedelta(0))


def folder_of(uri: str) -> Path:
    """Where a database lies that is no URL.

    Raises:
        NoKnowledgeBaseError: a file is there.
    """
    path = Path(uri).expanduser()
    if path.exists() and not path.is_dir():
        raise NoKnowledgeBaseError(f"{uri} is a file; a knowledge base is a folder")
    return path


def no_knowledge_base(uri: str) -> NoKnowledgeBaseError:
    """What to say where nothing is."""
    return NoKnowledgeBaseError(f"no knowledge base at {uri}; make one with: rag-ingest ingest PATH --db {quote(uri)}")


def no_chunks(uri: str) -> NoKnowledgeBaseError:
    """What to say where everything but `chunks` is."""
    return NoKnowledgeBaseError(
        f"{uri} lacks the table 'chunks': ingest into it again, which makes it from the pages that were read"
    )


def open_table(db: DBConnection, name: str) -> Table | None:
    """The table, or None where there is none."""
    with foreign_errors(f"{db.uri} can't be opened, table {name!r}"):
        try:
            return db.open_table(name)
        except ValueError as e:
            if "not found" in str(e):
                return None
            raise


def create_table(db: DBConnection, name: str, identity: Identity, *, called: str = "") -> Table:
    """Makes a table where it is missing, and completes one that a killed process left half made.

    Columns that an older version's table lacks are added, all null: for `chunks` see `store.mending`.

    Args:
        db: the database.
        name: of its kind, a key of `KEYS`.
        identity: of new chunks.
        called: its name, where it is another one.

    Raises:
        StoreError: another program's table has this name.
    """
    import pyarrow as pa

    table = open_table(db, called or name)
    schemas = {"documents": documents_schema, "pages": pages_schema}
    schema = schemas[name]() if name in schemas else chunks_schema(identity)
    if table is None:
        table = db.create_table(called or name, schema=schema, exist_ok=True)
    _refuse_foreign(db.uri, name, table)
    if columns := lacking(table, schema):
        table.add_columns(pa.schema(columns))
    if not any("primary-key" in key.decode() for key in table.schema.field(KEYS[name]).metadata or {}):
        table.set_unenforced_primary_key(KEYS[name])
    return table


def lacking(table: Table, schema: pa.Schema) -> list[pa.Field]:
    """Fields of `schema` that a table does not have."""
    names = set(table.schema.names)
    return [field for field in schema if field.name not in names]


def known_columns(table: Table, schema: pa.Schema) -> list[str]:
    """Names of a schema, but for those that a reader can do without where an older version's table lacks them."""
    lacks = {field.name for field in lacking(table, schema)} & set(PLACING_COLUMNS)
    return [name for name in schema.names if name not in lacks]


def _refuse_foreign(uri: str, name: str, table: Table) -> None:
    """Raises `StoreError` where a table lacks what every version wrote: nulls there would be taken at their word."""
    if name == "chunks":  # which name who wrote them, and can be made anew
        columns = [column for column in ("id", "doc_id", "vector", "text") if column not in table.schema.names]
        way = f"delete chunks.lance in {uri} and ingest again, which reads no page a second time"
    else:
        schema = documents_schema() if name == "documents" else pages_schema()
        columns = [field.name for field in lacking(table, schema) if field.name not in ADDED[name]]
        way = "another program's, it seems; use another --db"
    if columns:  # or a damaged file reads as a table without any
        told = damage(uri, name)
        lacks = f"the table {name!r} in {uri} lacks the column {columns[0]!r}: {way}"
        raise StoreError(f"{uri} can't be opened: {told}" if told else lacks)


def open_tables(uri: str, db: DBConnection, identity: Identity, *, create: bool) -> dict[str, Table]:
    """All three; `chunks` comes last: a database is one as soon as it has it.

    Raises:
        StoreError: one is missing and `create` is false.
    """
    if create:
        return {name: create_table(db, name, identity) for name in KEYS}
    found = {name: open_table(db, name) for name in KEYS}
    missing = [name for name, table in found.items() if table is None]
    if missing:
        raise StoreError(f"{uri} lacks the table {missing[0]!r}; ingest into it again, or use another --db")
    tables = {name: table for name, table in found.items() if table is not None}
    for name, table in tables.items():
        _refuse_foreign(uri, name, table)
    return tables


@dataclass(frozen=True)
class Backlog:
    """What `optimize` would have to do: rows that no index holds, and files too small to be read fast."""

    rows: int
    unindexed_rows: int
    small_files: int

    @property
    def is_slowing_searches(self) -> bool:
        """5,000 rows outside the index cost a text search some 80 ms; in a small table far fewer are worth the work."""
        return self.unindexed_rows > min(5_000, self.rows // 20) or self.small_files >= MANY_SMALL_FILES

    @property
    def is_due_after_adding(self) -> bool:
        """For a store that adds now and then: words of new rows are found before a merge too, only slower.

        Merging reads the whole index, so that in a large table it waits for a twentieth.
        """
        return self.small_files >= MANY_SMALL_FILES or self.unindexed_rows > max(5_000, self.rows // 20)

    @property
    def is_due_while_writing(self) -> bool:
        """Merging indexes reads all of them: waiting until a tenth is new keeps the sum of it in proportion."""
        if not self.unindexed_rows:
            return self.small_files >= MANY_SMALL_FILES
        return self.unindexed_rows * 10 >= self.rows or self.small_files >= self.most_commits

    @property
    def most_commits(self) -> int:
        """So many small files, or versions, are worth merging indexes for, however few rows are new.

        Each commit lists all files again and so costs a time that grows with them (0.3 ms each), each merge one that
        grows with the rows: the sum is least where the number of commits between two grows with the root of the rows.
        """
        return max(MOST_COMMITS, isqrt(self.rows) // 5)


def backlog(table: Table) -> Backlog:
    """Read from the table's metadata."""
    stats = table.stats()
    unindexed = max((index.num_unindexed_rows or 0 for index in table.list_indices()), default=0)
    return Backlog(stats["num_rows"], unindexed, stats["fragment_stats"]["num_small_fragments"])


@never_stranded
def fetch(table: Table, where: Expr | str | None, columns: list[str]) -> list[dict[str, Any]]:
    """All rows that match."""
    query = table.search()
    if where is not None:
        query = query.where(where)
    return list(query.select(columns).limit(None).to_arrow().to_pylist())


def never_alone() -> bool:
    """Of writers that don't know whether they hold the lease."""
    return False


def doc_ids_of(table: Table, sources: Iterable[str]) -> set[str]:
    """Contents that rows of `pages` or `chunks` with these sources are of."""
    from lancedb.expr import col

    where = col("source").isin([source_key(source) for source in sources])
    found = table.search().where(where).select(["doc_id"]).limit(None).to_arrow()
    return set(found["doc_id"].unique().to_pylist())


def upsert(table: Table, key: str, rows: pa.Table, *, vectors_may_lack: bool = False, append: bool = False) -> None:
    """Writes rows by key in one commit, for which all keys are read.

    Args:
        table: any.
        key: its column.
        rows: no key twice.
        vectors_may_lack: a null vector is an error otherwise.
        append: reads no keys, because the caller holds the lease and has seen that none of them is there.
    """
    if append:
        table.add(rows)
        return
    merge = table.merge_insert(key).when_matched_update_all().when_not_matched_insert_all().use_index(False)
    merge.execute(rows, on_bad_vectors="null" if vectors_may_lack else "error")
