"""One image file, opened with Pillow; each frame of a TIFF is a page. Runs in a worker process only."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from rag_ingest.errors import LoadError, UnsupportedSourceError
from rag_ingest.load.options import MIN_SIDE_PX

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF")
MAX_PIXELS = 178_956_970
"""Pixels of one frame, twice Pillow's warning level: where Pillow itself speaks of a decompression bomb."""
DEFAULT_DPI = 200.0
"""Taken where the file names none: at it a Letter page is as large as LightOnOCR's rendering, 1540 px at 2.77 px/pt."""
_ORIENTATION = 0x0112  # EXIF
_DEGREES = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
_PLAUSIBLE_DPI = (30.0, 4800.0)
_DEEP_GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")


class ImageFile:
    """An open image; see `worker.OpenFile`."""

    def __init__(self, path: str) -> None:
        try:
            self._image = Image.open(path, formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise LoadError(f"image is too large: more than {MAX_PIXELS / 1e6:.0f} megapixels") from error
        except (UnidentifiedImageError, SyntaxError) as error:
            raise UnsupportedSourceError("not a PNG, JPEG, WebP or TIFF image, or damaged beyond repair") from error
        self._rotations: dict[int, int] = {}
        self._check_size()

    def info(self) -> dict[str, Any]:
        """Frames of a TIFF count as pages; of an animation only the first picture does."""
        count = getattr(self._image, "n_frames", 1) if self._image.format == "TIFF" else 1
        width, height = self._image.size
        metadata = {"format": self._image.format, "width_px": width, "height_px": height}
        return {"page_count": count, "title": "", "metadata": metadata}

    def page(self, number: int, longest_edge_px: int, *, image: bool) -> tuple[dict[str, Any], bytes | memoryview]:
        """The frame, turned upright, on white, shrunk to the longest edge.

        Raises:
            LoadError: it is damaged, too large, or under 28 px on a side.
        """
        self._seek(number)
        rotation = self._rotation(number)
        fields: dict[str, Any] = {"size_pt": self._size_pt(rotation), "rotation": rotation, "text_layer": None}
        if not image:
            return fields, b""
        upright = self._decode(longest_edge_px)
        if min(upright.size) < MIN_SIDE_PX:
            raise LoadError(f"image is {upright.width} x {upright.height} px: a side under {MIN_SIDE_PX} px")
        fields |= {"size_px": upright.size, "stride": 3 * upright.width}
        return fields, upright.tobytes()

    def _rotation(self, number: int) -> int:
        if number not in self._rotations:  # kept: Pillow turns a TIFF frame when it decodes it, and forgets that it did
            with _damage_named():
                self._rotations[number] = _DEGREES.get(self._image.getexif().get(_ORIENTATION, 1), 0)
        return self._rotations[number]

    def _seek(self, number: int) -> None:
        try:
            self._image.seek(number - 1)
        except EOFError as error:
            raise LoadError("image is truncated: this frame is missing") from error
        self._check_size()

    def _check_size(self) -> None:
        width, height = self._image.size
        if width * height > MAX_PIXELS:
            raise LoadError(f"image of {width} x {height} px is too large: more than {MAX_PIXELS / 1e6:.0f} megapixels")

    def _size_pt(self, rotation: int) -> tuple[float, float]:
        low, high = _PLAUSIBLE_DPI
        told = self._image.info.get("dpi") or (0, 0)
        x_dpi, y_dpi = told if all(low <= d <= high for d in told) else (DEFAULT_DPI, DEFAULT_DPI)
        width, height = self._image.size
        if rotation % 180:
            x_dpi, y_dpi = y_dpi, x_dpi
            if self._image.format != "TIFF":  # a TIFF's size is given as displayed
                width, height = height, width
        return round(72 * width / float(x_dpi), 2), round(72 * height / float(y_dpi), 2)

    def _decode(self, longest_edge_px: int) -> Image.Image:
        with _damage_named():
            self._image.load()
        shrunk = to_rgb(shrink(self._image, longest_edge_px))
        return ImageOps.exif_transpose(shrunk)

    def close(self) -> None:
        """Closes the file."""
        self._image.close()


@contextlib.contextmanager
def _damage_named() -> Iterator[None]:
    try:
        yield
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise LoadError("image is truncated or damaged") from error


def shrink(image: Image.Image, longest_edge_px: int) -> Image.Image:
    """The image with its longest edge at most this long; a smaller one as it is."""
    factor = longest_edge_px / max(image.size)
    if factor >= 1:
        return image
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    resizable = image if image.mode in ("L", "RGB") else to_rgb(image)
    return resizable.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB on white; 16-bit grey is brought down to 8 bits."""
    if image.mode in _DEEP_GREY:
        return image.convert("I").point(lambda value: value * (1 / 257)).convert("L").convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")
