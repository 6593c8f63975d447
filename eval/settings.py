"""Options of engines and embedders that a suite has no place for: another checkpoint, a server's address."""

from __future__ import annotations

import os
from typing import Any

from rag_ingest import Config
from rag_ingest.config import load_config

__all__ = ["VARIABLE", "configured"]

VARIABLE = "RAG_INGEST_CONFIG"
"""Environment variable that names a configuration file, as `rag-ingest ingest --config` takes it."""


def configured(**chosen: Any) -> Config:
    """The defaults, `$RAG_INGEST_CONFIG` where it is set, and what a suite chose. Its `[split]` counts for no arm.

    Args:
        chosen: `engine` or `embedder`.

    Raises:
        ConfigError: the file can't be read, or has an unknown key or a value out of range.
    """
    return load_config(os.environ.get(VARIABLE) or None, **chosen)
