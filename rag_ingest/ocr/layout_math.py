"""Display equations: characters of a text layer and where they stand, written as TeX.

Scripts are told by a smaller size and a shifted middle, fractions by the bar on the page image. What is not recognised
stays as the character it is; braces always balance, and no blank line or dollar sign comes out.
"""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from rag_ingest.ocr.layout_glyphs import split_scripts
from rag_ingest.ocr.layout_lines import Line, Run, overlap_1d, union
from rag_ingest.ocr.layout_rules import Ink, Rule
from rag_ingest.types import BBox

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ϵ": "epsilon", "ε": "varepsilon", "ζ": "zeta", "η": "eta",
    "θ": "theta", "ϑ": "vartheta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "µ": "mu", "ν": "nu",
    "ξ": "xi", "π": "pi", "ϖ": "varpi", "ρ": "rho", "ϱ": "varrho", "σ": "sigma", "ς": "varsigma", "τ": "tau",
    "υ": "upsilon", "φ": "varphi", "ϕ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta",
    "∆": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Υ": "Upsilon", "Φ": "Phi",
    "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_SIGNS = {
    "∑": "sum", "∏": "prod", "∫": "int", "∮": "oint", "√": "sqrt", "∂": "partial", "∇": "nabla", "∞": "infty",
    "≤": "leq", "≥": "geq", "⩽": "leq", "⩾": "geq", "≠": "neq", "≈": "approx", "≡": "equiv", "∼": "sim", "≃": "simeq",
    "∝": "propto", "≪": "ll", "≫": "gg", "×": "times", "·": "cdot", "⋅": "cdot", "∙": "cdot", "÷": "div", "±": "pm",
    "∓": "mp", "∗": "ast", "◦": "circ", "∘": "circ", "⊕": "oplus", "⊗": "otimes", "⊙": "odot", "∈": "in",
    "∉": "notin", "⊂": "subset", "⊆": "subseteq", "∪": "cup", "∩": "cap", "∅": "emptyset", "∀": "forall",
    "∃": "exists", "¬": "neg", "∧": "wedge", "∨": "vee", "→": "to", "←": "leftarrow", "⇒": "Rightarrow",
    "⇔": "Leftrightarrow", "↔": "leftrightarrow", "↦": "mapsto", "…": "ldots", "⋯": "cdots", "⋮": "vdots",
    "⟨": "langle", "⟩": "rangle", "〈": "langle", "〉": "rangle", "∥": "|", "‖": "|", "′": "prime", "ℓ": "ell",
    "ħ": "hbar", "ℏ": "hbar", "†": "dagger", "⊤": "top", "⊥": "perp", "∣": "mid", "⌊": "lfloor", "⌋": "rfloor",
    "⌈": "lceil", "⌉": "rceil",
}  # fmt: skip
_COMMANDS = {**_GREEK, **_SIGNS}
_PLAIN = {"−": "-", "–": "-", "‐": "-", "\u2009": " ", "\u00a0": " "}
_ESCAPED = {"{": r"\{", "}": r"\}", "$": r"\$", "%": r"\%", "#": r"\#", "&": r"\&", "_": r"\_"}
_DROPPED = {"\\": r"\backslash", "^": r"\hat{}", "~": r"\sim"}
_FUNCTIONS = frozenset(
    [
        "arccos",
        "arcsin",
        "arctan",
        "arg",
        "cos",
        "cosh",
        "cot",
        "coth",
        "csc",
        "deg",
        "det",
        "dim",
        "exp",
        "gcd",
        "hom",
        "inf",
        "ker",
        "lg",
        "lim",
        "liminf",
        "limsup",
        "ln",
        "log",
        "max",
        "min",
        "Pr",
        "sec",
        "sin",
        "sinh",
        "sup",
        "tan",
        "tanh",
    ]
)
_TOKEN = re.compile(r"[A-Za-z]{2,}|.", re.DOTALL)
_NUMBER = re.compile(r"^\(\s*([A-Z]?\.?\d{1,3}(?:\.\d{1,3})?[a-z]?)\s*\)$")
MATH_SIGNS = frozenset(_COMMANDS) | frozenset("=+−<>|∥^")


@dataclass(frozen=True, slots=True)
class _Atom:
    tex: str
    bbox: BBox
    size: float
    script: str = ""

    @property
    def middle(self) -> float:
        return (self.bbox[1] + self.bbox[3]) / 2


def equation_number(text: str) -> str | None:
    """`3` of `(3)`, `A.1` of `(A.1)`; None for anything else."""
    found = _NUMBER.match(text.strip())
    return found.group(1) if found else None


def equation(parts: Sequence[Line], bars: Sequence[Rule], ink: Ink, body_pt: float) -> str:
    r"""A display block `$$ … $$`, its number as `\tag{…}`; empty without text."""
    base = max([body_pt, *(part.size_pt for part in parts)])
    atoms: list[_Atom] = []
    numbers: list[str] = []
    rightmost = max((run.bbox[2] for part in parts for run in part.runs), default=0.0)
    for part in parts:
        for run in part.runs:
            number = equation_number(run.text)
            if number and run.bbox[2] > rightmost - 1.0:
                numbers.append(number)
            elif run.text.strip():
                atoms.extend(_atoms(run, ink, base))
    if not atoms:
        return ""
    body = " \\\\\n".join(_row(band) for band in _bands(_fractions(atoms, bars)))
    tag = f" \\tag{{{', '.join(numbers)}}}" if numbers else ""
    return f"$$\n{body}{tag}\n$$"


def _atoms(run: Run, ink: Ink, base: float) -> list[_Atom]:
    """A word at its size, or cut at its scripts where the image shows them."""
    found = split_scripts(run, ink, base)
    if len(found) == 1:
        return [_Atom(to_tex(run.text), run.bbox, run.size_pt)]
    return [_Atom(to_tex(p.text), p.bbox, 0.7 * base if p.script else base, p.script) for p in found]


def to_tex(text: str) -> str:
    """One word of a text layer as TeX; braces balance."""
    normal = "".join(_normal(c) for c in text)
    out = ""
    for token in _TOKEN.findall(normal):
        piece = _token(token)
        if out and re.search(r"\\[A-Za-z]+$", out) and piece[:1].isalpha():
            out += " "
        out += piece
    return out


def _normal(char: str) -> str:
    if char in _COMMANDS or char in _PLAIN:
        return _PLAIN.get(char, char)
    plain = unicodedata.normalize("NFKC", char)
    if unicodedata.category(char) == "No" and plain.isdigit():
        return f"^{plain}"
    printable = all(unicodedata.category(c)[0] not in "CZ" for c in plain)
    return plain if printable and len(plain) <= 3 else ""


def _token(token: str) -> str:
    if token in _COMMANDS:
        return f"\\{_COMMANDS[token]}"
    if token in _ESCAPED:
        return _ESCAPED[token]
    if token == "^":
        return "^"
    if token in _DROPPED:
        return _DROPPED[token]
    if token in _FUNCTIONS:
        return f"\\{token}"
    if len(token) > 2 and not token.isupper():
        return f"\\mathrm{{{token}}}"
    return token


def _fractions(atoms: list[_Atom], bars: Sequence[Rule]) -> list[_Atom]:
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
        whole = _Atom(tex, (min(box[0], bar.left), bar.y - half, max(box[2], bar.right), bar.y + half), size)
        atoms = [a for a in atoms if a not in over and a not in under] + [whole]
    return atoms


def _at(atom: _Atom, bar: Rule, *, above: bool) -> bool:
    width = max(atom.bbox[2] - atom.bbox[0], 0.1)
    if overlap_1d(atom.bbox[0], atom.bbox[2], bar.left - 1, bar.right + 1) < 0.7 * width:
        return False
    distance = bar.y - atom.middle if above else atom.middle - bar.y
    return 0.15 * atom.size < distance < 1.5 * max(atom.size, 5.0)


def _bands(atoms: Sequence[_Atom]) -> list[list[_Atom]]:
    """Rows of a display: full-size atoms make them, small ones join the nearest."""
    base = _base(atoms)
    bands: list[list[_Atom]] = []
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


def _base(atoms: Sequence[_Atom]) -> float:
    return max(a.size for a in atoms)


def _row(atoms: Sequence[_Atom]) -> str:
    """One row, left to right; small atoms off the middle become scripts."""
    base = _base(atoms)
    full = [a for a in atoms if a.size > 0.85 * base]
    centre = statistics.median(a.middle for a in full)
    out: list[str] = []
    script: str = ""
    held: list[_Atom] = []
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


def _script(kind: str, held: Sequence[_Atom]) -> str:
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
    return re.sub(r"\^(\d)", r"^{\1}", out)
