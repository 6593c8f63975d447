"""Any text without long repeats passes; any loop is noticed in time; what pages do repeat is let be."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.ocr.loops import (
    BARE_RUN,
    CELLS_RUN,
    LEAST_RUN,
    MOST_RUN,
    find_loop,
    loop_facts,
    pieces,
    repeated_line,
    without_loop,
)
from tests.cpu import least_seconds

WORDS = [f"{a}{b}{c}" for a in ("ka", "lo", "mi") for b in ("ren", "sut", "vel", "dap") for c in ("io", "ax", "um")]


def prose(seed: int, words: int) -> str:
    chosen = random.Random(seed)
    return " ".join(chosen.choice(WORDS) + ("." if chosen.random() < 0.1 else "") for _ in range(words))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=600))
def test_without_a_long_repeat_nothing_is_found(numbers: list[int]) -> None:
    words = [WORDS[n] for n in numbers]
    loop = find_loop(words, str)
    if loop is not None:
        repeated, before = words[loop.start + loop.period : loop.end], words[loop.start : loop.end - loop.period]
        assert repeated == before
        assert len(repeated) >= LEAST_RUN


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.lists(st.sampled_from(WORDS), min_size=1, max_size=150), st.integers(0, 10**6))
def test_any_periodic_tail_is_found_in_time(before: int, unit: list[str], seed: int) -> None:
    head = prose(seed, before).split()
    words = head + (unit * (900 // len(unit) + 2))
    loop = find_loop(words, str)
    assert loop is not None
    assert not loop.counting
    assert loop.end <= len(head) + len(unit) + MOST_RUN + 4
    kept = words[: loop.kept]
    assert kept == words[: len(kept)]
    assert len(head) - 4 <= loop.kept <= len(head) + 2 * len(unit) + 4, "the first copy stays, and little more"


@settings(max_examples=30, deadline=None)
@given(st.integers(201, 700), st.integers(0, 10**6))
def test_a_long_period_is_found_when_it_was_written_twice(period: int, seed: int) -> None:
    unit = [f"{word}{n}" for n, word in enumerate(prose(seed, period).split())]
    loop = find_loop(unit * 3, str)
    assert loop is not None
    assert (loop.start, loop.period) == (0, period)
    assert loop.end <= 2 * period


LEGITIMATE = {
    "contents": "\n".join(f"{n}.{m} {WORDS[(7 * n + m) % 36]} {'. ' * 60}{n * m}" for n in range(1, 9) for m in (1, 2)),
    "dotted line": "Signature " + "." * 250,
    "empty cells": "<table>" + ("<tr>" + "<td></td>" * 9 + "</tr>") * 12 + "</table>",
    "equal cells": "<table>"
    + "".join(f"<tr><td>{word}</td>{'<td>n.s.</td>' * 14}</tr>" for word in WORDS)
    + "</table>",
    "yes and no": "<table>" + ("<tr>" + "<td>yes</td><td>no</td>" * 5 + "</tr>") * 3 + "</table>",
    "matrix of zeros": r"$$\begin{pmatrix}" + r"\\".join(["0 & 0 & 0 & 0 & 0 & 0 & 0 & 0"] * 12) + r"\end{pmatrix}$$",
    "pipe table": "\n".join(["| 0 | 0 | 0 | 0 | 0 | 0 |"] * 20),
    "references": "\n".join(f"[{n}] {prose(n, 18)}, Journal of {WORDS[n % 36]}, 20{n % 20:02d}." for n in range(60)),
    "numbered results": "\n".join(f"{n}. {WORDS[n % 36]} was {n / 7:.3f} m." for n in range(40)),
    "figures": "\n\n".join(f"![image](image_{n}.png)\n\nFigure {n}. {prose(n, 12)}" for n in range(30)),
}


@pytest.mark.parametrize("name", LEGITIMATE)
def test_what_pages_repeat_is_let_be(name: str) -> None:
    assert without_loop(LEGITIMATE[name]) == (LEGITIMATE[name], None)
    assert repeated_line(LEGITIMATE[name]) is None


LOOPS = {
    "a word": (" the" * 400, MOST_RUN),
    "a sentence": ("The results are shown in the table below. " * 60, MOST_RUN),
    "a paragraph": ((prose(3, 70) + "\n\n") * 8, MOST_RUN),
    "a row of words": ("<tr><td>Temperature coefficient</td><td>0.5</td></tr>" * 60, MOST_RUN),
    "dots": (". " * 800, BARE_RUN),
    "digits": ("0.000 " * 400, BARE_RUN),
    "cells": ("<td>0</td>" * 400, CELLS_RUN),
    "counting": ("".join(f"Figure {n}. The distribution of values.\n" for n in range(1, 80)), 400),
    "counting shortly": ("".join(f"Section {n}, " for n in range(1, 400)), 200),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_of_every_kind_are_found_in_time_and_cut(name: str) -> None:
    looping, most = LOOPS[name]
    head = prose(9, 150) + "\n\n"
    text, loop = without_loop(head + looping)
    assert loop is not None
    assert loop.end <= len(pieces(head)) + loop.period + most + 8
    assert text.startswith(head.strip())
    assert (head + looping).startswith(text)
    assert loop.counting == name.startswith("counting")
    if not loop.counting:
        assert len(pieces(text)) <= len(pieces(head)) + 2 * loop.period + 8
    assert loop_facts(loop)["loop"]["period"] == loop.period


def test_pieces_lose_nothing() -> None:
    for text in [*LEGITIMATE.values(), "tab\there\r\nand\x0cthere 漢字かな ¿é?", ""]:
        assert "".join(pieces(text)) == text


def test_a_line_that_comes_again_and_again_between_others() -> None:
    line = "The authors declare no competing interests."
    lines = [part for n in range(10) for part in (line, *([prose(n, 9)] if n % 2 else []))]
    assert repeated_line("\n".join(lines)) == (line, 10)
    assert repeated_line("\n".join(lines[:9])) is None


def test_the_time_is_linear() -> None:
    def seconds(count: int) -> float:
        words = prose(1, count).split()
        assert find_loop(words, str) is None
        return least_seconds(lambda: find_loop(words, str))

    assert seconds(40_000) < 32 * max(seconds(5_000), 0.005), "eight times the words, and a busy machine"
