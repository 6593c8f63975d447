"""Drawn lines on the page image: table rules and fraction bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag_ingest.types import BBox

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

_INK = 170
"""Grey below this is ink; thin rules are antialiased to about 150."""

_THICKEST_PT = 2.5


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal line, in points."""

    left: float
    right: float
    y: float


class Ink:
    """The page image as grey values, asked about in points."""

    def __init__(self, image: Image | None, size_pt: tuple[float, float]) -> None:
        self._grey: NDArray[np.uint8] | None = None
        self._scale = 1.0
        if image is not None:
            import numpy as np

            self._grey = np.asarray(image.convert("L"))
            self._scale = image.width / size_pt[0]

    def rules(self, box: BBox, *, min_length: float) -> list[Rule]:
        """Horizontal lines of at least `min_length` points inside a box, top to bottom."""
        crop, x0, y0 = self._crop(box)
        if crop is None:
            return []
        found: list[list[tuple[int, int, int]]] = []
        for y, left, right in _long_runs(crop < _INK, max(3, int(min_length * self._scale))):
            for group in found:
                last = group[-1]
                if y - last[0] <= 1 and min(right, last[2]) > max(left, last[1]):
                    group.append((y, left, right))
                    break
            else:
                found.append([(y, left, right)])
        s = self._scale
        return [
            Rule(
                (x0 + min(r[1] for r in group)) / s,
                (x0 + max(r[2] for r in group)) / s,
                (y0 + (group[0][0] + group[-1][0]) / 2) / s,
            )
            for group in found
            if group[-1][0] - group[0][0] <= _THICKEST_PT * s
        ]

    def patches(self, box: BBox, threshold: int) -> list[BBox]:
        """Boxes of connected ink darker than `threshold` inside a box, without specks and what runs on outside."""
        s = self._scale
        edge = 2 / s
        crop, x0, y0 = self._crop((box[0] - edge, box[1] - edge, box[2] + edge, box[3] + edge))
        if crop is None:
            return []
        import cv2

        count, _, stats, _ = cv2.connectedComponentsWithStats((crop < threshold).astype("uint8"), connectivity=8)
        height, width = crop.shape
        found = [[int(v) for v in stats[i]] for i in range(1, count)]
        whole = [
            (x, y, w, h)
            for x, y, w, h, size in found
            if size >= 2 and x > 0 and y > 0 and x + w < width and y + h < height
        ]
        return [((x0 + x) / s, (y0 + y) / s, (x0 + x + w) / s, (y0 + y + h) / s) for x, y, w, h in whole]

    def _crop(self, box: BBox) -> tuple[NDArray[np.uint8] | None, int, int]:
        if self._grey is None:
            return None, 0, 0
        height, width = self._grey.shape
        x0, y0 = max(0, int(box[0] * self._scale)), max(0, int(box[1] * self._scale))
        x1, y1 = min(width, int(box[2] * self._scale) + 1), min(height, int(box[3] * self._scale) + 1)
        return (self._grey[y0:y1, x0:x1], x0, y0) if x1 > x0 and y1 > y0 else (None, 0, 0)


def _long_runs(ink: NDArray[np.bool_], shortest: int) -> list[tuple[int, int, int]]:
    """(row, start, end) of every horizontal run of ink that is long enough."""
    import numpy as np

    full = np.flatnonzero(np.count_nonzero(ink, axis=1) >= shortest)
    padded = np.zeros((len(full), ink.shape[1] + 2), dtype=np.int8)
    padded[:, 1:-1] = ink[full]
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    _, ends = np.nonzero(steps == -1)
    long = ends - starts >= shortest
    return list(zip(full[rows[long]].tolist(), starts[long].tolist(), ends[long].tolist(), strict=True))


def across(rules: Sequence[Rule], left: float, right: float, share: float) -> list[float]:
    """Heights of the rules that cover a share of the width, pieces at one height taken together."""
    heights: list[float] = []
    for y in sorted({round(rule.y, 1) for rule in rules}):
        level = [r for r in rules if abs(r.y - y) < 1.2]
        length = sum(max(0.0, min(r.right, right) - max(r.left, left)) for r in level)
        if length >= share * (right - left) and (not heights or y - heights[-1] > 2.0):
            heights.append(y)
    return heights
