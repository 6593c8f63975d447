"""Wrapped table cells: which lines of a table are one row."""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rag_ingest.ocr.layout_text import join_lines
from rag_ingest.types import BBox

_MARKS = r"\s<>≤≥=~±+\-−–—*∗†‡§()\[\]%$€£#,.:;/×·^{}"
_NUMERIC = re.compile(rf"^[{_MARKS}\deE]*\d[{_MARKS}\da-zA-Z]{{0,12}}$")
_WIDE_GAP = 1.35
"""A step between lines this much larger than the usual one inside cells begins a new row."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; `column` is its first column, `span` how many it covers, `extent` its words' left and right edge."""

    text: str
    column: int
    span: int = 1
    extent: tuple[float, float] = (0.0, 0.0)


def is_numeric(text: str) -> bool:
    """A number, with whatever sign, unit or mark of significance stands about it."""
    return bool(_NUMERIC.match(text))


def merge_wrapped(
    grid: Sequence[Sequence[Cell]], boxes: Sequence[BBox], head: int, heights: Sequence[float]
) -> tuple[list[list[Cell]], int]:
    """Joins lines that are one row.

    Args:
        grid: cells of every line, top to bottom.
        boxes: of every line.
        head: lines of the header.
        heights: of the full-width rules.

    Returns:
        Rows, and how many of them are header rows.
    """
    top = _header_groups(list(range(head)), grid)
    body = _merge(list(range(head, len(grid))), grid, boxes, heights)
    return [_joined([grid[i] for i in group]) for group in top + body], len(top)


def _merge(
    lines: list[int], grid: Sequence[Sequence[Cell]], boxes: Sequence[BBox], heights: Sequence[float]
) -> list[list[int]]:
    for groups in (_by_rules(lines, boxes, heights), _by_gaps(lines, boxes)):
        wrapped = [g for g in groups if len(g) > 1]
        if len(groups) > 1 and wrapped and all(_one_row([grid[i] for i in g]) for g in wrapped):
            return groups
    return _one_by_one(lines, grid, boxes, heights)


def _header_groups(lines: Sequence[int], grid: Sequence[Sequence[Cell]]) -> list[list[int]]:
    """Header lines become one row unless a cell spans columns, or a few names stand over many."""
    out: list[list[int]] = []
    for i in lines:
        above = [grid[k] for k in out[-1]] if out else []
        spans = any(c.span > 1 for line in [*above, grid[i]] for c in line)
        few_over_many = len(above) == 1 and 2 * len(above[0]) < len(grid[i]) and not _runs_on(above[0], grid[i])
        if not out or spans or few_over_many:
            out.append([i])
        else:
            out[-1].append(i)
    return out


def _runs_on(above: Sequence[Cell], row: Sequence[Cell]) -> bool:
    """A name of the line above goes on in lower case or in brackets."""
    tops = {c.column for c in above}
    return any(c.column in tops and (c.text[:1].islower() or c.text[:1] in "([%") for c in row)


def _by_rules(lines: Sequence[int], boxes: Sequence[BBox], heights: Sequence[float]) -> list[list[int]]:
    """Lines between one rule and the next."""
    groups: dict[int, list[int]] = {}
    for i in lines:
        middle = (boxes[i][1] + boxes[i][3]) / 2
        groups.setdefault(sum(h < middle for h in heights), []).append(i)
    return list(groups.values())


def _by_gaps(lines: Sequence[int], boxes: Sequence[BBox]) -> list[list[int]]:
    """Lines that stand closer together than the rows do."""
    middles = {i: (boxes[i][1] + boxes[i][3]) / 2 for i in lines}
    steps = {b: middles[b] - middles[a] for a, b in itertools.pairwise(lines)}
    if not steps:
        return [list(lines)] if lines else []
    usual = statistics.median(boxes[i][3] - boxes[i][1] for i in lines)
    near = sorted(s for s in steps.values() if s > 0.75 * usual)
    tight = near[len(near) // 10] if near else usual
    groups: list[list[int]] = []
    for i in lines:
        if not groups or steps[i] > _WIDE_GAP * tight:
            groups.append([i])
        else:
            groups[-1].append(i)
    return groups


def _one_row(group: Sequence[Sequence[Cell]]) -> bool:
    """No column has two numbers, and the lines don't all have all the cells."""
    columns = {c.column for line in group for c in line}
    for column in columns:
        texts = [c.text for line in group for c in line if c.column == column]
        if sum(is_numeric(t) for t in texts) > 1 and not _one_wrapped_number(texts):
            return False
    filled = sum(len(line) for line in group)
    firsts = sum(any(c.column == min(columns) for c in line) for line in group)
    sparse = filled < 0.8 * len(columns) * len(group)
    return len(group) <= 25 and (sparse or len(columns) < 3) and (firsts < len(group) or len(group) < 4 or sparse)


def _one_wrapped_number(texts: Sequence[str]) -> bool:
    return any(t.startswith("(") or t.endswith(("–", "-", ",", "±", "[")) or t.startswith("[") for t in texts)


def _one_by_one(
    lines: Sequence[int], grid: Sequence[Sequence[Cell]], boxes: Sequence[BBox], heights: Sequence[float]
) -> list[list[int]]:
    """Without groups to go by: a line that only continues cells of the row above joins it."""
    out: list[list[int]] = []
    for i in lines:
        ruled = bool(out) and any(boxes[out[-1][-1]][1] < h < boxes[i][3] for h in heights)
        if out and not ruled and _continues(_joined([grid[k] for k in out[-1]]), grid[i]):
            out[-1].append(i)
        else:
            out.append([i])
    return out


def _continues(above: Sequence[Cell], row: Sequence[Cell]) -> bool:
    taken = {c.column: c for c in above}
    inside = all(c.column in taken and taken[c.column].span == c.span for c in row)
    if not row or len(row) > len(above) or any(is_numeric(c.text) for c in row):
        return False
    if row[0].column == 0:
        return inside and len(row) == 1 and len(above) > 1 and row[0].text[:1].islower()
    return inside and len(row) < len(above)


def _joined(group: Sequence[Sequence[Cell]]) -> list[Cell]:
    """Cells of several lines by column, top to bottom; where spans overlap, one wide cell."""
    out: list[tuple[int, int, list[str]]] = []
    for cell in sorted((c for line in group for c in line), key=lambda c: c.column):
        if out and cell.column < out[-1][1]:
            first, end, texts = out[-1]
            out[-1] = (first, max(end, cell.column + cell.span), [*texts, cell.text])
        else:
            out.append((cell.column, cell.column + cell.span, [cell.text]))
    return [Cell(join_lines(texts), first, end - first) for first, end, texts in out]
