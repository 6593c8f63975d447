from __future__ import annotations

from typing import Any

import pytest

from eval.quality.katex import Katex, load_katex
from eval.quality.olmocr.cases import BaselineCase, MathCase, OrderCase, TableCase, TextCase
from eval.quality.olmocr.math import check_math, page_formulas
from eval.quality.olmocr.table import check_table
from eval.quality.olmocr.text import check_baseline, check_order, check_text
from eval.quality.olmocr.wording import wording

PAGE = "# Bones as manure\n\nThe *turnip* crop has been “ten-fold”,\nand in few less than four or five-fold.\n\n400"


def present(text: str, **more: Any) -> TextCase:
    return TextCase(pdf="a.pdf", page=1, id="a", type="present", text=text, **more)


def absent(text: str, **more: Any) -> TextCase:
    return TextCase(pdf="a.pdf", page=1, id="a", type="absent", text=text, **more)


def order(before: str, after: str, **more: Any) -> OrderCase:
    return OrderCase(pdf="a.pdf", page=1, id="a", type="order", before=before, after=after, **more)


def table(cell: str, **more: Any) -> TableCase:
    return TableCase(pdf="a.pdf", page=1, id="a", type="table", cell=cell, **more)


def math(tex: str, **more: Any) -> MathCase:
    return MathCase(pdf="a.pdf", page=1, id="a", type="math", math=tex, **more)


def baseline(**more: Any) -> BaselineCase:
    return BaselineCase(pdf="a.pdf", page=1, id="a", type="baseline", **more)


def test_wording() -> None:
    assert wording("a<br/>**b** __c__\n *d* <b>e</b> “f” – µ e\u0301") == 'a b c d e "f" - μ é'
    assert wording("*a\nb*") == "*a b*"


@pytest.mark.parametrize(
    ("case", "passes"),
    [
        (present('The turnip crop has been "ten-fold", and'), True),
        (present("The turnip crop has been nine-fold"), False),
        (present("The turnip crap has"), False),
        (present("The turnip crap has", max_diffs=1), True),
        (present("the TURNIP crop"), False),
        (present("the TURNIP crop", case_sensitive=False), True),
        (present("Bones", first_n=20), True),
        (present("400", first_n=20), False),
        (present("400", last_n=5), True),
        (present("Bones", last_n=5), False),
        (present("400", first_n=5, last_n=5), True),
        (absent("BRITISH HUSBANDRY"), True),
        (absent("400"), False),
        (absent("400", first_n=20), True),
        (absent("turnip crap", max_diffs=1), False),
    ],
)
def test_text(case: TextCase, passes: bool) -> None:
    assert (check_text(case, PAGE) == "") == passes


def test_a_page_shorter_than_the_text_holds_it_in_no_way() -> None:
    assert "only 1 characters" in check_text(present("a long phrase"), "\n")
    assert check_text(absent("a long phrase"), "\n") == ""


@pytest.mark.parametrize(
    ("case", "passes"),
    [
        (order("Bones as manure", "five-fold"), True),
        (order("five-fold", "Bones as manure"), False),
        (order("Bones as manure", "six-fold"), False),
        (order("six-fold", "400"), False),
        (order("Banes as manure", "five-fold"), False),
        (order("Banes as manure", "five-fold", max_diffs=1), True),
        (order("fold", "fold"), True),
    ],
)
def test_order(case: OrderCase, passes: bool) -> None:
    assert (check_order(case, PAGE) == "") == passes


PIPES = "| tree | width | age |\n|---|---|---|\n| oak | 12 | 80 |\n| elm | 7 | 35 |\n"
HTML = (
    "<table><tr><th>tree</th><th>width</th><th>age</th></tr><tr><td>oak</td><td>12</td><td>80</td></tr>"
    "<tr><td>elm</td><td>7</td><td>35</td></tr></table>"
)


@pytest.mark.parametrize("page", [PIPES, HTML])
@pytest.mark.parametrize(
    ("case", "passes"),
    [
        (table("12"), True),
        (table("13"), False),
        (table("7", up="12", left="elm", right="35"), True),
        (table("12", down="7"), True),
        (table("7", up="width"), False),
        (table("7", top_heading="width", left_heading="elm"), True),
        (table("7", top_heading="age"), False),
        (table("35", left_heading="oak"), False),
        (table("tree", up="oak"), False),
        (table("7", top_heading="widht"), False),
        (table("elm", top_heading="treee", max_diffs=1), True),
    ],
)
def test_table(case: TableCase, passes: bool, page: str) -> None:
    assert (check_table(case, page) == "") == passes


def test_table_reasons() -> None:
    assert check_table(table("12"), "no table here") == "no table on the page"
    assert check_table(table("12", up="age"), PIPES) == "up of '12' is 'width', not 'age'"
    assert check_table(table("12", ignore_markdown_tables=True), PIPES) == "no table on the page"


@pytest.fixture(scope="module", params=["katex", "tokens"])
def katex(request: pytest.FixtureRequest) -> Katex | None:
    loaded = load_katex()
    assert isinstance(loaded, Katex), loaded
    return loaded if request.param == "katex" else None


@pytest.mark.parametrize(
    ("case", "page", "passes"),
    [
        (math(r"e^{i \pi}+1=0"), r"Euler: $e^{i\pi} + 1 = 0$.", True),
        (math(r"e^{i \pi}+1=0"), r"Euler: \(e^{i\pi} + 1 = 0\).", True),
        (math(r"e^{i \pi}+1=0"), "$$\ne^{i\\pi} + 1 = 0\n$$", True),
        (math(r"e^{i \pi}+1=0"), r"\[f = g, \quad e^{i\pi} + 1 = 0\]", True),
        (math(r"e^{i \pi}+1=0"), r"$e^{i\pi} - 1 = 0$", False),
        (math(r"e^{i \pi}+1=0"), "e^{iπ} + 1 = 0", False),
        (math(r"\frac{a}{b}"), r"$\frac{b}{a}$", False),
        (math(r"e^{i \pi}+1=0", ignore_dollar_delimited=True), r"$e^{i\pi} + 1 = 0$", False),
    ],
)
def test_math(case: MathCase, page: str, passes: bool, katex: Katex | None) -> None:
    assert (check_math(case, page, katex) == "") == passes


def test_formulas_of_a_page_in_the_order_of_their_marks() -> None:
    assert page_formulas(r"$a$ \(b\) $$c$$ \[d\]") == ["b", "d", "c", "a"]


@pytest.mark.parametrize(
    ("case", "page", "passes"),
    [
        (baseline(), "Some text.", True),
        (baseline(), " \n---\n", False),
        (baseline(), "The end. " + "ha" * 40, False),
        (baseline(), "The end. " + "ha" * 30, True),
        (baseline(max_repeats=3), "abcabcabcabc", False),
        (baseline(), "text with 漢字", False),
        (baseline(), "text with 😀", False),
        (baseline(check_disallowed_characters=False), "text with 漢字", True),
        (baseline(max_length=10), "12345 67890!", True),
        (baseline(max_length=10), "12345 67890 1", False),
        (baseline(max_length=3), "![a long description](image.png)", False),
        (baseline(max_length=3, max_length_skips_image_alt_tags=True), "![a long description](image.png)", True),
    ],
)
def test_baseline(case: BaselineCase, page: str, passes: bool) -> None:
    assert (check_baseline(case, page) == "") == passes
