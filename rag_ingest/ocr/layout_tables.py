"""Tables: rows by height, columns by what stays empty, cells by words, the head by its rule; out comes HTML."""

from __future__ import annotations

import html
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rag_ingest.ocr.layout_lines import Line, Run, join_runs, overlap_1d, union, visual_lines
from rag_ingest.ocr.layout_rows import Cell, is_numeric, merge_wrapped
from rag_ingest.ocr.layout_rules import Rule, across
from rag_ingest.types import BBox

_CELL_GAP_EM = 0.6
"""Words farther apart than this are different cells, unless no other row leaves the place free."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows top to bottom; the first `head` of them are header rows."""

    rows: tuple[tuple[Cell, ...], ...]
    columns: int
    head: int

    def html(self) -> str:
        """One row a line, no blank line, everything escaped."""
        out = ["<table>"]
        for i, row in enumerate(self.rows):
            if i == 0 and self.head:
                out.append("<thead>")
            if i == self.head:
                out.append("<tbody>")
            out.append(self._row(row, "th" if i < self.head else "td"))
            if i + 1 == self.head:
                out.append("</thead>")
        if len(self.rows) > self.head:
            out.append("</tbody>")
        return "\n".join([*out, "</table>"])

    def _row(self, row: Sequence[Cell], tag: str) -> str:
        parts: list[str] = []
        at = 0
        for cell in row:
            parts.extend(f"<{tag}></{tag}>" for _ in range(cell.column - at))
            span = f' colspan="{cell.span}"' if cell.span > 1 else ""
            parts.append(f"<{tag}{span}>{html.escape(cell.text, quote=False)}</{tag}>")
            at = cell.column + cell.span
        parts.extend(f"<{tag}></{tag}>" for _ in range(self.columns - at))
        return f"<tr>{''.join(parts)}</tr>"


@dataclass(frozen=True, slots=True)
class _Segment:
    """Words of one row that stand close together."""

    runs: tuple[Run, ...]

    @property
    def bbox(self) -> BBox:
        return union(run.bbox for run in self.runs)


@dataclass(frozen=True, slots=True)
class _Row:
    segments: tuple[_Segment, ...]

    @property
    def middle(self) -> float:
        return (self.bbox[1] + self.bbox[3]) / 2

    @property
    def bbox(self) -> BBox:
        return union(s.bbox for s in self.segments)


def build_table(parts: Sequence[Line], rules: Sequence[Rule]) -> Table | None:
    """Recovers a table from its words.

    Args:
        parts: everything that stands in the table's region.
        rules: horizontal lines there.

    Returns:
        None when there are not at least two rows and two columns.
    """
    rows = [_Row(_segments(line)) for line in visual_lines(parts)]
    if len(rows) < 2:
        return None
    box = union(row.bbox for row in rows)
    heights = across(rules, box[0], box[2], 0.6)
    head = _head_rows(rows, heights)
    columns = _columns(rows, head)
    if len(columns) < 2:
        return None
    grid = [_cells(row, columns, header=i < head) for i, row in enumerate(rows)]
    for i in range(head - 1):
        grid[i] = _span_to_rules(grid[i], rows[i], rows[i + 1], columns, rules)
    grid, head = merge_wrapped(grid, [row.bbox for row in rows], head, heights)
    return Table(tuple(tuple(row) for row in grid), len(columns), head)


def _segments(line: Line) -> tuple[_Segment, ...]:
    groups: list[list[Run]] = []
    reach = 0.0
    for run in line.runs:
        em = max(run.size_pt, 4.0)
        if groups and run.bbox[0] - reach < _CELL_GAP_EM * em:
            groups[-1].append(run)
        else:
            groups.append([run])
        reach = max(reach, run.bbox[2]) if len(groups[-1]) > 1 else run.bbox[2]
    return tuple(_Segment(tuple(group)) for group in groups)


def _head_rows(rows: Sequence[_Row], heights: Sequence[float]) -> int:
    """Rows above the first rule that has text above and below it, else those before the first row of numbers."""
    middles = [row.middle for row in rows]
    for height in heights:
        above = sum(m < height for m in middles)
        if 0 < above < len(rows) and above <= max(1, min(6, len(rows) // 2)):
            return above
    for i, row in enumerate(rows[:5]):
        texts = [join_runs(s.runs) for s in row.segments]
        later = texts[1:] if len(texts) > 1 else []
        if later and sum(is_numeric(t) for t in later) >= 0.5 * len(later):
            return max(i, 0) or 1
    return 1


def _columns(rows: Sequence[_Row], head: int) -> list[tuple[float, float]]:
    """Columns as intervals of x: parted wherever nearly every row leaves a gap."""
    segments = [s for row in rows for s in row.segments]
    body = [row for row in rows[head:] if len(row.segments) > 1] or [r for r in rows if len(r.segments) > 1]
    if not body:
        return []
    edges = sorted({x for s in segments for x in (s.bbox[0], s.bbox[2])})
    allowed = 0 if len(body) < 4 else max(1, int(0.2 * len(body)))
    body_boxes = [[s.bbox for s in row.segments] for row in body]
    solid: list[list[float]] = []
    for a, b in itertools.pairwise(edges):
        middle = (a + b) / 2
        crossing = sum(any(box[0] < middle < box[2] for box in boxes) for boxes in body_boxes)
        if crossing > allowed:
            if solid and solid[-1][1] == a:
                solid[-1][1] = b
            else:
                solid.append([a, b])
    em = statistics.median([r.size_pt for s in segments for r in s.runs])
    joined: list[tuple[float, float]] = []
    for left, right in solid:
        if joined and left - joined[-1][1] < 0.25 * em:
            joined[-1] = (joined[-1][0], right)
        else:
            joined.append((left, right))
    return _with_header_columns([c for c in joined if c[1] - c[0] > 0.1 * em], rows[:head])


def _with_header_columns(columns: list[tuple[float, float]], header: Sequence[_Row]) -> list[tuple[float, float]]:
    """Adds columns that only the last lines of the header name, because they are nearly empty."""
    for row in list(header[-2:])[::-1]:
        boxes = [s.bbox for s in row.segments]
        lone = [b for b in boxes if all(overlap_1d(b[0], b[2], left, right) == 0 for left, right in columns)]
        near = 0.9 * max(r.size_pt for s in row.segments for r in s.runs)
        lone = [b for b in lone if not any(b is not o and max(o[0] - b[2], b[0] - o[2]) < near for o in boxes)]
        if row is header[-1] or len(boxes) > 0.7 * len(columns):
            columns = sorted([*columns, *((b[0], b[2]) for b in lone)])
    return columns


def _span_to_rules(
    cells: list[Cell], row: _Row, below: _Row, columns: Sequence[tuple[float, float]], rules: Sequence[Rule]
) -> list[Cell]:
    """A header cell over a short rule spans the columns that the rule spans."""
    width = columns[-1][1] - columns[0][0]
    low = [
        r for r in rules
        if row.middle < r.y < below.middle and r.right - r.left < 0.9 * width
    ]  # fmt: skip
    out: list[Cell] = []
    for cell in cells:
        left, right = columns[cell.column][0], columns[cell.column + cell.span - 1][1]
        rule = next((r for r in low if overlap_1d(r.left, r.right, left, right) > 0.4 * (r.right - r.left)), None)
        under = [
            i for i, c in enumerate(columns) if rule and overlap_1d(rule.left, rule.right, *c) > 0.5 * (c[1] - c[0])
        ]
        taken = {c.column + k for c in cells if c is not cell for k in range(c.span)}
        if len(under) > 1 and not taken & set(range(under[0], under[-1] + 1)):
            cell = Cell(cell.text, under[0], under[-1] - under[0] + 1)
        out.append(cell)
    return out


def _cells(row: _Row, columns: Sequence[tuple[float, float]], *, header: bool) -> list[Cell]:
    """Segments of a row into columns; what stands over several of them spans them."""
    held: dict[tuple[int, int], list[Run]] = {}
    for segment in row.segments:
        for runs in _cut_at_gutters(segment, columns):
            box = union(run.bbox for run in runs)
            held.setdefault(_extent(box, columns, header=header), []).extend(runs)
    cells: list[Cell] = []
    for (first, last), runs in sorted(held.items()):
        if cells and first < cells[-1].column + cells[-1].span:
            before = cells[-1]
            end = max(last, before.column + before.span - 1)
            cells[-1] = Cell(f"{before.text} {join_runs(runs)}", before.column, end - before.column + 1)
        else:
            cells.append(Cell(join_runs(runs), first, last - first + 1))
    return cells


def _cut_at_gutters(segment: _Segment, columns: Sequence[tuple[float, float]]) -> list[list[Run]]:
    """A segment of close-set columns is cut between words that belong to different columns."""
    out: list[list[Run]] = [[segment.runs[0]]]
    for before, run in zip(segment.runs, segment.runs[1:], strict=False):
        a, b = _nearest(before.bbox, columns), _nearest(run.bbox, columns)
        gap = run.bbox[0] - before.bbox[2]
        clear = any(before.bbox[2] <= left + 0.5 and run.bbox[0] >= right - 0.5 for right, left in _gutters(columns))
        if a != b and gap > 0.3 * max(run.size_pt, 4.0) and clear:
            out.append([run])
        else:
            out[-1].append(run)
    return out


def _gutters(columns: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(b[0], a[1]) for a, b in itertools.pairwise(columns)]


def _nearest(box: BBox, columns: Sequence[tuple[float, float]]) -> int:
    middle = (box[0] + box[2]) / 2
    return min(range(len(columns)), key=lambda i: max(columns[i][0] - middle, middle - columns[i][1], 0.0))


def _extent(box: BBox, columns: Sequence[tuple[float, float]], *, header: bool) -> tuple[int, int]:
    """First and last column that a cell's box stands over."""
    over = [
        i
        for i, (left, right) in enumerate(columns)
        if overlap_1d(box[0], box[2], left, right) > min(0.3 * (right - left), 0.5 * (box[2] - box[0]))
    ]
    if len(over) > 1:
        return over[0], over[-1]
    middle = (box[0] + box[2]) / 2
    if header:
        for i, (right, left) in enumerate((a[1], b[0]) for a, b in itertools.pairwise(columns)):
            if right < middle < left and not over:
                return i, i + 1
    return (over[0], over[0]) if over else (_nearest(box, columns), _nearest(box, columns))
