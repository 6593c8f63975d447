from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.quality.content import Content, read_content
from eval.quality.formulas import FormulaScore, compare_formulas, formula_tokens
from eval.quality.katex import KATEX_VARIABLE, Katex, load_katex, reduce_mathml

MAXWELL = r"\nabla \times \mathbf{E} = -\frac{\partial \mathbf{B}}{\partial t}"
EULER = r"e^{i\pi} + 1 = 0"


@pytest.fixture(scope="module")
def katex() -> Katex:
    loaded = load_katex()
    assert isinstance(loaded, Katex), loaded
    return loaded


def content(*formulas: str, inline: tuple[str, ...] = ()) -> Content:
    return Content((), (), formulas, inline)


@pytest.mark.parametrize(
    ("markdown", "formulas"),
    [
        ("$$\nx = 1\n$$", ("x = 1",)),
        ("\\[x = 1\\]", ("x = 1",)),
        ("$$x = 1$$ (3)", ("x = 1",)),
        ("as in $$x = 1$$ and so on", ("x = 1",)),
        ("\\begin{align}x &= 1\\end{align}", ("\\begin{align}x &= 1\\end{align}",)),
        ("$$\\documentclass{m}\n\\begin{document}$$x = 1$$\\end{document}$$", ("x = 1",)),
        ("as shown before \\[6, 7\\] by others", ()),
        ("costs $5 and $6", ()),
    ],
)
def test_display_formulas_are_found(markdown: str, formulas: tuple[str, ...]) -> None:
    assert read_content(markdown).formulas == formulas


def test_formulas_in_lines_are_found() -> None:
    assert read_content("where $x_1$ and \\(y\\) cost $5 each").inline == ("x_1", "y")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (r"a_1, \dots, a_n", "a_1, . . . , a_n"),
        (r"a_1 + \cdots + a_n", r"a_1 + \cdot \cdot \cdot + a_n"),
        (r"\ensuremath{\boldsymbol{x}} = 1", "x = 1"),
        (r"\left. f \right|_{0}", "f|_0"),
        (r"\begin{array}{l l}{a,}\\ {b.}\end{array}", r"\begin{aligned}a\\b\end{aligned}"),
    ],
)
def test_what_is_written_differently_has_the_same_tokens(a: str, b: str) -> None:
    assert formula_tokens(a) == formula_tokens(b)


def test_one_wrong_token_of_five(katex: Katex) -> None:
    (score,) = compare_formulas(content("x + y = z"), content("x + y = 2"), katex)
    assert score == FormulaScore(exact=False, similarity=pytest.approx(4 / 5), rendered=False)


def test_spacing_style_and_punctuation_do_not_matter(katex: Katex) -> None:
    (score,) = compare_formulas(content(MAXWELL), content(r"\nabla\times E=-\dfrac{\partial B}{\partial t}\,."), katex)
    assert score == FormulaScore(exact=True, similarity=1.0, rendered=True)


def test_how_lines_are_set_does_not_matter(katex: Katex) -> None:
    other = r"\begin{array}{r l}{x}&{=1,}\\ {y}&{=\{2\}\setminus A.}\end{array}"
    (score,) = compare_formulas(
        content(r"\begin{aligned}x &= 1 \\ y &= \{2\}\backslash A\end{aligned}"), content(other), katex
    )
    assert score.rendered is True
    assert score.similarity > 0.8


def test_a_dropped_formula_scores_zero_and_the_others_keep_theirs(katex: Katex) -> None:
    scores = compare_formulas(content(MAXWELL, EULER), content(EULER), katex)
    assert scores == [FormulaScore(False, 0.0, False), FormulaScore(True, 1.0, True)]


def test_order_does_not_matter_and_a_formula_in_a_line_counts(katex: Katex) -> None:
    scores = compare_formulas(content(MAXWELL, EULER), content(EULER, inline=(MAXWELL,)), katex)
    assert [score.exact for score in scores] == [True, True]


def test_each_formula_of_the_output_is_taken_once() -> None:
    scores = compare_formulas(content(EULER, EULER), content(EULER), None)
    assert sorted(score.similarity for score in scores) == [0.0, 1.0]
    assert all(score.rendered is None for score in scores)


def test_what_katex_can_not_set_is_not_judged_by_looks(katex: Katex) -> None:
    (score,) = compare_formulas(content(r"\unknownmacro{x}"), content("x"), katex)
    assert score.rendered is None


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (r"a^{2}+b^{2}=c^{2}", "a^2 + b^2 = c^2"),
        (r"\left(\frac12\right)", r"(\frac{1}{2})"),
        (r"\begin{aligned}x &= y\end{aligned}", "x = y"),
        (r"u \in\left(R / x_{i}\right)^{\times}", r"u \in (R/x_i)^\times"),
        (r"\operatorname{Ann}_R x", r"\mathrm{Ann}_{R}\, x"),
        (r"\sum_{i=1}^{n} i", r"\sum\nolimits_{i=1}^n i"),
        (r"\ensuremath{x} \label{eq:x}", "x"),
        (r"a_1, \dots, a_n + \cdots", r"a_1, ..., a_n + \cdot \cdot \cdot"),
        (r"\begin{aligned}x &= 1, \\ y &= 2\end{aligned}", r"x = 1 \\ y = 2."),
        (r"\mbox{$| x \rangle$}", r"|x\rangle"),
        (r"\begin{eqnarray*}x&=&1\\y&=&2\end{eqnarray*}", r"\begin{aligned}x&=1\\y&=2\end{aligned}"),
    ],
)
def test_what_looks_alike_is_drawn_alike(a: str, b: str, katex: Katex) -> None:
    assert katex.drawn(a) is not None
    assert katex.drawn(a) == katex.drawn(b)


@pytest.mark.parametrize(
    ("a", "b"), [(r"x \\ y", "xy"), ("x^2", "x_2"), ("x^2", "x2"), (r"\hat{x}", "x"), (r"\frac{a}{b}", "ab")]
)
def test_what_looks_different_is_drawn_differently(a: str, b: str, katex: Katex) -> None:
    assert katex.drawn(a) != katex.drawn(b)


def test_long_formulas_are_set(katex: Katex) -> None:
    assert katex.drawn(" + ".join(rf"\frac{{x_{{{i}}}}}{{y}}" for i in range(300)))


def test_hostile_macros_end(katex: Katex) -> None:
    assert katex.drawn(r"\def\a{\a\a}\a") is None


def test_mathml_is_reduced_to_what_is_drawn() -> None:
    mathml = (
        '<math xmlns="http://www.w3.org/1998/Math/MathML"><semantics><mrow><msup><mi>e</mi><mrow><mi>i</mi><mi>π</mi>'
        '</mrow></msup><mspace width="1em"/><mo>−</mo><mn>1</mn><mo>.</mo></mrow><annotation>e</annotation>'
        "</semantics></math>"
    )
    assert reduce_mathml(mathml) == "e^⟦iπ⟧-1"


def test_a_script_that_can_not_be_used_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KATEX_VARIABLE, str(tmp_path / "katex.min.js"))
    assert "katex.min.js can't be read" in str(load_katex())
    (tmp_path / "katex.min.js").write_text("var x = 1;")
    assert "not KaTeX" in str(load_katex())


@settings(deadline=None)
@given(st.lists(st.text("xy+=12^_", min_size=1, max_size=6), max_size=4))
def test_identity_is_one(formulas: list[str]) -> None:
    scores = compare_formulas(content(*formulas), content(*formulas), None)
    assert len(scores) == sum(bool(formula_tokens(tex)) for tex in formulas)
    assert all(score.exact for score in scores)


@settings(deadline=None)
@given(st.text("xy+=12", min_size=1, max_size=8), st.text("xy+=12", min_size=1, max_size=8))
def test_symmetric_and_bounded(a: str, b: str) -> None:
    (one,), (other,) = compare_formulas(content(a), content(b), None), compare_formulas(content(b), content(a), None)
    assert one == other
    assert 0.0 <= one.similarity <= 1.0
