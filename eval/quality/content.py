"""What a paper's Markdown holds, in one normal form for both sides: words of text, tables, formulas.

Text: HTML and Markdown markup, link targets, images and footnote marks are gone; then `eval.normalise.text_tokens`
(NFKC for ligatures, hyphenated words joined, TeX notation spoken, punctuation gone, case folded), with the minus sign
of a number kept. Tables and display formulas are taken out of the text and stand apart.

The Markdown is read here by markdown-it-py's plain rules and not by the package's own parser, so that a fault of that
parser can't hide in the measure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from eval.normalise import text_tokens
from eval.quality.display_math import display_formulas
from eval.quality.raw_tables import RawCell, RawTable, html_tables, latex_tables

_IMAGE = re.compile(r"!\[[^\]]*\]\([^()\s]*(?:\s[^()]*)?\)")
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)?(?:\s\"[^\"]*\")?\)")
_FOOTNOTE_MARK = re.compile(r"\[\^[^\]\s]+\]:?")
_TAG = re.compile(
    r"<!--.*?-->|</?(?!(?:sub|sup|b|i|em|strong|span|u)[\s/>])(?!https?:)[A-Za-z][^<>]*>", re.IGNORECASE | re.DOTALL
)
_MINUS = re.compile(r"[-\u2010\u2011\u2012\u2013\u2212](?=\.?\d)")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n.*?^ {0,3}\1[`~]*[ \t]*$", re.MULTILINE | re.DOTALL)
_PREAMBLE = re.compile(
    r"(?:\$\$?)?\s*\\documentclass.{0,2000}?\\begin\{document\}|\\end\{document\}\s*(?:\$\$?)?", re.DOTALL
)
_INLINE = re.compile(r"(?<![\\$])\$(?![\s$])([^$]+?)(?<![\s\\])\$(?![\d$])|\\\((.+?)\\\)", re.DOTALL)

_MARKDOWN = MarkdownIt("commonmark").enable("table").disable(["reference", "code", "html_block"])
"""No rule that drops text or hides it from the others."""


@dataclass(frozen=True, slots=True)
class TableCell:
    """One cell: its text in normal form, and how far it reaches."""

    text: str
    colspan: int = 1
    rowspan: int = 1


Grid = tuple[tuple[TableCell, ...], ...]
"""Rows of a table, header rows among them; rows without any text are left out (pandoc writes empty headers)."""


@dataclass(frozen=True, slots=True)
class Content:
    """A document taken apart.

    Attributes:
        blocks: words of each text block, in reading order; none is empty.
        tables: none is empty; HTML first, then LaTeX, then pipe tables, each in reading order.
        formulas: TeX of the display formulas, in reading order, without their delimiters.
        inline: TeX of the formulas within lines.
    """

    blocks: tuple[tuple[str, ...], ...]
    tables: tuple[Grid, ...]
    formulas: tuple[str, ...]
    inline: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """Of all text blocks."""
        return [word for block in self.blocks for word in block]


def normal(text: str) -> tuple[str, ...]:
    """Words and numbers of a stretch of Markdown in normal form."""
    text = _FOOTNOTE_MARK.sub(" ", _LINK.sub(r"\1", _IMAGE.sub(" ", text)))
    parts = _MINUS.split(_TAG.sub(" ", text))
    return tuple("-".join(" ".join(text_tokens(part)) for part in parts).split())


def read_content(markdown: str) -> Content:
    """Takes one document's Markdown apart."""
    text = _PREAMBLE.sub(" ", markdown.replace("\r\n", "\n"))  # publishers wrap a formula of JATS into a whole document
    text, html = _take_tables(text, html_tables)
    text, latex = _take_tables(text, latex_tables)
    code = _code_spans(text)
    formulas = [found for found in display_formulas(text) if not _inside(found.start, code)]
    text = _cut(text, [(found.start, found.end, " ") for found in formulas])
    blocks, pipes, inline = _read_blocks(text)
    grids = [grid for rows in (*html, *latex, *pipes) if (grid := _grid(rows))]
    return Content(tuple(blocks), tuple(grids), tuple(found.tex for found in formulas), tuple(inline))


Rows = Sequence[Sequence[RawCell]]


def _take_tables(text: str, read: Callable[[str], Iterator[RawTable]]) -> tuple[str, list[Rows]]:
    """The text without its tables, their captions left as paragraphs, and the tables; code is left alone."""
    code = _code_spans(text)
    found = [table for table in read(text) if not _inside(table.start, code)]
    rest = _cut(text, [(table.start, table.end, f"\n\n{table.caption}\n\n") for table in found])
    return rest, [table.rows for table in found]


def _code_spans(text: str) -> list[tuple[int, int]]:
    return [found.span() for found in _FENCE.finditer(text)]


def _inside(at: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start <= at < end for start, end in spans)


def _cut(text: str, parts: Iterable[tuple[int, int, str]]) -> str:
    """The text with each [start, end) replaced."""
    kept, at = [], 0
    for start, end, instead in parts:
        kept += [text[at:start], instead]
        at = end
    return "".join([*kept, text[at:]])


def _read_blocks(text: str) -> tuple[list[tuple[str, ...]], list[Rows], list[str]]:
    """Words of the text blocks, pipe tables, and formulas within lines."""
    tokens: list[Token] = []
    _MARKDOWN.block.parse(text, _MARKDOWN, {}, tokens)
    blocks: list[tuple[str, ...]] = []
    tables: list[Rows] = []
    inline: list[str] = []
    for block in top_level(tokens):
        if block[0].type == "table_open":
            tables.append(pipe_rows(block))
            continue
        source = "\n".join(token.content for token in block if token.content)
        if block[0].type != "fence":
            inline += [(found[1] or found[2]).strip() for found in _INLINE.finditer(source)]
        words = normal(source)
        if words:
            blocks.append(words)
    return blocks, tables, inline


def top_level(tokens: Iterable[Token]) -> Iterator[list[Token]]:
    """The tokens of one block after the other."""
    block: list[Token] = []
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0 and token.type != "inline":
            yield block
            block = []


def pipe_rows(block: Iterable[Token]) -> list[list[RawCell]]:
    """The cells of a pipe table's tokens."""
    rows: list[list[RawCell]] = []
    for token in block:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(RawCell(token.content))
    return rows


def _grid(rows: Rows) -> Grid:
    grid = []
    for row in rows:
        cells = tuple(TableCell(" ".join(normal(cell.source)), cell.colspan, cell.rowspan) for cell in row)
        if any(cell.text for cell in cells):
            grid.append(cells)
    return tuple(grid)
