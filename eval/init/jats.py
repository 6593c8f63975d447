"""A publisher's JATS XML into prose, tables and formulas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from eval.init.grid import Grid, table
from eval.init.prose import POINTER, last_sentence, without_pointers
from eval.init.source import Formula, Source, Table
from rag_ingest.errors import MissingExtraError

_SKIPPED = frozenset({"xref", "fn", "table-wrap", "fig", "supplementary-material", "boxed-text", "ref-list", "ack",
                      "label", "caption", "table", "media", "alternatives", "object-id"})  # fmt: skip
_FORMULAS = frozenset({"disp-formula", "inline-formula"})
_TEX_BODY = re.compile(r"\\begin\{document\}(.*?)\\end\{document\}", re.DOTALL)
_EMPTY_BRACKETS = re.compile(r"\s*[\[(][\s,;–-]*[\])]")
"""What is left of a citation."""
_OUTSIDE = frozenset({"ref-list", "ack", "fn-group", "app-group", "notes", "floats-group"})


def is_jats(file: Path) -> bool:
    """Whether a file begins like an article."""
    with file.open("rb") as stream:
        head = stream.read(4096)
    return b"<article" in head or b"JATS" in head


def read_jats(file: Path) -> Source:
    """Reads an article.

    Raises:
        MissingExtraError: defusedxml isn't installed.
        ValueError: it is no XML, or defines entities of its own.
    """
    try:
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import parse
    except ImportError as e:
        raise MissingExtraError("defusedxml", "eval") from e
    try:
        article: Element = parse(file).getroot()
    except ParseError as e:
        raise ValueError(f"no XML: {e}") from e
    except DefusedXmlException as e:
        raise ValueError(f"XML with entities of its own: {e}") from e
    for element in article.iter():
        element.tag = str(element.tag).rpartition("}")[2]
    paragraphs: list[str] = []
    formulas: list[Formula] = []
    for paragraph in _paragraphs(article):
        text = _EMPTY_BRACKETS.sub("", " ".join(_text(paragraph).split()))
        paragraphs.append(re.sub("\ufdd0.*?\ufdd1", "\uffff", text))
        formulas += _formulas(text)
    tables = tuple(found for wrap in article.iter("table-wrap") if (found := _table(wrap)))
    return Source("JATS", tuple(filter(None, paragraphs)), tables, tuple(formulas))


def _paragraphs(article: Element) -> Iterator[Element]:
    """Those of abstract and body; a list's or a box's too, captions and notes not."""
    for part in [*article.iter("abstract"), *article.iter("body")]:
        yield from _below(part)


def _below(element: Element) -> Iterator[Element]:
    for child in element:
        if child.tag == "p":
            yield child
        elif child.tag not in _SKIPPED | _OUTSIDE:
            yield from _below(child)


def _text(element: Element) -> str:
    """Text with displayed formulas between U+FDD0 and U+FDD1; sub- and superscripts are joined as on the page."""
    if element.tag in _FORMULAS:
        tex = _tex(element)
        shown = f"\ufdd0{tex}\ufdd1" if element.tag == "disp-formula" else f"${tex}$" if tex else _flat(element)
        return shown
    pieces = [element.text or ""]
    for child in element:
        if child.tag == "xref" and child.get("ref-type") not in ("bibr", "fn", "table-fn", "aff", "corresp"):
            pieces.append(POINTER)
        elif child.tag not in _SKIPPED:
            pieces.append(_text(child))
        pieces.append(child.tail or "")
    return "".join(pieces)


def _flat(element: Element) -> str:
    return "".join(element.itertext())


def _tex(element: Element) -> str:
    """TeX of a formula; empty where the publisher gave MathML alone."""
    found = next(element.iter("tex-math"), None)
    if found is None or not found.text:
        return ""
    body = _TEX_BODY.search(found.text)
    tex = (body[1] if body else found.text).strip().strip("$").strip()
    return " ".join(re.sub(r"\\begin\{(\w+\*?)\}|\\end\{\w+\*?\}", _kept, tex).split())


def _kept(match: re.Match[str]) -> str:
    outer = {"equation", "displaymath", "document", "gather"}
    return "" if (match[1] or match[0][5:-1]).rstrip("*") in outer else match[0]


def _formulas(text: str) -> Iterator[Formula]:
    end = 0
    for match in re.finditer("\ufdd0(.*?)\ufdd1", text):
        lead = last_sentence(" ".join(text[end : match.start()].split()))
        end = match.end()
        if lead and match[1]:
            yield Formula(match[1].rstrip(" .,;"), without_pointers(lead))


def _table(wrap: Element) -> Table | None:
    tables = list(wrap.iter("table"))
    if len(tables) != 1:
        return None
    caption = wrap.find("caption")
    said = " ".join((_text_of(caption) if caption is not None else "").split())
    head = tables[0].find("thead")
    header = [row for part in tables[0].iter("thead") for row in part.iter("tr")]
    if head is not None and not header:
        return None
    rows = list(tables[0].iter("tr"))
    return table(Grid(_spanned(rows), set(), len(header)), said)


def _text_of(element: Element) -> str:
    """Text with everything in it, but for notes and cross-references."""
    pieces = [element.text or ""]
    for child in element:
        if child.tag not in ("xref", "fn", "label"):
            inner = _text(child) if child.tag in _FORMULAS else _text_of(child)
            pieces.append(inner.replace("\ufdd0", "$").replace("\ufdd1", "$"))
        pieces.append(" " if child.tag in ("break", "p", "title") else "")
        pieces.append(child.tail or "")
    return "".join(pieces)


def _spanned(rows: list[Element]) -> list[list[str]]:
    """Cells with `colspan` and `rowspan` written out."""
    filled: list[dict[int, str]] = [{} for _ in rows]
    for i, row in enumerate(rows):
        column = 0
        for cell in row:
            if cell.tag not in ("td", "th"):
                continue
            while column in filled[i]:
                column += 1
            text = " ".join(_text_of(cell).split())
            across, down = _span(cell, "colspan"), _span(cell, "rowspan")
            for y in range(i, min(i + down, len(rows))):
                filled[y].update(dict.fromkeys(range(column, column + across), text))
            column += across
    return [[cells[x] for x in sorted(cells)] for cells in filled]


def _span(cell: Element, name: str) -> int:
    found = cell.get(name, "1")
    return min(int(found), 100) if found.isdigit() and int(found) else 1
