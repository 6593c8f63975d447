r"""Where display formulas stand in Markdown: `$$…$$`, `\[…\]` on lines of their own, and TeX environments.

A formula holds no blank line, so that a mark that is never closed costs no more than itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_DOLLARS = re.compile(r"(?<!\\)\$\$|\\\$\\\$")
_BRACKETED = re.compile(
    r"^[ \t>]*\\\[(?P<tex>(?:(?!\n[ \t]*\n|\\[\[\]]).)+)\\\][ \t.,;]*(?:\([\w.]+\))?[ \t]*$", re.M | re.S
)
_ENVIRONMENT = re.compile(
    r"\\begin\{(?P<name>(?:equation|align|alignat|flalign|gather|multline|eqnarray|displaymath)\*?)\}"
    r"(?P<tex>(?:(?!\n[ \t]*\n|\\end\{(?P=name)\}).)+)\\end\{(?P=name)\}",
    re.DOTALL,
)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_IS_TEX = re.compile(r"[\\^_={}]")


@dataclass(frozen=True, slots=True)
class Formula:
    """A display formula at [start, end) and its TeX without delimiters."""

    start: int
    end: int
    tex: str


def display_formulas(text: str) -> Iterator[Formula]:
    """In order, not overlapping."""
    end = 0
    for formula in sorted([*_between_dollars(text), *_marked(text)], key=lambda f: (f.start, -f.end)):
        if formula.start >= end and formula.tex:
            end = formula.end
            yield formula


def _between_dollars(text: str) -> Iterator[Formula]:
    opened: re.Match[str] | None = None
    for mark in _DOLLARS.finditer(text):
        if opened is None or opened[0] != mark[0] or _BLANK_LINE.search(text, opened.end(), mark.start()):
            opened = mark
        else:
            yield Formula(opened.start(), mark.end(), text[opened.end() : mark.start()].strip())
            opened = None


def _marked(text: str) -> Iterator[Formula]:
    """An environment keeps its name, which says how its lines are set; escaped brackets around a citation are none."""
    for found in _ENVIRONMENT.finditer(text):
        yield Formula(found.start(), found.end(), found[0])
    for found in _BRACKETED.finditer(text):
        if _IS_TEX.search(found["tex"]):
            yield Formula(found.start(), found.end(), found["tex"].strip())
