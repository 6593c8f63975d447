"""Figures cut out of the page: a box that can be right becomes an image file's bytes, one that can't is recorded."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, get_args

from rag_ingest.errors import ConfigError
from rag_ingest.ocr.conventions import WHOLE_PAGE
from rag_ingest.ocr.layout_turn import turned_image
from rag_ingest.ocr.places import on_page
from rag_ingest.ocr.places_blocks import figure_links
from rag_ingest.types import BBox, Figure, Page, PageMarkdown, TextBox

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["FigureOptions", "cropped", "cropped_again", "with_paths"]

OUTSIDE_PT: Final = 2.0
"""Boxes are rounded: so much may stand over the page's edge, and is cut off."""
LEAST_PT: Final = 8.0
"""A side shorter than a line of print holds no figure."""

Keep = Literal["files", "column", "none"]
ImageFormat = Literal["png", "webp", "jpeg"]
_SAVE: Final[dict[str, dict[str, int]]] = {
    "png": {"compress_level": 6},
    "webp": {"quality": 90},
    "jpeg": {"quality": 90},
}


@dataclass(frozen=True, kw_only=True)
class FigureOptions:
    """What becomes of the figures whose boxes an engine gives.

    Attributes:
        keep: "files" in the folder `figures` of the knowledge base, "column" in its table `pages`, or "none".
        format: of the images; "webp" and "jpeg" at quality 90.
        margin_pt: added on each side of a box, 0..72; labels often stand just outside.
    """

    keep: Keep = "files"
    format: ImageFormat = "png"
    margin_pt: float = 3.0

    def __post_init__(self) -> None:
        for name, known in (("keep", get_args(Keep)), ("format", get_args(ImageFormat))):
            if getattr(self, name) not in known:
                raise ConfigError(f"figures.{name} is {getattr(self, name)!r}: it must be one of {', '.join(known)}")
        if not 0 <= self.margin_pt <= 72:
            raise ConfigError(f"figures.margin_pt is {self.margin_pt:g}: it must be from 0 to 72")


def cropped(page: Page, read: PageMarkdown, options: FigureOptions) -> PageMarkdown:
    """The page's figures with their crops; a figure without a box, or on a page without an image, gets none.

    Of a page that was turned before it was read (`checks["turned"]`) the crops are turned likewise.

    A box that is inverted, outside the page, the whole page or less than a line of print goes to
    `checks["bad_boxes"]` with the reason, the figure is one without a box, and so is its image link. Others are cut to
    the page.
    """
    if not any(figure.bbox for figure in read.figures):
        return read
    turns = _turns(read)
    figures, bad, told = [], [], []
    for figure in read.figures:
        if figure.bbox and (fault := _fault(figure.bbox, page.size_pt)):
            bad.append(figure)
            told.append(f"{figure.placeholder} {' '.join(f'{side:.1f}' for side in figure.bbox)} pt: {fault}")
            figures.append(replace(figure, bbox=None))
        else:
            bbox = on_page(figure.bbox, page.size_pt) if figure.bbox else None
            figures.append(_with_crop(page, replace(figure, bbox=bbox), options, turns))
    if not bad:
        return replace(read, figures=tuple(figures))
    checks = {**read.checks, "bad_boxes": [*read.checks.get("bad_boxes", ()), *told]}
    return replace(read, figures=tuple(figures), checks=checks, boxes=_without_links(read, bad))


def cropped_again(page: Page, read: PageMarkdown, options: FigureOptions) -> PageMarkdown:
    """The figures of a page whose boxes were judged when it was read, with crops; one that can't be cut stays."""
    turns = _turns(read)
    found = [(figure, _with_crop(page, figure, options, turns)) for figure in read.figures]
    figures = (replace(new, path="", in_table=False) if new.image else old for old, new in found)
    return replace(read, figures=tuple(figures))


def with_paths(read: PageMarkdown, options: FigureOptions) -> PageMarkdown:
    """Says where a page's crops go: names files, relative to the knowledge base, where files are what is wanted.

    The name holds the document, the engine's fingerprint, the page and the figure's number on it, so that what another
    engine cut out stays until its chunks are replaced.
    """
    if options.keep == "none" or not any(figure.image for figure in read.figures):
        return read
    if options.keep == "column":
        return replace(read, figures=tuple(replace(f, in_table=bool(f.image)) for f in read.figures))
    folder = f"figures/{read.doc_id[:2]}/{read.doc_id}/{read.fingerprint}"
    figures = (
        replace(figure, path=f"{folder}/{read.number:04}-{number}.{options.format}") if figure.image else figure
        for number, figure in enumerate(read.figures, 1)
    )
    return replace(read, figures=tuple(figures))


def _without_links(read: PageMarkdown, bad: Sequence[Figure]) -> tuple[TextBox, ...]:
    """The page's boxes but those of the image links of these figures."""
    links = [span for figure, span in figure_links(read) if figure in bad]
    return tuple(box for box in read.boxes if not any(s.start <= box.span.start < box.span.end <= s.end for s in links))


def _turns(read: PageMarkdown) -> int:
    """Quarter turns clockwise by which the page was turned to be read; an engine of somebody else may say anything."""
    degrees = read.checks.get("turned")
    return degrees // 90 if isinstance(degrees, int) else 0


def _fault(bbox: BBox, size_pt: tuple[float, float]) -> str:
    left, top, right, bottom = bbox
    width, height = size_pt
    if not (left < right and top < bottom):
        return "inverted"
    if min(left, top) < -OUTSIDE_PT or right > width + OUTSIDE_PT or bottom > height + OUTSIDE_PT:
        return "outside the page"
    if (right - left) * (bottom - top) >= WHOLE_PAGE * width * height:
        return "the whole page"
    return "too small" if min(right - left, bottom - top) < LEAST_PT else ""


def _with_crop(page: Page, figure: Figure, options: FigureOptions, turns: int) -> Figure:
    if figure.bbox is None or page.image is None or options.keep == "none":
        return figure
    left, top, right, bottom = figure.bbox
    margin = options.margin_pt
    x, y = page.image.width / page.size_pt[0], page.image.height / page.size_pt[1]
    box = (
        max(0, round((left - margin) * x)),
        max(0, round((top - margin) * y)),
        min(page.image.width, round((right + margin) * x)),
        min(page.image.height, round((bottom + margin) * y)),
    )
    try:
        crop = turned_image(page.image.crop(box), turns)
        return replace(figure, image=_encoded(crop, options.format))
    except (OSError, ValueError, SystemError):  # PIL reads lazily; the engine said what is wrong with the image
        return figure


def _encoded(image: Image, image_format: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format.upper(), **_SAVE[image_format])
    return buffer.getvalue()
