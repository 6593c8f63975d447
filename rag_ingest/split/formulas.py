r"""Where a display formula may be cut: after the `\\` that ends one of its outermost rows."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"\\(begin|end)\s*\{[^{}]*\}|\\\\(?:\*?[ \t]*\[[^\]\n]{0,20}\])?|\\[{}]|\\.|[{}]|%[^\n]*", re.DOTALL
)


def formula_cuts(text: str) -> list[int]:
    r"""Offsets behind the outermost `\\` of a formula; [] when it has none."""
    braces = depth = 0
    by_depth: dict[int, list[int]] = {}
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark == "{":
            braces += 1
        elif mark == "}":
            braces = max(0, braces - 1)
        elif token[1] == "begin":
            depth += 1
        elif token[1] == "end":
            depth = max(0, depth - 1)
        elif mark.startswith("\\\\") and not braces:
            by_depth.setdefault(depth, []).append(token.end())
    return by_depth[min(by_depth)] if by_depth else []
