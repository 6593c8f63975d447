"""What a drafter must know of the Markdown just written: its letters, and which mark, tag or formula is open."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Literal

MathState = Literal["", "$", "$$"]

_MARKUP = re.compile(r"</?[A-Za-z][^<>]{0,80}(?:>|$)|!\[[^\]\n]*(?:\](?:\([^)\n]*\)?)?)?|\\([A-Za-z]+)", re.DOTALL)
_OPEN_TAG = re.compile(r"</?(?:[A-Za-z][^<>]{0,80})?$")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)[^<>]*>")
_DOLLARS = re.compile(r"\\.|\$\$?|\n", re.DOTALL)
_BRACKETS = "([{<#\\^|/“‘"
_PAIRED = "*_$\"'`~"


@lru_cache(maxsize=8192)
def fold(char: str) -> str:
    """One character's letters and digits, without accents, case and typographic form; empty for marks."""
    if char.isascii():
        return char.lower() if char.isalnum() else ""
    return "".join(c for c in unicodedata.normalize("NFKD", char).casefold() if c.isalnum())


class _Folds(dict[int, str]):
    """`fold` for `str.translate`, filled as characters come up."""

    def __missing__(self, code: int) -> str:
        return self.setdefault(code, fold(chr(code)))


_FOLDS = _Folds()


def count_letters(text: str) -> int:
    """How many letters `letters_of` finds."""
    return len(_MARKUP.sub(_blank, text).translate(_FOLDS))


def letters_of(text: str) -> tuple[str, list[int]]:
    """Folded letters of Markdown, and where each stands; tags, links of images and most commands have none."""
    shown = _MARKUP.sub(_blank, text)
    places = [at for at, char in enumerate(shown) for _ in _FOLDS[ord(char)]]
    return shown.translate(_FOLDS), places


def opens(marks: str) -> bool:
    """Whether the marks behind a letter belong to the next one already."""
    if not marks:
        return False
    if marks[-1].isspace() or marks[-1] in _BRACKETS:
        return True
    if marks[-1] == ">":
        return bool(re.search(r"<[A-Za-z][^<>]*>$", marks))
    before = marks.rstrip(_PAIRED)
    return marks[-1] in _PAIRED and bool(before) and opens(before)


def in_tag(tail: str) -> bool:
    """Whether a tag has begun and not ended."""
    return bool(_OPEN_TAG.search(tail))


def closing_tag(tail: str) -> str:
    """The rest of a closing tag that has just begun; empty where none has, or nothing is open."""
    if not tail.endswith("</"):
        return ""
    open_tags: list[str] = []
    for closes, name in _TAG.findall(tail):
        if not closes:
            open_tags.append(name)
        elif open_tags and open_tags[-1] == name:
            open_tags.pop()
    return f"{open_tags[-1]}>" if open_tags else ""


def in_table(tail: str, before: bool) -> bool:
    """Whether the text goes on in an HTML table; as before where the tail doesn't say."""
    opened, closed = max(tail.rfind("<t"), tail.rfind("</td>")), tail.rfind("</table")
    return before if opened == closed else opened > closed


def math_state(text: str, before: MathState) -> MathState:
    """The dollars that are open after a text; single ones end with their line."""
    state = before
    for match in _DOLLARS.finditer(text):
        mark = match[0]
        if mark == "$$":
            state = "" if state else "$$"
        elif mark == "$":
            state = "" if state else "$"
        elif mark == "\n" and state == "$":
            state = ""
    return state


def open_braces(tail: str) -> int:
    """Braces open since the last dollar."""
    formula = tail[tail.rfind("$") + 1 :]
    return max(0, formula.count("{") - formula.count("}"))


def _blank(match: re.Match[str]) -> str:
    return (_greek(match[1]) if match[1] else " ").ljust(len(match[0]))


@lru_cache(maxsize=1024)
def _greek(name: str) -> str:
    """The letter that a TeX command draws; a space for other commands."""
    size = "CAPITAL" if name[0].isupper() else "SMALL"
    plain = name.removeprefix("var").replace("ambda", "amda").upper()
    try:
        return unicodedata.lookup(f"GREEK {size} LETTER {plain}")
    except KeyError:
        return " "
