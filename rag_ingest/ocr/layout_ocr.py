"""Text for pages whose text layer is missing or of no use: PP-OCR through RapidOCR, models in its wheel."""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from rag_ingest.errors import MissingExtraError, ModelError
from rag_ingest.ocr.layout_lines import area, intersection
from rag_ingest.ocr.layout_regions import Region, silence
from rag_ingest.ocr.layout_turn import quarter_turns, turned_image
from rag_ingest.ocr.orientation import turns_of
from rag_ingest.types import BBox, TextLine, Word

if TYPE_CHECKING:
    from PIL.Image import Image

_LEADERS = re.compile(r"(?:[.·…_]\s?){4,}")
"""Dots of a table of contents, lines of a form."""
_BAD_SHARE = 0.2
_LONGEST_WORD = 25.0
"""Mean length of a word beyond which the spaces must be missing; German papers stay under 9."""
_COVERED_SHARE = 0.2
_LEAST_TEXT_AREA = 0.03
_SURE_SCORE = 0.75
"""PP-OCR reads upright print with a mean score over 0.9, the same upside down with 0.4 to 0.6."""
_INK_HEIGHT_EM = 1.05
"""Height of a detected line box in font sizes, on pages rendered from PDFs of known size."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What OCR made of an image; boxes in points of the image after `turns` quarter turns clockwise."""

    lines: tuple[TextLine, ...]
    turns: int
    score: float


class Reader(Protocol):
    """Reads an image; the seam that tests replace."""

    def __call__(self, image: Image, size_pt: tuple[float, float]) -> Reading:
        """Lines with word boxes."""


def why_ocr(lines: Sequence[TextLine] | None, regions: Sequence[Region], size_pt: tuple[float, float]) -> str:
    """Why the text layer is of no use; empty when it is fine."""
    if lines is None:
        return "no text layer"
    text = _LEADERS.sub(" ", " ".join(line.text for line in lines))
    if not text.strip():
        return "empty text layer"
    bad = sum(_unreadable(c) for c in text)
    if bad > _BAD_SHARE * len(text):
        return f"{100 * bad // len(text)} % of the text layer's characters mean nothing"
    words = text.split()
    if len(text) > 200 and len(text) > _LONGEST_WORD * len(words) and not _without_spaces(text):
        return "the text layer has no spaces"
    blocks = [r.bbox for r in regions if r.label in ("text", "title", "reference") and r.score >= 0.5]
    whole = sum(area(b) for b in blocks)
    if whole < _LEAST_TEXT_AREA * size_pt[0] * size_pt[1]:
        return ""
    empty = sum(area(b) for b in blocks if not _any_line(b, lines))
    if empty > (1 - _COVERED_SHARE) * whole:
        return f"the text layer leaves {100 * empty / whole:.0f} % of the text regions empty"
    return ""


def _any_line(box: BBox, lines: Sequence[TextLine]) -> bool:
    return any(intersection(line.bbox, box) > 0.5 * area(line.bbox) for line in lines)


def _unreadable(char: str) -> bool:
    return char == "\ufffd" or unicodedata.category(char) in ("Co", "Cc", "Cn", "Cs")


def _without_spaces(text: str) -> bool:
    """Scripts that are written without spaces (Chinese, Japanese, Thai)."""
    letters = [c for c in text if c.isalpha()]
    return sum(c > "\u0e00" for c in letters) > 0.5 * len(letters)


class RapidOcrReader:
    """Loads at the first call, says nothing; turns pages that lie on their side or stand on their head.

    Args:
        threads: of each model.
        turns_of: the quarter turns clockwise to begin with, None where it can't tell.
    """

    def __init__(self, *, threads: int, turns_of: Callable[[Image], int | None] = turns_of) -> None:
        self._threads = threads
        self._turns_of = turns_of
        self._model: Any = None

    def __call__(self, image: Image, size_pt: tuple[float, float]) -> Reading:
        """Reads once; once or twice more when the lines stand upright or make no sense."""
        if self._model is None:
            with silence():
                self._model = self._load()
        begun = self._turns_of(image) or 0
        first = self._read(image, size_pt, begun)
        if len(first.lines) < 3:
            return first
        if quarter_turns([replace(line, words=()) for line in first.lines]):
            turned = self._read(image, size_pt, begun + 1)
            return (
                turned
                if turned.score >= _SURE_SCORE
                else max(turned, self._read(image, size_pt, begun + 3), key=_score)
            )
        return first if first.score >= _SURE_SCORE else max(first, self._read(image, size_pt, begun + 2), key=_score)

    def _read(self, image: Image, size_pt: tuple[float, float], turns: int) -> Reading:
        import numpy as np

        turns %= 4
        turned = turned_image(image, turns)
        width = size_pt[1] if turns % 2 else size_pt[0]
        scale = width / turned.width
        found = self._model(np.ascontiguousarray(np.asarray(turned)[:, :, ::-1]), use_cls=False, return_word_box=True)
        if found.txts is None:
            return Reading((), turns, 0.0)
        words: Sequence[Any] = found.word_results or [()] * len(found.txts)
        if len(words) != len(found.txts):
            words = [()] * len(found.txts)
        lines = [_line(t, q, w, scale) for t, q, w in zip(found.txts, found.boxes, words, strict=True) if t.strip()]
        return Reading(tuple(lines), turns, statistics.fmean(found.scores))

    def _load(self) -> Any:
        try:
            from rapidocr import RapidOCR
        except ImportError as e:
            raise MissingExtraError(e.name or "rapidocr", "dev") from e
        settings = {"Global.log_level": "critical", "EngineConfig.onnxruntime.intra_op_num_threads": self._threads}
        try:
            return RapidOCR(params=settings)
        except Exception as e:
            raise ModelError(f"the OCR models of rapidocr can't be loaded: {e}") from e

    def close(self) -> None:
        """Frees the sessions."""
        self._model = None


def _score(reading: Reading) -> float:
    return reading.score


def _line(text: str, quad: Any, words: Sequence[Any], scale: float) -> TextLine:
    """One OCR line in points; without word boxes its width is shared out by characters."""
    bbox = _box(quad, scale)
    parts = [Word(str(w[0]), _box(w[2], scale)) for w in words if str(w[0]).strip()]
    if "".join(w.text for w in parts) != "".join(text.split()):
        parts = _shared_out(text, bbox)
    return TextLine(text, bbox, (bbox[3] - bbox[1]) / _INK_HEIGHT_EM, False, tuple(parts))


def _shared_out(text: str, bbox: BBox) -> list[Word]:
    step = (bbox[2] - bbox[0]) / max(len(text), 1)
    out: list[Word] = []
    at = 0
    for word in text.split():
        at = text.index(word, at)
        out.append(Word(word, (bbox[0] + at * step, bbox[1], bbox[0] + (at + len(word)) * step, bbox[3])))
        at += len(word)
    return out


def _box(quad: Any, scale: float) -> BBox:
    xs = [float(point[0]) * scale for point in quad]
    ys = [float(point[1]) * scale for point in quad]
    return min(xs), min(ys), max(xs), max(ys)
