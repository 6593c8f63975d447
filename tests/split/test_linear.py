"""Twice the text costs about twice the work, on texts made to be slow."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from rag_ingest.parse import parse_markdown
from rag_ingest.split import SplitOptions, split

NASTY: dict[str, Callable[[int], str]] = {
    "unclosed dollars": lambda n: "$$ a = b\n\n" * n,
    "unclosed dollars and prose": lambda n: "$$ a\n\nThe quick brown fox jumps over it.\n\n" * n,
    "unclosed brackets": lambda n: "\\[ a = b\n\n" * n,
    "unclosed environments": lambda n: "".join(f"\\begin{{{'align' if i % 2 else 'gather'}}}\na\n\n" for i in range(n)),
    "unclosed fences": lambda n: "```python\nx = 1\n\n" * n,
    "fences of every length": lambda n: "".join(
        "`" * (3 + i % 40) + "a\n\nprose of some six words here.\n\n" for i in range(n)
    ),
    "unclosed tables": lambda n: "<table><tr><td>x\n\nThe quick brown fox.\n\n" * n,
    "unclosed comments": lambda n: "<!-- a\n\nb\n\n" * n,
    "closing tags": lambda n: "</table>\n</td>\n" * n,
    "open cells on a line": lambda n: "<table><tr>" + "<td " * n,
    "open brackets": lambda n: "[" * n + "\n\n" + "![" * n,
    "images on a line": lambda n: "![a](b) " * n + "x",
    "dollars on a line": lambda n: "$ x " * n + "\n\n" + "\\( " * n,
    "backticks": lambda n: "` `` ``` " * n,
    "dots after a formula": lambda n: "$$x$$" + "." * n + "x",
    "quotes": lambda n: "> a\n> ```\n\n" * n,
    "deep quote": lambda n: "> " * n + "x",
    "deep list": lambda n: "- " * n + "x",
    "list items": lambda n: "- a b\n" * n,
    "ordered items": lambda n: "1. a\n\n   b\n" * n,
    "footnotes": lambda n: "[^1]: a\n\n" * n,
    "headings alone": lambda n: "# A b\n\n" * n,
    "tiny sections": lambda n: "# A\n\nb\n\n" * n,
    "one paragraph": lambda n: "One word. " * n,
    "one sentence": lambda n: "word " * n,
    "one word": lambda n: "x" * (8 * n),
    "one CJK sentence": lambda n: "数" * (2 * n),
    "joined emoji": lambda n: "👩‍" * n,
    "pipe rows": lambda n: "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * n,
    "HTML rows": lambda n: "<table><tr><th>a</th></tr>" + "<tr><td rowspan=9>x</td></tr>" * n + "</table>",
    "formula rows": lambda n: "$$\n" + "a &= b \\\\\n" * n + "$$",
    "code lines": lambda n: "```\n" + "x = 1\n" * n + "```",
    "blank lines": lambda n: "\n" * (4 * n) + "x",
    "spaces": lambda n: "a" + " " * (4 * n) + "b",
    "references": lambda n: "# References\n\n" + "[1] A. B. C.\n" * n,
}
N = 500


class Work:
    """Counts words, and the characters that it was asked to look at."""

    def __init__(self) -> None:
        self.characters = 0

    def __call__(self, text: str) -> int:
        self.characters += len(text)
        return (len(text) + 3) // 4


def work(text: str) -> tuple[int, float]:
    counter = Work()
    start = time.process_time()
    list(split(parse_markdown(text), SplitOptions(), counter, 64))
    return counter.characters, time.process_time() - start


@pytest.mark.parametrize("name", sorted(NASTY))
def test_four_times_the_text_costs_about_four_times_the_work(name: str) -> None:
    small, large = NASTY[name](N), NASTY[name](4 * N)
    (few, fast), (many, slow) = work(small), work(large)
    assert many <= 5 * few + 4000
    assert many <= 12 * len(large) + 4000, "a character is counted a few times at most"
    if slow > 8 * fast + 0.05:  # a busy machine, or more than linear: 16 is quadratic
        fast, slow = (min(work(text)[1] for _ in range(3)) for text in (small, large))
    assert slow <= 8 * fast + 0.05
