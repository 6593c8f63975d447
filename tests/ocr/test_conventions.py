r"""One golden table of what the variants write and what is made of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag_ingest.ocr.conventions import read_conventions
from rag_ingest.types import Figure

FRAME = (600.0, 800.0)
CASES = {
    r"so \(x_1 + y\) holds": "so $x_1 + y$ holds",
    r"so \( n \) holds": "so $n$ holds",
    "\\[\nE = mc^2\n\\]": "$$\nE = mc^2\n$$",
    r"let \$x\$ and \$\alpha\$": r"let $x$ and $\alpha$",
    r"\$\$a = b\$\$": "$$a = b$$",
    r"costs \$5 and \$6": r"costs \$5 and \$6",
    r"from \$5 = 2 pounds to \$6": r"from \$5 = 2 pounds to \$6",
    r"see \[1\] and \[2, 3\]": r"see \[1\] and \[2, 3\]",
    r"a note \(see below\) here": r"a note \(see below\) here",
    r"$a$ and $$b$$": "$a$ and $$b$$",
    r"$$\begin{matrix} a \\[4pt] b \end{matrix}$$": r"$$\begin{matrix} a \\[4pt] b \end{matrix}$$",
    r"code `\(x_1\)` stays": r"code `\(x_1\)` stays",
    "```\n\\(x_1\\)\n![image](image_1.png)1,2,3,4\n```": "```\n\\(x_1\\)\n![image](image_1.png)1,2,3,4\n```",
    '<table><tr><td colspan="2">a</td></tr></table>': '<table><tr><td colspan="2">a</td></tr></table>',
    "  # Title \n": "# Title",
}


@pytest.mark.parametrize("text", CASES)
def test_conventions(text: str) -> None:
    assert read_conventions(text, FRAME).markdown == CASES[text]


BOXES = [
    "100,200,300,400",
    " 100,200,300,400",
    " 100, 200, 300, 400",
    " 100.0, 200.00,300 ,400",
    "[100,200,300,400]",
    " (100, 200, 300, 400)",
    r"\[100,200,300,400\]",
    " [100 200 300 400]",
    "\n100,200,300,400",
    "  \n [100, 200, 300, 400] ",
]


@pytest.mark.parametrize("box", BOXES)
def test_a_box_becomes_a_figure_in_points(box: str) -> None:
    written = read_conventions(f"before\n\n![image](image_1.png){box}\n\nafter", FRAME)
    assert written.markdown == "before\n\n![image](image_1.png)\n\nafter"
    assert written.figures == (Figure("image_1.png", (60.0, 160.0, 180.0, 320.0)),)
    assert written.bad_boxes == ()


@pytest.mark.parametrize(
    ("box", "told"),
    [
        ("300,200,100,400", "300 200 100 400 of 1000: inverted"),
        ("10,10,10,90", "10 10 10 90 of 1000: inverted"),
        ("0,0,1000,1000", "0 0 1000 1000 of 1000: the whole page"),
        ("0,0,10,1200", "0 0 10 1200 of 1000: outside the page"),
        ("-5,0,10,20", "-5 0 10 20 of 1000: outside the page"),
        ("100,200,300,400000", "100 200 300 400000 of 1000: outside the page"),
        ("[1,2,3]", "1 2 3 of 1000: 3 numbers"),
        ("1,2,3,4,5", "1 2 3 4 5 of 1000: 5 numbers"),
        ("1,2,3,4 5,6,7,8", "1 2 3 4 5 6 7 8 of 1000: 8 numbers"),
        ("1,2,3,4\n5,6,7,8\n9,10,11,12", "1 2 3 4 5 6 7 8 … of 1000: 12 numbers"),
    ],
)
def test_a_box_that_cannot_be_is_told_and_not_used(box: str, told: str) -> None:
    written = read_conventions(f"![a plot](image_2.png){box}", FRAME)
    assert written.markdown == "![a plot](image_2.png)"
    assert written.figures == (Figure("image_2.png", None),)
    assert written.bad_boxes == (f"image_2.png {told}",)


@pytest.mark.parametrize(
    "behind",
    [
        "\n10, 20, 30, 40 and more",
        "\n\n10, 20, 30, 40",
        "\n10, 20, 30",
        " 1, 2, 3 and 4 of them",
        " 1,200,300 of them",
        " 10, 20, 30, 40, 50, 60, 70",
        " 10 20 30 40",
        "\n1,2,3,4`a`",
        " [1]",
    ],
)
def test_numbers_that_are_no_box_stay(behind: str) -> None:
    text = f"![image](image_1.png){behind}"
    assert read_conventions(text, FRAME).markdown == text


def test_figures_without_boxes_and_pictures_of_others() -> None:
    written = read_conventions("![image](image_1.png)\n![logo](https://x.org/a.png) 1,2,3,4", FRAME)
    assert written.figures == (Figure("image_1.png"),)
    assert written.markdown.endswith("1,2,3,4")


BOX_PARTS = ["![image](image_1.png)", "1,2,3,4", "5,6,7", "9, 10", "[1,2,3,4]", ",", ".5", "-", "a", "x_1 = y"]
MARKS = [r"\[", r"\]", "`", "```\n", " ", "\n", "\r", "\n\n"]


@given(
    st.text(alphabet="ab1 \\$()[]{}`_^=\n!,image", max_size=60)
    | st.lists(st.sampled_from(BOX_PARTS + MARKS), max_size=14).map("".join)
    | st.sampled_from(sorted(CASES))
)
def test_twice_is_once(text: str) -> None:
    once = read_conventions(text, FRAME).markdown
    assert read_conventions(once, FRAME).markdown == once
