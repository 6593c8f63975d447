"""OHR-Bench's score is that of the published code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.datasets import Gold, Question
from eval.lcs import Retrieved, lcs_length, lcs_score, normalised_words, retrieval_score

words = st.lists(st.sampled_from("abcd"), max_size=12)


def by_table(one: list[str], other: list[str]) -> int:
    """The textbook's table, as upstream fills it."""
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one, 1):
        for j, b in enumerate(other, 1):
            table[i][j] = table[i - 1][j - 1] + 1 if a == b else max(table[i - 1][j], table[i][j - 1])
    return table[-1][-1]


@given(words, words)
def test_bits_give_what_the_table_gives(one: list[str], other: list[str]) -> None:
    assert lcs_length(one, other) == by_table(one, other) == lcs_length(other, one)


@pytest.mark.parametrize(
    ("retrieved", "evidence", "score"),
    [
        ("The gate is closed at high tide.", "gate closed at tide", 1.0),
        ("tide high gate", "gate high tide", 1 / 3),
        ("nothing", "gate closed", 0.0),
        ("", "gate", 0.0),
        ("gate", "", 0.5),
        ("A 3.5% loss", "the 35 loss", 1.0),
    ],
)
def test_hand_computed_scores(retrieved: str, evidence: str, score: float) -> None:
    assert lcs_score(retrieved, evidence) == pytest.approx(score)


def test_words_are_normalised_as_upstream_does() -> None:
    assert normalised_words("The $S_{pq}$, a-priori: an Apple!") == ["spq", "apriori", "apple"]


def question(*golds: Gold) -> Question:
    main = golds[0]
    return Question("q", main.doc, "?", "", "prose", main.pages[0], main.evidence, main.pages[1:], golds[1:])


def test_only_the_right_document_and_page_count() -> None:
    asked = question(Gold("d", {"text": "one two three four"}, (4, 5)))
    assert retrieval_score(asked, [Retrieved("e", "one two three four", (4,))]) == 0.0
    assert retrieval_score(asked, [Retrieved("d", "one two three four", (3,))]) == 0.0
    assert retrieval_score(asked, [Retrieved("d", "one two", (3, 4)), Retrieved("d", "four", ())]) == 0.75
    assert retrieval_score(asked, []) == 0.0


def test_the_best_of_several_places_counts() -> None:
    asked = question(Gold("d", {"text": "one two"}, (1,)), Gold("e", {"text": "three"}, (2,)))
    assert retrieval_score(asked, [Retrieved("d", "one", (1,)), Retrieved("e", "three", (2,))]) == 1.0
