"""A runner for the command line, and one knowledge base of the built-in corpus for all tests that only read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from rag_ingest.cli import app
from rag_ingest.embed.sentence_transformers import SentenceTransformersEmbedder

Run = Callable[..., Result]
VECTORS: dict[tuple[str, str, str], Any] = {}
"""By model, prompt and text."""


def json_lines(result: Result) -> list[Any]:
    """Stdout as JSON, one value a line; anything else on stdout fails."""
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(autouse=True)
def embedded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process the model embeds each text of the few papers once, and not again with every test."""
    embed = SentenceTransformersEmbedder._embed

    def known(self: SentenceTransformersEmbedder, texts: Sequence[str], prompt: str) -> NDArray[np.float32]:
        keys = [(self.name, prompt, text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in VECTORS}
        VECTORS.update(zip(new, embed(self, [*new.values()], prompt), strict=True))
        return np.array([VECTORS[key] for key in keys], dtype=np.float32).reshape(len(keys), self.dimension)

    monkeypatch.setattr(SentenceTransformersEmbedder, "_embed", known)


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
def kb(run: Run, corpus: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The built-in corpus, read by the embedded default; once, where several processes run the tests."""
    own = tmp_path_factory.mktemp("kb") / "db"
    base = tmp_path_factory.getbasetemp()
    made = own if worker_id == "master" else base.parent / "kb-of-all"
    with FileLock(base.parent / "kb-of-all.lock") if made != own else nullcontext():
        if not made.exists():
            begun = made.with_name(f"{made.name}-{worker_id}")
            run("ingest", corpus, "--db", begun, "--engine", "layout")
            begun.rename(made)
    if made != own:
        shutil.copytree(made, own)
    return own


def rows(db: Path, table: str, drop: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Every row of a table, in a fixed order."""
    import lancedb

    found = lancedb.connect(str(db)).open_table(table).to_arrow().drop_columns(list(drop)).to_pylist()
    return sorted(found, key=lambda row: json.dumps(row, default=str))
