"""Which documents somebody means: by source, folder, content hash or arXiv id."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from rag_ingest.errors import ConfigError
from rag_ingest.store.schema import DocumentRecord, source_key

__all__ = ["meant_by"]

_HASH = re.compile(r"[0-9a-f]{8,64}")
"""A doc_id, or at least eight digits of its beginning."""

_ARXIV = re.compile(
    r"(?:arxiv:|(?:https?://)?(?:www\.|export\.)?arxiv\.org/(?:abs|pdf|html)/)?"
    r"(?:(?P<archive>[a-z-]+)(?:\.[a-z-]+)?/(?P<old>\d{7})|(?P<new>\d{4}\.\d{4,5}))(?:v(?P<version>\d+))?(?:\.pdf)?",
    re.IGNORECASE,
)
"""An identifier, or the address of its page; a subject class (`math.GT/0309136`) is no part of it."""


def meant_by(name: str, records: Iterable[DocumentRecord]) -> list[DocumentRecord]:
    """The rows that a name stands for.

    Args:
        name: a source as it stands in `documents`, or a path to it; a folder, for all in it; a doc_id or at least its
            first eight digits; an arXiv id, or the address of its page, for all versions or the one named.
        records: all there are.

    Raises:
        ConfigError: it stands for none; the message names the nearest.
    """
    if not name.strip():
        raise ConfigError("an empty name stands for no document (is a variable not set?)")
    records = list(records)
    key = source_key(name)
    absolute = key if "://" in name else source_key(str(Path(name).expanduser().absolute()))
    found = [record for record in records if record.source in (key, absolute)]
    found = found or [record for record in records if _inside(record.source, absolute)]
    if not found and _HASH.fullmatch(name.lower()):
        found = [record for record in records if record.doc_id.startswith(name.lower())]
    if not found and (paper := _ARXIV.fullmatch(name)):
        work, version = f"arXiv:{paper['new'] or '/'.join(paper.group('archive', 'old'))}", paper["version"]
        found = [r for r in records if r.work.lower() == work.lower() and (not version or r.version == int(version))]
    if not found:
        raise ConfigError(f"no document {name!r} is in the knowledge base{_nearest(name, records)}")
    return found


def _inside(source: str, folder: str) -> bool:
    return source.startswith((folder.rstrip("/") + "/", folder + "!/"))


def _nearest(name: str, records: Iterable[DocumentRecord]) -> str:
    by_name = {PurePosixPath(record.source).name: record.source for record in records}
    close = get_close_matches(PurePosixPath(name).name, list(by_name), n=1, cutoff=0.5)
    return f"; did you mean {by_name[close[0]]!r}?" if close else " (rag-ingest search shows their sources)"
