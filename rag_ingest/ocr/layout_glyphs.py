"""Which characters of a word are sub- or superscripts, seen on the page image.

A text layer gives a word as one box, so `dk` may be d with an index k. Connected patches of ink inside the box are
matched to the characters; their height and foot say the rest. Where patches and characters don't match in number
(touching letters), nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rag_ingest.ocr.layout_lines import Run, overlap_1d, union
from rag_ingest.ocr.layout_rules import Ink
from rag_ingest.types import BBox

Script = Literal["", "^", "_"]

_FOOT_BELOW = frozenset("gpqyjβγζημξρφϕχψQ")
_TALL = frozenset("bdfhklijβδζθλξφϕψ")
_SHORT = frozenset("acemnorsuvwxzgpqyαεϵγηικμνπρστυχω")
_CAP_EM, _SHORT_EM, _FOOT_EM, _AXIS_EM = 0.67, 0.44, 0.2, 0.25
"""Heights of capitals, of short letters, of what hangs below, and of the maths axis: Computer Modern and Times agree
within 0.03 em."""
_SMALL = 0.84
"""TeX sets first-order scripts at 0.7; below this share of the expected height a letter is one."""
_LOW_EM, _HIGH_EM = 0.07, 0.17
"""How far the foot must lie under or over the baseline."""
_THRESHOLDS = (170, 130, 95)


@dataclass(frozen=True, slots=True)
class Part:
    """Neighbouring characters at one level."""

    text: str
    bbox: BBox
    script: Script


def split_scripts(run: Run, ink: Ink, base_pt: float) -> list[Part]:
    """A word cut where its characters change level.

    Args:
        run: the word; its box tight around the ink.
        ink: the page image.
        base_pt: font size of the line's full-size characters.

    Returns:
        One part with script "" when nothing can be told.
    """
    whole = [Part(run.text, run.bbox, "")]
    if len(run.text) < 2 or not any(c.isalnum() for c in run.text):
        return whole
    boxes = _matched(run, ink)
    if boxes is None:
        return whole
    feet = [_foot(c, b, base_pt) for c, b in zip(run.text, boxes, strict=True) if _full_size(c, b, base_pt)]
    if not feet:
        return whole
    baseline = sorted(feet)[len(feet) // 2]
    levels = [_level(c, b, base_pt, baseline) for c, b in zip(run.text, boxes, strict=True)]
    out: list[Part] = []
    for char, box, level in zip(run.text, boxes, levels, strict=True):
        if out and out[-1].script == level:
            out[-1] = Part(out[-1].text + char, union([out[-1].bbox, box]), level)
        else:
            out.append(Part(char, box, level))
    return out


def _matched(run: Run, ink: Ink) -> list[BBox] | None:
    """One box a character, in the order of the text."""
    for threshold in _THRESHOLDS:
        patches = ink.patches(run.bbox, threshold)
        if len(patches) > 3 * len(run.text) + 3:
            continue
        while len(patches) > len(run.text):
            pair = _closest(patches)
            if pair is None:
                break
            patches = [p for i, p in enumerate(patches) if i not in pair] + [
                union([patches[pair[0]], patches[pair[1]]])
            ]
        if len(patches) == len(run.text):
            return sorted(patches, key=lambda b: (round((b[0] + b[2]) / 4), b[1]))
    return None


def _closest(patches: Sequence[BBox]) -> tuple[int, int] | None:
    """Two patches above each other: the dot of an i, the bars of an equals sign."""
    best: tuple[float, int, int] | None = None
    for i, a in enumerate(patches):
        for k in range(i + 1, len(patches)):
            b = patches[k]
            narrow = min(a[2] - a[0], b[2] - b[0])
            if overlap_1d(a[0], a[2], b[0], b[2]) > 0.5 * narrow:
                gap = max(a[1], b[1]) - min(a[3], b[3])
                if best is None or gap < best[0]:
                    best = (gap, i, k)
    return best[1:] if best else None


def _height_em(char: str) -> float | None:
    if char in _SHORT:
        return _SHORT_EM + _FOOT_EM * (char in _FOOT_BELOW)
    if char in _TALL:
        return _CAP_EM + _FOOT_EM * (char in _FOOT_BELOW)
    if char.isupper() or char.isdigit():
        return _CAP_EM
    return 0.6 if char == "t" else None


def _foot(char: str, box: BBox, em: float) -> float:
    return box[3] - (_FOOT_EM * em if char in _FOOT_BELOW else 0.0)


def _full_size(char: str, box: BBox, em: float) -> bool:
    expected = _height_em(char)
    return expected is not None and box[3] - box[1] > 0.9 * expected * em


def _level(char: str, box: BBox, em: float, baseline: float) -> Script:
    expected = _height_em(char)
    if expected is None:
        shift = baseline - (0.0 if char in ".,;" else _AXIS_EM * em) - (box[1] + box[3]) / 2
        return "^" if shift > 0.22 * em else "_" if shift < -0.18 * em else ""
    small = box[3] - box[1] < _SMALL * expected * em
    scale = 0.7 if small else 1.0
    foot = _foot(char, box, em * scale)
    if foot > baseline + _LOW_EM * em:
        return "_"
    return "^" if foot < baseline - _HIGH_EM * em and (small or foot < baseline - 0.3 * em) else ""
