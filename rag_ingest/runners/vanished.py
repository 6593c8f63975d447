"""What is on record and no longer where it came from: for `ingest --sync`.

What can't be looked at has not vanished: a folder without permission, a disk that isn't mounted, a dump that is cut off
or differs from its manifest.
"""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from rag_ingest.load.arxiv_dumps import missing_members
from rag_ingest.load.arxiv_options import ArxivOptions
from rag_ingest.load.discover import find_sources
from rag_ingest.load.member_uri import file_of, split_member
from rag_ingest.load.stamp import stamp_at
from rag_ingest.types import Source

__all__ = ["has_vanished", "vanished"]

log = logging.getLogger(__name__)


def has_vanished(file: str) -> bool:
    """Whether a local file is certainly not there."""
    try:
        Path(file).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def vanished(
    known: Iterable[tuple[str, str]], folders: Iterable[str | Path], failed: set[str], options: ArxivOptions
) -> list[str]:
    """Sources in these folders whose file is gone, and papers that the dump of that name no longer has.

    Args:
        known: (source, stamp) of all that is on record, by source.
        folders: a folder without any source is left alone: a disk may be missing.
        failed: sources that failed in this run; members of a dump among them are left alone.
        options: of dumps.
    """
    roots = list(_present(folders))
    gone = []
    for file, rows in groupby(known if roots else (), lambda row: file_of(row[0])):
        if "://" in file or not any(Path(file).is_relative_to(root) for root in roots):
            continue
        if has_vanished(file):
            gone += [source for source, _ in rows]
        elif file not in failed:
            gone += _no_more_inside(file, list(rows), options)
    return gone


def _present(folders: Iterable[str | Path]) -> Iterator[Path]:
    for folder in folders:
        root = Path(os.path.normpath(Path(folder).expanduser().absolute()))
        if any(isinstance(found, Source) for found in find_sources([root])):
            yield root
        else:
            remove = f"rag-ingest remove {shlex.quote(str(root))}"
            log.warning(
                "nothing of %s was removed, since no file of a known kind is there; if that is meant: %s", root, remove
            )


def _no_more_inside(dump: str, rows: Sequence[tuple[str, str]], options: ArxivOptions) -> list[str]:
    """Papers that were not seen in the dump as it is now are looked for in it."""
    state = f"{stamp_at(dump)}@"
    names = {inside[1]: row for row in rows if (inside := split_member(row[0]))}
    unseen = {name: source for name, (source, stamp) in names.items() if not stamp.startswith(state)}
    missing = missing_members(dump, unseen, options) if unseen else ()
    return [unseen[name] for name in missing]
