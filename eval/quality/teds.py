"""TEDS: similarity of two tables by the edit distance of their trees.

Definition: Zhong, ShafieiBavani and Jimeno Yepes, "Image-based table recognition: data, model, and evaluation" (ECCV
2020, arXiv 1911.10683). A table is a tree of rows of cells. Inserting or deleting a node costs 1; so does changing a
cell's spans; between cells of equal spans it costs the normalised Levenshtein distance of their texts (nothing for
TEDS-structure). TEDS = 1 - distance / nodes of the larger tree, the root not counted. As in OmniDocBench, `<thead>`,
`<tbody>` and `<th>` are not told apart from the rest, so that pipe tables and HTML can be equal.

The distance is the exact one of Zhang and Shasha (SIAM J. Comput. 18, 1989), whose recursion is written here for trees
of this depth: all pairs of rows first, then the rows among each other, a line of the matrix at a time. A general
library takes minutes for 200 rows of 10 cells where this takes a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from eval.quality.content import Grid, TableCell

MAX_CELLS = 4_000
"""Of a larger table the first rows with so many cells are compared; the nodes behind them count as all different."""

_Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Tree:
    """A table's cells in one list.

    Attributes:
        rows: [start, end) of each row's cells.
    """

    cells: tuple[TableCell, ...]
    rows: tuple[tuple[int, int], ...]

    @property
    def nodes(self) -> int:
        return len(self.cells) + len(self.rows)


def teds(truth: Grid, output: Grid, *, structure: bool = False) -> float:
    """Similarity of two tables, 0.0 to 1.0, the same either way round; 1.0 when both are empty.

    Args:
        truth: one table.
        output: the other.
        structure: rows, cells and spans alone.
    """
    nodes = max(_size(truth), _size(output))
    if not nodes:
        return 1.0
    a, b = _tree(truth), _tree(output)
    unseen = max(_size(truth) - a.nodes, _size(output) - b.nodes)
    return max(0.0, 1.0 - (_distance(a, b, structure) + unseen) / nodes)


def _size(grid: Grid) -> int:
    return len(grid) + sum(map(len, grid))


def _tree(grid: Grid) -> _Tree:
    cells: list[TableCell] = []
    rows = []
    for row in grid:
        if cells and len(cells) + len(row) > MAX_CELLS:
            break
        rows.append((len(cells), len(cells) + len(row)))
        cells += row
    return _Tree(tuple(cells), tuple(rows))


def _distance(a: _Tree, b: _Tree, structure: bool) -> float:
    if not a.rows or not b.rows:
        return a.nodes + b.nodes
    changes = _node_changes(a, b, structure)
    before_b = _before(b)
    steps = np.arange(b.nodes + 1, dtype=np.float64)
    lines = {0: steps.copy()}
    line = lines[0]
    for i, before in enumerate(_before(a), 1):
        best = line + 1
        best[1:] = np.minimum(best[1:], lines[before][before_b] + changes[i - 1])
        line = np.minimum.accumulate(best - steps) + steps
        lines[i] = line
        if before < i - 1:  # a row ends: the lines of its cells are not asked for again
            lines = {i: line}
    return float(line[-1])


def _before(tree: _Tree) -> list[int]:
    """For each node in postorder, how many nodes stand before its subtree."""
    before: list[int] = []
    for start, end in tree.rows:
        first = len(before)
        before += range(first, first + end - start)
        before.append(first)
    return before


def _node_changes(a: _Tree, b: _Tree, structure: bool) -> _Matrix:
    """(nodes of a, nodes of b), in postorder: what turning the one's subtree into the other's costs."""
    cells = _cell_changes(a.cells, b.cells, structure)
    cells_a, rows_a = _positions(a)
    cells_b, rows_b = _positions(b)
    changes = np.empty((a.nodes, b.nodes))
    changes[np.ix_(cells_a, cells_b)] = cells
    changes[np.ix_(rows_a, rows_b)] = _row_changes(a, b, cells)
    for row, (start, end) in zip(rows_a, a.rows, strict=True):
        nearest = cells[start:end].min(axis=0) if end > start else np.ones(len(b.cells))
        changes[row, cells_b] = end - start + np.minimum(1.0, nearest)
    for row, (start, end) in zip(rows_b, b.rows, strict=True):
        nearest = cells[:, start:end].min(axis=1) if end > start else np.ones(len(a.cells))
        changes[cells_a, row] = end - start + np.minimum(1.0, nearest)
    return changes


def _positions(tree: _Tree) -> tuple[list[int], list[int]]:
    """Of cells and of rows among the nodes in postorder."""
    cells = [at + number for number, (start, end) in enumerate(tree.rows) for at in range(start, end)]
    return cells, [end + number for number, (_, end) in enumerate(tree.rows)]


def _cell_changes(a: Sequence[TableCell], b: Sequence[TableCell], structure: bool) -> _Matrix:
    spans_a = np.array([(cell.colspan, cell.rowspan) for cell in a]).reshape(-1, 2)
    spans_b = np.array([(cell.colspan, cell.rowspan) for cell in b]).reshape(-1, 2)
    unequal = (spans_a[:, None, :] != spans_b[None, :, :]).any(axis=2)
    if structure:
        return np.where(unequal, 1.0, 0.0)
    texts_a, index_a = _texts(a)
    texts_b, index_b = _texts(b)
    by_text: _Matrix = cdist(texts_a, texts_b, scorer=Levenshtein.normalized_distance, dtype=np.float64)
    return np.where(unequal, 1.0, by_text[np.ix_(index_a, index_b)])


def _texts(cells: Sequence[TableCell]) -> tuple[list[str], list[int]]:
    """Each text once, and which of them each cell holds."""
    known = {text: i for i, text in enumerate(dict.fromkeys(cell.text for cell in cells))}
    return list(known), [known[cell.text] for cell in cells]


def _row_changes(a: _Tree, b: _Tree, cells: _Matrix) -> _Matrix:
    """(rows of a, rows of b): the edit distance of their cells.

    All rows of a and all rows of b of one length are compared at once, a cell of the rows of a at a time: cells of a
    times cells of b are looked at, rows of a times cells of b held.
    """
    starts_a, lengths_a = _rows(a)
    starts_b, lengths_b = _rows(b)
    result = np.zeros((len(a.rows), len(b.rows)))
    for length in np.unique(lengths_b):
        group = np.flatnonzero(lengths_b == length)
        steps = np.arange(length + 1, dtype=np.float64)
        of_b = starts_b[group, None] + np.arange(length)
        rows = np.arange(len(a.rows))
        line = np.broadcast_to(steps, (len(rows), len(group), len(steps)))
        for i in range(int(lengths_a.max()) + 1):
            if i:
                line, rows = line[lengths_a[rows] >= i], rows[lengths_a[rows] >= i]
                of_a = starts_a[rows] + i - 1
                best = line + 1
                best[:, :, 1:] = np.minimum(best[:, :, 1:], line[:, :, :-1] + cells[of_a[:, None, None], of_b])
                line = np.minimum.accumulate(best - steps, axis=2) + steps
            ended = lengths_a[rows] == i
            result[np.ix_(rows[ended], group)] = line[ended, :, -1]
    return result


def _rows(tree: _Tree) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and number of cells of each row."""
    spans = np.array(tree.rows, dtype=np.int64)
    return spans[:, 0], spans[:, 1] - spans[:, 0]
