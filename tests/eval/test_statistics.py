"""What chance can do: tests by document, intervals, Holm, and what a set of questions can show at all."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.statistics import ALPHA, POWER, ROUNDS, bootstrap, holm, power, sign_flip


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


def study(rng: np.random.Generator, gain: float, documents: int = 30) -> tuple[list[float], list[str]]:
    """Six questions on each document, answered or not by two arms; documents gain more or less, `gain` on average."""
    differences, docs = [], []
    for i in range(documents):
        own_gain = rng.normal(gain, 0.1)
        for _ in range(6):
            base = float(rng.random() < 0.5)
            turned = rng.random() < abs(own_gain) * 2
            own = float(own_gain > 0) if turned else base
            differences.append(own - base)
            docs.append(str(i))
    return differences, docs


def test_a_planted_gain_is_found_as_often_as_stated() -> None:
    rng = np.random.default_rng(11)
    studies = [study(rng, 0.0) for _ in range(10)]
    stated = [power(*s).smallest for s in studies]
    smallest = float(np.mean([s for s in stated if s is not None]))
    planted = [study(rng, smallest) for _ in range(200)]
    found = np.mean([sign_flip(*s, seed=i, rounds=400) <= ALPHA for i, s in enumerate(planted)])
    assert len([s for s in stated if s]) == 10
    assert 0.02 < smallest < 0.3
    assert abs(found - POWER) < 0.12, "200 studies: the standard error is 0.03, and the stated gain is an estimate"
    halved = [study(rng, smallest / 3) for _ in range(200)]
    assert np.mean([sign_flip(*s, seed=i, rounds=400) <= ALPHA for i, s in enumerate(halved)]) < 0.5


def test_more_documents_show_smaller_gains() -> None:
    rng = np.random.default_rng(3)
    few, many = power(*study(rng, 0.1, 10)).smallest, power(*study(rng, 0.1, 90)).smallest
    assert few is not None
    assert many is not None
    assert many < few / 1.5


def test_power_does_not_depend_on_the_gain_that_was_seen() -> None:
    differences, docs = study(np.random.default_rng(5), 0.0)
    shifted = [d + 0.3 for d in differences]
    assert power(differences, docs) == power(shifted, docs)


def test_five_documents_can_show_nothing() -> None:
    differences, docs = study(np.random.default_rng(5), 0.2, 5)
    assert power(differences, docs).smallest is None, "the least p of five flips is 2 / 32"


def test_arms_that_never_differ_tell_nothing_of_power() -> None:
    assert power([0.0] * 40, [str(i // 2) for i in range(40)]).smallest is None
