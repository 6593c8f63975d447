"""Two embedders that differ in name, dimension and limit, and the rows that a knowledge base has by either."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
from numpy.typing import NDArray

from rag_ingest.config import Config
from rag_ingest.pipeline import Pipeline
from rag_ingest.runners import local, reembed
from rag_ingest.types import Engine

Rows = dict[str, list[dict[str, Any]]]


class WordHashes:
    """A word counts in one of `dimension` numbers; its tokens are its words."""

    def __init__(self, name: str, dimension: int, max_tokens: int) -> None:
        self.name, self.dimension, self.max_tokens = name, dimension, max_tokens
        self.texts = 0

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += len(texts)
        found = np.full((len(texts), self.dimension), 1e-3, np.float32)
        for row, text in zip(found, texts, strict=True):
            for word in text.lower().split():
                row[hashlib.sha256(word.encode()).digest()[0] % self.dimension] += 1
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)

    embed_queries = embed_documents

    def close(self) -> None:
        pass


class NoEngine:
    """Reading a page would be a mistake."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the engine was asked for {name}")


class Killed(BaseException):
    """Stands for the end of the process: nothing is committed after it."""


def old() -> Pipeline:
    return Pipeline(Config(engine="textlayer"), embedder=WordHashes("old", 16, 200))


def new(engine: Engine | None = None) -> Pipeline:
    return Pipeline(Config(engine="textlayer"), engine=engine, embedder=WordHashes("new", 24, 90))


def ingest(pipeline: Pipeline, folder: Path, db: Path) -> None:
    with pipeline:
        local.run(pipeline, [folder], str(db), lambda event: None)


def take_over(db: Path) -> reembed.ReembedReport:
    with new(NoEngine()) as pipeline:
        return reembed.run(pipeline, str(db), lambda event: None)


def rows(db: Path) -> Rows:
    opened = lancedb.connect(db)
    volatile = {"updated_at", "ingested_at", "seconds"}
    found = {name: opened.open_table(name).to_arrow().to_pylist() for name in ("documents", "pages", "chunks")}
    return {
        name: sorted(
            ({key: value for key, value in row.items() if key not in volatile} for row in theirs),
            key=lambda row: str(row.get("id") or row.get("source")),
        )
        for name, theirs in found.items()
    }


def deadly(call: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    def dying(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return call(*args, **kwargs)

    return dying
