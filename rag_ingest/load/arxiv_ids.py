"""arXiv's identifiers: how they are written, and what their members in a dump are called.

    2301.00001v2        2301/2301.00001v2.pdf        five digits from 1501
    0704.0001           0704/0704.0001.pdf           four digits from 0704
    astro-ph/0001001    0001/astro-ph0001001.pdf     the archive's name before that: the digits alone name no paper

The scheme is https://info.arxiv.org/help/arxiv_identifier.html: a subject class (`math.GT/0309136`) is no part of the
identifier (`math/0309136`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

_NEW_FROM, _FIVE_DIGITS_FROM = (2007, 4), (2015, 1)
_OLD_FROM = (1991, 7)
_NEW = re.compile(r"(?P<yymm>\d{4})\.(?P<digits>\d{4,5})(?:v(?P<version>[1-9]\d{0,3}))?", re.ASCII)
_OLD = re.compile(
    r"(?P<archive>[a-z]+(?:-[a-z]+)?)(?:\.[A-Z]{2}|\.[a-z]+(?:-[a-z]+)?)?/?"
    r"(?P<yymm>\d{4})(?P<digits>\d{3})(?:v(?P<version>[1-9]\d{0,3}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class ArxivId:
    """One paper, and the version of it where one is named.

    Attributes:
        paper: `2301.00001` or `astro-ph/0001001`.
        year: of the month in the identifier, in which the paper was announced.
        month: 1..12.
        version: 1 and up, or None.
    """

    paper: str
    year: int
    month: int
    version: int | None = None

    def __str__(self) -> str:
        return self.paper if self.version is None else f"{self.paper}v{self.version}"

    @property
    def member_name(self) -> str:
        """What the paper's PDF is called in a dump."""
        return f"{self.year % 100:02}{self.month:02}/{str(self).replace('/', '')}.pdf"


def parse_id(text: str) -> ArxivId | None:
    """Reads an identifier, with or without `arXiv:`, version, or slash; None where it is none."""
    text = text.strip()
    if text[:6].lower() == "arxiv:":
        text = text[6:]
    if found := _NEW.fullmatch(text):
        month = _month(found["yymm"])
        wide = month is not None and month >= _FIVE_DIGITS_FROM
        if month is None or month < _NEW_FROM or len(found["digits"]) != (5 if wide else 4):
            return None
        return ArxivId(f"{found['yymm']}.{found['digits']}", *month, _version(found["version"]))
    if found := _OLD.fullmatch(text):
        month = _month(found["yymm"])
        if month is None or not _OLD_FROM <= month < _NEW_FROM:
            return None
        return ArxivId(f"{found['archive']}/{found['yymm']}{found['digits']}", *month, _version(found["version"]))
    return None


def id_of_member(name: str) -> ArxivId | None:
    """The paper that a dump's member is, by its name; None where the name tells none."""
    path = PurePosixPath(name)
    return parse_id(path.stem) if path.suffix.lower() == ".pdf" else None


def _month(yymm: str) -> tuple[int, int] | None:
    """(year, month); arXiv began in 1991, so 91 to 99 belong to the last century."""
    year, month = int(yymm[:2]), int(yymm[2:])
    return (year + (1900 if year >= 91 else 2000), month) if 1 <= month <= 12 else None


def _version(text: str | None) -> int | None:
    return int(text) if text else None
