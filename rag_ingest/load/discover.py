"""Paths, folders, globs and URLs -> sources, one at a time, in a stable order."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from rag_ingest.errors import LoadError
from rag_ingest.load.fetch import filesystem, is_remote, one_line, unreachable
from rag_ingest.load.media import HEAD_BYTES, SUFFIXES, media_by_content, media_by_suffix, packed_by
from rag_ingest.load.member_uri import member_uri, split_member
from rag_ingest.load.stamp import stamp_at, stamp_of, stamp_told
from rag_ingest.types import Failure, Source

_KNOWN = " ".join(SUFFIXES)
_LOCAL_URL = "file://"
_MAGIC = frozenset("*?[")


def find_sources(paths: Sequence[str | os.PathLike[str]]) -> Iterator[Source | Failure]:
    """Finds what the paths name, in the order given, names sorted within each folder, each file once.

    A file that is named is taken whatever its suffix, and its content decides the medium. Folders (with all below,
    hidden names left out) and globs (`papers/**/*.pdf`) give files with a known suffix only. URLs are read through
    fsspec: `s3://bucket/papers`, `memory://a/*.pdf`, `https://…`. A dump is one source, whatever it holds, and
    `…/arXiv_pdf_2301_001.tar!/2301/2301.00001.pdf` one paper of it.

    Yields:
        A `Source`, its uri absolute for local files and as given for URLs; or a `Failure` of stage "load" for a path
        that is missing, empty, unreadable, or no PDF or image.

    Raises:
        MissingExtraError: the package for a URL's protocol is not installed.
    """
    seen: set[str] = set()
    for path in paths:
        for found in _find(os.fspath(path)):
            if isinstance(found, Source):
                key = found.uri if is_remote(found.uri) else os.path.realpath(found.uri)
                if key in seen:
                    continue
                seen.add(key)
            yield found


def once(found: Iterable[Source | Failure]) -> Iterator[Source | Failure]:
    """A file that is reached in two ways is read once."""
    seen: set[str] = set()
    for item in found:
        if isinstance(item, Source):
            if item.uri in seen:
                continue
            seen.add(item.uri)
        yield item


def _find(given: str) -> Iterator[Source | Failure]:
    if given.startswith(_LOCAL_URL):
        given = url2pathname(given.removeprefix(_LOCAL_URL).removeprefix("localhost"))
    try:
        if (inside := split_member(given)) and (is_remote(given) or not Path(given).is_file()):
            yield from _find_member(*inside)
            return
        yield from _find_remote(given) if is_remote(given) else _find_local(given)
    except LoadError as error:
        yield _failure(given, str(error))
    except OSError as error:
        yield _failure(given, f"can't be read: {one_line(error)}")


def _find_member(archive: str, name: str) -> Iterator[Source | Failure]:
    """One paper of a dump; whether it is in there is the loader's to say."""
    for found in _find_remote(archive) if is_remote(archive) else _find_local(archive):
        yield replace(found, uri=member_uri(found.uri, name), stamp="") if isinstance(found, Source) else found


def _find_local(given: str) -> Iterator[Source | Failure]:
    path = Path(given).expanduser().absolute()
    path = Path(os.path.normpath(path))
    if path.is_dir():
        yield from _or_empty(_walk(path), given, f"folder has no file of a known kind ({_KNOWN})")
    elif path.is_file():
        stamp = stamp_of(path.stat())  # before it is read: a change in between is seen the next time
        with path.open("rb") as file:
            named = _named(str(path), file.read(HEAD_BYTES))
        yield replace(named, stamp=stamp) if isinstance(named, Source) else named
    elif _MAGIC.intersection(given):
        yield from _or_empty(_glob(str(path)), given, f"pattern matches no file of a known kind ({_KNOWN})")
    else:
        yield _failure(given, "not a regular file" if path.exists() else "no such file or folder")


def _glob(pattern: str) -> Iterator[Source | Failure]:
    for name in sorted(glob.glob(pattern, recursive=True)):  # noqa: PTH207 (pathlib's takes hidden names)
        path = Path(name)
        if path.is_dir():
            yield from _walk(path)
        elif (media := media_by_suffix(path.name)) and path.is_file():
            yield Source(str(path), media, stamp_of(path.stat()))


def _walk(folder: Path) -> Iterator[Source | Failure]:
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield _failure(str(folder), f"folder can't be read: {one_line(error)}")
        return
    for entry in listed:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif media := media_by_suffix(entry.name):
            try:
                if entry.is_file():
                    yield Source(entry.path, media, stamp_of(entry.stat()))
            except OSError as error:
                yield _failure(entry.path, f"can't be read: {one_line(error)}")


def _find_remote(url: str) -> Iterator[Source | Failure]:
    fs, path = filesystem(url)
    fs.invalidate_cache()  # a listing of an earlier call, which a process that lives long would go by
    web = urlsplit(url).scheme in ("http", "https")  # there "?" starts a query, and listing is scraping
    try:
        if ("*" in url) if web else _MAGIC.intersection(path):
            found = _listed(fs, {name: {} for name in fs.glob(path)} if web else fs.glob(path, detail=True))
            yield from _or_empty(found, url, f"pattern matches no file of a known kind ({_KNOWN})")
        elif url.endswith("/") or (not web and fs.isdir(path)):
            found = _listed(fs, fs.find(path, detail=True), path)
            yield from _or_empty(found, url, f"folder has no file of a known kind ({_KNOWN})")
        else:
            stamp = stamp_at(url) if web else ""  # an open file tells its size at most there
            with fs.open(path, "rb") as file:
                stamp = stamp or stamp_told(getattr(file, "details", {}))
                named = _named(url, file.read(HEAD_BYTES))
            yield replace(named, stamp=stamp) if isinstance(named, Source) else named
    except FileNotFoundError as error:
        yield _failure(url, unreachable(error) or "no such file or folder")
    except Exception as error:  # every store has errors of its own
        yield _failure(url, f"can't be read: {one_line(error)}")


def _listed(fs: Any, infos: Mapping[str, Mapping[str, Any]], folder: str = "") -> Iterator[Source]:
    for path, info in sorted(infos.items()):
        hidden = "/." in "/" + path.removeprefix(folder)
        if (media := media_by_suffix(path)) and not hidden:
            url = fs.unstrip_protocol(path)
            yield Source(url, media, stamp_told(info) or stamp_at(url))


def _named(uri: str, head: bytes) -> Source | Failure:
    if not head:
        return _failure(uri, "file is empty")
    media = media_by_content(head)
    if media == "arxiv" and media_by_suffix(uri) != "arxiv":
        return _failure(uri, "a tar archive, whose name must end in .tar")
    reason = packed_by(head) or f"not a PDF or image: starts with {head[:8]!r}"
    return Source(uri, media) if media else _failure(uri, reason)


def _or_empty(found: Iterator[Source | Failure], given: str, reason: str) -> Iterator[Source | Failure]:
    empty = True
    for item in found:
        empty = False
        yield item
    if empty:
        yield _failure(given, reason)


def _failure(source: str, reason: str) -> Failure:
    return Failure(source, None, "load", reason)
