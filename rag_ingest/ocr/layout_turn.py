"""Pages set sideways or upside down: a table across the sheet is read the way a person turns the paper."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rag_ingest.types import BBox, TextLine, Word

if TYPE_CHECKING:
    from PIL.Image import Image

_SHARE = 0.6
"""Of the characters must stand sideways before the page is turned."""


LEAST_WORDS = 60
"""Fewer words may be a notice in the margin of a scan; those that publishers print have up to 50."""


def quarter_turns(lines: Sequence[TextLine]) -> int:
    """How often to turn the page clockwise so that most of its text is level: 0, 1, 2 or 3."""
    total = sum(len(line.text) for line in lines)
    sideways = [line for line in lines if _tall(line)]
    if sum(len(line.text) for line in sideways) < _SHARE * total or not total:
        return 2 if _stands_on_its_head(lines) else 0
    up = sum(_direction(line) for line in sideways)
    return 1 if up >= 0 else 3


def tells_direction(lines: Sequence[TextLine]) -> bool:
    """Whether there is text enough, in colour, for `quarter_turns` to be believed."""
    words = [word.visible for line in lines for word in line.words or (Word(line.text, line.bbox),)]
    return len(words) >= LEAST_WORDS and 2 * sum(words) > len(words)


def turn_lines(lines: Sequence[TextLine], turns: int, size_pt: tuple[float, float]) -> tuple[TextLine, ...]:
    """The same lines on the page after `turns` quarter turns clockwise; `size_pt` is the size before."""
    return tuple(
        replace(
            line,
            bbox=turn_box(line.bbox, turns, size_pt),
            words=tuple(Word(word.text, turn_box(word.bbox, turns, size_pt), word.visible) for word in line.words),
        )
        for line in lines
    )


def turn_box(box: BBox, turns: int, size_pt: tuple[float, float]) -> BBox:
    """A box after `turns` quarter turns clockwise of a page of this size."""
    left, top, right, bottom = box
    width, height = size_pt
    if turns % 4 == 1:
        return height - bottom, left, height - top, right
    if turns % 4 == 3:
        return top, width - right, bottom, width - left
    return box if turns % 4 == 0 else (width - right, height - bottom, width - left, height - top)


def _tall(line: TextLine) -> bool:
    boxes = [word.bbox for word in line.words if len(word.text) > 2] or [line.bbox]
    return sum(b[3] - b[1] for b in boxes) > 1.2 * sum(b[2] - b[0] for b in boxes)


def _direction(line: TextLine) -> int:
    """Characters, positive when the line reads upwards; 0 when one word can't tell."""
    if len(line.words) < 2:
        return 0
    return len(line.text) * (1 if line.words[0].bbox[1] > line.words[-1].bbox[1] else -1)


def _stands_on_its_head(lines: Sequence[TextLine]) -> bool:
    """Words follow each other to the left. Scripts that are written so are left out, and lines of one word."""
    votes = [(len(line.text), line.words[0].bbox[0] > line.words[-1].bbox[0]) for line in lines if _is_ordered(line)]
    return sum(size for size, back in votes if back) > _SHARE * sum(size for size, _ in votes)


def _is_ordered(line: TextLine) -> bool:
    return len(line.words) > 1 and not any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in line.text)


def turned_image(image: Image, turns: int) -> Image:
    """The image after `turns` quarter turns clockwise."""
    from PIL.Image import Transpose

    steps = {1: Transpose.ROTATE_270, 2: Transpose.ROTATE_180, 3: Transpose.ROTATE_90}
    return image.transpose(steps[turns % 4]) if turns % 4 else image


def turned_size(size_pt: tuple[float, float], turns: int) -> tuple[float, float]:
    """Width and height after `turns` quarter turns."""
    return (size_pt[1], size_pt[0]) if turns % 2 else size_pt
