"""What lies in a tar, by its headers alone: nothing is unpacked, and no header is trusted.

Python's own reader does the parsing. It stops without a word at a damaged header, reads a name of any length into
memory, and follows negative sizes backwards; all three are caught here.
"""

from __future__ import annotations

import posixpath
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from rag_ingest.errors import LoadError
from rag_ingest.load.media import packed_by

MAX_HEADER_BYTES = 65_536
"""Of one read while headers are parsed: a name is at most 4,096 bytes long, a pax header holds a few of them."""
_MAX_BEHIND_END = 2**20
"""tar pads to records of 10,240 bytes, and up to 1 MiB where it was told so (`-b 2048`)."""
_BLOCK = 512
_DRIVE = re.compile(r"[A-Za-z]:")
_AGAIN = "download it again; the papers before that place are read"


class Seekable(Protocol):
    """The part of a binary file that is used here."""

    def read(self, count: int, /) -> bytes:
        """At most so many bytes."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Goes to an offset."""

    def tell(self) -> int:
        """The offset."""


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file in a tar: where its content lies, in bytes."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A member that is not read, and why; its name can be printed and stored, and is no path."""

    name: str
    reason: str


@dataclass(slots=True)
class Listing:
    """A tar's PDFs.

    Attributes:
        members: by name, in order of their place; of several with one name the last, as tar itself has it.
        refused: links, devices, unsafe names, members that are too large.
        superseded: names that stand in it more than once.
        others: how many regular files are no PDFs.
        damage: why what follows the last member can't be read; empty for a sound tar.
    """

    members: dict[str, Member] = field(default_factory=dict)
    refused: dict[str, Refused] = field(default_factory=dict)
    superseded: list[str] = field(default_factory=list)
    others: int = 0
    damage: str = ""


def list_pdfs(file: Seekable, size: int, max_member_bytes: int) -> Listing:
    """Reads the headers of a tar of `size` bytes, and seeks over the contents.

    Raises:
        LoadError: it is no tar at all.
    """
    listing = Listing()
    try:
        for info in _headers(file, size):
            _enter(listing, info, max_member_bytes)
    except LoadError as error:
        if not listing.members and not listing.refused and not listing.others:
            raise
        listing.damage = str(error)
    return listing


def _enter(listing: Listing, info: tarfile.TarInfo, max_member_bytes: int) -> None:
    if info.isdir():
        return
    if reason := _refusal(info, max_member_bytes):
        name = _printable(info.name)
        listing.refused[name] = Refused(name, reason)
        return
    name = posixpath.normpath(info.name)
    base = posixpath.basename(name)
    if base.startswith(".") or not base.lower().endswith(".pdf"):
        listing.others += 1
        return
    if listing.members.pop(name, None):
        listing.superseded.append(name)
    listing.members[name] = Member(name, info.offset_data, info.size)


def _refusal(info: tarfile.TarInfo, max_member_bytes: int) -> str:
    """Why a member is not read; empty for one that is."""
    name = info.name
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or _DRIVE.match(name) or ".." in parts:
        return "its name leads out of the archive"
    if name != _printable(name) or "\\" in name or "!/" in name or not name:
        return "its name has characters that no paper's name has"
    if info.issym() or info.islnk():
        return "it is a link, not a file"
    if not info.isreg() or info.issparse():
        return "it is a device or another special file"
    if info.size > max_member_bytes:
        return (
            f"it has {info.size / 2**20:,.1f} MB, more than arxiv.max_member_mb = {max_member_bytes // 2**20}; raise it"
        )
    return "" if info.size else "it is empty"


def _printable(name: str) -> str:
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in name)


def _headers(file: Seekable, size: int) -> Iterator[tarfile.TarInfo]:
    """Yields each member's header.

    Raises:
        LoadError: it is no tar, or the rest can't be read.
    """
    try:
        short: Any = _ShortReads(file)  # the reader's type asks for more of a file than the reader does
        with tarfile.open(fileobj=short, mode="r:") as tar:
            kept: list[Any] = vars(tar)["members"]
            end = 0
            while (info := tar.next()) is not None:
                if info.size < 0 or tar.offset <= end:
                    raise LoadError(f"the header of {_printable(info.name)!r} is damaged; {_AGAIN}")
                if info.isreg() and info.offset_data + info.size > size:
                    raise LoadError(f"it ends inside {_printable(info.name)!r}, at byte {size:,}; {_AGAIN}")
                end = tar.offset
                kept.clear()  # else each header stays in memory
                yield info
            _check_end(file, tar.offset, size)
    except tarfile.ReadError as error:
        file.seek(0)
        raise LoadError(packed_by(file.read(_BLOCK)) or f"not a tar archive, or damaged: {error}") from error
    except (tarfile.TarError, ValueError, OverflowError, RecursionError, IndexError) as error:
        raise LoadError(f"a header is damaged ({type(error).__name__}); {_AGAIN}") from error


def _check_end(file: Seekable, offset: int, size: int) -> None:
    """The reader stops at anything that is no header; only a block of zeros is the end."""
    file.seek(offset)
    block = file.read(_BLOCK)
    if len(block) < _BLOCK:
        raise LoadError(f"it is cut off at byte {size:,}, without its end mark; {_AGAIN}")
    if block.strip(b"\0"):
        raise LoadError(f"the header at byte {offset:,} is damaged; {_AGAIN}")
    if size - offset > _MAX_BEHIND_END:
        raise LoadError(
            f"{size - offset:,} bytes follow its end mark: several tars in one file? Only the first is read"
        )


class _ShortReads:
    """A file that refuses what no header needs."""

    def __init__(self, file: Seekable) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, count: int = -1) -> bytes:
        if not 0 <= count <= MAX_HEADER_BYTES:
            raise LoadError(f"a header wants {count:,} bytes, which no name needs; {_AGAIN}")
        return self._file.read(count)
