"""Which loader reads a file: by suffix where files are picked, by content where one is named."""

from __future__ import annotations

from pathlib import PurePosixPath

from rag_ingest.load.member_uri import split_member
from rag_ingest.types import Source

HEAD_BYTES = 1024
"""PDF readers accept the header anywhere in the first 1,024 bytes (ISO 32000-1, annex H, note 13)."""
SUFFIXES = {
    ".pdf": "pdf",
    ".png": "image",
    ".jpg": "image",
    ".jpeg": "image",
    ".webp": "image",
    ".tif": "image",
    ".tiff": "image",
    ".tar": "arxiv",
}
_IMAGE_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_TAR_MAGIC = b"ustar"

_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


def media_by_suffix(name: str) -> str | None:
    """The medium that a file's name promises, None for others."""
    return SUFFIXES.get(PurePosixPath(name).suffix.lower())


def holds_others(source: Source) -> bool:
    """Whether a source stands for many, which its loader gives (see `types.Container`)."""
    return source.media == "arxiv" and split_member(source.uri) is None


def packed_by(head: bytes) -> str:
    """Why a file that starts with these bytes can't be read as it is; empty unless it is compressed."""
    packer = next((name for magic, name in _PACKED.items() if head.startswith(magic)), "")
    return f"compressed by {packer}: unpack it; of dumps papers are read out of the plain .tar" if packer else ""


def media_by_content(head: bytes) -> str | None:
    """The medium of a file that starts with these bytes, None when it is neither a PDF, a known image, nor a tar."""
    if head[257:262] == _TAR_MAGIC and not head.startswith(b"%PDF-"):  # a tar's first member may be a PDF
        return "arxiv"
    if head.startswith(_IMAGE_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "image"
    return "pdf" if b"%PDF-" in head[:HEAD_BYTES] else None
