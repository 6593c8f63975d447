r"""Markdown and text layer as the same kind of tokens, each with its place in the text that it came from.

Every rewriting keeps the length of the text: what is taken out of a word becomes `JOINER`, what stands between words
becomes spaces. So `T_{\mathrm{head}}`, `T<sub>head</sub>` and the layer's `Thead` give one token, and its offsets hold.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from rag_ingest.types import Word

JOINER = "\u2060"
"""Stands for characters that are no part of a word and don't end it."""

LEAST_LETTERS = 3
"""Shorter words are mostly letters of formulas, scattered over a text layer; they are aligned but not counted."""

LEAST_DIGITS = 2
"""Shorter numbers are mostly marks of notes, exponents and indices; they are aligned but not counted."""

TokenKind = Literal["word", "number", "short"]

_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Kana and Han: written without spaces, so each character is a word."""
_LETTER = rf"[^\W\d_{_UNSPACED}]"
_TOKEN = re.compile(
    rf"\d(?:{JOINER}*\d)*(?:\.\d(?:{JOINER}*\d)*|,\d{{3}}(?!\d))*|[{_UNSPACED}]|{_LETTER}(?:{JOINER}*{_LETTER})*"
)
_HYPHEN = re.compile(rf"(?<=[^\W\d_{JOINER}]|{JOINER})(?:[-‐‑](?:\s+(?=[^\W\d_])|(?={_LETTER}))|\u00ad\s*)")
_MARKS_IN_WORDS = "ـ´¨¸ˆ˜ˇ˘˚˙\u200b\u200c\u200d\u200e\u200f\ufeff"
_SAME = str.maketrans("ıيىك", "iییک")
"""Letters that fonts and keyboards take for each other: dotless i under an accent, Arabic yeh and kaf in Persian."""

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_IMAGE = re.compile(r"!\[[^\]\n]{0,1000}\]\([^)\n]{0,1000}\)(?:\s?\d+,\s?\d+,\s?\d+,\s?\d+)?")
_LINK = re.compile(r"\]\((?:https?:|mailto:|www\.|#|/)[^)\s]*\)")
_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9]*)(?:\s[^<>]*)?/?>")
_INLINE_TAGS = frozenset(["sub", "sup", "b", "i", "em", "strong", "span", "u"])
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL | re.IGNORECASE)
_DISPLAY = re.compile(
    r"\$\$.{1,4000}?\$\$|\\\[.{1,4000}?\\\]|"
    r"\\begin\{(equation|align|gather|multline|eqnarray|displaymath)\*?\}.{1,4000}?\\end\{\1\*?\}",
    re.DOTALL,
)
_INLINE = re.compile(r"(?<!\\)\$[^$\n]{1,1000}(?<!\\)\$|\\\([^\n]{1,1000}?\\\)")
_NOT_SHOWN = re.compile(
    r"\\(?:label|ref|eqref|cite|begin|end|includegraphics)\*?(?:\[[^\]]*\])?\{[^{}]*\}(?:\{[lcr|]+\})?"
)
_ACCENT = re.compile(r"\\[\"'^`~=.](?=\{?\\?[^\W\d_])|\\[Hbcdkruv](?=\{\\?[^\W\d_])")
_LETTERS = {"i": "i", "j": "j", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ss": "ß", "ae": "æ", "oe": "œ", "aa": "å"}
_COMMAND = re.compile(r"\\([A-Za-z]+)\*?[ ]?")
_STYLES = frozenset((
    "mathrm", "mathbf", "mathit", "mathsf", "mathtt", "mathcal", "mathbb", "mathfrak", "text", "textbf", "textit",
    "textrm", "textsf", "texttt", "emph", "rm", "bf", "it", "operatorname", "boldsymbol", "bm", "hat", "tilde",
    "bar", "vec", "dot", "ddot", "overline", "underline", "left", "right", "big", "Big", "bigl", "bigr",
))  # fmt: skip
_FUNCTIONS = frozenset((
    "arg", "argmax", "argmin", "cos", "cosh", "cot", "det", "diag", "dim", "exp", "lim", "log", "max", "min",
    "sin", "sinh", "softmax", "sup", "tan", "tanh", "tr",
))  # fmt: skip


class Token(NamedTuple):
    """One word, number or letter, folded.

    Attributes:
        start: offset into the text that was read, for a layer into its words joined by spaces.
        display: it stands in a displayed formula.
        table: it stands in an HTML table.
    """

    text: str
    start: int
    end: int
    kind: TokenKind
    display: bool = False
    table: bool = False

    @property
    def counted(self) -> bool:
        """Words and numbers long enough to mean something by themselves."""
        return self.kind != "short"


def markdown_tokens(markdown: str) -> list[Token]:
    """The words that a reader of the rendered page sees, in order; places of figures show none."""
    text = _COMMENT.sub(_blank, markdown)
    text = _IMAGE.sub(_blank, text)
    text = _LINK.sub(_blank, text)
    tables = [match.span() for match in _TABLE.finditer(text)]
    text = _TAG.sub(_tag, text)
    text = _ENTITY.sub(_entity, text)
    display = [match.span() for match in _DISPLAY.finditer(text)]
    text = _DISPLAY.sub(_math, text)
    text = _INLINE.sub(_math, text)
    tokens = _tokens(_plain_tex(text))
    shown, tabled = _inside(tokens, display), _inside(tokens, tables)
    return [token._replace(display=d, table=t) for token, d, t in zip(tokens, shown, tabled, strict=True)]


def layer_tokens(words: Sequence[Word]) -> tuple[list[Token], list[list[int]]]:
    """Tokens of a text layer, and for each the words that it is made of (a word broken at a line's end is two)."""
    starts: list[int] = []
    length = 0
    for word in words:
        starts.append(length)
        length += len(word.text) + 1
    tokens = _tokens(" ".join(word.text for word in words))
    made_of: list[list[int]] = []
    at = 0
    for token in tokens:
        while at + 1 < len(starts) and starts[at + 1] <= token.start:
            at += 1
        last = at
        while last + 1 < len(starts) and starts[last + 1] < token.end:
            last += 1
        made_of.append(list(range(at, last + 1)))
    return tokens, made_of


def _tokens(text: str) -> list[Token]:
    text = _HYPHEN.sub(_hyphen, text)
    text = text.translate({ord(char): _fold(char) for char in set(text)})
    tokens = []
    for match in _TOKEN.finditer(text):
        token = _spell(match[0])
        kind = "short" if token[0].isdigit() and _is_index(text, match.start()) else _kind(token)
        tokens.append(Token(token, *match.span(), kind))
    return tokens


def _inside(tokens: Sequence[Token], spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Which tokens begin in one of the spans, both in order."""
    ends = [end for _, end in spans]
    places = [bisect_right(ends, token.start) for token in tokens]
    return [at < len(spans) and spans[at][0] <= token.start for at, token in zip(places, tokens, strict=True)]


def _is_index(text: str, start: int) -> bool:
    """Digits right behind a letter: an index, an exponent or the mark of a note, written in more than one way."""
    while start and text[start - 1] == JOINER:
        start -= 1
    return text[start - 1 : start].isalpha()


def _kind(token: str) -> TokenKind:
    if token[0].isdigit():
        return "number" if sum(map(str.isdigit, token)) >= LEAST_DIGITS else "short"
    return "word" if len(token) >= LEAST_LETTERS or re.match(f"[{_UNSPACED}]", token) else "short"


@lru_cache(maxsize=4096)
def _plain(char: str) -> str:
    """One character without accents, case and typographic form; may be none or several."""
    if char in _MARKS_IN_WORDS:
        return ""
    parts = unicodedata.normalize("NFKD", char.translate(_SAME)).casefold()
    return "".join(part for part in parts if unicodedata.category(part)[0] != "M")


def _fold(char: str) -> str:
    """The same, kept at one character; what becomes several waits for `_spell`."""
    plain = char.lower() if char.isascii() else _plain(char)
    return plain if len(plain) == 1 else char if plain else JOINER


def _spell(text: str) -> str:
    if text.isascii():
        return text.replace(",", "")
    out = "".join(map(_plain, text.replace(JOINER, ""))) or text
    if any("\u0590" <= char <= "\u08ff" for char in out):  # right to left: layers hold the letters as drawn,
        return "".join(sorted(out))  # or those of one ligature (lam-alef) so
    return out.replace(",", "") if out[0].isdigit() else out


def _hyphen(match: re.Match[str]) -> str:
    """A hyphen inside a word goes; at a line's end, where the word goes on in lower case."""
    after = match.string[match.end() : match.end() + 1]
    return JOINER * len(match[0]) if not match[0][1:] or after.islower() else match[0]


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _tag(match: re.Match[str]) -> str:
    return (JOINER if match[1].lower() in _INLINE_TAGS else " ") * len(match[0])


def _entity(match: re.Match[str]) -> str:
    shown = html.unescape(match[0])
    if len(shown) != 1:
        return match[0]
    return (shown if not shown.isspace() else " ") + (" " if shown.isspace() else JOINER) * (len(match[0]) - 1)


def _math(match: re.Match[str]) -> str:
    """Braces and the marks of sub- and superscripts join what they stand between; `}{` parts a fraction."""
    text = match[0].replace("}{", "  ")
    return "".join(JOINER if char in "{}^_$" else char for char in text)


def _plain_tex(text: str) -> str:
    text = _NOT_SHOWN.sub(_blank, text)
    text = _ACCENT.sub(_joined, text)
    text = _COMMAND.sub(_command, text)
    text = text.replace("\\,", JOINER * 2).replace("\\!", JOINER * 2).replace("\\", " ")
    return re.sub(r"[{}]", JOINER, text)


def _joined(match: re.Match[str]) -> str:
    return JOINER * len(match[0])


def _command(match: re.Match[str]) -> str:
    name, length = match[1], len(match[0])
    if name in _FUNCTIONS:
        return f" {name}".ljust(length)
    letter = _LETTERS.get(name) or _greek(name)
    if letter:
        return letter + JOINER * (length - 1)
    return (JOINER if name in _STYLES else " ") * length


@lru_cache(maxsize=1024)
def _greek(name: str) -> str:
    """The letter that a TeX command draws; Unicode and TeX agree on all names but one."""
    size = "CAPITAL" if name[0].isupper() else "SMALL"
    plain = name.removeprefix("var").upper().replace("LAMBDA", "LAMDA")
    try:
        return unicodedata.lookup(f"GREEK {size} LETTER {plain}")
    except KeyError:
        return ""
