"""The table `runs`: the configurations that documents were ingested by, so that what failed can be read by its own.

One row a configuration, no secrets in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rag_ingest.store.schema import DocumentRecord
from rag_ingest.store.tables import connect, fetch, foreign_errors, open_table, upsert

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.db import DBConnection
    from lancedb.table import Table

__all__ = ["RunConfig", "RunConfigs", "config_of"]

_SECRETS = ("password", "secret", "api_key", "token", "authorization")
"""Last words of option names whose values are not put down."""

_NAME = "runs"


@dataclass(frozen=True)
class RunConfig:
    """What documents were read and split by.

    Attributes:
        config: a tree like a parsed TOML file, JSON values.
    """

    ocr_fingerprint: str
    split_fingerprint: str
    config: Mapping[str, Any]


class RunConfigs:
    """Of the database at `uri`, which is there."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._db: DBConnection = connect(uri, create=False)

    def put(self, run: RunConfig) -> None:
        """Makes this the newest; where it is that already, nothing is written. The caller holds the lease.

        Raises:
            StoreError: it can't be written.
        """
        run = RunConfig(run.ocr_fingerprint, run.split_fingerprint, _without_secrets(run.config))
        known = self.all()
        text = json.dumps(run.config, sort_keys=True, default=str)
        if known and known[0] == RunConfig(run.ocr_fingerprint, run.split_fingerprint, json.loads(text)):
            return
        import pyarrow as pa

        row = {
            "id": f"{run.ocr_fingerprint}:{run.split_fingerprint}",
            "ocr_fingerprint": run.ocr_fingerprint,
            "split_fingerprint": run.split_fingerprint,
            "config": text,
            "at": datetime.now(UTC),
        }
        with foreign_errors(f"{self._uri}: runs can't be written"):
            upsert(self._table(), "id", pa.Table.from_pylist([row], schema=_schema()))

    def all(self) -> list[RunConfig]:
        """Every one, the newest first.

        Raises:
            StoreError: it can't be read.
        """
        table = open_table(self._db, _NAME)
        if table is None:
            return []
        with foreign_errors(f"{self._uri}: runs can't be read"):
            rows = sorted(fetch(table, None, _schema().names), key=lambda row: row["at"], reverse=True)
        return [RunConfig(row["ocr_fingerprint"], row["split_fingerprint"], json.loads(row["config"])) for row in rows]

    def _table(self) -> Table:
        table = open_table(self._db, _NAME)
        if table is None:
            table = self._db.create_table(_NAME, schema=_schema(), exist_ok=True)
            table.set_unenforced_primary_key("id")
        return table


def config_of(document: DocumentRecord | None, runs: Sequence[RunConfig]) -> RunConfig | None:
    """The one by which a document was read; of several splits the one that it has, else the newest.

    None where that is not on record, as of a document that was read before there was such a record. For a source that
    never gave a document, the newest of all.

    Args:
        document: its row, if any.
        runs: all there are, the newest first.
    """
    if document is None or not document.ocr_fingerprint:
        return next(iter(runs), None)
    read = [run for run in runs if run.ocr_fingerprint == document.ocr_fingerprint]
    return next((run for run in read if run.split_fingerprint == document.split_fingerprint), next(iter(read), None))


def _without_secrets(tree: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_public(tree))


def _public(tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if not name.lower().endswith(_SECRETS):
            yield name, _without_secrets(value) if isinstance(value, Mapping) else value


def _schema() -> pa.Schema:
    import pyarrow as pa

    names = ("ocr_fingerprint", "split_fingerprint", "config")
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            *(pa.field(name, pa.string()) for name in names),
            pa.field("at", pa.timestamp("us", tz="UTC")),
        ]
    )
