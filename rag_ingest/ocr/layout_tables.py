"""Tables: rows by height, columns by what stays empty, cells by words, the head by its rule; out comes HTML."""

from __future__ import annotations

import html
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rag_ingest.ocr.layout_lines import Line, Run, join_runs, overlap_1d, union, visual_lines
from rag_ingest.ocr.layout_rows import Cell, merge_wrapped
from rag_ingest.ocr.layout_rules import Rule, across
from rag_ingest.ocr.layout_tablehead import head_rows, lowered, span_header
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
    head = head_rows(
        [[join_runs(s.runs) for s in row.segments] for row in rows], [r.middle for r in rows], rules, (box[0], box[2])
    )
    columns = _columns(rows, head, rules)
    if len(columns) < 2:
        return None
    rows, head = _with_raised(rows, columns, head)
    rows = rows[:head] + _with_group_names(rows[head:], columns, heights)
    grid = [_cells(row, columns, header=i < head) for i, row in enumerate(rows)]
    grid[:head] = _with_spans(grid[:head], rows[:head], columns, rules)
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


def _columns(rows: Sequence[_Row], head: int, rules: Sequence[Rule]) -> list[tuple[float, float]]:
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
    return _with_header_columns([c for c in joined if c[1] - c[0] > 0.1 * em], rows[:head], rules)


def _with_header_columns(
    columns: list[tuple[float, float]], header: Sequence[_Row], rules: Sequence[Rule]
) -> list[tuple[float, float]]:
    """Adds columns that only the last lines of the header name, because they are nearly empty."""
    end = header[-1].middle if header else 0.0
    width = columns[-1][1] - columns[0][0] if columns else 0.0
    short = [r for r in rules if r.y < end and r.right - r.left < 0.9 * width]
    for row in list(header[-2:])[::-1]:
        boxes = [s.bbox for s in row.segments]
        lone = [b for b in boxes if all(overlap_1d(b[0], b[2], left, right) == 0 for left, right in columns)]
        near = 0.9 * max(r.size_pt for s in row.segments for r in s.runs)
        lone = [b for b in lone if not any(r.left <= b[0] and b[2] <= r.right and r.y > row.middle for r in short)]
        lone = [b for b in lone if not any(b is not o and max(o[0] - b[2], b[0] - o[2]) < near for o in boxes)]
        if row is header[-1] or len(boxes) > 0.7 * len(columns):
            columns = sorted([*columns, *((b[0], b[2]) for b in lone)])
    return columns


def _with_raised(rows: list[_Row], columns: Sequence[tuple[float, float]], head: int) -> tuple[list[_Row], int]:
    """Header names set half a line higher than the rest, being names of two rows, come down into the next row."""
    out = list(rows)
    i = 0
    while i + 1 < head:
        mine = _cells(out[i], columns, header=True)
        taken = {c.column + k for c in _cells(out[i + 1], columns, header=True) for k in range(c.span)}
        height = out[i].bbox[3] - out[i].bbox[1]
        raised = out[i + 1].middle - out[i].middle < 0.8 * height
        free = all(c.span == 1 and c.column not in taken for c in mine)
        if free and (raised or [c.column for c in mine] == [0]):
            segments = sorted((*out[i].segments, *out[i + 1].segments), key=lambda s: s.bbox[0])
            out[i : i + 2] = [_Row(tuple(segments))]
            head -= 1
        else:
            i += 1
    return out, head


def _with_group_names(
    rows: Sequence[_Row], columns: Sequence[tuple[float, float]], heights: Sequence[float]
) -> list[_Row]:
    """Body cells set between two lines are names of all rows from one rule to the next; they go to the first."""
    out = list(rows)
    for name in rows[1:-1]:
        i = next(k for k, row in enumerate(out) if row is name)
        if not 0 < i < len(out) - 1:
            continue
        high = name.bbox[3] - name.bbox[1]
        group = [r for r in out if r is not name and not _parted(r, name, heights)]
        near = max(name.middle - out[i - 1].middle, out[i + 1].middle - name.middle) < 0.8 * high
        if not near or len(group) < 2 or out[i - 1] not in group or out[i + 1] not in group:
            continue
        mine = _held(name, columns)
        alone = not any(mine & _held(row, columns) for row in group)
        centred = abs((group[0].middle + group[-1].middle) / 2 - name.middle) < 0.6 * high
        home = group[0] if alone and centred and len(group) % 2 == 0 else out[i - 1]
        if not mine & _held(home, columns):
            segments = sorted((*home.segments, *name.segments), key=lambda s: s.bbox[0])
            out = [_Row(tuple(segments)) if r is home else r for r in out if r is not name]
    return out


def _held(row: _Row, columns: Sequence[tuple[float, float]]) -> set[int]:
    return {c.column + k for c in _cells(row, columns, header=False) for k in range(c.span)}


def _parted(a: _Row, b: _Row, heights: Sequence[float]) -> bool:
    low, high = sorted((a.middle, b.middle))
    return any(low < h < high for h in heights)


def _with_spans(
    grid: list[list[Cell]], rows: Sequence[_Row], columns: Sequence[tuple[float, float]], rules: Sequence[Rule]
) -> list[list[Cell]]:
    """The header's rows, their cells as wide as what they name."""
    out: list[list[Cell]] = []
    for cells, below, (row, next_row) in zip(grid, grid[1:], itertools.pairwise(rows), strict=False):
        between = [r for r in rules if row.middle < r.y < next_row.middle]
        em = max(r.size_pt for s in row.segments for r in s.runs)
        out.append(span_header(cells, below, columns, between, em))
    out.append(grid[-1])
    for i in range(len(out) - 1):
        out[i], out[i + 1] = lowered(out[i], out[i + 1])
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
        box = union(run.bbox for run in runs)
        if cells and first < cells[-1].column + cells[-1].span:
            before = cells[-1]
            end = max(last, before.column + before.span - 1)
            extent = (min(before.extent[0], box[0]), max(before.extent[1], box[2]))
            cells[-1] = Cell(f"{before.text} {join_runs(runs)}", before.column, end - before.column + 1, extent)
        else:
            cells.append(Cell(join_runs(runs), first, last - first + 1, (box[0], box[2])))
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
