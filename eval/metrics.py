"""What is measured for one question in one arm.

- evidence recall at a budget: 1 when one of the passages that fit into the first B retrieved tokens holds the
  evidence; the passage at the border is cut, and judged on what is left of it;
- nDCG@10 and reciprocal rank, by ir-measures, against the arm's own relevant passages;
- ceiling: 1 when any passage of the arm holds the evidence, however it is ranked: what is missing was lost before
  retrieval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from eval.relevance import Judge

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
    """

    doc: str
    text: str
    tokens: int
    embedded: str = ""
    wider: str = ""

    @property
    def indexed(self) -> str:
        """What vector and words are made of."""
        return self.embedded or self.text

    @property
    def worded(self) -> str:
        """What the words of a hybrid search are made of."""
        return self.wider or self.indexed


@dataclass(frozen=True, slots=True)
class Scores:
    """One question in one arm.

    Attributes:
        recall: token budget to 0.0 or 1.0.
        ndcg: nDCG@10.
        mrr: reciprocal rank of the first relevant passage, 0.0 without one.
        ceiling: 1.0 when a relevant passage exists.
        best_coverage: of the evidence by any one passage of the right paper, 0.0 to 1.0.
        first_rank: 1-based rank of the first relevant passage, None without one.
        best: the first relevant passage, else the one of the right paper that covers most; None when it covers nothing.
    """

    recall: Mapping[int, float]
    ndcg: float
    mrr: float
    ceiling: float
    best_coverage: float
    first_rank: int | None
    best: Passage | None = None


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


def score(
    doc: str,
    judge: Judge,
    ranked: Sequence[Passage],
    *,
    budgets: Sequence[int],
    count_tokens: Callable[[str], int],
) -> Scores:
    """Scores one question.

    Args:
        doc: the paper that holds the evidence; passages of others are never relevant.
        judge: of the evidence.
        ranked: every passage of the arm, best first.
        budgets: in tokens.
        count_tokens: of the arm's embedder.
    """
    coverage = [judge.coverage(p.text) if p.doc == doc else 0.0 for p in ranked]
    relevant = [rank for rank, passage in enumerate(ranked, 1) if passage.doc == doc and judge.relevant(passage.text)]
    recall = {
        budget: float(any(p.doc == doc and judge.relevant(p.text) for p in within(ranked, budget, count_tokens)))
        for budget in budgets
    }
    ndcg, mrr = rank_metrics(relevant, len(ranked))
    most = max(coverage, default=0.0)
    best = ranked[relevant[0] - 1 if relevant else coverage.index(most)] if relevant or most else None
    return Scores(
        recall=recall,
        ndcg=ndcg,
        mrr=mrr,
        ceiling=float(bool(relevant)),
        best_coverage=most,
        first_rank=relevant[0] if relevant else None,
        best=best,
    )


def rank_metrics(relevant: Sequence[int], length: int) -> tuple[float, float]:
    """(nDCG@10, reciprocal rank) of a ranking of `length` items; (0, 0) when nothing is relevant.

    Args:
        relevant: 1-based ranks of the relevant items, all of them.
        length: how many items are ranked.
    """
    if not relevant:
        return 0.0, 0.0
    import ir_measures

    qrels = [ir_measures.Qrel("q", str(rank), 1) for rank in relevant]
    run = [ir_measures.ScoredDoc("q", str(rank), float(-rank)) for rank in range(1, length + 1)]
    ndcg = ir_measures.nDCG @ NDCG_DEPTH
    values = ir_measures.calc_aggregate([ndcg, ir_measures.RR], qrels, run)
    return float(values[ndcg]), float(values[ir_measures.RR])
