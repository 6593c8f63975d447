"""Heading levels that agree over a whole paper: from section numbers, then from Markdown and order.

A recogniser sees a page at a time, so that the same `3.2` is a `##` here and a `###` there. Numbers don't err that way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag_ingest.parse.headings import strip_number
from rag_ingest.parse.numbering import Number, is_usual_name, sure_numbers

_LABEL = re.compile(
    r"(?:original |research |review |short |rapid |brief |case |invited )?(?:article|paper|review|report|communication|"
    r"letter|editorial|research|commentary|perspective|open access)s?|table of contents|contents|highlights",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\W*(?:[\dIVX.]*\s+)?(?:references|bibliography|acknowledge?ments?|appendi(?:x|ces)|supplement)", re.IGNORECASE
)
_BODY = re.compile(
    r"(?:introduction|(?:materials and )?methods|results|discussion|conclusions?)\b(?: and \w+)?$", re.IGNORECASE
)
_CHAPTERS = ("chapter", "part", "kapitel")
_DEEPEST = 6
_MIN_NAMED = 2


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading as its Markdown has it."""

    level: int
    title: str


@dataclass(frozen=True, slots=True)
class Outline:
    """The levels of a document's headings, 1..6, and which of them is the paper's title."""

    levels: tuple[int, ...]
    title: int | None


def outline(headings: Sequence[Heading], *, paper: bool) -> Outline:
    """Settles the levels of all headings of a document.

    Args:
        headings: in order.
        paper: known to be one paper, read page by page; else Markdown is trusted as long as numbers don't contradict.
    """
    numbers = sure_numbers([heading.title for heading in headings])
    if _count_locally(headings, numbers):
        numbers = [None] * len(headings)
    named = [number is None and is_usual_name(h.title) for h, number in zip(headings, numbers, strict=True)]
    root = _title(headings, numbers, named)
    if any(numbers):
        return Outline(_by_number(headings, numbers, named, root, paper), root)
    if _unsteady(headings, named, root, paper):
        return Outline(_by_name(headings, named, root), root)
    if not any(named):
        root = None
    return Outline(tuple(heading.level for heading in headings), root)


def _count_locally(headings: Sequence[Heading], numbers: Sequence[Number | None]) -> bool:
    """True when the paper's own sections have no numbers, so that those of others count within a section."""
    bare = sum(bool(_BODY.match(h.title)) for h, number in zip(headings, numbers, strict=True) if not number)
    if bare < _MIN_NAMED:
        return False
    return not any(is_usual_name(strip_number(h.title)) for h, n in zip(headings, numbers, strict=True) if n)


def _title(headings: Sequence[Heading], numbers: Sequence[Number | None], named: Sequence[bool]) -> int | None:
    """The highest heading before the first section; not a label such as "Research Article"."""
    known = (i for i, (number, usual) in enumerate(zip(numbers, named, strict=True)) if number or usual)
    first = next(known, len(headings))
    before = [i for i in range(first) if not _LABEL.fullmatch(headings[i].title)]
    if not before:
        return None
    best = min(before, key=lambda i: (headings[i].level, i))
    if first < len(headings) and headings[best].level > headings[first].level:
        return None
    return best


def _by_number(
    headings: Sequence[Heading],
    numbers: Sequence[Number | None],
    named: Sequence[bool],
    root: int | None,
    paper: bool,
) -> tuple[int, ...]:
    top = 1 if root is None else 2
    depths = _depths(headings, numbers)
    floor = min(heading.level for heading, number in zip(headings, numbers, strict=True) if number)
    first = next(i for i, number in enumerate(numbers) if number)
    base, base_level = top, max(1, headings[first].level - depths[first] + 1)
    levels = []
    for i, heading in enumerate(headings):
        if root is not None and i <= root:
            level = 1
        elif depths[i]:
            level = base = min(_DEEPEST, top - 1 + depths[i])
            base_level = heading.level
        elif named[i]:
            level = base = top
            base_level = heading.level
        elif heading.level < floor and not paper and root is not None:
            level = 1
        else:
            level = min(_DEEPEST, max(top, base + heading.level - base_level))
        levels.append(level)
    return tuple(levels)


def _depths(headings: Sequence[Heading], numbers: Sequence[Number | None]) -> list[int]:
    """How deep each number is, 0 for none; a letter below a Roman or arabic section is a part of it."""
    chapters = any(number and number.word in _CHAPTERS for number in numbers)
    roman = any(number and number.style == "roman" for number in numbers)
    depths = []
    above: int | None = None
    closing = False
    for heading, number in zip(headings, numbers, strict=True):
        depth = number.depth if number else 0
        closing = closing or bool(_CLOSING.match(heading.title))
        if number and depth == 1 and not number.word:
            inside = above is not None and not closing
            if number.style == "letter" and inside and (roman or heading.level > (above or 0)):
                depth = 2
            elif number.style == "arabic" and roman:
                depth = 3 if inside else 2
            elif number.style == "arabic" and chapters:
                depth = 2
        if number and depth == 1 and number.style != "letter":
            above = heading.level
        depths.append(depth)
    return depths


def _unsteady(headings: Sequence[Heading], named: Sequence[bool], root: int | None, paper: bool) -> bool:
    """True when usual section names show that Markdown's levels can't be right, or could not be trusted to be."""
    titles = [heading.title.casefold() for heading, usual in zip(headings, named, strict=True) if usual]
    if len(titles) < _MIN_NAMED:
        return False
    if len({heading.level for heading in headings}) == 1:
        return root is not None
    return paper and len(set(titles)) == len(titles)


def _by_name(headings: Sequence[Heading], named: Sequence[bool], root: int | None) -> tuple[int, ...]:
    """Usual names are at the top; what is deeper in Markdown than the last of them is below it."""
    top = 1 if root is None else 2
    above = min(heading.level for heading, usual in zip(headings, named, strict=True) if usual)
    levels = []
    for i, heading in enumerate(headings):
        if root is not None and i <= root:
            levels.append(1)
            continue
        if named[i]:
            above = heading.level
        levels.append(min(_DEEPEST, top + max(0, heading.level - above)))
    return tuple(levels)
