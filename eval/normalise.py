"""Text and TeX into tokens, the same for gold evidence and for what an engine wrote."""

from __future__ import annotations

import html
import re
import unicodedata

from eval.notation import FUNCTIONS, GREEK, STYLES, SYMBOLS, SYNONYMS, TO_COMMANDS

_INLINE_TAG = re.compile(r"</?(?:sub|sup|b|i|em|strong|span|u)(?:\s+[\w-]+=[^<>]*)?/?>", re.IGNORECASE)
_TAG = re.compile(
    r"<!--.*?-->|</?(?:table|caption|colgroup|col|thead|tbody|tfoot|tr|td|th|br|hr|p|div|img|a|figure|figcaption|"
    r"pre|code|ul|ol|li|h[1-6])(?:\s+[\w-]+=[^<>]*)?\s*/?>",
    re.IGNORECASE | re.DOTALL,
)
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff]")
_BROKEN_WORD = re.compile("[\u00ad\ufffe]\\s*")
_HYPHENATED = re.compile(r"(?<=[^\W\d_])[\u2010\u2011-]\s*(?=[^\W\d_])")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_THIN_THOUSANDS = re.compile("(?<=\\d)[\u2009\u202f](?=\\d{3}(?!\\d))|(?<=\\d)\\\\,(?=\\d{3}(?!\\d))")
_MARKUP = re.compile(r"[_^{}$*`]")
_COMMAND = re.compile(r"\\([A-Za-z]+)\*?\s*")
_NOT_SHOWN = re.compile(r"\\(?:label|tag|begin|end)\{[^{}]*\}|\\[,;:!> ~]|\\\\|\\cr\b|[&~$]")
_ACCENTED = re.compile("(.)([\u0302\u0303\u0304\u0305\u20d7])")
_ACCENTS = {"\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0305": "bar", "\u20d7": "vec"}
_MARK = re.compile("[\u0300-\u036f\u20d0-\u20ff]")
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Kana and Han: written without spaces, so that a line break or a recogniser's space says nothing about words."""

_TEXT_TOKEN = re.compile(rf"\d+(?:\.\d+)*|[{_UNSPACED}]|[^\W\d{_UNSPACED}]+|[+<>=±×%≤≥≈≠]")
_TEX_TOKEN = re.compile(r"\\[A-Za-z]+|\d+(?:\.\d+)*|[^\W\d_]{7,}|[^\W\d_]|[^\s\w]|_")
_NO_TOKEN = frozenset({"{", "}", "\\", "`", "#"})


def text_tokens(text: str) -> tuple[str, ...]:
    r"""Words, numbers and a few signs, case folded; markup, hyphenation and TeX notation are gone.

    `T_{\mathrm{head}}`, `T<sub>head</sub>` and the `Thead` of a text layer give the same token.
    """
    plain = unicodedata.normalize("NFKC", _THIN_THOUSANDS.sub("", _without_tags(text)))
    plain = _COMMAND.sub(_spoken, plain).replace("\\", "").replace("}{", " ").replace("~", " ")
    plain = _THOUSANDS.sub("", _HYPHENATED.sub("", _MARKUP.sub("", plain)))
    return tuple(_TEXT_TOKEN.findall(plain.casefold()))


def tex_tokens(text: str) -> tuple[str, ...]:
    r"""TeX commands, letters, numbers and signs; commands that only style, spacing and braces are gone.

    Letters stand alone (`xW`, `T_{col}`), but a run of seven or more is a word, so that a formula made of words isn't
    found letter by letter in any prose.

    Unicode mathematics becomes commands (`α` is `\alpha`), so that a formula from a text layer is judged by what it
    kept; what it lost (`_`, `^`, `\frac`) is missing.
    """
    plain = unicodedata.normalize("NFKD", _without_tags(text).translate(TO_COMMANDS))
    plain = _ACCENTED.sub(lambda m: f" \\{_ACCENTS[m[2]]} {m[1]}", plain)
    plain = _COMMAND.sub(_command, _NOT_SHOWN.sub(" ", _MARK.sub("", plain)))
    plain = plain.replace("...", r" \ldots ").translate(TO_COMMANDS)
    return tuple(token for token in _TEX_TOKEN.findall(plain) if token not in _NO_TOKEN)


def _without_tags(text: str) -> str:
    """HTML resolved; invisible hyphens (soft ones, and PDFium's mark for a broken word) and marks of no width gone."""
    return _BROKEN_WORD.sub("", _INVISIBLE.sub("", html.unescape(_TAG.sub(" ", _INLINE_TAG.sub("", text)))))


def _spoken(match: re.Match[str]) -> str:
    name = SYNONYMS.get(match[1], match[1])
    if name in GREEK or name in SYMBOLS:
        return GREEK.get(name) or SYMBOLS[name]
    if name in FUNCTIONS:
        return f" {name} "
    return "" if name in STYLES else " "


def _command(match: re.Match[str]) -> str:
    name = SYNONYMS.get(match[1], match[1])
    if name in STYLES:
        return " "
    if name in GREEK:
        return GREEK[name]
    return f" {name} " if name in FUNCTIONS or not name.isalpha() else f"\\{name} "
