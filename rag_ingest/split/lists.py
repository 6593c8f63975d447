"""Where lists and listings may be cut: before items, and between lines."""

from __future__ import annotations

import re

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n|$)")
_ITEM = re.compile(r"([ \t]*)(?:[-+*]|\(?\d{1,9}[.)]|[•‣◦▪])(?=[ \t\r\n]|$)")
_ENTRY = re.compile(r"([ \t]*)(?:\[[\w+.-]{1,24}\]|[-+*]|\(?\d{1,4}[.)]|[•‣◦▪])(?=[ \t])")
_FENCE = re.compile(r"[ \t]*(?:(?:[-+*]|\d{1,9}[.)])[ \t]+)*(`{3,}|~{3,})")
_TAB = 4


def item_cuts(text: str, *, nested: bool, entries: bool = False) -> list[int]:
    """Offsets at which the outermost items of a list begin, the first left out.

    Args:
        text: a list, or one item of it.
        nested: the text is an item: look for the list inside it.
        entries: "[12]" begins an item too, as in reference lists.
    """
    marker = _ENTRY if entries else _ITEM
    found: list[tuple[int, int]] = []
    fence = ""
    dollars = False
    for line in _lines(text):
        inside = bool(fence) or dollars
        opened = _FENCE.match(line[0])
        if fence:
            if line[0].strip().startswith(fence) and not line[0].strip().strip(fence[0]):
                fence = ""
        elif opened and not dollars:
            fence = opened[1]
        elif line[0].count("$$") % 2:
            dollars = not dollars
        item = None if inside else marker.match(line[0])
        if item and (line[1] or not nested):
            found.append((len(item[1].expandtabs(_TAB)), line[1]))
    if not found:
        return []
    base = min(indent for indent, _ in found) if nested or entries else found[0][0]
    return [at for indent, at in found if at and indent <= base + 1]


def line_cuts(text: str) -> list[int]:
    """Offsets at which the lines of a listing begin: the fences stay with their neighbours."""
    starts = [at for line, at in _lines(text) if line.strip()]
    if fence_of(text):
        starts = starts[:1] + starts[2:]
        if len(starts) > 1 and not text[starts[-1] :].strip().strip("`~"):
            starts = starts[:-1]
    return starts[1:]


def fence_of(text: str) -> str:
    """The opening fence with its info string, empty for indented code."""
    first = text.lstrip().split("\n", 1)[0].split("\r", 1)[0].strip()
    return first if first.startswith(("```", "~~~")) else ""


def _lines(text: str) -> list[tuple[str, int]]:
    return [(m[0], m.start()) for m in _LINE.finditer(text) if m[0]]
