"""Recall within a token budget, token precision, ranks: against values computed by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.datasets import Gold, Question
from eval.measures import EvidenceRecall, Scores, TokenIoU, TokenPrecision, all_measures, definition, score
from eval.metrics import Asked, Passage, cut, rank_metrics, within
from eval.relevance import QuestionJudge


def count(text: str) -> int:
    return len(text.split())


def passage(doc: str, text: str) -> Passage:
    return Passage(doc, text, count(text))


GOLD = "the quick brown fox jumps over the lazy dog"
FILLER = " ".join(f"w{i}" for i in range(10))


def asked(ranked: Sequence[Passage], also: tuple[Gold, ...] = (), gold: str = GOLD) -> Asked:
    question = Question("q", "a", "which animal?", "a fox", "prose", 1, {"text": gold}, also=also)
    return Asked(QuestionJudge(question), ranked, count)


def scores(ranked: Sequence[Passage], *budgets: int) -> Scores:
    return score(asked(ranked), all_measures(budgets, budgets[-1]))


def test_recall_depends_on_the_budget() -> None:
    found = scores([passage("a", FILLER), passage("a", GOLD)], 5, 10, 19)
    assert [found.values[f"recall@{budget}"] for budget in (5, 10, 19)] == [0.0, 0.0, 1.0]
    assert (found.values["mrr"], found.first_rank, found.values["ceiling"]) == (0.5, 2, 1.0)


def test_last_passage_is_cut_and_judged_on_the_rest() -> None:
    assert EvidenceRecall(9)(asked([passage("a", GOLD + " " + FILLER)])) == 1.0
    assert EvidenceRecall(12)(asked([passage("a", FILLER + " " + GOLD)])) == 0.0


def test_the_same_words_in_another_paper_are_not_relevant() -> None:
    found = scores([passage("b", GOLD)], 100)
    assert set(found.values.values()) == {0.0}
    assert found.best_coverage == 0


def test_any_of_several_places_is_enough() -> None:
    also = (Gold("b", {"text": "an unrelated sentence about boats"}),)
    ranked = [passage("c", GOLD), passage("b", "an unrelated sentence about boats"), passage("a", GOLD)]
    assert asked(ranked, also).relevant == [2, 3]


def test_lost_evidence_shows_in_the_ceiling() -> None:
    found = scores([passage("a", "the quick brown fox"), passage("a", "jumps over the lazy dog")], 100)
    assert (found.values["recall@100"], found.values["ceiling"]) == (0.0, 0.0)
    assert found.best_coverage == pytest.approx(5 / 9)


def test_token_precision_and_iou_by_hand() -> None:
    whole = asked([passage("b", "alpha beta gamma"), passage("a", f"{GOLD} and then it slept")])
    assert TokenPrecision(100)(whole) == pytest.approx(9 / (3 + 13))
    assert TokenIoU(100)(whole) == pytest.approx(9 / 16)
    most = asked([passage("a", "the quick brown fox jumps over the lazy cat"), passage("a", "alpha")])
    assert TokenPrecision(100)(most) == pytest.approx(8 / 10)
    assert TokenIoU(100)(most) == pytest.approx(8 / (10 + 9 - 8))


def test_evidence_that_is_retrieved_twice_counts_once() -> None:
    assert TokenPrecision(100)(asked([passage("a", GOLD), passage("a", GOLD)])) == pytest.approx(9 / 18)


def test_tokens_of_an_irrelevant_passage_agree_by_chance() -> None:
    halves = asked([passage("a", "the quick brown fox"), passage("b", GOLD)])
    assert (TokenPrecision(100)(halves), TokenIoU(100)(halves)) == (0.0, 0.0)


def test_tokens_beyond_the_budget_do_not_count() -> None:
    ranked = asked([passage("a", GOLD), passage("a", FILLER)])
    assert TokenPrecision(9)(ranked) == 1.0
    assert TokenPrecision(14)(ranked) == pytest.approx(9 / 19), "w0 is a word and a number to the judge: 5 words are 10"


def test_nothing_retrieved_has_no_precision() -> None:
    assert TokenPrecision(0)(asked([passage("a", GOLD)])) == 0.0
    assert set(scores([], 10).values.values()) == {0.0}


def test_every_measure_says_what_it_is() -> None:
    measures = all_measures((512, 1024), 1024)
    names = [measure.name for measure in measures]
    assert names == ["recall@512", "recall@1024", "ndcg@10", "mrr", "precision@1024", "iou@1024", "ceiling"]
    assert all(len(definition(measure)) > 40 for measure in measures)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([GOLD, FILLER, "dog", ""])), max_size=6))
def test_measures_stay_between_0_and_1_and_agree(rows: list[tuple[str, str]]) -> None:
    found = scores([passage(doc, text) for doc, text in rows], 8, 20).values
    assert all(0 <= value <= 1 for value in found.values())
    assert found["recall@8"] <= found["recall@20"] <= found["ceiling"]
    assert found["iou@20"] <= found["precision@20"] <= found["recall@20"]


@given(st.lists(st.text("ab ", max_size=20), max_size=6), st.integers(0, 30))
def test_budget_is_never_exceeded(texts: list[str], budget: int) -> None:
    ranked = [passage("a", text) for text in texts]
    kept = within(ranked, budget, count)
    assert sum(count(p.text) for p in kept) <= budget
    assert all(k.text == r.text for k, r in zip(kept[:-1], ranked, strict=False))


@given(st.text("ab \n", max_size=40), st.integers(0, 12))
def test_cut_is_a_prefix_as_long_as_possible(text: str, budget: int) -> None:
    rest = cut(text, budget, count)
    assert text.startswith(rest)
    assert count(rest) <= budget
    words = text.split()
    kept = len(rest.split())
    assert rest.split() == words[:kept], "no word is cut in two"
    assert kept == len(words) or count(" ".join(words[: kept + 1])) > budget


@pytest.mark.parametrize("between", [" ", "\n", "\r\n", "\t", "  "])
def test_a_passage_is_cut_at_a_line_break_as_at_a_space(between: str) -> None:
    assert cut(between.join("abcdef"), 3, count).split() == ["a", "b", "c"]


def test_rank_metrics_against_the_formula() -> None:
    ndcg, mrr = rank_metrics([2, 5], 20)
    ideal = 1 / math.log2(2) + 1 / math.log2(3)
    assert mrr == 0.5
    assert ndcg == pytest.approx((1 / math.log2(3) + 1 / math.log2(6)) / ideal)
    assert rank_metrics([11], 20)[0] == 0.0
    assert rank_metrics([], 20) == (0.0, 0.0)
    assert rank_metrics(range(1, 16), 200) == (1.0, 1.0)
