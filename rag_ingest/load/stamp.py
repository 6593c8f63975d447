"""What tells that a file has been written since: without opening it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rag_ingest.load.fetch import filesystem, is_remote

_CONTENT = ("ETag", "etag", "md5Hash")
_TIME = ("LastModified", "last_modified", "Last-Modified", "updated", "mtime", "modify", "created")
"""What S3, Google's and Azure's stores, web servers, SFTP, FTP and fsspec's memory call these.

The first that is there counts; "created" is all that memory tells.
"""


def stamp_of(stat: os.stat_result) -> str:
    """What changes with a file's content, as other tools take it: its size, and when it was written."""
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def stamp_told(info: Mapping[str, Any]) -> str:
    """The same of a file behind a URL, by what fsspec tells of it; empty where that is its size at most."""
    told = next((info[name] for name in (*_CONTENT, *_TIME) if info.get(name)), "")
    return f"{info.get('size')}:{told}" if told else ""


def stamp_at(path: str) -> str:
    """Of a file, wherever it is; empty where nothing can be said."""
    try:
        if not is_remote(path):
            return stamp_of(Path(path).stat())
        fs, inside = filesystem(path)
        return stamp_told(fs.info(inside))
    except Exception:  # every store has errors of its own
        return ""
