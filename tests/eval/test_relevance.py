"""Relevance is judged on the words, not on the notation; near misses stay misses."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.normalise import tex_tokens, text_tokens
from eval.relevance import THRESHOLD, WINDOW_SLACK, Judge, coverage, holds_value

SAME_TEXT = [
    ("the temperature obeys", "the temper\ufffeature obeys"),
    ("the temperature obeys", "the temper-\nature obeys"),
    ("the temperature obeys", "the temper\u00ad\nature obeys"),
    ("a one-parameter variant", "a one-\nparameter variant"),
    ("efficient flow", "e\ufb03cient \ufb02ow"),
    ("with $T_{\\mathrm{head}}$ above", "with 𝑇head above"),
    ("with $T_{\\mathrm{head}}$ above", "with T<sub>head</sub> above"),
    ("a cost of $1.1\\cdot10^{21}$", "a cost of 1.1 · 1021"),
    ("1,260 plates", "1260 plates"),
    ("lag $\\tau$ (min)", "lag 𝜏 (min)"),
    ("a **bold** and _thin_ word", "a bold and thin word"),
    ("0.65 $\\pm$ 0.05", "0.65±0.05"),
    ("fish &amp; chips 100&nbsp;%", "fish & chips 100 %"),
    ("<td>20 °C</td><td>24.6</td>", "20 °C 24.6"),
    ("values \\$5 and \\_id", "values $5 and _id"),
]


@pytest.mark.parametrize(("one", "other"), SAME_TEXT)
def test_notation_does_not_matter(one: str, other: str) -> None:
    assert text_tokens(one) == text_tokens(other)


DIFFERENT_TEXT = [("6.7", "16.7"), ("1:10", "1:100"), ("3.5", "35"), ("p < 0.05", "p > 0.05"), ("1–5", "15")]


@pytest.mark.parametrize(("one", "other"), DIFFERENT_TEXT)
def test_different_numbers_stay_different(one: str, other: str) -> None:
    assert text_tokens(one) != text_tokens(other)


SAME_TEX = [
    (r"\dfrac{a}{b} \le c", r"\frac{a}{b}\leq c"),
    (r"\left( \mathrm{log}\, x \right)", r"( \log x )"),
    (r"\varepsilon_{n,k}", r"\epsilon_{n, k}"),
    (r"\lVert x \rVert", r"\| x \|"),
    (r"{\rm head} \quad \tag{3}", r"\text{head} \label{eq:h}"),
    (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", r"a = b c = d"),
    (r"\hat{T} \approx \sum \alpha", "T̂ ≈ ∑ α"),
    (r"a \neq b", "a ≠ b"),
]


@pytest.mark.parametrize(("one", "other"), SAME_TEX)
def test_tex_style_does_not_matter(one: str, other: str) -> None:
    assert tex_tokens(one) == tex_tokens(other)


def test_tex_structure_matters() -> None:
    assert tex_tokens(r"\frac{a}{b}") != tex_tokens("a b")
    assert tex_tokens("x^2") != tex_tokens("x_2")
    assert tex_tokens(r"\alpha") != tex_tokens(r"\beta")


def test_html_comparison_signs_are_no_tags() -> None:
    assert "b" in tex_tokens(r"a<b \text{ and } c>d")
    assert {"=", "<"} <= set(text_tokens("if a <b = c> d"))


TABLE = {"caption": "Errors", "row": "Maren Lock", "column": "Two parameters / Night", "value": "6.7", "cells": []}
HTML_TABLE = (
    "<table><thead><tr><th>Station</th><th colspan=2>Two parameters</th></tr><tr><th></th><th>Day</th><th>Night</th>"
    "</tr></thead><tr><td>Maren Lock</td><td>8.3</td><td>6.7</td></tr></table>"
)


@pytest.mark.parametrize(
    ("passage", "relevant"),
    [
        (HTML_TABLE, True),
        ("| Station | Two parameters / Day | Two parameters / Night |\n|-|-|-|\n| Maren Lock | 8.3 | 6.7 |", True),
        ("Two parameters\nStation Day Night\nMaren Lock 8.3 6.7", True),
        ("Station Day Night\nMaren Lock 8.3 6.7", False),
        ("Two parameters\nDay Night\nTolle Bay 7.4 6.7", False),
        ("Two parameters\nDay Night\nMaren Lock 8.3 16.7", False),
        ("Two parameters\nDay Night\nMaren Lock 8.3 6.75", False),
        ("Maren Lock 8.3 6.7", False),
        ("", False),
    ],
)
def test_table_needs_row_column_and_value(passage: str, relevant: bool) -> None:
    assert Judge(TABLE).relevant(passage) is relevant


@pytest.mark.parametrize(
    ("value", "passage", "found"),
    [
        ("0.84 ± 0.04c", "rats 0.84±0.04 c here", True),
        ("$1.1\\cdot10^{21}$", "cost 1.1 · 10 21 end", True),
        ("+++", "old +++ young", True),
        ("+", "old - young", False),
        ("15 mm", "15 cm", False),
        ("200–500", "200-500 nm", True),
        ("42.9", "142.9", False),
    ],
)
def test_short_values_match_exactly(value: str, passage: str, found: bool) -> None:
    assert holds_value(text_tokens(value), text_tokens(passage)) is found


FORMULA = {
    "tex": r"\Delta r \approx \frac{r}{2} \cdot \frac{T_{\rm head} - T_{\rm col}}{T_{\rm head} + 273.15}",
    "lead": "gives",
}


def test_formula_in_other_hand_writing_is_found() -> None:
    written = r"gives $$\Delta r\approx\dfrac{r}{2}\cdot\dfrac{T_\text{head}-T_\text{col}}{T_\text{head}+273.15}$$ so"
    assert Judge(FORMULA).coverage(written) == 1.0


@pytest.mark.parametrize(
    "passage",
    [
        r"$$c(T) = c_0 \sqrt{1 + \frac{T}{273.15}}$$",
        "The column temperature is not observed. We assume that it follows the head temperature as a system would, "
        "because the deck, the hood and the air below exchange heat slowly, at 273.15 K or so.",
        r"$$\tau \frac{\mathrm{d}\hat{T}}{\mathrm{d}t} = T_{\mathrm{head}}(t) - \hat{T}(t)$$",
    ],
)
def test_other_formulas_and_prose_are_not_the_formula(passage: str) -> None:
    assert not Judge(FORMULA).relevant(passage)


def test_scattered_words_are_no_evidence() -> None:
    evidence = [
        "records",
        "with",
        "wind",
        "above",
        "the",
        "limit",
        "were",
        "discarded",
        "because",
        "spray",
        "produces",
        "false",
        "echoes",
    ]
    scattered = [word for token in evidence for word in (token, "filler", "filler")]
    assert coverage(evidence, scattered) < THRESHOLD


@pytest.mark.parametrize("evidence", [{"lead": "x"}, {"text": " … "}, {"row": "a", "column": "b", "value": ""}])
def test_unusable_evidence_is_refused(evidence: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="evidence"):
        Judge(evidence)


words = st.lists(st.sampled_from("abcde"), max_size=12)


@given(words, words, words)
def test_evidence_inside_anything_is_fully_covered(before: list[str], evidence: list[str], after: list[str]) -> None:
    assert coverage(evidence, before + evidence + after) == (1.0 if evidence else 0.0)


@given(words.filter(bool), words)
def test_coverage_is_the_best_window(evidence: list[str], passage: list[str]) -> None:
    import math

    width = math.ceil(len(evidence) * WINDOW_SLACK)
    windows = [passage[i : i + width] for i in range(max(1, len(passage) - width + 1))]
    best = max((Counter(evidence) & Counter(window)).total() for window in windows)
    assert coverage(evidence, passage) == pytest.approx(best / len(evidence))


@given(words.filter(bool), words, words)
def test_more_text_never_hurts(evidence: list[str], passage: list[str], more: list[str]) -> None:
    assert coverage(evidence, passage + more) >= coverage(evidence, passage)


@given(st.text(max_size=60))
def test_any_text_can_be_normalised(text: str) -> None:
    assert all(token and not token.isspace() for token in (*text_tokens(text), *tex_tokens(text)))
