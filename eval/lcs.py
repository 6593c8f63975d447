"""OHR-Bench's retrieval score: how much of the evidence is a common subsequence with what was retrieved.

As published (arXiv 2412.02592; github.com/opendatalab/OHR-Bench, `lcs_score` in `src/metric/common.py` and
`src/tasks/retrieval.py`): chunks of 1,024 tokens that don't cross pages, the best `TOP_K` from the documents of the
question's domain; those of the right document and page are joined, and the score is the length of the longest common
subsequence of words over the number of evidence words. It is generous: it knows no window, so that a long chunk
scores for common words alone. It is reported for comparison with published numbers, beside our own recall.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import NamedTuple

from eval.datasets import Question

CHUNK_TOKENS = 1024
"""Published chunk size, without overlap."""

TOP_K = 2
"""Published number of retrieved chunks."""

EMPTY_SCORE = 0.5
"""What upstream gives when the evidence has no words."""

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


class Retrieved(NamedTuple):
    """One retrieved passage.

    Attributes:
        doc: name of the document.
        text: what a reader gets.
        pages: 1-based; empty when unknown, which counts as the right one.
    """

    doc: str
    text: str
    pages: tuple[int, ...] = ()


def retrieval_score(question: Question, retrieved: Sequence[Retrieved]) -> float:
    """The published score of one question, 0.0 to 1.0; of several places the best.

    Args:
        question: with text evidence.
        retrieved: the best `TOP_K`, in rank order.
    """
    best = 0.0
    for gold in question.golds:
        near = [
            passage.text
            for passage in retrieved
            if passage.doc == gold.doc and (not passage.pages or not gold.pages or {*passage.pages} & {*gold.pages})
        ]
        if near:
            best = max(best, lcs_score("\n\n".join(near), str(gold.evidence.get("text", ""))))
    return best


def lcs_score(retrieved: str, evidence: str) -> float:
    """Longest common subsequence of words over the evidence's words, 0.0 to 1.0.

    Both are lower case, without ASCII punctuation and English articles, as upstream's `normalize_answer` has it.
    """
    wanted = normalised_words(evidence)
    return lcs_length(wanted, normalised_words(retrieved)) / len(wanted) if wanted else EMPTY_SCORE


def normalised_words(text: str) -> list[str]:
    """Words as upstream compares them."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def lcs_length(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence, a row of bits a word (Hyyrö 2004: a zero bit is a step up).

    Args:
        one: the shorter of the two is faster here.
        other: any length.
    """
    places: dict[str, int] = {}
    for i, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << i
    full = (1 << len(one)) - 1
    row = full
    for word in other:
        matched = row & places.get(word, 0)
        row = ((row + matched) | (row - matched)) & full
    return len(one) - row.bit_count()
