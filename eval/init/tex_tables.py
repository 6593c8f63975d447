r"""A `tabular` into columns and rows, with `\multicolumn` and `\multirow` resolved."""

from __future__ import annotations

import re

from eval.init.grid import Grid, table
from eval.init.prose import without_pointers
from eval.init.source import Table
from eval.init.tex_files import group
from eval.init.tex_text import plain

_TABULAR = re.compile(r"\\begin\{(tabular[xy*]?|longtable|deluxetable\*?)\}")
_RULE = re.compile(r"\\(?:hline|toprule|midrule|bottomrule|colrule|tableline)\b(?:\[[^\]]*\])?|\\(?:cline|cmidrule)"
                   r"\s*(?:\([^)]*\))?\s*\{[^}]*\}|\\(?:addlinespace|noalign\{[^}]*\})(?:\[[^\]]*\])?")  # fmt: skip
_FULL_RULE = re.compile(r"\\(?:hline|toprule|midrule|bottomrule|colrule|tableline)\b")
_SPAN = re.compile(r"\\(multicolumn|multirow)\s*(?:\[[^\]]*\])?\s*\{\s*(-?\d+)\s*\}\s*(?:\[[^\]]*\])?\s*")
_MARKER = re.compile(
    r"\\(?:rowcolor|cellcolor|columncolor|rowfont)\s*(?:\[[^\]]*\])?\{[^}]*\}|\\(?:centering|raggedright)\b"
)


def tabular(float_body: str, caption: str) -> Table | None:
    r"""The one table of a float; None when it has several, none, or one that can't be read.

    Args:
        float_body: what stands between `\begin{table}` and `\end{table}`, macros resolved.
        caption: TeX.
    """
    begins = list(_TABULAR.finditer(float_body))
    if len(begins) != 1:
        return None
    name, start = begins[0][1], begins[0].end()
    for _ in range(2 if name in ("tabularx", "tabular*", "tabulary") else 1):
        start = _after_options(float_body, start)
        start = group(float_body, start)[1]
    end = float_body.find(f"\\end{{{name}}}", start)
    return None if end < 0 else table(_grid(float_body[start:end]), without_pointers(plain(caption)))


def _after_options(text: str, start: int) -> int:
    match = re.compile(r"\s*(?:\[[^\]]*\])?\s*").match(text, start)
    return match.end() if match else start


def _grid(body: str) -> Grid:
    """Rows of cells, and before which rows a rule stands."""
    rows: list[list[str]] = []
    rules: set[int] = set()
    hanging: dict[int, tuple[int, str]] = {}
    for line in _split(_MARKER.sub("", body), "\\\\"):
        line = re.sub(r"^\s*\[[^\]]*\]", "", line) if rows else line
        if _FULL_RULE.search(line):
            rules.add(len(rows))
        content = _RULE.sub(" ", line)
        if not content.strip():
            continue
        rows.append(_cells(content, hanging))
    return Grid(rows, rules)


def _cells(line: str, hanging: dict[int, tuple[int, str]]) -> list[str]:
    r"""Cells of one line; `hanging` holds those of `\multirow`s that go on below: column to (rows left, text)."""
    cells: list[str] = []
    for raw in _split(line, "&"):
        span, text, down = 1, raw.strip(), 1
        while match := _SPAN.match(text):
            number = abs(int(match[2]))
            _, after = group(text, match.end())
            if after == match.end():
                after = len(re.match(r"[^{]*", text[match.end() :])[0]) + match.end()  # type: ignore[index]
            inner, _ = group(text, after + len(text[after:]) - len(text[after:].lstrip()))
            span, down = (number, down) if match[1] == "multicolumn" else (span, number)
            text = inner.strip()
        left, above = hanging.pop(len(cells), (0, ""))
        if not text and left:
            text, down = above, left
        if down > 1:
            hanging[len(cells)] = (down - 1, text)
        cells += [plain(text)] * span
    return cells


def _split(text: str, mark: str) -> list[str]:
    """At `&` or line ends that stand outside of braces and formulas."""
    pieces, depth, start, i = list[str](), 0, 0, 0
    while i < len(text):
        if text.startswith(mark, i) and not depth:
            pieces.append(text[start:i])
            i = start = i + len(mark)
            continue
        if text[i] == "\\":
            i += 1
        elif text[i] in "{}":
            depth += 1 if text[i] == "{" else -1
        i += 1
    return [*pieces, text[start:]]
