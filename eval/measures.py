"""What is measured for one question in one arm: each measure is a class whose docstring is its definition.

nDCG and reciprocal rank are computed by ir-measures; the measures of a token budget are this harness's own, since no
library knows a last passage that is cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from itertools import islice
from typing import ClassVar, Protocol

from eval.lcs import TOP_K, Retrieved, retrieval_score
from eval.metrics import Asked, Passage


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

    As in Chroma's "Evaluating Chunking Strategies for Retrieval" (Smith and Troynikov, 2024). Tokens are the
    normalised ones that relevance is judged by. Retrieved evidence is what relevant passages cover of it, each token
    once; in a passage that isn't relevant, tokens agree by chance and don't count. A full budget holds many times the
    tokens of most evidence, so that the figure is small and compares arms alone.
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


@dataclass(frozen=True, slots=True)
class PublishedLcs:
    """OHR-Bench's published retrieval score (`eval.lcs`): common words in sequence over the evidence's words.

    Of the first 2 passages from the question's domain, which is what stands before `/` in a document's name. It knows
    no window, so that long passages score for common words alone.
    """

    name: ClassVar[str] = f"lcs@{TOP_K}"

    def __call__(self, asked: Asked) -> float:
        """0.0 to 1.0."""
        question = asked.judge.question
        domain = question.doc.partition("/")[0]
        near = islice((p for p in asked.ranked if p.doc.partition("/")[0] == domain), TOP_K)
        return retrieval_score(question, [Retrieved(p.doc, p.text, p.pages) for p in near])


def all_measures(budgets: Sequence[int], primary: int, *, lcs: bool = False) -> list[Measure]:
    """Everything that is measured, in the order of the tables.

    Args:
        budgets: of evidence recall, in tokens.
        primary: budget of the token measures.
        lcs: whether OHR-Bench's published score is among them.
    """
    recall: list[Measure] = [EvidenceRecall(budget) for budget in budgets]
    published: list[Measure] = [PublishedLcs()] if lcs else []
    return [*recall, Ndcg(), ReciprocalRank(), TokenPrecision(primary), TokenIoU(primary), Ceiling(), *published]


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
