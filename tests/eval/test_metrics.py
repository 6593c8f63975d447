"""Recall within a token budget, ranks, and the statistics over documents."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics import Passage, cut, rank_metrics, score, within
from eval.relevance import Judge
from eval.statistics import ROUNDS, bootstrap, holm, sign_flip


def count(text: str) -> int:
    return len(text.split())


def passage(doc: str, text: str) -> Passage:
    return Passage(doc, text, count(text))


GOLD = "the quick brown fox jumps over the lazy dog"
JUDGE = Judge({"text": GOLD})
FILLER = " ".join(f"w{i}" for i in range(10))


def test_recall_depends_on_the_budget() -> None:
    ranked = [passage("a", FILLER), passage("a", GOLD)]
    scores = score("a", JUDGE, ranked, budgets=[5, 10, 19], count_tokens=count)
    assert scores.recall == {5: 0.0, 10: 0.0, 19: 1.0}
    assert (scores.mrr, scores.first_rank, scores.ceiling) == (0.5, 2, 1.0)


def test_last_passage_is_cut_and_judged_on_the_rest() -> None:
    ranked = [passage("a", GOLD + " " + FILLER)]
    assert score("a", JUDGE, ranked, budgets=[9], count_tokens=count).recall == {9: 1.0}
    late = [passage("a", FILLER + " " + GOLD)]
    assert score("a", JUDGE, late, budgets=[12], count_tokens=count).recall == {12: 0.0}


def test_the_same_words_in_another_paper_are_not_relevant() -> None:
    scores = score("a", JUDGE, [passage("b", GOLD)], budgets=[100], count_tokens=count)
    assert (scores.recall[100], scores.ndcg, scores.mrr, scores.ceiling, scores.best_coverage) == (0, 0, 0, 0, 0)


def test_lost_evidence_shows_in_the_ceiling() -> None:
    halves = [passage("a", "the quick brown fox"), passage("a", "jumps over the lazy dog")]
    scores = score("a", JUDGE, halves, budgets=[100], count_tokens=count)
    assert (scores.recall[100], scores.ceiling) == (0.0, 0.0)
    assert scores.best_coverage == pytest.approx(5 / 9)


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
    words = text.split(" ")
    kept = max(n for n in range(len(words) + 1) if " ".join(words[:n]) == rest)
    assert kept == len(words) or count(" ".join(words[: kept + 1])) > budget


def test_rank_metrics_against_the_formula() -> None:
    ndcg, mrr = rank_metrics([2, 5], 20)
    ideal = 1 / math.log2(2) + 1 / math.log2(3)
    assert mrr == 0.5
    assert ndcg == pytest.approx((1 / math.log2(3) + 1 / math.log2(6)) / ideal)
    assert rank_metrics([11], 20)[0] == 0.0
    assert rank_metrics([], 20) == (0.0, 0.0)
    assert rank_metrics(range(1, 16), 200) == (1.0, 1.0)


def test_sign_flip_equals_the_exact_distribution() -> None:
    differences, docs = [1.0, 1.0, 0.0, 1.0, -1.0, 1.0, 1.0, 0.0], list("aabbcdef")
    sums = [2.0, 1.0, -1.0, 1.0, 1.0, 0.0]
    flips = [abs(sum(s * d for s, d in zip(signs, sums, strict=True))) for signs in product((-1, 1), repeat=6)]
    exact = sum(flip >= sum(sums) for flip in flips) / len(flips)
    assert sign_flip(differences, docs) == pytest.approx(exact, abs=0.02)


def test_p_value_is_never_zero_and_one_without_a_difference() -> None:
    docs = [str(i) for i in range(40)]
    assert sign_flip([1.0] * 40, docs) == 1 / (ROUNDS + 1)
    assert sign_flip([0.0] * 40, docs) == 1.0


def test_questions_of_one_paper_count_once() -> None:
    differences = [1.0] * 30
    assert sign_flip(differences, ["only"] * 30) == 1.0
    assert sign_flip(differences, [str(i) for i in range(30)]) < 0.001


def test_false_alarms_are_as_rare_as_promised() -> None:
    import random

    rng = random.Random(7)
    docs = [str(i // 4) for i in range(48)]
    alarms = 0
    for trial in range(200):
        effects = [rng.gauss(0, 1) for _ in range(12)]
        differences = [effects[int(doc)] + rng.gauss(0, 0.3) for doc in docs]
        alarms += sign_flip(differences, docs, seed=trial, rounds=400) <= 0.05
    assert alarms <= 20, "12 clusters under the null: 5 % expected, 10 % is 3 standard errors away"


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from("abcd")), min_size=1, max_size=12))
def test_interval_holds_the_mean_of_each_resample_range(rows: list[tuple[float, str]]) -> None:
    values, docs = [v for v, _ in rows], [d for _, d in rows]
    interval = bootstrap(values, docs, rounds=200)
    assert interval.mean == pytest.approx(sum(values) / len(values))
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9


def test_interval_is_wider_for_fewer_papers() -> None:
    values = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0] * 4
    few = bootstrap(values, [str(i % 6 // 3) for i in range(24)])
    many = bootstrap(values, [str(i) for i in range(24)])
    assert few.high - few.low > many.high - many.low


def test_same_seed_same_result() -> None:
    values, docs = [0.1, 0.7, 0.4, 0.9], list("abcd")
    assert bootstrap(values, docs, seed=3) == bootstrap(values, docs, seed=3)
    assert sign_flip(values, docs, seed=3) == sign_flip(values, docs, seed=3)


def test_holm_is_the_textbook_example() -> None:
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


@pytest.mark.parametrize(("values", "docs"), [([], []), ([1.0], []), ([1.0], ["a", "b"])])
def test_wrong_input_is_refused(values: list[float], docs: list[str]) -> None:
    with pytest.raises(ValueError, match="values"):
        bootstrap(values, docs)
