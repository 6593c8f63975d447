"""Display equations: TeX that always parses, scripts and fractions where they are seen."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from rag_ingest.ocr.layout_glyphs import split_scripts
from rag_ingest.ocr.layout_lines import Line, Run
from rag_ingest.ocr.layout_math import equation, equation_number, to_tex
from rag_ingest.ocr.layout_rules import Ink, Rule

BLIND = Ink(None, (600.0, 800.0))


def run(text: str, left: float, top: float, *, size: float = 10.0) -> Run:
    return Run(text, (left, top, left + 0.5 * size * len(text), top + 0.7 * size), size, False)


def tex(runs: list[Run], bars: list[Rule] | None = None) -> str:
    return equation([Line((r,)) for r in runs], bars or [], BLIND, 10.0)


def test_small_and_shifted_becomes_a_script():
    assert (
        tex([run("x", 50, 100), run("i", 56, 104, size=7), run("=", 62, 100), run("y", 70, 100)]) == "$$\nx_{i} = y\n$$"
    )
    assert tex([run("x", 50, 100), run("2", 56, 97, size=7)]) == "$$\nx^{2}\n$$"


def test_a_bar_with_something_above_and_below_is_a_fraction():
    made = tex([run("a", 70, 92), run("b", 70, 106), run("c", 90, 99)], [Rule(68, 78, 102.5)])
    assert made == "$$\n\\frac{a}{b} c\n$$"


def test_a_minus_is_no_fraction_bar():
    minus = Run("−", (70, 102, 78, 103), 10.0, False)
    assert "frac" not in tex([run("a", 70, 92), minus, run("b", 70, 106)], [Rule(70.5, 77.5, 102.5)])


def test_limits_belong_to_their_sign():
    parts = [
        run("n", 71, 90, size=7), run("∑", 70, 99), run("i=1", 68, 109, size=7),
        run("a", 80, 99), run("i", 86, 103, size=7),
    ]  # fmt: skip
    assert tex(parts) == "$$\n\\sum_{i=1}^{n} a_{i}\n$$"


def test_the_number_becomes_a_tag():
    made = tex([run("E", 50, 100), run("=", 60, 100), run("m", 70, 100), run("(3)", 300, 100)])
    assert made == "$$\nE = m \\tag{3}\n$$"


@pytest.mark.parametrize(
    ("text", "number"),
    [("(3)", "3"), ("(A.1)", "A.1"), ("(2.10a)", "2.10a"), ("(x)", None), ("3", None), ("(1999)", None)],
)
def test_equation_numbers(text: str, number: str | None):
    assert equation_number(text) == number


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("α", r"\alpha"), ("≤", r"\leq"), ("∂x", r"\partial x"), ("max", r"\max"), ("softmax", r"\mathrm{softmax}"),
        ("−", "-"), ("a_b", r"a\_b"), ("50%", r"50\%"), ("x²", "x^2"), ("𝑥", "x"), ("αβ", r"\alpha\beta"),
    ],
)  # fmt: skip
def test_characters_in_tex(text: str, wanted: str):
    assert to_tex(text) == wanted


def balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text.replace("\\\\", "")):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


characters = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=6)
atoms = st.tuples(characters, st.floats(0, 200), st.floats(0, 60), st.sampled_from([5.0, 7.0, 10.0, 12.0]))
strokes = st.builds(lambda x, w, y: Rule(x, x + w, y), st.floats(0, 150), st.floats(3, 60), st.floats(0, 60))


@given(st.lists(atoms, min_size=1, max_size=12), st.lists(strokes, max_size=4))
def test_whatever_stands_there_the_block_is_whole(raw: list[tuple[str, float, float, float]], bars: list[Rule]):
    made = tex([run(text, x, y, size=size) for text, x, y, size in raw], bars)
    if made:
        assert made.startswith("$$\n")
        assert made.endswith("\n$$")
        inner = made[3:-3]
        assert balanced(inner)
        assert "$$" not in inner
        assert all(line.strip() for line in inner.split("\n"))
        assert not re.search(r"\^\{[^{}]*\}\^|_\{[^{}]*\}_", inner)


def test_the_image_tells_an_index_from_a_letter():
    image = Image.new("RGB", (200, 200), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 20, 30, 33), fill="black")  # a capital of 20 px type: 0.67 em tall, foot at 33
    draw.rectangle((34, 28, 40, 37), fill="black")  # a figure at 0.7 of that, foot below the line
    found = split_scripts(Run("K1", (20, 20, 41, 38), 20.0, False), Ink(image, (200.0, 200.0)), 20.0)
    assert [(part.text, part.script) for part in found] == [("K", ""), ("1", "_")]
