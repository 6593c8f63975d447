r"""A paper's TeX into prose, tables and formulas; what a small reader can't be sure of is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from eval.init.prose import last_sentence, without_pointers
from eval.init.source import Formula, Source, Table
from eval.init.tex_files import group, macros, resolve, whole_text
from eval.init.tex_tables import tabular
from eval.init.tex_text import plain

_DISPLAY = re.compile(
    r"\\begin\{(equation|align|eqnarray|gather|multline|displaymath|alignat|flalign)(\*?)\}(?:\{\d+\})?(.*?)\\end\{\1\2\}"
    r"|\\\[(.*?)\\\]|\$\$(.*?)\$\$",
    re.DOTALL,
)
_TABLE = re.compile(r"\\begin\{(table|sidewaystable|wraptable|SCtable)(\*?)\}(.*?)\\end\{\1\2\}", re.DOTALL)
_NO_PROSE = re.compile(
    r"\\begin\{(figure|wrapfigure|algorithm|algorithmic|lstlisting|verbatim|minted|tabular|longtable|thebibliography|"
    r"tikzpicture|acknowledgments?|acknowledgements?|keywords?|sidewaysfigure|deluxetable|CCSXML|table|center)(\*?)\}"
    r".*?\\end\{\1\2\}",
    re.DOTALL,
)
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\{[^{}]*\}(?:\[[^\]]*\])?")
_HEADING = re.compile(r"\\(?:part|chapter|(?:sub)*section|(?:sub)?paragraph)\*?\s*(?:\[[^\]]*\])?(?=\{)")
_END_MATTER = re.compile(
    r"\\(?:acknowledg\w*|bibliography)\b|\\section\*?\{(?:Acknowledg|References|Author contrib)\w*"
)
_MARK = re.compile("\uffff(\\d+)\uffff")


def read_tex_source(root: Path) -> Source:
    """Reads a root file and what it inputs.

    Raises:
        OSError: a file can't be read.
    """
    text = whole_text(root)
    _, _, body = text.partition("\\begin{document}")
    known = macros(text)
    body = resolve(body.partition("\\end{document}")[0], known)
    ending = _END_MATTER.search(body, len(body) // 3)
    tables = tuple(found for match in _TABLE.finditer(body) if (found := _table(match[3])))
    body = body[: ending.start()] if ending else body
    displayed: list[str] = []

    def marked(match: re.Match[str]) -> str:
        displayed.append(match[3] or match[4] or match[5] or "")
        return f"\uffff{len(displayed) - 1}\uffff"

    prose = _NO_PROSE.sub("\n\n", _DISPLAY.sub(marked, _TABLE.sub("\n\n", body)))
    blocks = _ENVIRONMENT.sub("\n\n", _without_headings(prose)).split("\n\n")
    paragraphs = [plain(block) for block in re.split(r"\n\s*\n|\\item\b", "\n\n".join(blocks)) if block.strip()]
    formulas = tuple(_formulas(paragraphs, displayed))
    cleared = tuple(_MARK.sub(" \uffff ", paragraph) for paragraph in paragraphs)
    return Source("TeX", cleared, tables, formulas)


def _without_headings(text: str) -> str:
    """A heading ends a paragraph and belongs to none."""
    pieces, end = list[str](), 0
    for match in _HEADING.finditer(text):
        pieces.append(text[end : match.start()])
        end = group(text, match.end())[1]
    return "\n\n".join([*pieces, text[end:]])


def _table(body: str) -> Table | None:
    match = re.search(r"\\caption\*?\s*(?:\[[^\]]*\])?\s*(?=\{)", body)
    caption = group(body, match.end())[0] if match else ""
    return tabular(body, caption)


def _formulas(paragraphs: list[str], displayed: list[str]) -> Iterator[Formula]:
    """Those that a sentence leads to, of the same paragraph or, where it begins with the formula, the one before."""
    lead = ""
    for paragraph in paragraphs:
        end = 0
        for match in _MARK.finditer(paragraph):
            before = paragraph[end : match.start()].strip()
            lead = last_sentence(before) if before or end else lead
            end = match.end()
            if lead:
                yield Formula(_cleaned(displayed[int(match[1])]), without_pointers(lead))
        rest = paragraph[end:].strip()
        lead = last_sentence(rest) if rest else ""


def _cleaned(tex: str) -> str:
    """Without labels and numbers, which no page shows as part of the formula."""
    tex = re.sub(r"\\ensuremath\b\s*|(?:\\q?quad|[\s.,;&~]|\\[ ,;\\])+$", "", tex)
    return " ".join(re.sub(r"\\(?:label|tag)\*?\{[^{}]*\}|\\(?:nonumber|notag)\b", " ", tex).split()).rstrip(" .,;\\&")
