"""What is measured for one question in one arm: each measure is a class whose docstring is its definition.

nDCG and reciprocal rank are computed by ir-measures; the measures of a token budget are this harness's own, since no
library knows a last passage that is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import cleandoc
from typing import ClassVar, Protocol

from eval.relevance import QuestionJudge

NDCG_DEPTH = 10


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
    """The longest prefix of at most `budget` tokens that ends at a word border.

    Args:
        text: any text.
        budget: tokens, 0 or more.
        count_tokens: must not fall when a word is added.
    """
    words = text.split(" ")
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if count_tokens(" ".join(words[:middle])) <= budget:
            low = middle
        else:
            high = middle - 1
    return " ".join(words[:low])


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
        """What `budget` tokens pay for."""
        return within(self.ranked, budget, self.count_tokens)

    def overlap(self, budget: int) -> Overlap:
        """Retrieved and evidence tokens within a budget."""
        kept = self.within(budget)
        held = [p for p in kept if self.judge.relevant(p.doc, p.text)]
        evidence = max((self.judge.size(p.doc, p.text) for p in held), default=0)
        matched = sum(self.judge.matched(p.doc, p.text) for p in held)
        retrieved = sum(self.judge.tokens(p.doc, p.text) for p in kept)
        return Overlap(min(matched, evidence) if evidence else matched, retrieved, evidence)


class Measure(Protocol):
    """A figure between 0 and 1 for one question; more is better."""

    @property
    def name(self) -> str:
        """In results, tables and conditions."""
        ...

    def __call__(self, asked: Asked) -> float:
        """Its value."""
        ...


@dataclass(frozen=True, slots=True)
class EvidenceRecall:
    """1 when one of the passages that fit into the first B retrieved tokens holds the evidence, else 0.

    Tokens are the embedder's; the passage at the border is cut, and judged on what is left of it.
    """

    budget: int

    @property
    def name(self) -> str:
        """`recall@B`."""
        return f"recall@{self.budget}"

    def __call__(self, asked: Asked) -> float:
        """0.0 or 1.0."""
        return float(any(asked.judge.relevant(p.doc, p.text) for p in asked.within(self.budget)))


@dataclass(frozen=True, slots=True)
class TokenPrecision:
    """|retrieved ∩ evidence| / |retrieved|, in tokens within the budget.

    As in Chroma's "Evaluating Chunking Strategies for Retrieval" (Smith and Troynikov, 2024). Tokens are the normalised ones that relevance is judged by. Retrieved evidence is what relevant passages cover of
    it, each token once; in a passage that isn't relevant, tokens agree by chance and don't count. A full budget holds
    many times the tokens of most evidence, so that the figure is small and compares arms alone.
    """

    budget: int

    @property
    def name(self) -> str:
        """`precision@B`."""
        return f"precision@{self.budget}"

    def __call__(self, asked: Asked) -> float:
        """0.0 to 1.0."""
        overlap = asked.overlap(self.budget)
        return overlap.shared / overlap.retrieved if overlap.shared else 0.0


@dataclass(frozen=True, slots=True)
class TokenIoU:
    """|retrieved ∩ evidence| / |retrieved ∪ evidence| in the same tokens; from the same study."""

    budget: int

    @property
    def name(self) -> str:
        """`iou@B`."""
        return f"iou@{self.budget}"

    def __call__(self, asked: Asked) -> float:
        """0.0 to 1.0."""
        overlap = asked.overlap(self.budget)
        union = overlap.retrieved + max(0, overlap.evidence - overlap.shared)
        return overlap.shared / union if overlap.shared else 0.0


@dataclass(frozen=True, slots=True)
class Ndcg:
    """Normalised discounted cumulative gain of the first 10 passages (Järvelin and Kekäläinen, 2002), by ir-measures.

    The ideal ranking is the arm's own: its relevant passages first.
    """

    name: ClassVar[str] = "ndcg@10"

    def __call__(self, asked: Asked) -> float:
        """0.0 to 1.0."""
        return asked.rank_metrics[0]


@dataclass(frozen=True, slots=True)
class ReciprocalRank:
    """1 / rank of the first passage with the evidence, 0 without one; its mean is MRR. By ir-measures."""

    name: ClassVar[str] = "mrr"

    def __call__(self, asked: Asked) -> float:
        """0.0 to 1.0."""
        return asked.rank_metrics[1]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """1 when any passage of the arm holds the evidence, however it is ranked, else 0.

    What it lacks was lost by reading or cutting; what recall lacks beyond it was lost by ranking.
    """

    name: ClassVar[str] = "ceiling"

    def __call__(self, asked: Asked) -> float:
        """0.0 or 1.0."""
        return float(bool(asked.relevant))


def all_measures(budgets: Sequence[int], primary: int) -> list[Measure]:
    """Everything that is measured, in the order of the tables.

    Args:
        budgets: of evidence recall, in tokens.
        primary: budget of the token measures.
    """
    recall: list[Measure] = [EvidenceRecall(budget) for budget in budgets]
    return [*recall, Ndcg(), ReciprocalRank(), TokenPrecision(primary), TokenIoU(primary), Ceiling()]


def definition(measure: Measure) -> str:
    """What a measure's docstring says."""
    return " ".join(cleandoc(type(measure).__doc__ or "").split())


@dataclass(frozen=True, slots=True)
class Scores:
    """One question in one arm.

    Attributes:
        values: measure to value.
        best_coverage: of the evidence by any one passage of a right paper, 0.0 to 1.0.
        first_rank: 1-based rank of the first relevant passage, None without one.
        best: the first relevant passage, else the one that covers most; None when none covers anything.
    """

    values: Mapping[str, float]
    best_coverage: float
    first_rank: int | None
    best: Passage | None = None


def score(asked: Asked, measures: Sequence[Measure]) -> Scores:
    """Takes every measure of one question."""
    coverage = [asked.judge.coverage(p.doc, p.text) for p in asked.ranked]
    most, first = max(coverage, default=0.0), next(iter(asked.relevant), None)
    best = first or (coverage.index(most) + 1 if most else None)
    values = {measure.name: measure(asked) for measure in measures}
    return Scores(values, most, first, asked.ranked[best - 1] if best else None)


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
