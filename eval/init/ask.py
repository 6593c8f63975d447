"""From a paper's prose, tables and formulas to questions, by rules: the same papers give the same questions.

- known item: a distinctive sentence is asked for by its rarest words, in their order, without verbatim runs of four;
- table: caption, column and row label ask for the value;
- formula: the rare words of the sentence before it ask for the formula.

Words are rare by how few sentences of all papers hold them. Where the words of a question also stand together in
another sentence, of any paper, the question is ambiguous and left out.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from eval.init.prose import askable, sentences, unique, words
from eval.init.source import Formula, Source, Table
from eval.init.stopwords import STOPWORDS
from eval.normalise import tex_tokens, text_tokens

KEYWORDS = (5, 7)
"""Least and most words of a known-item question."""

LEAD_KEYWORDS = (4, 9)
"""The same of a formula's."""

FORMULA_TOKENS = (12, 70)
"""TeX tokens of a formula to ask for: shorter is found anywhere, longer is a derivation."""

SAME_SHARE = 0.8
"""Another sentence that holds so many of a question's words makes it ambiguous."""

LEAST_RARITY = 0.7
"""Mean rarity of a question's words over that of a word that occurs once: what is asked with common words is vague."""

LEAST_RARITY_OF_LEADS = 0.5
"""The same for formulas, whose leading sentences are plainer."""

LABEL_CHARACTERS = 60
CAPTION_WORDS = 14
MIN_LETTERS = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """A question before it has a number.

    Attributes:
        stratum: "prose", "table" or "formula".
        question: what is searched for.
        answer: what is found.
        evidence: as `eval.relevance.Judge` takes it.
    """

    stratum: str
    question: str
    answer: str
    evidence: dict[str, object]


class Corpus:
    """How rare words are over the sentences of all papers.

    Args:
        sources: name to paper.
    """

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sets: list[frozenset[str]] = []
        self._holding: dict[str, set[int]] = {}
        for source in sources.values():
            for sentence in (s for paragraph in source.paragraphs for s in sentences(paragraph)):
                found = frozenset(word.casefold() for word in words(sentence))
                for word in found:
                    self._holding.setdefault(word, set()).add(len(self._sets))
                self._sets.append(found)

    def rarity(self, word: str) -> float:
        """Inverse sentence frequency, in nats."""
        return math.log((len(self._sets) + 1) / (len(self._holding.get(word.casefold(), ())) + 1))

    def keywords(self, sentence: str, most: int) -> list[str]:
        """The rarest content words, in their order, no four of them side by side in the sentence.

        Args:
            sentence: to take them from.
            most: how many at most.
        """
        content = [word for word in unique(words(sentence)) if _content(word)]
        ranked = sorted(content, key=lambda word: (-self.rarity(word), content.index(word)))
        places = {word.casefold(): place for place, word in reversed(list(enumerate(words(sentence))))}
        taken: list[str] = []
        for word in ranked:
            if len(taken) < most and not _verbatim([places[w.casefold()] for w in [*taken, word]]):
                taken.append(word)
        return [_shown(word) for word in content if word in taken]

    def distinctive(self, keywords: Sequence[str], share: float = LEAST_RARITY) -> bool:
        """Whether the words are rare on average."""
        mean = sum(map(self.rarity, keywords)) / len(keywords)
        return mean >= share * math.log((len(self._sets) + 1) / 2)

    def ambiguous(self, keywords: Sequence[str], sentence: str) -> bool:
        """Whether another sentence holds most of the keywords too."""
        own = frozenset(word.casefold() for word in words(sentence))
        counts = Counter(number for word in {w.casefold() for w in keywords} for number in self._holding.get(word, ()))
        return any(n >= SAME_SHARE * len(keywords) and self._sets[number] != own for number, n in counts.items())


def questions(source: Source, corpus: Corpus) -> Mapping[str, list[Asked]]:
    """Stratum to every question that the rules allow, in the paper's order."""
    return {
        "prose": list(_known_items(source, corpus)),
        "table": [asked for table in source.tables for asked in _cells(table)],
        "formula": list(_formulas(source.formulas, corpus)),
    }


def _known_items(source: Source, corpus: Corpus) -> Iterator[Asked]:
    """At most one a paragraph: the sentence whose keywords are rarest."""
    for paragraph in source.paragraphs:
        found: list[tuple[float, str, list[str]]] = []
        for sentence in filter(askable, sentences(paragraph)):
            keywords = corpus.keywords(sentence, KEYWORDS[1])
            told = len(keywords) >= KEYWORDS[0] and corpus.distinctive(keywords)
            if told and not corpus.ambiguous(keywords, sentence):
                found.append((sum(map(corpus.rarity, keywords)) / len(keywords), sentence, keywords))
        if found:
            _, sentence, keywords = max(found)
            yield Asked("prose", " ".join(keywords), sentence, {"text": sentence})


def _formulas(formulas: Sequence[Formula], corpus: Corpus) -> Iterator[Asked]:
    seen = Counter(tex_tokens(formula.tex) for formula in formulas)
    for formula in formulas:
        tokens = tex_tokens(formula.tex)
        keywords = corpus.keywords(formula.lead, LEAD_KEYWORDS[1])
        usable = FORMULA_TOKENS[0] <= len(tokens) <= FORMULA_TOKENS[1] and seen[tokens] == 1 and "=" in tokens
        leads = not formula.lead.endswith((".", "?", "!")) and "\\" not in _bare(formula.lead)
        told = len(keywords) >= LEAD_KEYWORDS[0] and corpus.distinctive(keywords, LEAST_RARITY_OF_LEADS)
        if usable and told and leads and not _broken(formula):
            evidence: dict[str, object] = {"tex": formula.tex, "lead": formula.lead}
            yield Asked("formula", f"equation: {' '.join(keywords)}", formula.tex, evidence)


def _cells(table: Table) -> Iterator[Asked]:
    """Every cell with a number that its labels name alone."""
    caption = _head(table.caption)
    columns, rows = Counter(map(_key, table.columns)), Counter(_key(row[0]) for row in table.rows)
    if not caption or not _labels([row[0] for row in table.rows]):
        return
    for row in table.rows:
        values = Counter(map(_key, row[1:]))
        for column, value in zip(table.columns[1:], row[1:], strict=True):
            alone = rows[_key(row[0])] == columns[_key(column)] == values[_key(value)] == 1
            if alone and _label(row[0], 3) and _label(column, 2) and _value(value) and _key(row[0]) != _key(column):
                evidence: dict[str, object] = {"caption": table.caption, "row": row[0], "column": column,
                            "value": value, "cells": [[row[0], column, value]]}  # fmt: skip
                asked = f"{caption}: {_spoken(column)} for {_spoken(row[0])}"
                yield Asked("table", asked, value, evidence)


def _content(word: str) -> bool:
    return len(word) >= MIN_LETTERS and word.casefold() not in STOPWORDS and not re.search(r"['’]", word)


def _shown(word: str) -> str:
    """A sentence's first word loses its capital; a name or an acronym can't be told from it and keeps its own."""
    return word.lower() if word.istitle() and word[1:].islower() and "-" not in word else word


def _verbatim(places: Sequence[int]) -> bool:
    """Four words side by side."""
    found = sorted(places)
    return any(d - a == 3 for a, d in zip(found, found[3:], strict=False))


def _broken(formula: Formula) -> bool:
    r"""Commands of layout that a reader left over, or braces that don't match."""
    bare = formula.tex.replace(r"\{", "").replace(r"\}", "")
    return bool(
        re.search(
            r"\\(?:begin\{array|vspace|hspace|intertext|ref|cite|includegraphics|lefteqn|\d|@)|#\d|@|\uffff", bare
        )
    ) or (bare.count("{") != bare.count("}"))


def _bare(text: str) -> str:
    return re.sub(r"\$[^$]*\$", "", text)


def _key(text: str) -> str:
    return "".join(text_tokens(text))


def _label(text: str, letters: int) -> bool:
    """Whether a label can be asked with: words, not too long, no remains of TeX."""
    spoken = _spoken(text)
    return (
        sum(c.isalpha() for c in spoken) >= letters
        and len(spoken) <= LABEL_CHARACTERS
        and "\\" not in _bare(text)
        and bool(_key(text))
    )


def _labels(column: Sequence[str]) -> bool:
    """Whether the first column names its rows: most cells are words."""
    return sum(sum(c.isalpha() for c in _spoken(cell)) >= 3 for cell in column) > len(column) / 2


def _value(text: str) -> bool:
    tokens = text_tokens(text)
    return (
        sum(token[0].isdigit() and len(token) for token in tokens) >= 2
        and len(tokens) <= 6
        and len(text) <= 40
        and "\\" not in _bare(text)
        and sum(c.isalpha() for c in _spoken(text)) <= 6
    )


def _spoken(text: str) -> str:
    r"""A label as one would type it: `$T_{\mathrm{head}}$` is `T_head`."""
    text = re.sub(r"\\(?:text|mathrm|mathbf|mathit|mathsf|operatorname|rm|bf|it)\b\*?\s*", "", text)
    text = re.sub(r"\\([A-Za-z]+)\s*", r"\1 ", text)
    return " ".join(re.sub(r"[${}\\*†‡]", "", text).replace(" / ", ", ").split())


def _head(caption: str) -> str:
    """First sentence of a caption, cut after some words; empty when it has too few to tell one table from another."""
    first = next(iter(sentences(caption)), "").rstrip(" .:;")
    shown = _spoken(_bare(first)).split()
    content = [word for word in words(first) if _content(word)]
    if len(content) < 2 or "\\" in _bare(first):
        return ""
    return " ".join(shown[:CAPTION_WORDS])
