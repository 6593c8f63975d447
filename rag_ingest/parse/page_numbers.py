"""Page numbers: what counts up with the pages, and nothing that only looks like a number."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_ROMAN = r"m{0,3}(?:cm|cd|d?c{0,3})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})"
_SHAPE = re.compile(
    rf"(?:page|pag\.?|pg\.?|p\.|seite|s\.|página|стр\.|第)?\s*(?:(?P<digits>\d{{1,5}})|(?P<roman>(?=[ivxlcdm]){_ROMAN}))"
    r"\s*(?:(?:of|/|von|de|из|out of)\s*\d{1,5}|\|?\s*page|页|頁|ページ)?",
    re.IGNORECASE,
)
_FRAME = " \t\r\n-–—―•·|.,:;()[]{}<>~*_#=\\"
_MAX_LENGTH = 40
_DENSE = 0.3
_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}


@dataclass(frozen=True, slots=True)
class Printed:
    """A number that stands alone at a page's edge; style is "arabic" or "roman"."""

    style: str
    value: int


def read_page_number(text: str) -> Printed | None:
    """`3`, `- 3 -`, `[3]`, `xiv`, `Page 3 of 12`, `3/12`; else None."""
    if len(text) > _MAX_LENGTH:
        return None
    found = _SHAPE.fullmatch(text.strip(_FRAME))
    if not found:
        return None
    if found["digits"]:
        return Printed("arabic", int(found["digits"]))
    return Printed("roman", _roman(found["roman"].lower()))


def in_sequence(seen: Iterable[tuple[int, Printed]], page_numbers: Sequence[int]) -> set[tuple[int, Printed]]:
    """Those that count up with the pages.

    Args:
        seen: (index of the page, what is printed there).
        page_numbers: of all pages.

    Returns:
        Those whose distance to the page's own number is shared by three pages that are not far apart, or by all of
        two pages, or by two of three.
    """
    groups: defaultdict[tuple[str, int], set[tuple[int, Printed]]] = defaultdict(set)
    for page, printed in seen:
        groups[printed.style, printed.value - page_numbers[page]].add((page, printed))
    kept: set[tuple[int, Printed]] = set()
    for members in groups.values():
        pages = sorted({page for page, _ in members})
        few = len(page_numbers) <= 3 and len(pages) == 2
        if few or (len(pages) >= 3 and len(pages) >= _DENSE * (pages[-1] - pages[0] + 1)):
            kept |= members
    return kept


def _roman(text: str) -> int:
    values = [_VALUES[c] for c in text]
    return sum(-v if v < max(values[i + 1 :], default=0) else v for i, v in enumerate(values))
