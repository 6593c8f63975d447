"""What tells that a file has been written since: without opening it."""

from __future__ import annotations

import os
from pathlib import Path

from rag_ingest.load.fetch import is_remote


def stamp_of(stat: os.stat_result) -> str:
    """What changes with a file's content, as other tools take it: its size, and when it was written."""
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def stamp_at(path: str) -> str:
    """Of a local file; empty for a URL, and where nothing can be said."""
    try:
        return "" if is_remote(path) else stamp_of(Path(path).stat())
    except OSError:
        return ""
