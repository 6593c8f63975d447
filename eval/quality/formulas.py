r"""Display formulas: which of the truth's are in the output, equal or nearly.

A formula is compared as the TeX tokens of `eval.normalise.tex_tokens` (spacing, style, synonyms and Unicode resolved),
commas and full stops at the ends of its lines left out. The truth's display formulas are assigned to the output's,
display or inline, one to one, so that the similarities (1 - Levenshtein distance of tokens over the longer length) add
up to the most. Where an output writes the lines of one formula as several, one of them counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from eval.normalise import tex_tokens
from eval.quality.content import Content
from eval.quality.katex import Katex
from eval.quality.matching import assign

LEAST_SIMILARITY = 0.3
"""A formula that resembles the truth's less is another one: that of the truth is missing."""

_FIRST_LETTER = 0x10000
"""Tokens become letters of their own, behind all surrogates, so that strings of them can be compared."""


_NOT_SHOWN = re.compile(
    r"\\begin\{array\}\s*(?:\[[^\]]*\])?\s*\{[^{}]*\}|\\(?:left|right)\s*\.|\\(?:ensuremath|lefteqn|mathstrut)(?![A-Za-z])"
)
_DOTS = re.compile(r"\.\s*\.\s*\.|(?:(?:\\cdot(?![A-Za-z])|[·⋅])\s*){3}")
_LINE_END = re.compile(r"[.,;](?=[\s}]*(?:\\\\|\\end\b))")


@dataclass(frozen=True, slots=True)
class FormulaScore:
    """Of one display formula of the truth.

    Attributes:
        exact: its tokens and those of its match are equal.
        similarity: 0.0 to 1.0; 0.0 when it is missing.
        rendered: it looks like its match; None where KaTeX does not run, or can't set the truth's.
    """

    exact: bool
    similarity: float
    rendered: bool | None


def formula_tokens(tex: str) -> tuple[str, ...]:
    """Tokens of a formula, without what does not show and without punctuation that ends a line or the whole."""
    tokens = tex_tokens(_DOTS.sub(r" \\ldots ", _LINE_END.sub("", _NOT_SHOWN.sub(" ", tex))))
    end = len(tokens)
    while end and tokens[end - 1] in (".", ",", ";"):
        end -= 1
    return tokens[:end]


def compare_formulas(truth: Content, output: Content, katex: Katex | None) -> list[FormulaScore]:
    """One score for each display formula of the truth that has tokens, in its order."""
    known = [(tex, tokens) for tex in truth.formulas if (tokens := formula_tokens(tex))]
    there = [(tex, tokens) for tex in (*output.formulas, *output.inline) if (tokens := formula_tokens(tex))]
    similarity = _similarities([tokens for _, tokens in known], [tokens for _, tokens in there])
    pairs = assign(similarity, LEAST_SIMILARITY)
    scores = []
    for row, (tex, tokens) in enumerate(known):
        drawn = katex.drawn(tex) if katex else None
        if row not in pairs:
            scores.append(FormulaScore(False, 0.0, False if drawn else None))
            continue
        other, other_tokens = there[pairs[row]]
        same = katex.drawn(other) == drawn if katex and drawn else None
        scores.append(FormulaScore(tokens == other_tokens, float(similarity[row, pairs[row]]), same))
    return scores


def _similarities(a: Sequence[tuple[str, ...]], b: Sequence[tuple[str, ...]]) -> NDArray[np.float64]:
    letters: dict[str, str] = {}
    for tokens in (*a, *b):
        for token in tokens:
            letters.setdefault(token, chr(_FIRST_LETTER + len(letters)))
    words_a, words_b = (["".join(letters[token] for token in tokens) for tokens in side] for side in (a, b))
    if not words_a or not words_b:
        return np.zeros((len(words_a), len(words_b)))
    return cdist(words_a, words_b, scorer=Levenshtein.normalized_similarity, dtype=np.float64)
