r"""Formulas set by KaTeX, so that two ways to write one formula are equal when they look alike.

KaTeX runs in QuickJS (package quickjs-ng) from the `katex.min.js` that sphinxcontrib-katex carries, or from the file
that `$RAG_INGEST_KATEX` names; no browser and no network. What is compared is its MathML, reduced to what is drawn:
letters and signs in order, scripts, fractions, roots, accents and the cells of a matrix; not fonts, spaces or groups.

olmOCR-bench compares MathML first and, where it differs, the places of the glyphs in Chromium. Glyph places are not
compared here; the reduction stands in for that step.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rag_ingest.errors import ConfigError

KATEX_VARIABLE = "RAG_INGEST_KATEX"
TIME_LIMIT_S = 5
MEMORY_LIMIT_BYTES = 256 * 1024 * 1024
_MACROS = r"{'\\ensuremath': '#1', '\\lefteqn': '#1', '\\mbox': '\\text{#1}'}"
_RENDER = (
    "(tex) => katex.renderToString(tex, {output: 'mathml', displayMode: true, throwOnError: true, strict: 'ignore',"
    f" maxExpand: 1000, macros: {_MACROS}}}).match(/<math[^]*<\\/math>/)[0]"
)
"""A match is a flat string; quickjs-ng 0.17 does not take the rope that KaTeX returns."""
_NOT_DRAWN = re.compile(r"\\(?:label|tag\*?|vspace\*?|hspace\*?)\{[^{}]*\}|\\(?:nonumber|notag|allowbreak)(?![A-Za-z])")
_ENVIRONMENTS = {"eqnarray": "align", "multline": "gather", "displaymath": "equation", "flalign": "align"}
_ENVIRONMENT = re.compile(r"\\(begin|end)\{(" + "|".join(_ENVIRONMENTS) + r")(\*?)\}")
_INVISIBLE = re.compile("[\\s\u2061-\u2064\u200b\u00a0]")
_PUNCTUATION = ".,;"
_DOTS = re.compile("\\.{3}|[\u00b7\u22c5]{3}|\u22ef")
_ALIKE = str.maketrans({"\u2212": "-", "\u2216": "\\", "\u2223": "|", "\u2032": "'"})
_SCRIPTS = {"msub": "_", "munder": "_", "msup": "^", "mover": "^", "msubsup": "_^", "munderover": "_^"}
"""A script belongs to the character before it: nobody sees whether `\\left( x \\right)^2` has a longer base."""
_FLAT = frozenset({"math", "semantics", "mrow", "mstyle", "mpadded", "mphantom", "menclose", "merror", "mtext"})
_LEAVES = frozenset({"mi", "mo", "mn", "mtext", "ms"})
_OPEN, _NEXT, _CLOSE = "\u27e6", "\u00a6", "\u27e7"


class Katex:
    """KaTeX, ready to set formulas.

    Args:
        script: text of `katex.min.js`.

    Raises:
        ConfigError: quickjs-ng is not installed, or the script is not KaTeX.
    """

    def __init__(self, script: str) -> None:
        try:
            import quickjs
        except ImportError as e:
            raise ConfigError("quickjs-ng is not installed: pip install 'rag-ingest[eval]'") from e
        context = quickjs.Context()
        context.set_memory_limit(MEMORY_LIMIT_BYTES)
        try:
            context.eval(script)
            self.version = str(context.eval("katex.version"))
            self._render: Any = context.eval(_RENDER)
        except quickjs.JSException as e:
            raise ConfigError(f"not KaTeX: {e}") from e
        context.set_time_limit(TIME_LIMIT_S)
        self._context = context
        self._error: type[Exception] = quickjs.JSException
        self.drawn = lru_cache(maxsize=50_000)(self._drawn)
        """What is drawn, as one string; None when KaTeX can't set the formula."""

    def _drawn(self, tex: str) -> str | None:
        tex = _ENVIRONMENT.sub(lambda m: f"\\{m[1]}{{{_ENVIRONMENTS[m[2]]}{m[3]}}}", _NOT_DRAWN.sub(" ", tex))
        try:
            return reduce_mathml(self._render(tex))
        except (self._error, ElementTree.ParseError):
            return None


def load_katex() -> Katex | str:
    """KaTeX, or in one line why it can't run here."""
    try:
        return Katex(_script().read_text(encoding="utf-8"))
    except ConfigError as e:
        return str(e)
    except OSError as e:
        return f"katex.min.js can't be read: {e}"


def _script() -> Path:
    named = os.environ.get(KATEX_VARIABLE)
    if named:
        return Path(named)
    try:
        files = importlib.metadata.distribution("sphinxcontrib-katex").files or []
    except importlib.metadata.PackageNotFoundError as e:
        raise ConfigError(f"no katex.min.js: pip install 'rag-ingest[eval]', or name one in ${KATEX_VARIABLE}") from e
    for file in files:
        if file.name == "katex.min.js":
            return Path(str(file.locate()))
    raise ConfigError(f"sphinxcontrib-katex has no katex.min.js: name one in ${KATEX_VARIABLE}")


def reduce_mathml(mathml: str) -> str:
    """What of a formula is drawn: characters, and brackets around the parts of scripts, fractions, roots and cells."""
    drawn = _DOTS.sub("\u2026", _reduce(ElementTree.fromstring(mathml)))
    return _lines([line for line in drawn.split("\n") if line]).rstrip(_PUNCTUATION)


def _reduce(node: ElementTree.Element) -> str:
    tag = node.tag.rpartition("}")[2]
    if tag in ("annotation", "mspace", "mphantom"):
        return "\n" if node.get("linebreak") == "newline" else ""
    if tag in _LEAVES and not len(node):
        return _INVISIBLE.sub("", unicodedata.normalize("NFKC", node.text or "")).translate(_ALIKE)
    parts = [_reduce(child) for child in node]
    if tag == "mtable":
        return _table(node)
    if tag in _FLAT or tag in ("mtr", "mtd"):
        return "".join(parts)
    if tag in _SCRIPTS and node.get("accent") != "true":
        marks = zip(_SCRIPTS[tag], parts[1:], strict=False)
        return parts[0] + "".join(f"{mark}{_OPEN}{part}{_CLOSE}" for mark, part in marks if part)
    return f"{tag}{_OPEN}{_NEXT.join(parts)}{_CLOSE}" if any(parts) else ""


def _table(node: ElementTree.Element) -> str:
    """Rows of an array; where its columns lie is not looked at."""
    return _lines([line for line in ("".join(map(_reduce, row)) for row in node) if line])


def _lines(lines: Sequence[str]) -> str:
    """Lines below each other; one alone is no array, since `aligned` only says where it stands."""
    if len(lines) < 2:
        return "".join(lines)
    return f"mtable{_OPEN}{_NEXT.join(line.rstrip(_PUNCTUATION) for line in lines)}{_CLOSE}"
