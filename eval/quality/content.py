"""What a paper's Markdown holds, in one normal form for both sides: words of text, tables, formulas.

Text: HTML and Markdown markup, link targets, images and footnote marks are gone; then `eval.normalise.text_tokens`
(NFKC for ligatures, hyphenated words joined, TeX notation spoken, punctuation gone, case folded), with the minus sign
of a number kept. Tables and display formulas are taken out of the text and stand apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from eval.normalise import text_tokens
from rag_ingest.parse import parse_markdown
from rag_ingest.split.table_model import Row
from rag_ingest.split.table_read import read_table

_IMAGE = re.compile(r"!\[[^\]]*\]\([^()\s]*(?:\s[^()]*)?\)")
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)?(?:\s\"[^\"]*\")?\)")
_FOOTNOTE_MARK = re.compile(r"\[\^[^\]\s]+\]:?")
_TAG = re.compile(
    r"<!--.*?-->|</?(?!(?:sub|sup|b|i|em|strong|span|u)[\s/>])(?!https?:)[A-Za-z][^<>]*>", re.IGNORECASE | re.DOTALL
)
_MINUS = re.compile(r"[-\u2010\u2011\u2012\u2013\u2212](?=\.?\d)")
_TABLE_TAG = re.compile(r"<(/?)table(?=[\s>])[^<>]*>", re.IGNORECASE)
_DISPLAY = re.compile(r"(?<!\\)\$\$(.+?)(?<!\\)\$\$", re.DOTALL)
_BRACKETED = re.compile(r"\\\[(.+?)\\\]", re.DOTALL)
_INLINE = re.compile(r"(?<![\\$])\$(?![\s$])([^$]+?)(?<![\s\\])\$(?![\d$])|\\\((.+?)\\\)", re.DOTALL)


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
        tables: in reading order; none is empty.
        formulas: TeX of the display formulas, without their delimiters.
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
    blocks: list[tuple[str, ...]] = []
    tables: list[Grid] = []
    formulas: list[str] = []
    inline: list[str] = []
    document = parse_markdown(markdown)
    for block in document.blocks:
        text = document.markdown[block.span.start : block.span.end]
        if block.kind == "formula":
            formulas += _formulas(text)
            continue
        if block.kind != "code":
            rest, sources = _without_tables(text, pipes=block.kind == "table")
            read = [read_table(source) for source in sources]
            tables += [grid for table in read if (grid := _grid(table.header + table.body))]
            text = " ".join([*(table.caption for table in read), rest])
            formulas += [found[1].strip() for found in _DISPLAY.finditer(text)]
            text = _DISPLAY.sub(" ", text)
            inline += [(found[1] or found[2]).strip() for found in _INLINE.finditer(text)]
        words = normal(text)
        if words:
            blocks.append(words)
    return Content(tuple(blocks), tuple(tables), tuple(formulas), tuple(inline))


def _formulas(text: str) -> list[str]:
    """Of a block that is nothing else; its equation number is not part of it."""
    found = _DISPLAY.findall(text.replace(r"\$\$", "$$")) or _BRACKETED.findall(text) or [text.strip("$ \n")]
    return [tex.strip() for tex in found if tex.strip()]


def _without_tables(text: str, *, pipes: bool) -> tuple[str, list[str]]:
    """The text around the outermost HTML tables, and they; or a pipe table, which a block has to itself."""
    spans = list(_html_tables(text))
    if not spans:
        return ("", [text]) if pipes else (text, [])
    rest, at = [], 0
    for start, end in spans:
        rest.append(text[at:start])
        at = end
    return " ".join([*rest, text[at:]]), [text[start:end] for start, end in spans]


def _html_tables(text: str) -> Iterator[tuple[int, int]]:
    """Spans of the outermost tables that have a row; prose about HTML has none."""
    depth = start = 0
    for tag in _TABLE_TAG.finditer(text):
        if not tag[1]:
            start = start if depth else tag.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth and "<tr" in text[start : tag.end()].lower():
                yield start, tag.end()
    if depth and "<tr" in text[start:].lower():
        yield start, len(text)


def _grid(rows: tuple[Row, ...]) -> Grid:
    grid = []
    for row in rows:
        cells = tuple(TableCell(" ".join(normal(c.text)), c.colspan, c.rowspan) for c in row.cells)
        if any(cell.text for cell in cells):
            grid.append(cells)
    return tuple(grid)
