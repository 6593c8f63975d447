"""Dumps as a whole: what is in one, and whether it is what arXiv's manifest says."""

from __future__ import annotations

import hashlib
import logging
import posixpath
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

from rag_ingest.errors import ConfigError, LoadError
from rag_ingest.load.archive_file import md5_of, open_archive, pieces, read_beside, read_whole, size_of, state_of
from rag_ingest.load.arxiv_manifest import MAX_BYTES, NAME, ManifestEntry, read_manifest
from rag_ingest.load.arxiv_metadata import cache_folder
from rag_ingest.load.arxiv_options import ArxivOptions
from rag_ingest.load.arxiv_tar import Listing, Member, list_pdfs
from rag_ingest.load.arxiv_verified import VerifiedDumps
from rag_ingest.load.fetch import is_remote
from rag_ingest.load.member_uri import split_member

KEPT_LISTINGS = 8
_ANY_MB = 2**30
_OR_TURN_OFF = "download it again, or set arxiv.check_md5=false"

log = logging.getLogger(__name__)


def listing_of(archive: str, max_member_mb: int) -> Listing:
    """What lies in a dump; remembered until it changes.

    Raises:
        LoadError: it is missing, can't be read, or is no tar.
    """
    return _listing(archive, state_of(archive), max_member_mb * 2**20)


@lru_cache(maxsize=KEPT_LISTINGS)
def _listing(archive: str, state: str, max_member_bytes: int) -> Listing:
    with open_archive(archive) as (file, size):
        return list_pdfs(file, size, max_member_bytes)


def find_member(uri: str, max_member_mb: int) -> tuple[str, Member]:
    """The archive of a member's URI, and where in it the member lies.

    Raises:
        LoadError: there is no such member, or one that is not read.
    """
    inside = split_member(uri)
    if inside is None:
        raise LoadError(f"{uri}: a dump, whose papers are opened one by one")
    archive, name = inside
    listing = listing_of(archive, max_member_mb)
    if member := listing.members.get(name):
        return archive, member
    refused = listing.refused.get(name)
    raise LoadError(f"{uri}: {refused.reason if refused else listing.damage or 'no such PDF in the dump'}")


def missing_members(archive: str, names: Iterable[str], options: ArxivOptions) -> list[str]:
    """Of these members those that a dump no longer has; none where the dump can't be read to its end, or isn't sound.

    Raises:
        ConfigError: `arxiv.manifest` can't be read.
    """
    try:
        Manifests(options).check(archive)
        listing = listing_of(archive, options.max_member_mb)
    except LoadError:
        return []
    if listing.damage or not (listing.members or listing.refused):
        return []
    there = {*listing.members, *listing.refused, *(posixpath.normpath(name) for name in listing.refused)}
    return [name for name in names if name not in there]


def member_sha256(uri: str) -> str:
    """sha256 of a member's content, 64 hex digits, whatever its size.

    Raises:
        LoadError: it can't be read.
    """
    archive, member = find_member(uri, _ANY_MB)
    digest = hashlib.sha256()
    for piece in pieces(archive, member.offset, member.size):
        digest.update(piece)
    return digest.hexdigest()


class Manifests:
    """Compares dumps with `arxiv.manifest`, or with the manifest that lies beside each.

    A dump is hashed once, and again when it has been written since.
    """

    def __init__(self, options: ArxivOptions) -> None:
        self._given = options.manifest
        self._check = options.check_md5
        self._verified = VerifiedDumps(cache_folder(options.cache))
        self._folder: str | None = None  # whose manifest is at hand; dumps of one folder come together
        self._entries: dict[str, ManifestEntry] = {}

    def check(self, archive: str) -> None:
        """Passes what no manifest names, with a warning where there is one.

        Raises:
            LoadError: the dump differs from its manifest, or the one beside it can't be read.
            ConfigError: `arxiv.manifest` can't be read.
        """
        if not self._check:
            return
        entry = self._manifest(archive).get(archive.replace("\\", "/").rpartition("/")[2])
        if entry is None:
            if self._entries:
                _tell_unchecked(archive, "its manifest does not name it")
            return
        size = size_of(archive)
        if entry.size is not None and entry.size != size:
            raise LoadError(f"{archive}: has {size:,} bytes, by its manifest {entry.size:,}; {_OR_TURN_OFF}")
        if not entry.md5:
            _tell_unchecked(archive, "its manifest has no md5 of it")
        elif (md5 := self._md5_of(archive, entry.md5)) != entry.md5:
            raise LoadError(f"{archive}: its md5 is {md5}, by its manifest {entry.md5}; {_OR_TURN_OFF}")

    def _md5_of(self, archive: str, expected: str) -> str:
        state = state_of(archive)
        if self._verified.has(archive, state, expected):
            return expected
        md5 = md5_of(archive)
        if md5 == expected and state_of(archive) == state:  # it may be written just now
            self._verified.put(archive, state, md5)
        return md5

    def _manifest(self, archive: str) -> dict[str, ManifestEntry]:
        folder = "" if self._given else archive.rpartition("/")[0] if is_remote(archive) else str(Path(archive).parent)
        if folder != self._folder:
            self._entries = self._read_given() if self._given else _read_beside(archive)
            self._folder = folder
        return self._entries

    def _read_given(self) -> dict[str, ManifestEntry]:
        given = self._given if is_remote(self._given) else str(Path(self._given).expanduser().absolute())
        try:
            return read_manifest(read_whole(given, MAX_BYTES))
        except LoadError as error:
            raise ConfigError(f"arxiv.manifest = {self._given!r}: {str(error).removeprefix(f'{given}: ')}") from error


@cache
def _tell_unchecked(archive: str, why: str) -> None:
    """Once a dump, however often it is looked at."""
    log.warning("%s: read without a check of its md5: %s", archive, why)


def _read_beside(archive: str) -> dict[str, ManifestEntry]:
    try:
        content = read_beside(archive, NAME, MAX_BYTES)
        return {} if content is None else read_manifest(content)
    except LoadError as error:
        raise LoadError(f"{archive}: {NAME} beside it: {error}; remove it, or set arxiv.check_md5=false") from error
