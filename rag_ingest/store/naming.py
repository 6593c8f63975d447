"""Which documents somebody means: by source, folder, content hash or arXiv id."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from rag_ingest.errors import ConfigError
from rag_ingest.store.schema import source_key
from rag_ingest.store.tables import NARROW_BATCH_ROWS
from rag_ingest.store.trouble import never_stranded

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

__all__ = ["meant_by"]

_HASH = re.compile(r"[0-9a-f]{8,64}")
"""A doc_id, or at least eight digits of its beginning."""

_ARXIV = re.compile(
    r"(?:arxiv:|(?:https?://)?(?:www\.|export\.)?arxiv\.org/(?:abs|pdf|html)/)?"
    r"(?:(?P<archive>[a-z-]+)(?:\.[a-z-]+)?/(?P<old>\d{7})|(?P<new>\d{4}\.\d{4,5}))(?:v(?P<version>\d+))?(?:\.pdf)?",
    re.IGNORECASE,
)
"""An identifier, or the address of its page; a subject class (`math.GT/0309136`) is no part of it."""

_WAYS = range(4)
"""Of meaning a document, the first before the second: its source, its folder, its hash, its paper."""


@never_stranded
def meant_by(names: Sequence[str], documents: Table) -> list[str]:
    """Sources of the rows that names stand for, in the order of the names, each once.

    The table is read once, however many names there are, and of it only what they may stand for becomes objects.

    Args:
        names: each a source as it stands in `documents`, or a path to it; a folder, for all in it; a doc_id or at least
            its first eight digits; an arXiv id, or the address of its page, for all versions or the one named.
        documents: the table.

    Raises:
        ConfigError: one stands for none; the message names the nearest.
    """
    if any(not name.strip() for name in names):
        raise ConfigError("an empty name stands for no document (is a variable not set?)")
    wanted = _Wanted(names)
    found: dict[tuple[int, int], list[str]] = defaultdict(list)  # by place of the name, and way
    query = documents.search().select(["source", "doc_id", "work", "version"]).limit(None)
    for batch in query.to_batches(NARROW_BATCH_ROWS) if names else ():
        for row in wanted.among(batch).to_pylist():
            for meant in wanted.ways(row["source"], row["doc_id"], row["work"] or "", row["version"] or 0):
                found[meant].append(row["source"])
    sources: dict[str, None] = {}
    for place, name in enumerate(names):
        way = next((way for way in _WAYS if (place, way) in found), None)
        if way is None:
            raise ConfigError(f"no document {name!r} is in the knowledge base{_nearest(name, documents)}")
        sources |= dict.fromkeys(sorted(found[place, way]))
    return list(sources)


class _Wanted:
    """What names may stand for, each with the places of the names that do: a document is looked up, not compared."""

    def __init__(self, names: Sequence[str]) -> None:
        self._sources: dict[str, set[int]] = defaultdict(set)
        self._folders: dict[str, set[int]] = defaultdict(set)  # up to the slash
        self._hashes: dict[str, set[int]] = defaultdict(set)
        self._works: dict[str, set[tuple[int, int | None]]] = defaultdict(set)  # and the version, None for all
        for place, name in enumerate(names):
            key = source_key(name)
            absolute = key if "://" in name else source_key(str(Path(name).expanduser().absolute()))
            for source in (key, absolute):
                self._sources[source].add(place)
            for folder in (absolute.rstrip("/") + "/", absolute + "!/"):
                self._folders[folder].add(place)
            if _HASH.fullmatch(name.lower()):
                self._hashes[name.lower()].add(place)
            if paper := _ARXIV.fullmatch(name):
                work = f"arXiv:{paper['new'] or '/'.join(paper.group('archive', 'old'))}"
                version = paper["version"]
                self._works[work.lower()].add((place, int(version) if version else None))

    def among(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that one of the names stands for, seen in native code."""
        import pyarrow.compute as pc

        meant = pc.or_(_one_of(batch["source"], self._sources), _one_of(pc.utf8_lower(batch["work"]), self._works))
        for column, beginnings in (("source", self._folders), ("doc_id", self._hashes)):
            for length in {len(beginning) for beginning in beginnings}:
                begins = pc.utf8_slice_codeunits(batch[column], 0, length)
                meant = pc.or_(meant, _one_of(begins, (one for one in beginnings if len(one) == length)))
        return batch.filter(meant)

    def ways(self, source: str, doc_id: str, work: str, version: int) -> Iterator[tuple[int, int]]:
        """(place of a name, way) of those that stand for a row."""
        yield from ((place, 0) for place in self._sources.get(source, ()))
        folders = (source[: slash.end()] for slash in re.finditer("/", source))
        yield from ((place, 1) for place in {p for folder in folders for p in self._folders.get(folder, ())})
        hashes = (doc_id[:length] for length in range(8, len(doc_id) + 1))
        yield from ((place, 2) for place in {p for begins in hashes for p in self._hashes.get(begins, ())})
        papers = self._works.get(work.lower(), ())
        yield from ((place, 3) for place in {p for p, wanted in papers if wanted in (None, version)})


def _one_of(column: pa.Array, values: Iterable[str]) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.is_in(column, pa.array(list(values), pa.string()))


def _nearest(name: str, documents: Table) -> str:
    by_name: dict[str, str] = {}
    for batch in documents.search().select(["source"]).limit(None).to_batches(NARROW_BATCH_ROWS):
        by_name |= {_last_part(source): source for source in sorted(batch["source"].to_pylist())}
    close = get_close_matches(_last_part(name), list(by_name), n=1, cutoff=0.5)
    return f"; did you mean {by_name[close[0]]!r}?" if close else " (rag-ingest search shows their sources)"


def _last_part(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]
