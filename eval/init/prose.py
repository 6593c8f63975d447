"""Sentences of a paragraph, and which of them can be asked about."""

from __future__ import annotations

import re
from collections.abc import Sequence

MIN_WORDS, MAX_WORDS = 10, 40
"""Of a sentence to ask about: shorter says little, longer is often a list or two sentences glued together."""

POINTER = "\ufffc"
"""In the place of a reference to a figure, table, equation or section."""

_END = re.compile(r"(?<=[.!?])[”\")\]]?\s+(?=[“\"(\[]?[A-ZÀ-ÞА-Я$])|\s*\uffff\s*")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|al|Figs?|Eqs?|Refs?|Secs?|Tabs?|No|Nos|Dr|Mr|Mrs|Prof|St|approx|resp|ca|etc|viz|Inc|Ltd|Co|"
    r"Suppl|Vol|pp|Ch|Sect|Appx|Thm|Prop|Def|spp|sp|var|subsp|U\.S|USA)|(?<!°)\b[A-Z])\.$"
)
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_POINTS_ELSEWHERE = re.compile(
    r"\b(?:Fig(?:ure)?s?|Tab(?:le)?s?|Eqs?|Equations?|Sec(?:tion|t)?s?|Appendix|Refs?|Chapter|Theorem|Lemma|Supplementary|"
    r"Listing|Algorithm|Scheme|Box|Movie|Additional file)\b\.?\s*[\d(~SIVX$]|"
    r"\b[Tt]h(?:is|ese) (?:figures?|tables?|equations?|sections?|algorithms?)\b|https?:|www\.|@|doi:|\[\d",
)
_HALF = re.compile(
    r"\(\s*[;,)]|\s[,;]\s|\b(?:in|by|see|of|from|with|and|to|as)\s*[.,;)]|\.\.|,\.|\(\s*(?:see|e\.g\.)?\s*\)"
)
_FRONT_MATTER = re.compile(
    r"copyright|licen[cs]e|all rights reserved|correspond(?:ing|ence)|e-?mail|conflicts? of interest|"
    r"competing interest|funded by|grant|thank|acknowledg|supported by|authors? contribut|contribution to th|approved|"
    r"ethic|informed consent|"
    r"received|accepted|published|permission|affiliat|department of|university|preprint|arxiv|manuscript|ISSN|"
    r"open access",
    re.IGNORECASE,
)


def sentences(paragraph: str) -> list[str]:
    """Sentences in order; a displayed formula (U+FFFF) ends one."""
    found: list[str] = []
    for piece in _pieces(paragraph):
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] = f"{found[-1]} {piece}"
        else:
            found.append(piece)
    return found


def _pieces(paragraph: str) -> list[str]:
    return [piece.strip() for piece in _END.split(paragraph) if piece and piece.strip()]


def last_sentence(text: str) -> str:
    """The sentence that leads to what follows; empty without one."""
    found = sentences(text)
    return found[-1] if found else ""


def without_pointers(text: str) -> str:
    """Without "(see Section 3)" and the like, as far as the source marked them."""
    named = re.sub(rf"(?:\b(?:in|by|see|of|from|and)\s+)*(?:\b[A-Z][a-z]*s?\.?\s*)?\(?{POINTER}\)?", "", text)
    return " ".join(named.split())


def words(text: str) -> list[str]:
    """Words without numbers and formulas, in order."""
    return _WORD.findall(re.sub(r"\$[^$]*\$", " ", text))


def askable(sentence: str) -> bool:
    r"""Whether a sentence stands by itself: whole, of prose, not about another place, without remains of TeX."""
    bare = re.sub(r"\$[^$]*\$", "", sentence)
    count = len(words(sentence))
    return (
        MIN_WORDS <= count <= MAX_WORDS
        and sentence[0].isupper()
        and sentence.endswith(".")
        and sentence.count("$") <= 4
        and not re.search(r"[\\{}|<>\uffff\ufffc\ufffd]|\$$|\w{30}", bare)
        and not _POINTS_ELSEWHERE.search(sentence)
        and not _HALF.search(bare)
        and not _FRONT_MATTER.search(sentence)
        and sum(c.isalpha() or c.isspace() for c in bare) >= 0.85 * len(bare)
        and sentence.count("(") == sentence.count(")")
    )


def unique(items: Sequence[str]) -> list[str]:
    """Without repetitions of the same letters, in order."""
    return list({item.casefold(): item for item in reversed(items)}.values())[::-1]
