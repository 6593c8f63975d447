from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.quality.content import normal, read_content
from eval.quality.text import TextScore, compare_text

PARAGRAPHS = [
    "The tide gauge at the northern pier was read every six minutes between March and October of that year.",
    "Salinity was measured with a handheld probe that had been calibrated against seawater from open sea stations.",
    "Both series were detrended by a moving average over forty days before any spectrum was calculated from them.",
    "Storm surges above two metres occurred on eleven days, most of them in a single week of early autumn.",
]

words = st.lists(st.sampled_from(["lorem", "ipsum", "dolor", "sit", "amet", "1", "22", "333"]), max_size=12)
documents = st.lists(words.filter(bool), max_size=6)


def score(truth: str, output: str) -> TextScore:
    return compare_text(read_content(truth).blocks, read_content(output).words)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("the co-\nefficient", "the coefficient"),
        ("an of\ufb01ce", "an office"),
        ("**bold** and _slanted_", "bold and slanted"),
        ("see [the table](#tab-1)", "see the table"),
        ('Table <a href="#tab:one">2</a> shows', "Table 2 shows"),
        ("$T_{\\mathrm{head}}$ rises", "T<sub>head</sub> rises"),
        ("a claim[^3]", "a claim"),
        ("![a figure](figures/one.png) left", "left"),
        ("at \u22125 °C", "at -5 °C"),
    ],
)
def test_what_is_said_the_same_is_the_same(a: str, b: str) -> None:
    assert normal(a) == normal(b)


def test_a_minus_sign_is_not_lost() -> None:
    assert normal("a change of -5") != normal("a change of 5")


def test_tables_and_display_formulas_are_no_text() -> None:
    content = read_content("One.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n$$x = 1$$\n\nTwo with $$y = 2$$ inside.\n")
    assert content.words == ["one", "two", "with", "inside"]
    assert content.formulas == ("x = 1", "y = 2")
    assert len(content.tables) == 1


def test_prose_about_html_is_text() -> None:
    content = read_content("The tokens `<table>` and `</table>` open and close it.")
    assert content.tables == ()
    assert content.words == ["the", "tokens", "and", "open", "and", "close", "it"]


def test_swapped_digits_lower_similarity_by_their_characters() -> None:
    truth = "aaaa 12 bbbb"
    assert score(truth, "aaaa 21 bbbb").edit_similarity == pytest.approx(1 - 2 / 12)


def test_order_of_blocks_lowers_reading_order_alone() -> None:
    truth = "\n\n".join(PARAGRAPHS)
    moved = score(truth, "\n\n".join([PARAGRAPHS[0], PARAGRAPHS[2], PARAGRAPHS[3], PARAGRAPHS[1]]))
    assert moved.edit_similarity == moved.kept == 1.0
    assert moved.reading_order == pytest.approx(1 - 2 / 4)


def test_where_paragraphs_end_does_not_matter() -> None:
    truth = "\n\n".join(PARAGRAPHS)
    assert score(truth, " ".join(PARAGRAPHS)) == score(truth, truth)
    halves = [half for p in PARAGRAPHS for half in (p[:40], p[40:])]
    assert score(truth, "\n\n".join(halves)).edit_similarity > 0.98


def test_lost_and_invented_text_counts_in_full() -> None:
    truth = "\n\n".join(PARAGRAPHS)
    whole = len(" ".join(read_content(truth).words))
    lost = score(truth, "\n\n".join(PARAGRAPHS[:3]))
    gone = len(" ".join(normal(PARAGRAPHS[3]))) + 1
    assert lost.edit_similarity == pytest.approx(1 - gone / whole)
    assert lost.reading_order == 1.0
    assert lost.kept == pytest.approx(1 - len(normal(PARAGRAPHS[3])) / len(read_content(truth).words))
    more = score("\n\n".join(PARAGRAPHS[:3]), truth)
    assert more.edit_similarity == pytest.approx(1 - gone / whole)
    assert more.kept == 1.0


def test_another_text_scores_low_and_an_empty_one_zero() -> None:
    truth = "\n\n".join(PARAGRAPHS)
    assert score(truth, "").edit_similarity == 0.0
    assert score(truth, "").reading_order is None
    assert score(truth, "Completely different words about gardening 42. " * 9).edit_similarity < 0.4


@settings(deadline=None)
@given(documents)
def test_identity_is_one(truth: list[list[str]]) -> None:
    result = compare_text(truth, [word for block in truth for word in block])
    assert result.edit_similarity == result.kept == 1.0
    assert result.reading_order in (None, 1.0)


@settings(deadline=None)
@given(documents, documents)
def test_bounded(truth: list[list[str]], other: list[list[str]]) -> None:
    result = compare_text(truth, [word for block in other for word in block])
    assert 0.0 <= result.edit_similarity <= 1.0
    assert 0.0 <= result.kept <= 1.0
    assert result.reading_order is None or 0.0 <= result.reading_order <= 1.0


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_any_order_of_known_blocks_keeps_the_text(seed: int) -> None:
    blocks = [normal(p) for p in PARAGRAPHS]
    shuffled = random.Random(seed).sample(blocks, len(blocks))
    assert compare_text(blocks, [word for block in shuffled for word in block]).edit_similarity == 1.0
