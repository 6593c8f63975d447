"""Words into pieces, pieces into visual lines: the geometry that everything else stands on.

A text layer's own lines are not to be trusted: they run across columns and table cells, and break at every
superscript. So they are cut at wide gaps into pieces first; the pieces of one region are put together again by height.
All boxes are in page points, origin top-left.
"""

from __future__ import annotations

import itertools
import re
import statistics
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from rag_ingest.types import BBox, TextLine, Word

_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\xad": "-"})
_MATHS_LETTERS = re.compile("[\U0001d400-\U0001d7ff]")
"""Letters in styles of their own code points; nobody searches for them."""
_PIECE_GAP_EM = 1.3
"""A gap this wide parts columns or cells; justified text on the development papers stays under 1.1."""


@dataclass(frozen=True, slots=True)
class Run:
    """One word with its style."""

    text: str
    bbox: BBox
    size_pt: float
    bold: bool


@dataclass(frozen=True)
class Line:
    """Words that stand beside each other, left to right; never empty. What is derived is worked out once."""

    runs: tuple[Run, ...]

    @cached_property
    def bbox(self) -> BBox:
        """Around all words."""
        return union(run.bbox for run in self.runs)

    @cached_property
    def text(self) -> str:
        """Words joined by a space, or by nothing where they touch."""
        return join_runs(self.runs)

    @cached_property
    def size_pt(self) -> float:
        """Of the largest share of the characters."""
        return dominant_size(self.runs)

    @cached_property
    def bold(self) -> bool:
        """More than 80 % of the letters are bold."""
        total = sum(len(run.text) for run in self.runs)
        return sum(len(run.text) for run in self.runs if run.bold) > 0.8 * total


def union(boxes: Iterable[BBox]) -> BBox:
    """The smallest box around all; zeros when there is none."""
    listed = list(boxes)
    if not listed:
        return (0.0, 0.0, 0.0, 0.0)
    return (
        min(b[0] for b in listed),
        min(b[1] for b in listed),
        max(b[2] for b in listed),
        max(b[3] for b in listed),
    )


def area(box: BBox) -> float:
    """Zero for an inverted box."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def intersection(a: BBox, b: BBox) -> float:
    """Area that two boxes share."""
    return area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))


def covered(inner: BBox, outer: BBox) -> float:
    """Share of `inner` that lies in `outer`, 0..1."""
    size = area(inner)
    return intersection(inner, outer) / size if size else float(_holds_centre(inner, outer))


def overlap_1d(a0: float, a1: float, b0: float, b1: float) -> float:
    """Length that two intervals share, 0 when apart."""
    return max(0.0, min(a1, b1) - max(a0, b0))


def dominant_size(runs: Sequence[Run]) -> float:
    """The font size, to 0.5 pt, that most characters have."""
    weights: dict[float, int] = {}
    for run in runs:
        size = round(run.size_pt * 2) / 2
        weights[size] = weights.get(size, 0) + len(run.text)
    return max(weights, key=lambda s: (weights[s], s)) if weights else 0.0


def join_runs(runs: Sequence[Run]) -> str:
    """Words with a space between them, without one where a script or fraction touches its neighbour."""
    parts: list[str] = []
    for i, run in enumerate(runs):
        if i and not _touch(runs[i - 1], run):
            parts.append(" ")
        parts.append(run.text)
    return "".join(parts)


def pieces(text_layer: Sequence[TextLine]) -> list[Line]:
    """Cuts every line where a gap is wide or the height changes; a line without word boxes stays whole."""
    out: list[Line] = []
    for line in text_layer:
        runs = [_run(word, line) for word in _words(line) if word.text.strip()]
        current: list[Run] = []
        for run in runs:
            if current and _breaks(current[-1], run):
                out.append(Line(tuple(current)))
                current = []
            current.append(run)
        if current:
            out.append(Line(tuple(current)))
    return out


def without_doubles(parts: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """Pieces, and those that only repeat another one over it (shadows, hidden second layers)."""
    kept: dict[str, list[BBox]] = {}
    out: list[Line] = []
    doubles: list[Line] = []
    for piece in parts:
        box, text, em = piece.bbox, piece.text, max(piece.size_pt, 4.0)
        seen = kept.setdefault(text, [])
        if any(abs(box[0] - b[0]) < 0.25 * em and abs(box[1] - b[1]) < 0.75 * em for b in seen):
            doubles.append(piece)
        else:
            seen.append(box)
            out.append(piece)
    return out, doubles


def visual_lines(parts: Iterable[Line]) -> list[Line]:
    """Pieces of one region, put together where they share more than half their height; top to bottom."""
    bands: list[tuple[float, float, list[Run]]] = []
    for piece in sorted(parts, key=lambda p: (-_rank(p), p.bbox[1], p.bbox[0])):
        top, bottom = piece.bbox[1], piece.bbox[3]
        best = max(bands, key=lambda b: overlap_1d(b[0], b[1], top, bottom), default=None)
        height = min(bottom - top, best[1] - best[0]) if best else 0.0
        if best and overlap_1d(best[0], best[1], top, bottom) > 0.5 * max(height, 0.1):
            best[2].extend(piece.runs)
        else:
            bands.append((top, bottom, list(piece.runs)))
    bands.sort(key=lambda b: (b[0] + b[1]) / 2)
    return [Line(_in_reading_direction(runs)) for _, _, runs in bands]


def _in_reading_direction(runs: list[Run]) -> tuple[Run, ...]:
    """Left to right, or right to left where most letters are Hebrew or Arabic."""
    letters = [c for run in runs for c in run.text if c.isalpha()]
    backwards = 2 * sum("\u0590" <= c <= "\u08ff" for c in letters) > len(letters)
    return tuple(sorted(runs, key=lambda r: -r.bbox[2] if backwards else r.bbox[0]))


def line_pitch(lines: Sequence[Line]) -> float:
    """Median distance between the middles of lines that follow each other; 1.2 em when there is one line."""
    middles = [(line.bbox[1] + line.bbox[3]) / 2 for line in lines]
    steps = [b - a for a, b in itertools.pairwise(middles) if b > a]
    return statistics.median(steps) if steps else 1.2 * (lines[0].size_pt if lines else 10.0)


def is_turned(piece: Line) -> bool:
    """Set upwards or downwards, like the stamp in the margin of an arXiv paper."""
    left, top, right, bottom = piece.bbox
    return len(piece.text) > 3 and bottom - top > 2.5 * max(right - left, 1.0)


def _rank(piece: Line) -> int:
    """Pieces at full size make the bands, scripts join them."""
    return 1 if len(piece.runs) > 3 else 0


def _touch(a: Run, b: Run) -> bool:
    """Nothing between them and at least one is a script: the loader broke inside a word."""
    small, large = sorted((a.size_pt, b.size_pt))
    gap = b.bbox[0] - a.bbox[2]
    return small < 0.85 * large and -0.5 * large < gap < 0.12 * large


def _breaks(a: Run, b: Run) -> bool:
    em = max(a.size_pt, b.size_pt, 4.0)
    backwards = b.bbox[0] < a.bbox[0] - em
    return b.bbox[0] - a.bbox[2] > _PIECE_GAP_EM * em or backwards


def _run(word: Word, line: TextLine) -> Run:
    height = word.bbox[3] - word.bbox[1]
    size = line.size_pt if line.size_pt > 0 else height / 1.15
    text = _MATHS_LETTERS.sub(lambda m: unicodedata.normalize("NFKC", m.group(0)), word.text.translate(_LIGATURES))
    return Run(text.strip(), word.bbox, size, line.bold)


def _words(line: TextLine) -> tuple[Word, ...]:
    return line.words or (Word(line.text, line.bbox),)


def _holds_centre(inner: BBox, outer: BBox) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]
