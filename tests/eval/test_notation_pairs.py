"""Nasty pairs: the same thing written by different hands gives the same tokens, and look-alikes don't."""

from __future__ import annotations

import pytest

from eval.normalise import tex_tokens, text_tokens
from eval.relevance import Judge

SAME_WORDS = [
    ("hyphen at a line end", "cooper-\nate", "cooperate"),
    ("soft hyphen", "co\u00adoper\u00adate", "cooperate"),
    ("PDFium's broken word", "cooper\ufffe\nate", "cooperate"),
    ("non-breaking hyphen", "well\u2011known", "well-known"),
    ("ligatures", "\ufb01nal \ufb02ow o\ufb03ce", "final flow office"),
    ("decomposed accents", "cafe\u0301", "café"),
    ("full-width digits", "\uff13\uff15 points", "35 points"),
    ("no-break space", "5\u00a0kg", "5 kg"),
    ("zero-width space", "zero\u200bwidth", "zerowidth"),
    ("thousands: comma", "1,234,567", "1234567"),
    ("thousands: thin space", "12\u2009345", "12345"),
    ("thousands: narrow no-break space", "12\u202f345", "12345"),
    ("thousands: TeX", "12\\,345", "12345"),
    ("minus and hyphen", "\u22123.5", "-3.5"),
    ("minus and dash", "\u22123.5", "\u20133.5"),
    ("subscript: TeX and HTML", "$T_{\\mathrm{head}}$", "T<sub>head</sub>"),
    ("subscript: HTML and plain", "T<sub>head</sub>", "Thead"),
    ("chemistry", "H$_2$O", "H<sub>2</sub>O"),
    ("power of ten", "$10^{-3}$", "10<sup>\u22123</sup>"),
    ("superscript digit", "x\u00b2", "x^2"),
    ("mathematical italics", "\U0001d465 grows", "x grows"),
    ("micro sign and mu", "5 \u00b5m", "5 \u03bcm"),
    ("unit in TeX", "$5\\,\\mathrm{\\mu m}$", "5 μm"),
    ("per cent", "10\\,\\%", "10 %"),
    ("less than", "$p<0.05$", "p &lt; 0.05"),
    ("times", "$3\\times 3$", "3×3"),
    ("emphasis", "**bold** and \\emph{thin}", "bold and thin"),
    ("curly quotes", "\u201cquoted\u201d", '"quoted"'),
    ("sharp s", "Straße", "STRASSE"),
    ("Han across a line end", "模型\n训练", "模型训练"),
    ("Han with stray spaces", "模 型 训练", "模型训练"),
    ("kana", "テスト です", "テストです"),
    ("HTML and pipes", "<tr><td>Maren</td><td>6.7</td></tr>", "| Maren | 6.7 |"),
    ("pipes and columns", "| Maren | 6.7 |", "Maren    6.7"),
    ("escaped pipe", "| a \\| b | 3 |", "a | b  3"),
    ("entity", "fish &amp; chips", "fish & chips"),
]


@pytest.mark.parametrize(("one", "other"), [pair[1:] for pair in SAME_WORDS], ids=[pair[0] for pair in SAME_WORDS])
def test_same_words(one: str, other: str) -> None:
    assert text_tokens(one) == text_tokens(other) != ()


OTHER_WORDS = [
    ("Cyrillic look-alikes", "сор", "cop"),
    ("one Cyrillic letter", "\u0410lpha", "Alpha"),
    ("Greek omicron", "\u03bfmega", "omega"),
    ("decimal point", "3.5", "35"),
    ("decimal comma is a list", "3,5", "3.5"),
    ("thousands need three digits", "1,23", "123"),
    ("range", "1–5", "15"),
    ("spaced numbers", "12 345", "12345"),
    ("accent", "naïve", "naive"),
    ("comparison", "p < 0.05", "p > 0.05"),
    ("times and a letter", "3×3", "3x3"),
    ("Han", "模型", "型模"),
]


@pytest.mark.parametrize(("one", "other"), [pair[1:] for pair in OTHER_WORDS], ids=[pair[0] for pair in OTHER_WORDS])
def test_other_words(one: str, other: str) -> None:
    assert text_tokens(one) != text_tokens(other)


SAME_FORMULA = [
    ("signs", "α ≤ β", r"\alpha\leq\beta"),
    ("wide signs", "∑ ∫ ∂ ∇ ∞", r"\sum\int\partial\nabla\infty"),
    ("arrows", "a → b ⇒ c ↦ d", r"a \to b \implies c \mapsto d"),
    ("logic", "a ∧ b ∨ c", r"a \land b \lor c"),
    ("far apart", "a ≪ b ≫ c", r"a \ll b \gg c"),
    ("products", "a ⊙ b ⊗ c ⊕ d", r"a\odot b\otimes c\oplus d"),
    ("norm", "∥x∥", r"\lVert x \rVert"),
    ("floor", "⌊x⌋", r"\left\lfloor x \right\rfloor"),
    ("hat", "x\u0302", r"\hat{x}"),
    ("variants of letters", "ϵ ϕ", r"\varepsilon \varphi"),
    ("minus", "\u2212x", "-x"),
    ("mathematical italics", "\U0001d465 + \U0001d6fc", r"x + \alpha"),
    ("braces", "x_{1}", "x_1"),
    ("delimiters", r"\Big( x \Big)", "(x)"),
    ("roman names", r"\operatorname{softmax}(x)", r"\mathrm{softmax}(x)"),
    ("functions", r"\log x", "log x"),
    ("alignment", r"\begin{aligned} a &= b \\ &= c \end{aligned}", "a = b = c"),
    ("numbered", r"a = b \tag{3} \label{eq:x}", "a = b"),
    ("spacing", r"a\,b\;c\quad d", "a b c d"),
]


@pytest.mark.parametrize(("one", "other"), [pair[1:] for pair in SAME_FORMULA], ids=[pair[0] for pair in SAME_FORMULA])
def test_same_formula(one: str, other: str) -> None:
    assert tex_tokens(one) == tex_tokens(other) != ()


OTHER_FORMULA = [
    ("lost fraction", r"\frac{a}{b}", "a b"),
    ("power and index", "x^2", "x_2"),
    ("lost index", "x_i", "xi"),
    ("letters", r"\alpha", r"\beta"),
    ("Latin and Greek", r"\nu", "v"),
    ("order", "a_b", "b_a"),
]


@pytest.mark.parametrize(("one", "other"), [p[1:] for p in OTHER_FORMULA], ids=[pair[0] for pair in OTHER_FORMULA])
def test_other_formula(one: str, other: str) -> None:
    assert tex_tokens(one) != tex_tokens(other)


CELL = {"row": "Maren Lock", "column": "Two parameters / Night", "value": "1,260 $\\pm$ 0.5"}


@pytest.mark.parametrize(
    "table",
    [
        "<table><tr><th>Station</th><th colspan=2>Two parameters</th></tr><tr><th></th><th>Day</th><th>Night</th></tr>"
        "<tr><td>Maren Lock</td><td>8.3</td><td>1260 ± 0.5</td></tr></table>",
        "| Station | Two parameters / Day | Two parameters / Night |\n|-|-|-|\n| Maren Lock | 8.3 | 1,260 ± 0.5 |",
        "Station     Two parameters\n            Day      Night\nMaren Lock  8.3      1260±0.5",
        r"Station & \multicolumn{2}{c}{Two parameters} \\ & Day & Night \\ Maren Lock & 8.3 & $1\,260 \pm 0.5$ \\",
    ],
    ids=["HTML", "pipes", "columns", "TeX"],
)
def test_a_cell_is_found_in_every_writing_of_its_table(table: str) -> None:
    assert Judge(CELL).relevant(table)
