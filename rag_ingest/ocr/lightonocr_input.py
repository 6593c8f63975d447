"""A page as LightOnOCR wants it: the image alone, at most 1540 px, in whole cells of 28 px, never stretched."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rag_ingest.errors import OcrError
from rag_ingest.types import Page

if TYPE_CHECKING:
    from PIL.Image import Image

PROMPT: Final = "<|im_start|>system<|im_end|>\n<|im_start|>user\n<|image_pad|><|im_end|>\n<|im_start|>assistant\n"
"""What the checkpoint's chat template makes of an image alone; used as it stands where there is no template."""

LONGEST_EDGE_PX: Final = 1540
"""The model's training resolution (its `preprocessor_config.json`): 55 cells."""

CELL_PX: Final = 28
"""A patch of 14 px, merged 2 x 2: one image token. A strip that fills no whole cell would be dropped unseen."""

RENDERING: Final = f"longest edge {LONGEST_EDGE_PX} px lanczos, white right and bottom to {CELL_PX} px"
"""What is done to a page, as it stands in the engine's fingerprint."""


def picture(page: Page, scale: float = 1.0) -> Image:
    """`prepare` for a page's image.

    Raises:
        OcrError: the page has none, or it can't be read, or it is too small.
    """
    if page.image is None:
        raise OcrError("the page has no image, and this engine reads nothing else")
    try:
        return prepare(page.image, scale)
    except (OSError, ValueError) as e:  # PIL reads lazily: a damaged image shows here
        raise OcrError(f"the page's image can't be read: {e}") from e


def prepare(image: Image, scale: float = 1.0) -> Image:
    """RGB, each side a multiple of `CELL_PX` and at most `LONGEST_EDGE_PX`; larger pages are reduced, none enlarged.

    Args:
        image: the page.
        scale: of a retry: the result is so much smaller or larger, the limit of the longest edge stays.

    Raises:
        OcrError: a side is under `CELL_PX` pixels after the reduction, which leaves no text to read.
    """
    from PIL import Image as Images

    width, height = fitted(image.width, image.height, scale)
    if min(width, height) < CELL_PX:
        raise OcrError(f"image of {width} x {height} px is too small: each side needs {CELL_PX} px or more")
    picture = _on_white(image)
    if picture.size != (width, height):
        picture = picture.resize((width, height), Images.Resampling.LANCZOS)
    size = (_whole_cells(width), _whole_cells(height))
    if size == picture.size:
        return picture
    padded = Images.new("RGB", size, "white")
    padded.paste(picture)
    return padded


def fitted(width: int, height: int, scale: float = 1.0) -> tuple[int, int]:
    """Width and height in pixels with the longest edge brought down to `LONGEST_EDGE_PX`, aspect kept."""
    longest = max(width, height, LONGEST_EDGE_PX)
    if scale != 1:
        shown = min(max(width, height), LONGEST_EDGE_PX)
        edge, longest = min(LONGEST_EDGE_PX, round(scale * shown)), max(width, height)
        return width * edge // longest, height * edge // longest
    return width * LONGEST_EDGE_PX // longest, height * LONGEST_EDGE_PX // longest


def frame_pt(image: Image, size_pt: tuple[float, float], scale: float = 1.0) -> tuple[float, float]:
    """Width and height in page points of what the model is given: the page, and the strips that fill whole cells."""
    width, height = fitted(image.width, image.height, scale)
    return size_pt[0] * _whole_cells(width) / width, size_pt[1] * _whole_cells(height) / height


def image_tokens(size: tuple[int, int]) -> int:
    """How many tokens a prepared image of (width, height) pixels costs."""
    return (size[0] // CELL_PX) * (size[1] // CELL_PX)


def _whole_cells(side: int) -> int:
    return CELL_PX * math.ceil(side / CELL_PX)


def _on_white(image: Image) -> Image:
    from PIL import Image as Images

    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    return Images.alpha_composite(Images.new("RGBA", layer.size, "white"), layer).convert("RGB")
