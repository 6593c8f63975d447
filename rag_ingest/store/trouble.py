"""What LanceDB says when something is wrong with a database -> what it means, and what to do about it.

LanceDB has no exceptions of its own for these: a RuntimeError, OSError or ValueError whose text tells. The texts here
are those of lancedb 0.40, provoked one by one (tests/store/test_trouble.py).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import ParamSpec, TypeVar

from rag_ingest.store.refused import explain_store

__all__ = ["FOREIGN", "TRIES", "damage", "damaged_files", "explain", "never_stranded"]

P = ParamSpec("P")
T = TypeVar("T")

FOREIGN = (OSError, RuntimeError, ValueError, TypeError, KeyError)
"""What LanceDB and Arrow raise."""

TRIES = 3
"""Of a read that a writer got in the way of."""

_VANISHED = re.compile(r"Not found: (?P<file>\S+\.(?:lance|manifest|arrow|bin|idx|txn))\b")
_FULL = re.compile(
    r"No space left on device|File too large|Disk quota exceeded|os error (?:28|27|122)\b", re.IGNORECASE
)
_FORBIDDEN = re.compile(
    r"Permission denied|Read-only file system|Operation not permitted|os error (?:1|13|30)\b", re.IGNORECASE
)
_DAMAGED = re.compile(
    r"failed to fill whole buffer|not appear to be a Lance file|file size is too small|invalid magic|Invalid range"
    r"|failed to decode Protobuf|Corrupt|unexpected end of file",
    re.IGNORECASE,
)
_LACKING = re.compile(
    r"No field named (?P<column>\w+)|FTS field path '(?P<words>\w+)' does not exist"
    r"|column (?P<vector>\w+) does not exist in schema"
)
_TABLE = re.compile(r"(?P<name>\w+)\.lance(?:/|$)")
_PLACE = re.compile(r",? (?:/root)?/[^\s,]*\.rs:\d+:\d+")
"""Where in LanceDB's own source it went wrong."""

_FROM_PAGES = "delete {0} in {uri} and ingest again, which reads no page a second time"
_WAYS = {
    "chunks": _FROM_PAGES.format("chunks.lance", uri="{uri}"),
    "documents": _FROM_PAGES.format("chunks.lance and documents.lance", uri="{uri}"),
    "pages": "restore pages.lance in {uri} from a backup, or delete it and ingest again: what was ingested stays, but "
    "its pages must be read again before it can be split or embedded anew",
    "runs": "delete runs.lance in {uri}, which only has the options of earlier runs, for rag-ingest retry",
    "leases": "delete leases.lance in {uri}, while nobody writes there",
    "chunks_next": "delete chunks_next.lance and documents_next.lance in {uri} and run rag-ingest reembed again",
}
_WAYS["documents_next"] = _WAYS["chunks_next"]
"""Out of damage, by table."""

_MAGIC = b"LANC"
"""How data files, index files and manifests end (Lance's file format)."""


def never_stranded(read: Callable[P, T]) -> Callable[P, T]:
    """Reads again, from the newest version, when files of the version that was being read are gone.

    A clean-up takes away what was superseded a while ago (see `store.upkeep`); a reader that was stopped in between,
    or is slower than that, would otherwise fail although what it asks for is there. For functions that only read, on
    tables that follow the newest version.
    """

    @functools.wraps(read)
    def reading(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(TRIES - 1):
            try:
                return read(*args, **kwargs)
            except FOREIGN as e:
                if not _VANISHED.search(str(e)):
                    raise
        return read(*args, **kwargs)

    return reading


def explain(doing: str, error: BaseException) -> str:
    """One line for a `StoreError`.

    Args:
        doing: what can't be done, beginning with the database's folder, such as "kb can't be searched".
        error: what LanceDB raised.
    """
    text = str(error).strip()
    uri = re.split(r": | can't ", doing, maxsplit=1)[0]
    if "://" in uri and (told := explain_store(text)):
        return f"{doing}: {told}"
    if _FULL.search(text):
        return f"{doing}: the disk is full; free some space and run the same again, nothing is half written"
    if _FORBIDDEN.search(text):
        return (
            f"{doing}: this user may not write there ({_reason(text)}); change the permissions of {uri}, or work on a "
            "copy of it"
        )
    vanished = _VANISHED.search(text)
    if vanished or _DAMAGED.search(text):
        if told := damage(uri, f"{text} {doing.removeprefix(uri)}"):
            return f"{doing}: {told}"
        if vanished:
            return f"{doing}: {_damage(uri, '/' + vanished['file'].lstrip('/'), 'is missing')}"
        return f"{doing}: {_damage(uri, f'a file of {_meant(doing.removeprefix(uri))}.lance', 'is damaged')}"
    if lacking := _LACKING.search(text):
        column = next(filter(None, lacking.groups()))
        return (
            f"{doing}: a table lacks the column {column!r}, as an earlier version of rag-ingest made it; ingest into "
            f"{uri} again, which adds it and reads no page a second time"
        )
    first = (text.splitlines() or [""])[0]
    return f"{doing}: {_PLACE.sub('', first)[:300] or type(error).__name__}"


def damage(uri: str, where: str = "") -> str:
    """Which file of a database is damaged, and the way out; empty where none is.

    Args:
        uri: of the database; nothing is known of files under a URL.
        where: a table, or an error's text that may name one: its files come before others.
    """
    found = damaged_files(uri)
    named = [file for file in found if Path(file).name in where or _table_of(file) in re.findall(r"\w+", where)]
    return _damage(uri, (named or found)[0], "is damaged") if found else ""


def damaged_files(uri: str) -> list[str]:
    """Files of a database folder whose end is cut off or overwritten, as a crash of the machine leaves them."""
    folder = Path(uri.removeprefix("file://")).expanduser()
    if "://" in uri.removeprefix("file://") or not folder.is_dir():
        return []
    files = (file for kind in ("*.lance", "*.manifest") for file in folder.rglob(kind) if file.is_file())
    return sorted(str(file) for file in files if not _is_whole(file))


def _is_whole(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            if opened.seek(0, 2) < len(_MAGIC):
                return False
            opened.seek(-len(_MAGIC), 2)
            return opened.read() == _MAGIC
    except OSError:
        return True  # gone, or not to be read: another trouble


def _damage(uri: str, file: str, what: str) -> str:
    """What a lost file costs, by the table that it belongs to."""
    if "/_indices/" in file:
        way = f"rag-ingest optimize --reindex --db {quote(uri)} makes the indexes anew"
    else:
        way = _WAYS.get(_table_of(file), _WAYS["documents"]).format(uri=uri)
    return f"{file} {what}; {way}"


def _table_of(file: str) -> str:
    return next((name for name in reversed(_TABLE.findall(file)) if name in _WAYS), "")


def _meant(doing: str) -> str:
    """The table that could not be used, where nothing is known of files."""
    named = next((name for name in _WAYS if re.search(rf"\b{name}\b", doing)), "")
    return named or ("chunks" if "searched" in doing else "documents")


def _reason(text: str) -> str:
    found = _FORBIDDEN.search(text)
    return found[0] if found else ""
