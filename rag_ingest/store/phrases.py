"""A query's phrases: what stands in double quotes has to stand in a chunk, word for word.

    "gradient clipping" transformer    chunks with this phrase, ranked by all three words

A phrase is looked for in what is searched for words: the chunk's context (its headings) and text. Case, accents, line
breaks and punctuation between words make no difference; "clip" is not "clipping". A quote without a second one is a
character like others, and so are quotes around no word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag_ingest.store.schema import searchable

__all__ = ["Wanted", "read_query", "without_quotes"]

_QUOTED = re.compile(r'"([^"]*)"|“([^”]*)”')

_WORD = re.compile(r"[^\W_]+")

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i"})
"""What the full-text index folds besides accents."""


@dataclass(frozen=True)
class Wanted:
    """What a query asks for, as the index has it (see `schema.searchable`).

    Attributes:
        words: outside of phrases; all, where there are none.
        phrases: each at least a word.
    """

    words: str
    phrases: tuple[str, ...] = ()

    def stands_in(self, text: str | None) -> bool:
        """Whether `search_text` of a chunk holds every phrase."""
        folded = _folded(text or "")
        return all(_pattern(phrase).search(folded) for phrase in self.phrases)


def read_query(text: str) -> Wanted:
    """Parts a query; it may be any text."""
    folded = searchable(text)
    quoted = (found[1] or found[2] or "" for found in _QUOTED.finditer(folded))
    phrases = tuple(phrase for phrase in quoted if _WORD.search(phrase))
    return Wanted(_QUOTED.sub(" ", folded).strip() if phrases else folded.strip(), phrases)


def without_quotes(text: str) -> str:
    """The query as its meaning is embedded."""
    return _QUOTED.sub(lambda found: found[1] or found[2] or "", text)


def _folded(text: str) -> str:
    return text.lower().translate(_LETTERS)


def _pattern(phrase: str) -> re.Pattern[str]:
    words = r"[\W_]+".join(_WORD.findall(_folded(phrase)))
    return re.compile(rf"(?<![^\W_]){words}(?![^\W_])")
