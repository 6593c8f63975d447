"""Constructs that run to a closing mark: display math, fences, HTML tables, comments.

They are found in one pass over the lines before the block rules run, for three reasons: a closer is looked up in an
index, so that a thousand unclosed openers cost a thousand look-ups and not a million line scans; an unclosed one ends
at a safe stop; and a heading-like line inside one is never offered to the heading rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from rag_ingest.parse.fences import FenceIndex
from rag_ingest.parse.html import HtmlIndex
from rag_ingest.parse.lines import Lines, is_page_break
from rag_ingest.parse.math import MathIndex
from rag_ingest.parse.stops import Ending
from rag_ingest.types import BlockKind

_CONTAINER = re.compile(r"[ \t]*(?:(?:>[ \t]?|[-+*][ \t]+|\d{1,9}[.)][ \t]+)[ \t]*)*")
_Finders: TypeAlias = dict[str, tuple[tuple[BlockKind, Callable[[int, int, int], Ending]], ...]]
_FIRST = frozenset("`~$\\<>-+*{0123456789")
_MAY_OPEN = _FIRST | {" ", "\t"}


@dataclass(frozen=True, slots=True)
class Region:
    """One such construct.

    Attributes:
        end: the line after its last.
        offset: where it opens, in `Lines.text`.
        repaired: nothing closes it; it ends at a safe stop.
    """

    kind: BlockKind
    end: int
    offset: int
    repaired: bool = False


def find_regions(lines: Lines) -> dict[int, Region]:
    """Every region of a text, by its first line. Linear in the text."""
    fences, math, html = FenceIndex(lines), MathIndex(lines), HtmlIndex(lines)
    finders: _Finders = {
        "`": (("code", fences.end),),
        "~": (("code", fences.end),),
        "$": (("formula", math.dollars_end),),
        "\\": (("formula", math.tex_end),),
        "<": (("table", html.table_end), ("figure", html.figure_end), ("html", html.raw_end)),
    }
    found: dict[int, Region] = {}
    openers = [i for i, line in enumerate(lines.lines) if line[:1] in _MAY_OPEN]
    covered = 0
    for i in sorted({*openers, *math.dollars}):
        if i < covered:
            continue
        region = _region_at(lines, i, finders)
        if region:
            found[i] = region
        covered = region.end if region else math.skip_inline(i)
    return found


def _region_at(lines: Lines, i: int, finders: _Finders) -> Region | None:
    line = lines.lines[i]
    first = line.lstrip(" \t")[:1]
    if first not in _FIRST or not first:
        return None
    if first == "{":
        return Region("html", i + 1, lines.offsets[i] + line.index("{")) if is_page_break(line) else None
    column = 0
    if first in "$\\`~<":
        column = len(line) - len(line.lstrip(" \t"))
    else:
        matched = _CONTAINER.match(line)
        column = matched.end() if matched else 0
    limit = lines.next_break(i + 1)
    if ">" in line[:column]:
        limit = _quote_end(lines, i, limit)
    for kind, end_of in finders.get(line[column : column + 1], ()):
        end, repaired = end_of(i, column, limit)
        if end > i:
            return Region(kind, end, lines.offsets[i] + column, repaired)
    return None


def _quote_end(lines: Lines, i: int, limit: int) -> int:
    end = i + 1
    while end < limit and lines.lines[end].lstrip(" \t").startswith(">"):
        end += 1
    return end
