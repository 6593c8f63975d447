"""Text that no recogniser should write costs time that is bounded, and nothing else."""

from __future__ import annotations

import time

import pytest

from rag_ingest.parse import parse_markdown
from tests.cpu import least_seconds
from tests.parse.papers import paper


@pytest.mark.parametrize(
    ("markdown", "repaired"),
    [
        ("$$\nx = 1\n\n# Next", True),
        ("\\[\nx = 1\n\n# Next", True),
        ("\\begin{align}\nx = 1\n\n# Next", True),
        ("```\ncode\n\nThis is prose, which ends the code here.", True),
        ("<table><tr><td>1\n\nText.", True),
        ("<!-- never closed\n\nText.", True),
        ("- a\n\n  ```\n  code", True),
        ("$$\nx = 1\n$$\n\n# Next", False),
        ("```\ncode\n```\n\nText.", False),
        ("<table><tr><td>1</td></tr></table>", False),
        ("Text.\n\n![f](f.png)", False),
    ],
)
def test_what_was_never_closed_says_so(markdown: str, repaired: bool) -> None:
    first, *others = parse_markdown(markdown).blocks
    assert first.repaired == repaired
    assert not any(block.repaired for block in others)
    assert paper(markdown).blocks[0].repaired == repaired


@pytest.mark.parametrize("text", ["\ud800 alone", "a\0b", "\x1c\x1d\x85", "\u2028", "\f", "\r\r\n\n", "\ufeff# T"])
def test_odd_characters_are_kept(text: str) -> None:
    paper(f"{text}\n\nwords", text, f"words\n\n{text}")


LONG = 2_000_000


@pytest.mark.parametrize(
    "line",
    ["x" * LONG, "word " * (LONG // 5), "| " * (LONG // 2), "<td>" * (LONG // 4), "*" * LONG, "12 " * (LONG // 3),
     "<tr>" * (LONG // 4), "<table>" + "<tr><td>" * (LONG // 8), "数" * LONG, "a-" * (LONG // 2),
     "$^{1}$" * (LONG // 6)],
    ids=lambda line: line[:8],
)  # fmt: skip
def test_one_line_of_megabytes(line: str) -> None:
    begun = time.process_time()
    paper(line, line)
    assert time.process_time() - begun < 12


def test_many_pages_take_time_in_proportion() -> None:
    def seconds(count: int) -> float:
        pages = [
            f"Header of it {i}\n\nSome text {i * 7919} that ends in the\n\n¹ Note {i}\n\n{i}" for i in range(count)
        ]
        return least_seconds(lambda: paper(*pages))

    small, large = seconds(200), seconds(800)
    assert large < 8 * small + 0.1
