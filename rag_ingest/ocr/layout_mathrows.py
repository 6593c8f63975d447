"""Atoms of a display equation put together: radicals, limits of large operators, fractions, scripts, rows."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag_ingest.ocr.layout_lines import overlap_1d, union
from rag_ingest.ocr.layout_rules import Rule
from rag_ingest.types import BBox

_LARGE = {
    "X": (r"\sum", 1.0), "P": (r"\sum", 0.9), "Y": (r"\prod", 1.0), "Q": (r"\prod", 1.0), "Z": (r"\int", 1.15),
    "R": (r"\int", 0.95), "p": (r"\sqrt", 0.9), "q": (r"\sqrt", 1.1), "r": (r"\sqrt", 1.1), "s": (r"\sqrt", 1.1),
    '"': ("[", 1.0), "#": ("]", 1.0), "h": ("[", 1.0), "i": ("]", 1.0), "n": (r"\{", 0.95), "o": (r"\}", 0.95),
    "!": (")", 1.2), "S": (r"\bigcup", 0.9),
}  # fmt: skip
"""Positions of TeX's extension font (cmex10), which many files map to the letter of the same code; the height of the
ink, in font sizes, tells the sign from the letter."""
_OPERATORS = (r"\sum", r"\prod", r"\int", r"\bigcup")


@dataclass(frozen=True, slots=True)
class Atom:
    """A piece of TeX with its place; `script` "^" or "_" where that is known already."""

    tex: str
    bbox: BBox
    size: float
    script: str = ""

    @property
    def middle(self) -> float:
        """Half its height, in points from the top of the page."""
        return (self.bbox[1] + self.bbox[3]) / 2


def large_sign(text: str, bbox: BBox, base_pt: float) -> str:
    """TeX of a large operator or delimiter that the text layer gives as a letter; empty for a letter."""
    tex, least = _LARGE.get(text, ("", 0.0))
    return tex if tex and bbox[3] - bbox[1] > least * base_pt else ""


def rows(atoms: list[Atom], bars: Sequence[Rule]) -> list[str]:
    """TeX of every row of a display, top to bottom.

    Args:
        atoms: at least one, in any order.
        bars: horizontal strokes; those that are part of a character are recognised and left out.
    """
    free = [bar for bar in bars if not any(_within(bar, atom.bbox) for atom in atoms)]
    atoms, free = _radicals(atoms, free)
    return [_row(band) for band in _bands(_fractions(_limits(atoms), free))]


def _within(bar: Rule, box: BBox) -> bool:
    return box[0] - 1 < bar.left and bar.right < box[2] + 1 and box[1] - 0.6 < bar.y < box[3] + 0.6


def _radicals(atoms: list[Atom], bars: list[Rule]) -> tuple[list[Atom], list[Rule]]:
    """A root sign takes what stands under the bar that begins at its upper right."""
    for root in sorted((a for a in atoms if a.tex == r"\sqrt"), key=lambda a: -a.bbox[0]):
        _, top, right, bottom = root.bbox
        bar = next((b for b in bars if abs(b.left - right) < 2.5 and abs(b.y - top) < 3.0), None)
        if bar is None:
            continue
        under = [
            a for a in atoms
            if a is not root and top - 1 < a.middle < bottom + 2
            and overlap_1d(a.bbox[0], a.bbox[2], bar.left - 1, bar.right + 1) > 0.6 * (a.bbox[2] - a.bbox[0])
        ]  # fmt: skip
        if under:
            size = max(a.size for a in under)
            whole = Atom(
                rf"\sqrt{{{_row(_fractions(under, bars))}}}",
                union([root.bbox, *(a.bbox for a in under)]),
                size,
                root.script,
            )
            atoms = [a for a in atoms if a is not root and a not in under] + [whole]
            bars = [b for b in bars if b is not bar]
    return atoms, bars


def _limits(atoms: list[Atom]) -> list[Atom]:
    """Small atoms right above and below a large operator become its limits."""
    for sign in [a for a in atoms if a.tex in _OPERATORS]:
        near = [
            a for a in atoms
            if a is not sign and a.size < 0.85 * sign.size and not a.tex.startswith(_OPERATORS)
            and overlap_1d(a.bbox[0], a.bbox[2], sign.bbox[0] - 4, sign.bbox[2] + 4) > 0.6 * (a.bbox[2] - a.bbox[0])
        ]  # fmt: skip
        high = [a for a in near if 0 < sign.bbox[1] + 1 - a.middle < 1.2 * sign.size]
        low = [a for a in near if 0 < a.middle - sign.bbox[3] + 1 < 1.2 * sign.size]
        if high or low:
            tex = sign.tex + (f"_{{{_row(low)}}}" if low else "") + (f"^{{{_row(high)}}}" if high else "")
            taken = [sign, *high, *low]
            atoms = [a for a in atoms if a not in taken] + [replace(sign, tex=tex)]
    return atoms


def _fractions(atoms: list[Atom], bars: Sequence[Rule]) -> list[Atom]:
    """Replaces what stands right above and below a bar by one atom; narrow bars first, so that fractions nest."""
    for bar in sorted(bars, key=lambda b: b.right - b.left):
        over = [a for a in atoms if _at(a, bar, above=True)]
        under = [a for a in atoms if _at(a, bar, above=False)]
        if not over or not under:
            continue
        box = union([*(a.bbox for a in over), *(a.bbox for a in under)])
        size = max(a.size for a in over + under)
        tex = f"\\frac{{{_row(over)}}}{{{_row(under)}}}"
        half = 0.6 * size
        whole = Atom(tex, (min(box[0], bar.left), bar.y - half, max(box[2], bar.right), bar.y + half), size)
        atoms = [a for a in atoms if a not in over and a not in under] + [whole]
    return atoms


def _at(atom: Atom, bar: Rule, *, above: bool) -> bool:
    width = max(atom.bbox[2] - atom.bbox[0], 0.1)
    if overlap_1d(atom.bbox[0], atom.bbox[2], bar.left - 1, bar.right + 1) < 0.7 * width:
        return False
    distance = bar.y - atom.middle if above else atom.middle - bar.y
    return 0.15 * atom.size < distance < 1.5 * max(atom.size, 5.0)


def _bands(atoms: Sequence[Atom]) -> list[list[Atom]]:
    """Rows of a display: full-size atoms make them, small ones join the nearest."""
    base = _base(atoms)
    bands: list[list[Atom]] = []
    for atom in sorted((a for a in atoms if a.size > 0.85 * base), key=lambda a: a.middle):
        if bands and atom.middle - statistics.fmean(a.middle for a in bands[-1]) < 0.75 * base:
            bands[-1].append(atom)
        else:
            bands.append([atom])
    for atom in atoms:
        if atom.size <= 0.85 * base:
            nearest = min(bands, key=lambda b: abs(statistics.fmean(a.middle for a in b) - atom.middle))
            nearest.append(atom)
    return bands


def _base(atoms: Sequence[Atom]) -> float:
    return max(a.size for a in atoms)


def _row(atoms: Sequence[Atom]) -> str:
    """One row, left to right; small atoms off the middle become scripts."""
    base = _base(atoms)
    full = [a for a in atoms if a.size > 0.85 * base]
    centre = statistics.median(a.middle for a in full)
    out: list[str] = []
    script: str = ""
    held: list[Atom] = []
    for atom in sorted(atoms, key=lambda a: a.bbox[0]):
        shift = (centre - atom.middle) / base
        flat = atom.size > 0.85 * base or abs(shift) < 0.08
        kind = atom.script or ("" if flat else "^" if shift > 0 else "_")
        if kind != script and held:
            out.append(_script(script, held))
            held = []
        script = kind
        if kind:
            held.append(atom)
        else:
            out.append(atom.tex)
    if held:
        out.append(_script(script, held))
    return _tidy(out)


def _script(kind: str, held: Sequence[Atom]) -> str:
    return f"{kind}{{{' '.join(a.tex for a in held)}}}"


def _tidy(parts: Sequence[str]) -> str:
    """Joins with spaces; a second script of the same kind on one base gets an empty base of its own."""
    out = ""
    seen = ""
    for part in parts:
        kind = part[:1] if part[:2] in ("^{", "_{") else ""
        if kind and kind in seen:
            out += "{}"
            seen = ""
        seen = seen + kind if kind else ""
        out += part if kind or not out else f" {part}"
    out = re.sub(r"\^(\d)", r"^{\1}", out)
    return re.sub(r"(\^\{[^{}]*\})(?=\^)|(_\{[^{}]*\})(?=_)", r"\g<0>{}", out)
