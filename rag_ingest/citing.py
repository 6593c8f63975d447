"""Citing a search hit: where it stands, in a line for people and in a link that opens the PDF at the page.

A link ends in `#page=N`, the only open parameter that the viewers of Chromium, Firefox, Safari and Adobe have in
common; where on the page they look is each one's own affair (`zoom` counts from another corner than `viewrect`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath
from urllib.parse import quote

from rag_ingest.load.media import SUFFIXES
from rag_ingest.load.member_uri import split_member
from rag_ingest.types import BBox, SearchHit

__all__ = ["Citation", "cite", "file_link"]

_OPENS = ("http", "https", "file")
"""URLs that a browser opens; `s3://` and others are for programs."""

_IN_URLS = "%:/?@!$&'()*+,;=~[]"
"""What is not encoded in a URL that is one already."""

_BYTE = re.compile(r"\\udc([89a-f][0-9a-f])")
"""See `store.schema.source_key`."""

_SUFFIXES = {"jr", "jr.", "sr", "sr.", "ii", "iii", "iv"}
"""Behind a name, as in "J. Roe Jr."."""

_PARTICLE = re.compile(r"[a-z][a-z']*\.?")
"""Of a last name, as in "van der Maaten"."""


@dataclass(frozen=True, kw_only=True)
class Citation:
    """Where a hit stands.

    Attributes:
        source: path or URL.
        title: of the document; may be empty.
        page: 1-based, the first that the hit touches; None where unknown.
        bbox: the hit's first box on that page, in page points, origin top-left; None where unknown.
        link: opens the document at the page; empty where there is nothing that a browser opens.
        label: for people, for example "Vaswani et al., Attention Is All You Need, 2017, pp. 3–4".
    """

    source: str
    title: str
    page: int | None
    bbox: BBox | None
    link: str
    label: str


def cite(hit: SearchHit) -> Citation:
    """Where a hit stands.

    The link is to the source itself where that is a file or a web page, else, as for a member of a dump, to the paper's
    page at arXiv in the version that was read.
    """
    page = min(hit.pages) if hit.pages else None
    boxes = (box for number, box in hit.bboxes if number == page)
    return Citation(
        source=hit.source,
        title=hit.title,
        page=page,
        bbox=next(boxes, None),
        link=_link(hit, page),
        label=_label(hit),
    )


def file_link(path: str) -> str:
    """Of an absolute path; empty for anything else. Bytes that are no UTF-8 come back from how a row spells them."""
    path = _BYTE.sub(lambda found: chr(0xDC00 + int(found[1], 16)), path)
    return PurePath(path).as_uri() if PurePath(path).is_absolute() else ""


def _link(hit: SearchHit, page: int | None) -> str:
    link = _source_link(hit.source) or _arxiv_link(hit)
    is_image = SUFFIXES.get(PurePosixPath(link.partition("?")[0]).suffix.lower()) == "image"
    return f"{link}#page={page}" if link and page and not is_image else link


def _source_link(source: str) -> str:
    if split_member(source):
        return ""
    if source.partition("://")[0].lower() in _OPENS:
        return quote(source.partition("#")[0], safe=_IN_URLS)
    return file_link(source)


def _arxiv_link(hit: SearchHit) -> str:
    paper, version = hit.metadata.get("arxiv_id"), hit.metadata.get("version")
    if not isinstance(paper, str) or not paper:
        return ""
    return f"https://arxiv.org/pdf/{quote(paper)}{f'v{version}' if version else ''}"


def _label(hit: SearchHit) -> str:
    year = hit.metadata.get("year")
    name = hit.title or PurePosixPath(hit.source).name or hit.source
    parts = [_authors(str(hit.metadata.get("authors") or "")), name, str(year) if year else ""]
    return ", ".join(filter(None, [*parts, _pages(hit.pages)]))


def _pages(pages: Sequence[int]) -> str:
    """Such as "p. 3", "pp. 3–5" or "pp. 3, 7"."""
    numbers = sorted(set(pages))
    if len(numbers) < 2:
        return f"p. {numbers[0]}" if numbers else ""
    is_range = numbers[-1] - numbers[0] == len(numbers) - 1
    return f"pp. {numbers[0]}–{numbers[-1]}" if is_range else f"pp. {', '.join(map(str, numbers))}"


def _authors(authors: str) -> str:
    """Last names, "Lu", "Lu and Li" or "Lu et al."; `authors` has semicolons, or commas and "and", between names."""
    between = r";" if ";" in authors else r",\s+and\s+|,|\s+and\s+"
    names = [_last_name(name.strip()) for name in re.split(between, authors) if name.strip()]
    if len(names) > 2:
        return f"{names[0]} et al."
    return " and ".join(names)


def _last_name(name: str) -> str:
    """Of "Laurens van der Maaten" or "van der Maaten, Laurens"; a collaboration's name is one."""
    if "," in name:
        return name.split(",")[0].strip()
    words = name.split()
    if len(words) > 2 and words[-1].lower() in _SUFFIXES:
        words = words[:-1]
    if "collaboration" in name.lower() or len(words) < 2:
        return name
    first = len(words) - 1
    while first > 1 and _PARTICLE.fullmatch(words[first - 1]):
        first -= 1
    return " ".join(words[first:])
