"""Tables of notation: which TeX commands are letters, signs, synonyms or mere style."""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return text.split()


_GREEK_NAMES = _words(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon "
    "phi chi psi omega"
)
_LOWER = dict(zip(_GREEK_NAMES, "αβγδεζηθικλμνξοπρστυφχψω", strict=True))
_VARIANTS = {"varepsilon": "ε", "varphi": "φ", "vartheta": "θ", "varsigma": "σ", "varrho": "ρ", "varpi": "π"}

GREEK = _LOWER | {name.title(): letter.upper() for name, letter in _LOWER.items()} | _VARIANTS
"""Command name to letter; the variants of a letter are that letter, since fonts don't tell them apart."""

SYMBOLS = {
    "pm": "±", "times": "×", "cdot": "·", "leq": "≤", "geq": "≥", "neq": "≠", "approx": "≈", "sim": "∼",
    "sum": "∑", "prod": "∏", "int": "∫", "sqrt": "√", "partial": "∂", "nabla": "∇", "infty": "∞", "in": "∈",
    "cap": "∩", "cup": "∪", "subset": "⊂", "forall": "∀", "exists": "∃", "rightarrow": "→", "leftarrow": "←",
    "propto": "∝", "equiv": "≡", "otimes": "⊗", "oplus": "⊕", "circ": "∘", "star": "⋆", "ldots": "…",
    "langle": "⟨", "rangle": "⟩", "ell": "ℓ", "degree": "°", "odot": "⊙", "gg": "≫", "ll": "≪", "wedge": "∧",
    "vee": "∨", "mapsto": "↦", "perp": "⊥", "Rightarrow": "⇒", "Leftrightarrow": "⇔", "supset": "⊃", "notin": "∉",
    "emptyset": "∅", "oint": "∮", "dagger": "†", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉",
}  # fmt: skip
"""Command name to sign."""

SYNONYMS = {
    "dfrac": "frac", "tfrac": "frac", "cfrac": "frac", "le": "leq", "ge": "geq", "ne": "neq", "to": "rightarrow",
    "cdots": "ldots", "dots": "ldots", "widehat": "hat", "widetilde": "tilde", "overline": "bar", "prime": "'",
    "ast": "*", "lVert": "|", "rVert": "|", "Vert": "|", "lvert": "|", "rvert": "|", "vert": "|", "mid": "|",
    "land": "wedge", "lor": "vee", "implies": "Rightarrow", "iff": "Leftrightarrow", "varnothing": "emptyset",
}  # fmt: skip
"""Command name to the name, or the sign, that stands for all of its kind."""

STYLES = frozenset(
    _words(
        "left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr displaystyle textstyle scriptstyle "
        "limits nolimits mathrm text textrm textnormal textbf textit mathbf mathit mathsf mathtt boldsymbol bm bf rm "
        "it em operatorname mbox hbox nonumber notag quad qquad hspace vspace mathop mathord mathbin mathrel cases"
    )
)
"""Commands that change the look alone; engines choose between them freely."""

FUNCTIONS = frozenset(_words("exp log ln max min sup inf sin cos tan arg det dim lim gcd Pr sinh cosh tanh"))
"""Commands that print their own name."""

TO_COMMANDS = {ord(letter): f" \\{name} " for name, letter in GREEK.items() if name not in _VARIANTS}
TO_COMMANDS |= {ord(sign): f" \\{name} " for name, sign in SYMBOLS.items()}
TO_COMMANDS |= {
    ord("⋅"): r" \cdot ", ord("∥"): " | ", ord("‖"): " | ",
    ord("ϵ"): r" \epsilon ", ord("ϕ"): r" \phi ", ord("µ"): r" \mu ",
    ord("−"): "-", ord("∗"): "*", ord("′"): "'",
}  # fmt: skip
"""For `str.translate`: Unicode mathematics to commands."""
