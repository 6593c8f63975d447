"""How a member of an archive is named: `/dumps/arXiv_pdf_2301_001.tar!/2301/2301.00001.pdf`."""

from __future__ import annotations

import re

_MEMBER = re.compile(r"(?P<archive>.+?\.tar)!/(?P<name>.+)", re.IGNORECASE | re.DOTALL)


def member_uri(archive: str, name: str) -> str:
    """The URI of a member; `archive` is a path or URL that ends in `.tar`."""
    return f"{archive}!/{name}"


def split_member(uri: str) -> tuple[str, str] | None:
    """(archive, member's name); None for what is no member of an archive."""
    found = _MEMBER.fullmatch(uri)
    return (found["archive"], found["name"]) if found else None


def file_of(uri: str) -> str:
    """The file or URL in which a source lies: the archive of a member, else the source itself."""
    inside = split_member(uri)
    return inside[0] if inside else uri
