r"""A paper's TeX as one text: the root file with what it inputs, comments gone, the author's macros resolved."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

MAX_DEPTH = 8
"""Of inputs in inputs, and of macros in macros: more is a circle."""

ROOT_NAMES = ("main", "ms", "paper", "manuscript", "article")

_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*\n?[ \t]*")
_COMMENT_BLOCK = re.compile(r"\\begin\{comment\}.*?\\end\{comment\}|\\iffalse\b.*?\\fi\b", re.DOTALL)
_INPUT = re.compile(r"\\(?:input|include|subfile)\s*(?:\{([^{}]+)\}|\s([\w./-]+))")
_DEFINED = re.compile(
    r"\\(?:re)?(?:newcommand|providecommand|DeclareRobustCommand)\*?\s*\{?\s*\\([A-Za-z]+)\s*\}?\s*(?:\[(\d)\])?"
    r"(\[[^\]]*\])?\s*(?=\{)|\\def\s*\\([A-Za-z]+)\s*((?:\#\d)*)\s*(?=\{)|"
    r"\\DeclareMathOperator\*?\s*\{?\\([A-Za-z]+)\}?\s*(?=\{)"
)


class Macro(NamedTuple):
    """A command of the author's own.

    Attributes:
        arguments: how many it takes.
        body: with `#1` for the first.
    """

    arguments: int
    body: str


def find_root(files: Sequence[Path]) -> Path | None:
    """The file that TeX starts from; None when none begins a document.

    Args:
        files: of one paper; of several roots the usual names come first, then the longest.
    """
    texts = {file: read_tex(file) for file in files}
    roots = [file for file, text in texts.items() if "\\begin{document}" in text and "\\document" in text]
    return min(roots, key=lambda f: (f.stem.lower() not in ROOT_NAMES, -len(texts[f]), f.name), default=None)


def read_tex(file: Path) -> str:
    """Text of a file without comments; old papers are not UTF-8."""
    raw = file.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return _COMMENT_BLOCK.sub("", _COMMENT.sub(r"\1", text.replace("\r\n", "\n")))


def whole_text(root: Path) -> str:
    """The root file with everything that it inputs in place; what is missing is left out."""
    return _with_inputs(read_tex(root), root.parent, MAX_DEPTH)


def _with_inputs(text: str, folder: Path, depth: int) -> str:
    def replaced(match: re.Match[str]) -> str:
        name = (match[1] or match[2]).strip()
        for file in (folder / name, folder / f"{name}.tex"):
            if depth and file.is_file() and file.suffix in ("", ".tex", ".ltx"):
                return _with_inputs(read_tex(file), folder, depth - 1)
        return ""

    return _INPUT.sub(replaced, text)


def group(text: str, start: int) -> tuple[str, int]:
    """(content, end) of the braces that open at `start`; ("", start) when none do, or they never close."""
    if start >= len(text) or text[start] != "{":
        return "", start
    depth, i = 0, start
    while i < len(text):
        if text[i] == "\\":
            i += 1
        elif text[i] == "{":
            depth += 1
        elif text[i] == "}":
            depth -= 1
            if not depth:
                return text[start + 1 : i], i + 1
        i += 1
    return "", start


def macros(text: str) -> Mapping[str, Macro]:
    """The author's commands; one with an optional argument is left out, since it may be called either way."""
    found: dict[str, Macro] = {}
    for match in _DEFINED.finditer(text):
        body, _ = group(text, match.end())
        if match[6]:
            found[match[6]] = Macro(0, rf"\operatorname{{{body}}}")
        elif match[4]:
            found[match[4]] = Macro(len(match[5]) // 2, body)
        elif not match[3]:
            found[match[1]] = Macro(int(match[2] or 0), body)
    return {name: macro for name, macro in found.items() if "@" not in macro.body}


def resolve(text: str, known: Mapping[str, Macro], depth: int = MAX_DEPTH) -> str:
    """The text with the author's commands written out."""
    if not known:
        return text
    pattern = re.compile(r"\\(" + "|".join(sorted(map(re.escape, known), key=len, reverse=True)) + r")(?![A-Za-z@])")
    for _ in range(depth):
        pieces, end = list[str](), 0
        for match in pattern.finditer(text):
            if match.start() < end:
                continue
            written = _called(known[match[1]], text, match.end())
            if written is None:
                continue
            before = text[end : match.start()]
            apart = " " if written[0][:1].isalpha() and re.search(r"\\[A-Za-z]+$", before) else ""
            pieces += [before, apart, written[0]]
            end = written[1]
        if not pieces:
            return text
        text = "".join([*pieces, text[end:]])
    return text


def _called(macro: Macro, text: str, end: int) -> tuple[str, int] | None:
    """(what the call stands for, where it ends); None when an argument is missing."""
    body = macro.body
    for number in range(1, macro.arguments + 1):
        while end < len(text) and text[end] in " \t":
            end += 1
        if end < len(text) and text[end] not in "{\\}":
            content, end = text[end], end + 1
        else:
            content, after = group(text, end)
            if after == end:
                return None
            end = after
        body = body.replace(f"#{number}", content)
    gap = re.compile(r"(?:\{\}|[ \t]*\n?(?!\n)[ \t]*)").match(text, end) if not macro.arguments else None
    joined = " " if gap and gap[0] and "{}" not in gap[0] and text[gap.end() : gap.end() + 1].isalpha() else ""
    return body + joined, gap.end() if gap else end
