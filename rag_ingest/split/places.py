"""Where chunks stand on their pages: the boxes of their lines, united a page and column."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rag_ingest.types import BBox, Chunk, Document, PageBox

GAP_LINES = 2.5
"""Heights of a line; what stands further below is not right below: something lies between."""

WASTE_SHARE = 0.35
"""Two boxes are united where no more than this share of the box around them is in neither, and so may be other text."""

LOOK_BACK = 4
"""Boxes before it that one may be united with: text that goes on behind a float, or a note."""


@dataclass(slots=True)
class _Region:
    """Lines that follow each other down a column; `line` is the least height of one."""

    page: int
    bbox: BBox
    line: float
    last: BBox

    def add(self, other: _Region) -> None:
        self.bbox, self.line, self.last = _union(self.bbox, other.bbox), min(self.line, other.line), other.last


def with_places(document: Document, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """The chunks with their `bboxes`, from the lines that each covers in full or in part."""
    if not document.boxes:
        yield from chunks
        return
    boxes = document.boxes
    starts, ends = [box.span.start for box in boxes], [box.span.end for box in boxes]
    blocks = [block.span.start for block in document.blocks]
    for chunk in chunks:
        covered = range(bisect_right(ends, chunk.span.start), bisect_left(starts, chunk.span.end))
        own = [(bisect_right(blocks, starts[at]), boxes[at]) for at in covered]
        yield replace(chunk, bboxes=_regions(own)) if own else chunk


def _regions(lines: Sequence[tuple[int, PageBox]]) -> tuple[tuple[int, BBox], ...]:
    """Boxes for lines, each with the number of its block: columns of a block first, then what is stacked."""
    regions: list[_Region] = []
    for part in _parts(lines):
        home = next((region for region in regions[: -LOOK_BACK - 1 : -1] if _stacked(region, part)), None)
        if home is None:
            regions.append(part)
        else:
            home.add(part)
    return tuple((region.page, region.bbox) for region in regions)


def _parts(lines: Sequence[tuple[int, PageBox]]) -> Iterator[_Region]:
    """A block's lines, cut where they jump to another column or page."""
    part, own = None, -1
    for block, line in lines:
        fresh = _Region(line.page, line.bbox, line.bbox[3] - line.bbox[1], line.bbox)
        if part is not None and block == own and _runs_on(part, fresh):
            part.add(fresh)
            continue
        if part is not None:
            yield part
        part, own = fresh, block
    if part is not None:
        yield part


def _runs_on(part: _Region, line: _Region) -> bool:
    """On the last line's row, or below it; not up the page, aside, or far down."""
    height = max(part.last[3] - part.last[1], line.line)
    down = -height < line.bbox[1] - part.last[1] and line.bbox[1] - part.bbox[3] < GAP_LINES * height
    row = line.bbox[1] < part.last[3] and line.bbox[3] > part.last[1] and _apart(part.bbox, line.bbox, 0) < height
    return line.page == part.page and (row or (down and _apart(part.bbox, line.bbox, 0) < 0))


def _stacked(one: _Region, other: _Region) -> bool:
    """In one column, with nothing between."""
    a, b = one.bbox, other.bbox
    near = _apart(a, b, 1) < GAP_LINES * min(one.line, other.line)
    shared = -_apart(a, b, 0) > 0.5 * min(a[2] - a[0], b[2] - b[0])
    return one.page == other.page and near and shared and _waste(a, b) < WASTE_SHARE


def _apart(a: BBox, b: BBox, axis: int) -> float:
    """The gap along an axis (0 = x, 1 = y); negative where they overlap, by how much."""
    return max(a[axis], b[axis]) - min(a[axis + 2], b[axis + 2])


def _waste(a: BBox, b: BBox) -> float:
    """Share of the box around both that is in neither, 0.0 to 1.0."""
    both = max(0.0, -_apart(a, b, 0)) * max(0.0, -_apart(a, b, 1))
    return 1.0 - (_area(a) + _area(b) - both) / max(_area(_union(a, b)), 1e-9)


def _area(box: BBox) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _union(a: BBox, b: BBox) -> BBox:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
