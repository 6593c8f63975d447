"""The cells of one row, of a pipe table or of HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

_CELL_TAG = re.compile(r"<(/?)(table|td|th)(?=[\s>/])([^<>]*)>", re.IGNORECASE)
_ANY_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_SPAN = re.compile(r"\b(colspan|rowspan)\s*=\s*[\"']?(\d{1,6})", re.IGNORECASE)
_CELL = re.compile(r"(?:[^|\\]|\\.)*", re.DOTALL)
_MARKUP = re.compile(r"\\[A-Za-z]+|</?[A-Za-z][^<>]*>")
_MAX_SPAN = 100


class Cell(NamedTuple):
    """One cell: its text without markup on one line, where it stands, and over how many columns and rows it reaches."""

    text: str
    start: int
    end: int
    colspan: int = 1
    rowspan: int = 1
    heading: bool = False


def pipe_cells(text: str, start: int, end: int) -> Iterator[Cell]:
    """Cells of the line at [start, end) of a pipe table."""
    while start < end and text[start] in " \t":
        start += 1
    while end > start and text[end - 1] in " \t":
        end -= 1
    at = start + text.startswith("|", start, end)
    if end > at and text[end - 1] == "|" and text[end - 2] != "\\":
        end -= 1
    while at <= end:
        found = _CELL.match(text, at, end)
        stop = found.end() if found else end
        yield Cell(plain(text[at:stop].replace("\\|", "|")), at, stop)
        if stop >= end:
            return
        at = stop + 1


def html_cells(text: str, start: int, end: int) -> Iterator[Cell]:
    """Cells of the row at [start, end); a nested table is text of its cell."""
    depth = 0
    opened: re.Match[str] | None = None
    for tag in _CELL_TAG.finditer(text, start, end):
        closing, name = bool(tag[1]), tag[2].lower()
        if name == "table":
            depth += -1 if closing else 1
            continue
        if depth > 0:
            continue
        if opened:
            matching = closing and name == opened[2].lower()
            yield _html_cell(opened, text[opened.end() : tag.start()], tag.end() if matching else tag.start())
            opened = None
        if not closing:
            opened = tag
    if opened:
        yield _html_cell(opened, text[opened.end() : end], end)


def _html_cell(opened: re.Match[str], inside: str, end: int) -> Cell:
    attributes = opened[3]
    spans = {}
    if "span" in attributes.lower():
        spans = {key.lower(): min(max(int(n), 1), _MAX_SPAN) for key, n in _SPAN.findall(attributes)}
    heading = opened[2].lower() == "th"
    return Cell(plain(inside), opened.start(), end, spans.get("colspan", 1), spans.get("rowspan", 1), heading)


def plain(inside: str) -> str:
    """A cell's text on one line, without tags."""
    if "<" in inside:
        inside = _ANY_TAG.sub(" ", inside)
    if "&" in inside:
        inside = html.unescape(inside)
    return " ".join(inside.split())


def is_number(text: str) -> bool:
    r"""True for values such as `12.5 ± 0.3`, `$1.1\cdot10^{21}$` or `< 5 %`: at least two digits a letter."""
    bare = _MARKUP.sub(" ", text)
    digits = sum(map(str.isdecimal, bare))
    return digits > 0 and digits >= 2 * sum(map(str.isalpha, bare))
