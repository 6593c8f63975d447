"""The words of the filter language (see `store.where`)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag_ingest.errors import ConfigError

__all__ = ["Token", "Value", "number", "tokens"]

Value = str | int | float

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))
    | (?P<op><=|>=|<>|!=|==|[=<>(),])
    | (?P<word>[A-Za-z_][\w.]*)
    )""",
    re.VERBOSE,
)

_EXACT = 10**18
"""Whole numbers below it fit 64 bits."""


@dataclass(frozen=True)
class Token:
    """One of them.

    Attributes:
        kind: "string" (quotes included), "number", "op", "word" or "end".
        at: offset into the filter.
    """

    kind: str
    text: str
    at: int

    def is_word(self, word: str) -> bool:
        """Whether it is this word, in any case."""
        return self.kind == "word" and self.text.lower() == word


def tokens(text: str) -> list[Token]:
    """All of a filter, "end" last.

    Raises:
        ConfigError: something is no word of the language.
    """
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            rest = text[at:].strip()
            hint = "a quote is not closed" if rest[0] in "'\"" else "this can't be read"
            raise ConfigError(f"filter {text!r}: {hint}: {rest[:40]!r}")
        kind = str(match.lastgroup)
        found.append(Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return [*found, Token("end", "", len(text))]


def number(text: str) -> int | float:
    """Whole numbers as such, 3.0 and -0.0 too; the largest only roughly."""
    if re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < _EXACT else value
