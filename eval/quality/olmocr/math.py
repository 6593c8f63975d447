"""Check of a formula: some formula of the page is it, or holds it."""

from __future__ import annotations

import re

from eval.normalise import tex_tokens
from eval.quality.katex import Katex
from eval.quality.olmocr.cases import MathCase

_BRACKETS = (r"\\\((.+?)\\\)", r"\\\[(.+?)\\\]")
_DOLLARS = (r"\$\$(.+?)\$\$", r"\$(.+?)\$")


def check_math(case: MathCase, markdown: str, katex: Katex | None) -> str:
    """Whether what KaTeX draws of a formula of the page holds what it draws of the case's.

    One that is written alike passes at once. Where KaTeX does not run, or can't set the case's formula, the TeX tokens
    of a formula must hold those of the case in sequence.
    """
    formulas = page_formulas(markdown, dollars=not case.ignore_dollar_delimited)
    if not formulas:
        return "no formula on the page"
    if case.math in formulas:
        return ""
    drawn = katex.drawn(case.math) if katex else None
    if katex and drawn:
        found = any(drawn in (katex.drawn(formula) or "") for formula in formulas)
    else:
        wanted = _joined(case.math)
        found = any(wanted in _joined(formula) for formula in formulas)
    return "" if found else f"none of {len(formulas)} formulas is {case.math}"


def page_formulas(markdown: str, *, dollars: bool = True) -> list[str]:
    r"""TeX within `\(…\)`, `\[…\]`, `$$…$$` and `$…$`, looked for in this order; each is taken out before the next."""
    found: list[str] = []
    for pattern in (*_BRACKETS, *(_DOLLARS if dollars else ())):
        found += [tex.strip() for tex in re.findall(pattern, markdown, re.DOTALL)]
        markdown = re.sub(pattern, "", markdown, flags=re.DOTALL)
    return found


def _joined(tex: str) -> str:
    return f" {' '.join(tex_tokens(tex))} "
