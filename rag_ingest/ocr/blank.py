"""Blank pages, known by their image before a model is asked: what a model writes for one is made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

LEAST_INK_PX: Final = 6
"""Ink of the emptiest page that is read. The scanned blank at hand has 3, a lone page number of 8 pt 12 and more, the
emptiest of 773 other pages 128 (`eval/guards.md`)."""

_LONGEST_PX = 770
_CONTRAST = 32
_NEIGHBOURS = 3
_MARGIN = 0.02
_SPOT_PX = 24
_LEAST_SIDE_PX = 150


def is_blank(image: Image) -> bool:
    """Whether nothing is printed on a page; a picture too small to be a page is never called blank."""
    return min(image.size) >= _LEAST_SIDE_PX and ink_px(image) < LEAST_INK_PX


def ink_px(image: Image) -> int:
    """Ink in the fullest spot of a page: pixels, at 770 px, that stand off from the paper round them.

    The paper is a running median, so that yellowed, shaded and dark pages count like white ones. Specks of one or two
    pixels, and the outermost 2 % where scanners leave edges, don't count. A spot is a square of 24 px: dirt is spread
    over a page, and the smallest print stands together.
    """
    import numpy as np
    from PIL import Image as Images
    from PIL import ImageFilter

    grey = image.convert("L")
    small = grey.reduce(factor) if (factor := round(max(grey.size) / _LONGEST_PX)) > 1 else grey
    paper = small.reduce(8).filter(ImageFilter.MedianFilter(5)).resize(small.size, Images.Resampling.BILINEAR)
    off = np.abs(np.asarray(small, dtype=np.int16) - np.asarray(paper, dtype=np.int16)) > _CONTRAST
    margin = max(2, round(_MARGIN * min(small.size)))
    off = np.pad(off[margin:-margin, margin:-margin], 1)
    height, width = off.shape
    beside = sum(
        off[1 + dy : height - 1 + dy, 1 + dx : width - 1 + dx].astype(np.int8) for dy in (-1, 0, 1) for dx in (-1, 0, 1)
    )
    ink = np.pad(off[1:-1, 1:-1] & (beside >= _NEIGHBOURS), (0, _SPOT_PX))
    half = _SPOT_PX // 2
    rows, columns = ink.shape[0] // half, ink.shape[1] // half
    squares = ink[: rows * half, : columns * half].reshape(rows, half, columns, half).sum(axis=(1, 3))
    return int((squares[1:, 1:] + squares[1:, :-1] + squares[:-1, 1:] + squares[:-1, :-1]).max())
