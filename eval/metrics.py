"""A question's ranking and what can be said of it: passages within a budget, relevant ranks, shared tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from eval.relevance import QuestionJudge

NDCG_DEPTH = 10
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Passage:
    """One retrievable piece, whoever cut it.

    Attributes:
        doc: name of the paper, as in the questions.
        text: what a reader is shown: judged, and paid for.
        tokens: of `text`, by the arm's embedder.
        embedded: what it is found by, where that is not `text`.
        wider: where a hybrid search looks for words, where that is not what it is found by.
        pages: 1-based; empty when unknown.
    """

    doc: str
    text: str
    tokens: int
    embedded: str = ""
    wider: str = ""
    pages: tuple[int, ...] = ()

    @property
    def indexed(self) -> str:
        """What vector and words are made of."""
        return self.embedded or self.text

    @property
    def worded(self) -> str:
        """What the words of a hybrid search are made of."""
        return self.wider or self.indexed


def cut(text: str, budget: int, count_tokens: Callable[[str], int]) -> str:
    """The longest prefix of at most `budget` tokens that ends with a whole word, whatever space or line break follows.

    Args:
        text: any text.
        budget: tokens, 0 or more.
        count_tokens: must not fall when a word is added.
    """
    ends = [0, *(word.end() for word in _WORD.finditer(text))]
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if count_tokens(text[: ends[middle]]) <= budget:
            low = middle
        else:
            high = middle - 1
    return text[: ends[low]]


def within(ranked: Sequence[Passage], budget: int, count_tokens: Callable[[str], int]) -> list[Passage]:
    """The passages that `budget` tokens pay for, in rank order, the last one cut."""
    kept: list[Passage] = []
    left = budget
    for passage in ranked:
        if passage.tokens > left:
            rest = cut(passage.text, left, count_tokens)
            return [*kept, Passage(passage.doc, rest, left)] if rest else kept
        kept.append(passage)
        left -= passage.tokens
    return kept


@dataclass(frozen=True, slots=True)
class Overlap:
    """Retrieved and evidence tokens, normalised as relevance is judged.

    Attributes:
        shared: evidence tokens in retrieved passages that are relevant.
        retrieved: tokens of everything retrieved, repetitions included.
        evidence: tokens of the evidence; 0 where a whole document is the evidence, whose length nobody stated.
    """

    shared: int
    retrieved: int
    evidence: int


@dataclass(frozen=True)
class Asked:
    """A question's ranking, ready to be measured.

    Attributes:
        judge: of the question.
        ranked: every passage of the arm, best first.
        count_tokens: of the arm's embedder.
    """

    judge: QuestionJudge
    ranked: Sequence[Passage]
    count_tokens: Callable[[str], int]

    @cached_property
    def relevant(self) -> list[int]:
        """1-based ranks of the passages that hold the evidence."""
        return [rank for rank, p in enumerate(self.ranked, 1) if self.judge.relevant(p.doc, p.text)]

    @cached_property
    def rank_metrics(self) -> tuple[float, float]:
        """(nDCG@10, reciprocal rank)."""
        return rank_metrics(self.relevant, len(self.ranked))

    def within(self, budget: int) -> list[Passage]:
        """What `budget` tokens pay for; kept, since several measures ask for it and counting tokens is slow."""
        if budget not in self._paid_for:
            self._paid_for[budget] = within(self.ranked, budget, self.count_tokens)
        return self._paid_for[budget]

    @cached_property
    def _paid_for(self) -> dict[int, list[Passage]]:
        return {}

    def overlap(self, budget: int) -> Overlap:
        """Retrieved and evidence tokens within a budget."""
        kept = self.within(budget)
        held = [p for p in kept if self.judge.relevant(p.doc, p.text)]
        evidence = max((self.judge.size(p.doc, p.text) for p in held), default=0)
        matched = sum(self.judge.matched(p.doc, p.text) for p in held)
        retrieved = sum(self.judge.tokens(p.doc, p.text) for p in kept)
        return Overlap(min(matched, evidence) if evidence else matched, retrieved, evidence)


def rank_metrics(relevant: Sequence[int], length: int) -> tuple[float, float]:
    """(nDCG@10, reciprocal rank) of a ranking of `length` items; (0, 0) when nothing is relevant.

    Args:
        relevant: 1-based ranks of the relevant items, all of them.
        length: how many items are ranked.
    """
    if not relevant:
        return 0.0, 0.0
    import ir_measures

    depth = min(length, max(NDCG_DEPTH, min(relevant)))  # what comes later changes neither
    qrels = [ir_measures.Qrel("q", str(rank), 1) for rank in relevant]
    run = [ir_measures.ScoredDoc("q", str(rank), float(-rank)) for rank in range(1, depth + 1)]
    ndcg = ir_measures.nDCG @ NDCG_DEPTH
    values = ir_measures.calc_aggregate([ndcg, ir_measures.RR], qrels, run)
    return float(values[ndcg]), float(values[ir_measures.RR])
