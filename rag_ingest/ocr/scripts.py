"""Which script a text is written in, and whether that can be: models translate, or fall into another language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import regex  # type: ignore[import-untyped]

SCRIPTS: Final = (
    "Arabic", "Armenian", "Bengali", "Cyrillic", "Devanagari", "Georgian", "Greek", "Han", "Hangul", "Hebrew",
    "Hiragana", "Katakana", "Latin", "Tamil", "Thai",
)  # fmt: skip
"""Unicode scripts that are told apart; letters of others are not judged."""

_TOGETHER = {"Han": "CJK", "Hiragana": "CJK", "Katakana": "CJK"}
_LEAST_LETTERS = 40
_FOREIGN_SHARE = 0.3
_ABSENT_SHARE = 0.01
_ASCII_SHARE = 0.7


def foreign_script(text: str, layer: str, scripts: Sequence[str] = ()) -> str | None:
    """The script with a good share of a text's letters that should have none, else None.

    Greek is never foreign (formulas). Latin is only where the text layer has next to none of it. A text layer that is
    Latin counts only when most of its letters are ASCII: Cyrillic in a wrong encoding looks like accented Latin.

    Args:
        text: Markdown; tags and TeX commands are left out.
        layer: the page's own text, empty where there is none.
        scripts: of `SCRIPTS`; where given they are believed and the layer is not asked.
    """
    letters = _counted(regex.sub(r"<[^<>]*>|\\[A-Za-z]+|\$[^$]*\$|!\[[^\]]*\]\([^)]*\)", " ", text))
    total = letters.total()
    if total < _LEAST_LETTERS:
        return None
    if scripts:
        expected = {_TOGETHER.get(name, name) for name in scripts}
    else:
        known = _counted(layer)
        if known.total() < _LEAST_LETTERS or not _believable(layer, known):
            return None
        expected = {name for name, count in known.items() if count >= _ABSENT_SHARE * known.total()}
    share, name = max((count / total, name) for name, count in letters.items())
    return name if share >= _FOREIGN_SHARE and name not in expected | {"Greek"} else None


def _counted(text: str) -> Counter[str]:
    found: Counter[str] = Counter({"Latin": sum(c.isascii() and c.isalpha() for c in text)})
    rest = "".join(c for c in text if not c.isascii() and c.isalpha())
    for name in SCRIPTS if rest else ():
        count = len(regex.findall(rf"\p{{Script={name}}}", rest))
        if count:
            found[_TOGETHER.get(name, name)] += count
    return found


def _believable(layer: str, known: Counter[str]) -> bool:
    if known["Latin"] < 0.5 * known.total():
        return True
    ascii_letters = sum(c.isascii() and c.isalpha() for c in layer)
    return ascii_letters >= _ASCII_SHARE * known.total()
