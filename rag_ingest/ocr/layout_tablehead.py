"""Table headers: how many rows they have, and which columns their cells span."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rag_ingest.ocr.layout_lines import overlap_1d
from rag_ingest.ocr.layout_rows import Cell, is_numeric
from rag_ingest.ocr.layout_rules import Rule, across
from rag_ingest.ocr.layout_text import join_lines

_REACH_PT = 8.0
"""A rule that ends this far inside the table's text spans some of its columns only."""
_MOST_ROWS = 6
_CENTRED_EM = 0.4
_MOST_SPLITS = 20_000


def head_rows(
    texts: Sequence[Sequence[str]], middles: Sequence[float], rules: Sequence[Rule], box: tuple[float, float]
) -> int:
    """How many rows the header has, at least 1.

    Rows above the full-width rule right above the first row of numbers; else above the first full-width rule; without
    one, or where rules stand between all rows but in the header, those before the first row of numbers.

    Args:
        texts: cells of every row.
        middles: heights of the rows' middles, points.
        rules: in the table.
        box: left and right edge of the table's text.
    """
    data = next((i for i, row in enumerate(texts[:_MOST_ROWS]) if _is_data(row)), None)
    most = max(1, min(_MOST_ROWS, len(texts) // 2), min(3, len(texts) - 1) if data is None else 1)
    ruled = [sum(m < height for m in middles) for height in _full_width(rules, *box)]
    ends = [n for n in ruled if 0 < n < len(texts) and n <= most]
    if data in ends and any(len(row) > 1 for row in texts[ends[0] : data]):
        return data
    if data and ends and ends[0] == data + 1 and len(ruled) > 0.6 * len(texts):
        return data
    if ends:
        return ends[0]
    return max(1, min(data, 4)) if data is not None and data < 5 else 1


def _is_data(row: Sequence[str]) -> bool:
    later = row[1:]
    return bool(later) and sum(is_numeric(t) for t in later) >= 0.5 * len(later)


def _full_width(rules: Sequence[Rule], left: float, right: float) -> list[float]:
    """Heights of rules from edge to edge; when no rule is, of those that are long."""
    heights = across(rules, left, right, 0.6)
    full: list[float] = []
    for height in heights:
        level = [r for r in rules if abs(r.y - height) < 1.2]
        if min(r.left for r in level) < left + _REACH_PT and max(r.right for r in level) > right - _REACH_PT:
            full.append(height)
    return full or heights


def span_header(
    cells: list[Cell], below: Sequence[Cell], columns: Sequence[tuple[float, float]], rules: Sequence[Rule], em: float
) -> list[Cell]:
    """Widens header cells to the columns that they are the name of.

    Args:
        cells: of one header row.
        below: of the next one.
        columns: left and right edge of each.
        rules: between the two rows, points.
        em: type size, points.

    Returns:
        The same cells; none overlaps another.
    """
    short = [r for r in rules if not _over_all(r, columns)]
    columns = _with_names(columns, below)
    out = list(cells)
    ruled: set[int] = set()
    for rule in short:
        under = [i for i, c in enumerate(columns) if overlap_1d(rule.left, rule.right, *c) > 0.5 * (c[1] - c[0])]
        mine = [k for k, c in enumerate(cells) if rule.left <= _centre(c.extent) <= rule.right]
        if len(under) < 2 or not mine or len(mine) > len(under):
            continue
        groups = _split(under, [_centre(cells[k].extent) for k in mine], columns)
        for k, (first, last) in zip(mine, groups, strict=False):
            out[k] = replace(cells[k], column=first, span=last - first + 1)
            ruled.add(k)
    if not ruled:
        out = _shared_out(out, below, columns, em)
    for k in range(len(out)):
        if k not in ruled and out[k].span == cells[k].span:
            out[k] = _centred(out, k, below, columns, em)
    apart = all(a.column + a.span <= b.column for a, b in itertools.pairwise(out))
    return out if apart else list(cells)


def lowered(above: Sequence[Cell], below: Sequence[Cell]) -> tuple[list[Cell], list[Cell]]:
    """Under a row with spanning cells, the first lines of wrapped column names join the lines below them.

    Returns:
        Both rows; the upper one keeps what spans columns and what stands over a spanning cell.
    """
    kept: list[Cell] = []
    names = {c.column: c for c in below}
    wide = {c.column + k for c in below if c.span > 1 for k in range(c.span)}
    numbers = any(c.column in names and is_numeric(c.text) and is_numeric(names[c.column].text) for c in above)
    spans = any(c.span > 1 for c in above) and not numbers
    for cell in above:
        if not spans or cell.span > 1 or cell.column in wide:
            kept.append(cell)
        elif cell.column in names:
            text = join_lines([cell.text, names[cell.column].text])
            names[cell.column] = replace(names[cell.column], text=text)
        else:
            names[cell.column] = cell
    return kept, [names[column] for column in sorted(names)]


def _with_names(columns: Sequence[tuple[float, float]], names: Sequence[Cell]) -> list[tuple[float, float]]:
    """Columns as wide as their names."""
    out = list(columns)
    for c in names:
        if c.span == 1:
            out[c.column] = (min(out[c.column][0], c.extent[0]), max(out[c.column][1], c.extent[1]))
    return out


def _over_all(rule: Rule, columns: Sequence[tuple[float, float]]) -> bool:
    return rule.left < columns[0][0] + _REACH_PT and rule.right > columns[-1][1] - _REACH_PT


def _split(
    under: Sequence[int], centres: Sequence[float], columns: Sequence[tuple[float, float]]
) -> list[tuple[int, int]]:
    """Neighbouring columns among names, in groups of like size that lie alike beside their names.

    Cells set left or right leave a name off its group's middle, but all names by the same distance.
    """
    best: list[tuple[int, int]] = []
    least = float("inf")
    for groups in itertools.islice(_partitions(under, len(centres)), _MOST_SPLITS):
        off = [_centre((columns[a][0], columns[b][1])) - x for (a, b), x in zip(groups, centres, strict=True)]
        usual = statistics.median(off)
        sizes = [b - a for a, b in groups]
        cost = sum(abs(o - usual) for o in off) + 0.05 * abs(usual) + max(sizes) - min(sizes)
        if cost < least:
            best, least = groups, cost
    return best


def _partitions(under: Sequence[int], count: int) -> Iterator[list[tuple[int, int]]]:
    for cuts in itertools.combinations(range(1, len(under)), count - 1):
        bounds = [0, *cuts, len(under)]
        yield [(under[a], under[b - 1]) for a, b in itertools.pairwise(bounds)]


def _shared_out(
    cells: list[Cell], below: Sequence[Cell], columns: Sequence[tuple[float, float]], em: float
) -> list[Cell]:
    """Without rules: a few names that stand centred over groups of all columns but the first."""
    under = range(1, len(columns))
    named = {c.column for c in below if c.span == 1}
    few = len(cells) > 1 and 2 * len(cells) <= len(under) and cells[0].extent[0] > columns[0][1]
    if not few or not named.issuperset(under):
        return cells
    groups = _split(under, [_centre(c.extent) for c in cells], columns)
    if any(abs(_middle(columns, a, b) - _centre(c.extent)) > em for (a, b), c in zip(groups, cells, strict=False)):
        return cells
    return [replace(c, column=a, span=b - a + 1) for (a, b), c in zip(groups, cells, strict=True)]


def _centred(
    cells: Sequence[Cell], at: int, below: Sequence[Cell], columns: Sequence[tuple[float, float]], em: float
) -> Cell:
    """A cell between columns, centred over several that have names of their own below, spans them."""
    cell = cells[at]
    middle = _centre(cell.extent)
    if abs(middle - _middle(columns, cell.column, cell.column + cell.span - 1)) <= _CENTRED_EM * em:
        return cell
    first = cells[at - 1].column + cells[at - 1].span if at else 1
    end = cells[at + 1].column if at + 1 < len(cells) else len(columns)
    named = {c.column for c in below if c.span == 1}
    fits = [
        (b - a, a, b)
        for a in range(first, cell.column + 1)
        for b in range(cell.column + cell.span - 1, end)
        if b > a and named.issuperset(range(a, b + 1)) and abs(middle - _middle(columns, a, b)) <= _CENTRED_EM * em
    ]
    _, a, b = max(fits, default=(0, cell.column, cell.column + cell.span - 1))
    return replace(cell, column=a, span=b - a + 1)


def _middle(columns: Sequence[tuple[float, float]], first: int, last: int) -> float:
    return _centre((columns[first][0], columns[last][1]))


def _centre(extent: tuple[float, float]) -> float:
    return (extent[0] + extent[1]) / 2
