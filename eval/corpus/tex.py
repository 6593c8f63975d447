r"""LaTeX math to Typst math, for the commands that the built-in papers use.

    to_typst(r"\frac{H}{2} \left( 1 + C_H^2 \right)")  ->  "frac( H , 2 ) ( 1 + C _( H ) ^( 2 ) )"

A command that is not in the tables below raises, so that a paper can't be set with a hole in a formula.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|[^\s]")

_WORDS = (
    "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega "
    "Gamma Delta Theta Lambda Sigma Phi Psi Omega sum exp log ln max min sin cos tanh sinh cosh tan lim partial approx"
)
_SIGNS = {name: name for name in _WORDS.split()} | {
    "prod": "product", "int": "integral", "cdot": "dot.op", "times": "times", "pm": "plus.minus", "infty": "infinity",
    "le": "<=", "leq": "<=", "ge": ">=", "geq": ">=", "ne": "eq.not", "neq": "eq.not", "in": "in", "to": "->",
    "propto": "prop", "ldots": "dots.h", "cdots": "dots.c", "sim": "tilde.op", "ell": "ell", "mid": "|",
    "equiv": "equiv", "lfloor": "floor.l", "rfloor": "floor.r", "lceil": "ceil.l", "rceil": "ceil.r", "quad": "quad",
    "qquad": "wide", "ll": "<<", "gg": ">>", "Pr": "Pr", "varepsilon": "epsilon", "circ": "compose",
    "uparrow": "arrow.t", "varpi": "pi.alt", "vartheta": "theta.alt", "varphi": "phi.alt", "rightarrow": "->",
}  # fmt: skip
_SPACES = {"\\,": "thin", "\\;": "med", "\\:": "med", "\\ ": "med", "\\!": "", "\\\\": "\\ ", "\\%": "%"}
_ACCENTS = {"hat": "hat", "bar": "macron", "overline": "overline", "dot": "dot", "tilde": "tilde", "vec": "arrow"}
_UPRIGHT = frozenset({"mathrm", "text", "operatorname"})
_LITERAL = {",": "\\,", ";": "\\;", "/": "\\/", '"': '\\"', "#": "\\#", "$": "\\$", "'": "prime", "-": "-"}


def to_typst(tex: str) -> str:
    r"""The same formula in Typst's notation.

    Args:
        tex: one formula without its `$`; `\tag` is not part of it.

    Raises:
        ValueError: a command is not known, or a brace does not close.
    """
    text = re.sub(r"\\(mathrm|text|operatorname)\{([^{}]*)\}", _protect, tex)
    return " ".join(_terms(iter(_TOKEN.findall(text)), until=""))


def _protect(match: re.Match[str]) -> str:
    r"""`\mathrm{a b}` keeps its blanks through the tokeniser."""
    return rf"\{match[1]}{{{match[2].replace(' ', chr(0x2423))}}}"


def _terms(tokens: Iterator[str], until: str) -> Iterator[str]:
    for token in tokens:
        if token == until:
            return
        yield _term(token, tokens)
    if until:
        raise ValueError(f"no {until!r} closes a group")


def _term(token: str, tokens: Iterator[str]) -> str:
    if token == "{":
        return " ".join(_terms(tokens, "}"))
    if token in "_^":
        return f"{token}( {_argument(tokens)} )"
    if token in _SPACES:
        return _SPACES[token]
    if token in {"\\{", "\\}", "\\|"}:
        return {"\\{": "\\{", "\\}": "\\}", "\\|": "parallel"}[token]
    if token.startswith("\\"):
        return _command(token[1:], tokens)
    return _LITERAL.get(token, token)


def _command(name: str, tokens: Iterator[str]) -> str:
    if name in _SIGNS:
        return _SIGNS[name]
    if name in {"frac", "binom"}:
        return f"{name}( {_argument(tokens)} , {_argument(tokens)} )"
    if name == "sqrt":
        return f"sqrt( {_argument(tokens)} )"
    if name in _ACCENTS:
        return f"{_ACCENTS[name]}( {_argument(tokens)} )"
    if name in _UPRIGHT:
        return _words(tokens)
    if name == "mathbf":
        return f"bold(upright( {_argument(tokens)} ))"
    if name == "mathcal":
        return f"cal( {_argument(tokens)} )"
    if name == "left":
        return _delimited(tokens)
    if name == "begin":
        return _cases(tokens)
    raise ValueError(f"unknown command \\{name}")


def _argument(tokens: Iterator[str]) -> str:
    return _term(next(tokens), tokens)


def _words(tokens: Iterator[str]) -> str:
    letters = "".join(iter(lambda: next(tokens), "}")).removeprefix("{").replace("␣", " ")
    return f"upright({letters})" if len(letters) == 1 else f'upright("{letters}")'


def _delimited(tokens: Iterator[str]) -> str:
    opening = next(tokens)
    inner = " ".join(_terms(tokens, "\\right"))
    closing = next(tokens)
    pair = ["" if d == "." else _SIGNS.get(d[1:], d) if d.startswith("\\") else f"\\{d}" for d in (opening, closing)]
    return f"lr( {pair[0]} {inner} {pair[1]} )"


def _cases(tokens: Iterator[str]) -> str:
    name = "".join(iter(lambda: next(tokens), "}")).removeprefix("{")
    if name != "cases":
        raise ValueError(f"unknown environment {name}")
    inner = " ".join(_terms(tokens, "\\end"))
    for _ in "{cases}":
        next(tokens)
    return f"cases( {inner.replace(_SPACES[chr(92) * 2], ', ')} )"
