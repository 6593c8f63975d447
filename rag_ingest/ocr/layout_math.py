"""Display equations: characters of a text layer and where they stand, written as TeX.

Scripts are told by a smaller size and a shifted middle, fractions by the bar on the page image. What is not recognised
stays as the character it is; braces always balance, and no blank line or dollar sign comes out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from rag_ingest.ocr.layout_glyphs import seen_size, split_scripts
from rag_ingest.ocr.layout_lines import Line, Run
from rag_ingest.ocr.layout_mathrows import Atom, large_sign, rows
from rag_ingest.ocr.layout_rules import Ink, Rule

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


def equation_number(text: str) -> str | None:
    """`3` of `(3)`, `A.1` of `(A.1)`; None for anything else."""
    found = _NUMBER.match(text.strip())
    return found.group(1) if found else None


def equation(parts: Sequence[Line], bars: Sequence[Rule], ink: Ink, body_pt: float) -> str:
    r"""A display block `$$ … $$`, its number as `\tag{…}`; empty without text."""
    base = max([body_pt, *(part.size_pt for part in parts)])
    atoms: list[Atom] = []
    numbers: list[str] = []
    rightmost = max((run.bbox[2] for part in parts for run in part.runs), default=0.0)
    for part in parts:
        for run in part.runs:
            number = equation_number(run.text)
            if number and run.bbox[2] > rightmost - 1.0:
                numbers.append(number)
            elif run.text.strip():
                atoms.extend(_atoms(run, ink, base))
    atoms = [atom for atom in atoms if atom.tex.strip()]
    if not atoms:
        return ""
    body = " \\\\\n".join(rows(atoms, bars))
    tag = f" \\tag{{{', '.join(numbers)}}}" if numbers else ""
    return f"$$\n{body}{tag}\n$$"


def _atoms(run: Run, ink: Ink, base: float) -> list[Atom]:
    """A word at its size, or cut at its scripts where the image shows them."""
    big = large_sign(run.text, run.bbox, base)
    if big:
        return [Atom(big, run.bbox, base)]
    found = split_scripts(run, ink, base)
    if len(found) == 1:
        seen = seen_size(run.text, run.bbox)
        size = 0.7 * base if 0 < seen < 0.8 * run.size_pt else run.size_pt
        return [Atom(to_tex(run.text), run.bbox, size)]
    return [Atom(to_tex(p.text), p.bbox, 0.7 * base if p.script else base, p.script) for p in found]


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
