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


@pytest.mark.parametrize("box", ["100,200,300,400", " 100,200,300,400", " 100, 200, 300, 400"])
def test_a_box_becomes_a_figure_in_points(box: str) -> None:
    written = read_conventions(f"before\n\n![image](image_1.png){box}\n\nafter", FRAME)
    assert written.markdown == "before\n\n![image](image_1.png)\n\nafter"
    assert written.figures == (Figure("image_1.png", (60.0, 160.0, 180.0, 320.0)),)
    assert written.bad_boxes == ()


@pytest.mark.parametrize("box", ["300,200,100,400", "0,0,1000,1000", "10,10,10,90", "0,0,10,1200", "-5,0,10,20"])
def test_a_box_that_cannot_be_is_told_and_not_used(box: str) -> None:
    written = read_conventions(f"![a plot](image_2.png){box}", FRAME)
    assert written.markdown == "![a plot](image_2.png)"
    assert written.figures == (Figure("image_2.png", None),)
    assert written.bad_boxes == (box,)


def test_figures_without_boxes_and_pictures_of_others() -> None:
    written = read_conventions("![image](image_1.png)\n![logo](https://x.org/a.png) 1,2,3,4", FRAME)
    assert written.figures == (Figure("image_1.png"),)
    assert written.markdown.endswith("1,2,3,4")


@given(st.text(alphabet="ab1 \\$()[]{}`_^=\n!,image", max_size=60) | st.sampled_from(sorted(CASES)))
def test_twice_is_once(text: str) -> None:
    once = read_conventions(text, FRAME).markdown
    assert read_conventions(once, FRAME).markdown == once
