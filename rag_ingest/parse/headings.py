"""Titles without their Markdown, and the path of headings above a block."""

from __future__ import annotations

import re

_MATH = re.compile(r"(?<!\\)\$[^$\n]+\$")
_LINK = re.compile(r"!?\[([^\]\[]*)\](?:\([^()\s]*(?:\s[^()]*)?\)|\[[^\]\[]*\])")
_FOOTNOTE = re.compile(r"\[\^[^\]\s]{1,60}\]")
_TAG = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>]*>")
_STRONG = re.compile(r"(\*{1,3})(?=\S)([^*]+?)(?<=\S)\1")
_EMPHASIS = re.compile(r"(?<!\w)(_{1,3})(?=\S)([^_]+?)(?<=\S)\1(?!\w)")
_CODE = re.compile(r"(`+)(.+?)\1")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_ANCHOR = re.compile(r"\s*\{#[\w:.-]+[^{}]*\}\s*$")
_NUMBER = re.compile(r"^(?:(?:section|chapter|appendix)\s+)?(?:\d+|[A-Z]|[IVXLC]+)?(?:\.\d+)*[.:)]?\s+", re.IGNORECASE)
_MARKS = frozenset("*_`[<{\\")
"""What any of these begins with."""
_BARE_TEX = re.compile(r"\\[A-Za-z{},;!|]")
_REFERENCES = re.compile(
    r"(?:references?|bibliography|works? cited|literature(?: cited)?|references? and notes|cited references|"
    r"list of references|literaturverzeichnis|literatur|références|bibliographie|referencias|bibliografía|"
    r"参考文献|參考文獻|引用文献|список литературы|литература)\s*:?",
    re.IGNORECASE,
)
MAX_TITLE = 300
"""Characters; a longer "heading" is a paragraph that a recogniser marked as one."""


def clean_title(raw: str) -> str:
    """The words of a heading: no emphasis, links, tags, footnote marks or escapes; `$…$` stays as it is."""
    parts, at = [], 0
    for math in _MATH.finditer(raw):
        parts += [_clean_text(raw[at : math.start()]), math[0]]
        at = math.end()
    parts.append(_clean_text(raw[at:]))
    return " ".join("".join(parts).split())


def _clean_text(text: str) -> str:
    if _MARKS.isdisjoint(text):
        return text
    text = _ANCHOR.sub("", _TAG.sub("", _FOOTNOTE.sub("", text)))
    text = _CODE.sub(r"\2", _LINK.sub(r"\1", text))
    text = _EMPHASIS.sub(r"\2", _STRONG.sub(r"\2", text))
    text = re.sub(r"^\s*\*{2,}|\*{2,}\s*$", "", text)
    return _ESCAPE.sub(r"\1", text)


def read_title(raw: str) -> str:
    """`clean_title`, or nothing for an empty heading, a paragraph marked as one, and TeX that lost its dollars."""
    if len(raw) > 4 * MAX_TITLE or _BARE_TEX.match(raw):
        return ""
    title = clean_title(raw)
    return title if len(title) <= MAX_TITLE else ""


def is_reference_title(title: str) -> bool:
    """True for "References", "7. Bibliography" and their like."""
    return bool(_REFERENCES.fullmatch(title) or _REFERENCES.fullmatch(_NUMBER.sub("", title, count=1)))


def strip_number(title: str) -> str:
    """A title without the number before it."""
    return _NUMBER.sub("", title, count=1)


class PathTracker:
    """Follows headings down a document."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []

    def enter(self, level: int, title: str) -> None:
        """A heading begins a section: deeper and equal ones end."""
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        self._open.append((level, title))

    @property
    def path(self) -> tuple[str, ...]:
        """Titles, outermost first."""
        return tuple(title for _, title in self._open)
