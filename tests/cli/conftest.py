"""A runner for the command line, and one knowledge base of the built-in corpus for all tests that only read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from rag_ingest.cli import app

Run = Callable[..., Result]


def json_lines(result: Result) -> list[Any]:
    """Stdout as JSON, one value a line; anything else on stdout fails."""
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs `rag-ingest ARGUMENTS` in this process; `exit_code`, `stdout` and `stderr` apart."""

    def invoke(*arguments: object, expect: int | None = 0) -> Result:
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        shown = f"{' '.join(map(str, arguments))}\n{result.stdout}\n{result.stderr}\n{result.exception!r}"
        assert "Traceback" not in result.stderr, shown
        if expect is not None:
            assert result.exit_code == expect, shown
        return result

    return invoke


@pytest.fixture(scope="session")
def kb(run: Run, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in corpus, read by the embedded default."""
    db = tmp_path_factory.mktemp("kb") / "db"
    run("ingest", corpus, "--db", db, "--engine", "layout")
    return db


def rows(db: Path, table: str, drop: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Every row of a table, in a fixed order."""
    import lancedb

    found = lancedb.connect(str(db)).open_table(table).to_arrow().drop_columns(list(drop)).to_pylist()
    return sorted(found, key=lambda row: json.dumps(row, default=str))
