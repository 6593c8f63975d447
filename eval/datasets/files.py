"""Reading what datasets are written in; whatever is wrong is said with file and line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from rag_ingest.errors import ConfigError

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]


def data_folder() -> Path:
    """Where real data is looked for: `$RAG_INGEST_DATA`, else `../shared/data` beside the repository."""
    return Path(os.environ.get("RAG_INGEST_DATA", ROOT.parent / "shared" / "data"))


def read_text(file: Path, needed_for: str) -> str:
    """Text of a file.

    Args:
        file: UTF-8.
        needed_for: what is missing without it, for the message.

    Raises:
        ConfigError: it can't be read.
    """
    try:
        return file.read_text(encoding="utf-8")
    except OSError as e:
        raise ConfigError(f"{needed_for}: {file} can't be read: {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise ConfigError(f"{needed_for}: {file} is not UTF-8: {e}") from e


def read_json(file: Path, needed_for: str) -> Any:
    """Value of a JSON file.

    Raises:
        ConfigError: it can't be read or is no JSON.
    """
    try:
        return json.loads(read_text(file, needed_for))
    except json.JSONDecodeError as e:
        raise ConfigError(f"{file}:{e.lineno} is no JSON: {e.msg}") from e


def read_jsonl(file: Path, needed_for: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(`file:line`, object) for each line that isn't blank.

    Raises:
        ConfigError: it can't be read, or a line is no JSON object.
    """
    for number, line in enumerate(read_text(file, needed_for).split("\n"), 1):
        if not line.strip():
            continue
        where = f"{file}:{number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as e:
            raise ConfigError(f"{where} is no JSON: {e.msg} at column {e.colno}") from e
        if not isinstance(row, dict):
            raise ConfigError(f"{where} is no JSON object but {type(row).__name__}")
        yield where, row


def value(row: Mapping[str, Any], key: str, kind: type[T], where: str, default: T | None = None) -> T:
    """One value of a row, checked.

    Args:
        row: as read.
        key: of the value.
        kind: what it must be; of `str` an integer is taken too, as some data sets number their ids.
        where: `file:line`, for the message.
        default: in place of one that is missing or null.

    Raises:
        ConfigError: it is missing without a default, or of another kind.
    """
    found = row.get(key)
    found = default if found is None else found
    if found is None:
        raise ConfigError(f"{where}: no {key!r} (keys: {', '.join(sorted(row))})")
    if kind is str and isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise ConfigError(f"{where}: {key!r} must be {kind.__name__}, not {type(found).__name__}")
    return found
