"""Statements of accounts: tables without a caption, whose rules stand column by column under heads and above sums."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from rag_ingest.ocr.layout_lines import Line, union, visual_lines
from rag_ingest.ocr.layout_rules import Rule
from rag_ingest.types import BBox

Level: TypeAlias = list[Rule]
"""Rules side by side at one height, left to right: one a column."""

_LEVEL_PT = 1.5
_SAME_PT = 2.0
_HEAD_LINES = 3.5
"""Heads of columns stand at most so many lines above their rules."""
_NAME = re.compile(r"[^\W\d_]{3}")
_LONG_NAME_WORDS = 12


def find_ledgers(rules: Sequence[Rule], parts: Sequence[Line]) -> Iterator[BBox]:
    """Boxes of tables that repeat the same rules side by side, with named rows that have a number in each column.

    Frames of plots that stand side by side repeat their rules, too: what is left of them are numbers, not names.

    Args:
        rules: of the page, any order.
        parts: its text, pieces as far apart as cells are.
    """
    groups: list[list[Level]] = []
    for level in _levels(rules):
        home = next((group for group in groups if _same_columns(group[0], level)), None)
        if home is not None:
            home.append(level)
        else:
            groups.append([level])
    for group in groups:
        box = _ledger(group, parts) if len(group) > 1 else None
        if box is not None:
            yield box


def _levels(rules: Sequence[Rule]) -> list[Level]:
    levels: list[Level] = []
    for rule in sorted(rules, key=lambda r: r.y):
        if levels and rule.y - levels[-1][0].y < _LEVEL_PT:
            levels[-1].append(rule)
        else:
            levels.append([rule])
    return [sorted(level, key=lambda r: r.left) for level in levels if len(level) > 1]


def _same_columns(a: Level, b: Level) -> bool:
    return len(a) == len(b) and all(
        abs(x.left - y.left) < _SAME_PT and abs(x.right - y.right) < _SAME_PT for x, y in zip(a, b, strict=True)
    )


def _ledger(group: Sequence[Level], parts: Sequence[Line]) -> BBox | None:
    """The table between the first and the last level, with the names left of it and the heads above."""
    columns, top, bottom = group[0], group[0][0].y, group[-1][0].y
    left, right = columns[0].left, columns[-1].right
    level = [p for p in parts if top < _middle(p) < bottom]
    names = [p for p in level if p.bbox[2] < left + _SAME_PT]
    values = [p for p in level if p.bbox[0] > left - _SAME_PT and p.bbox[2] < right + _SAME_PT]
    if len(names) + len(values) < len(level) or not all(_is_name(p) for p in names):
        return None
    if sum(_is_row(line, columns) for line in visual_lines([*names, *values])) < 2:
        return None
    reach = _HEAD_LINES * max(p.bbox[3] - p.bbox[1] for p in values)
    heads = [
        p for p in parts
        if 0 < top - _middle(p) < reach and p.bbox[0] > left - _SAME_PT and p.bbox[2] < right + _SAME_PT
    ]  # fmt: skip
    return union([(left, top, right, bottom), *(p.bbox for p in [*names, *values, *heads])])


def _middle(part: Line) -> float:
    return (part.bbox[1] + part.bbox[3]) / 2


def _is_name(part: Line) -> bool:
    return _NAME.search(part.text) is not None and len(part.runs) <= _LONG_NAME_WORDS


def _is_row(line: Line, columns: Level) -> bool:
    """A name, and a number over each rule."""
    runs = [run for run in line.runs if any(c.isdigit() for c in run.text)]
    named = line.bbox[0] < columns[0].left and _NAME.search(line.text) is not None
    return named and all(any(c.left < (r.bbox[0] + r.bbox[2]) / 2 < c.right for r in runs) for c in columns)
