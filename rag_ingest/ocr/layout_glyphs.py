"""Which characters of a word are sub- or superscripts, seen on the page image.

A text layer gives a word as one box, so `dk` may be d with an index k. Connected patches of ink inside the box are
matched to the characters; their height and foot say the rest. Where patches and characters don't match in number
(touching letters), nothing is claimed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rag_ingest.ocr.layout_lines import Line, Run, union
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
_THRESHOLDS = (225, 200, 170, 130)
"""Grey below which a pixel is ink: thin strokes need a high one, letters that nearly touch a low one."""


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
    boxes = _matched(run, ink, base_pt)
    if boxes is None:
        return whole
    return _grouped(run.text, boxes, base_pt) or whole


def seen_size(text: str, bbox: BBox) -> float:
    """Font size that the height of the ink speaks for, in points; 0 when a character has no known height."""
    heights = [_height_em(c) for c in text]
    known = [h for h in heights if h is not None]
    if not known or len(known) < len(heights):
        return 0.0
    hangs = any(c in _FOOT_BELOW for c in text)
    rises = max(h - _FOOT_EM * (c in _FOOT_BELOW) for h, c in zip(known, text, strict=True))
    return (bbox[3] - bbox[1]) / (rises + _FOOT_EM * hangs)


def _grouped(text: str, boxes: Sequence[BBox], em: float) -> list[Part]:
    """Characters by level; a full-size letter that stands off the baseline (a numerator) begins a new part."""
    first = next((_foot(c, b, em) for c, b in zip(text, boxes, strict=True) if _full_size(c, b, em)), None)
    if first is None:
        return []
    baseline = first
    out: list[Part] = []
    for token in re.finditer(r"[^\W\d_]{4,}|.", text):
        box = union(boxes[token.start() : token.end()])
        char = token.group(0)[0]
        if _full_size(char, boxes[token.start()], em):
            foot = _foot(char, boxes[token.start()], em)
            moved = abs(foot - baseline) > 0.3 * em
            baseline = foot
            level: Script = ""
        elif _height_em(char) is None and box[3] - box[1] > 0.6 * em and abs(box[3] - 0.2 * em - baseline) > 0.45 * em:
            moved, level = True, ""
        else:
            moved = False
            level = _level(char, boxes[token.start()], em, baseline)
        if out and out[-1].script == level and not moved:
            out[-1] = Part(out[-1].text + token.group(0), union([out[-1].bbox, box]), level)
        else:
            out.append(Part(token.group(0), box, level))
    return out


def _matched(run: Run, ink: Ink, em: float) -> list[BBox] | None:
    """One box a character, in the order of the text; from the threshold that needs the fewest patches joined."""
    count = len(run.text)
    for threshold in _THRESHOLDS:
        patches = [p for p in ink.patches(run.bbox, threshold) if not _is_bar(p, em)]
        if not count <= len(patches) <= 2 * count + 3:
            continue
        while len(patches) > count:
            pair = _closest(patches, em)
            if pair is None:
                break
            patches = [p for i, p in enumerate(patches) if i not in pair] + [
                union([patches[pair[0]], patches[pair[1]]])
            ]
        if len(patches) == count:
            return sorted(patches, key=lambda b: (round((b[0] + b[2]) / 4), b[1]))
    return None


def _is_bar(patch: BBox, em: float) -> bool:
    """A fraction bar or the roof of a root."""
    return patch[2] - patch[0] > 1.1 * em and patch[3] - patch[1] < 0.2 * em


def _closest(patches: Sequence[BBox], em: float) -> tuple[int, int] | None:
    """Two patches of one character: a stroke broken by rendering, the dot of an i, the bars of an equals sign."""
    best: tuple[float, int, int] | None = None
    for i, a in enumerate(patches):
        for k in range(i + 1, len(patches)):
            b = patches[k]
            aside = max(a[0], b[0]) - min(a[2], b[2])
            over = max(a[1], b[1]) - min(a[3], b[3])
            stacked = -aside > 0.5 * min(a[2] - a[0], b[2] - b[0])
            cost = 0.3 * max(over, 0.0) if stacked else max(aside, 0.0) + max(over, 0.0) + 0.05 * em
            if cost < 0.11 * em and (best is None or cost < best[0]):
                best = (cost, i, k)
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
    return "^" if foot < baseline - _HIGH_EM * em else ""


_POWER = re.compile(r"^(?P<before>\D*|.*[·×x*])10(?P<power>[−–-]?\d{1,3})(?P<after>[\D]*)$")
_RAISED = str.maketrans("0123456789−–-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻⁻")


def with_powers(piece: Line, ink: Ink) -> Line:
    """Powers of ten as the page shows them: `1.1 · 10²¹`, where the text layer says 1021."""
    if not any(_POWER.match(run.text) for run in piece.runs):
        return piece
    return Line(tuple(_with_power(run, ink, piece.size_pt) for run in piece.runs))


def _with_power(run: Run, ink: Ink, em: float) -> Run:
    found = _POWER.match(run.text)
    if not found or em <= 0:
        return run
    parts = split_scripts(run, ink, em)
    raised = "".join(part.text for part in parts if part.script == "^")
    if raised != found.group("power") or any(part.script == "_" for part in parts):
        return run
    text = f"{found.group('before')}10{raised.translate(_RAISED)}{found.group('after')}"
    return replace(run, text=text)
