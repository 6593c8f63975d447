"""Tables in pages: their columns, their header rows, and the markup around their rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

_LINE = re.compile(r"[^\r\n]+")
_PIPE = re.compile(r"(?<!\\)\|")
_DELIMITER = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_OPEN = re.compile(r"\s*<table\b[^>]*>(?:\s*<colgroup\b.{0,2000}?</colgroup\s*>)?", re.IGNORECASE | re.DOTALL)
_CLOSE = re.compile(r"</table\s*>\s*$", re.IGNORECASE)
_CAPTION = re.compile(r"\s*<caption\b[^>]*>(.*?)</caption\s*>", re.IGNORECASE | re.DOTALL)
_HEAD = re.compile(r"\s*<thead\b[^>]*>(.*?)</thead\s*>", re.IGNORECASE | re.DOTALL)
_BODY = re.compile(r"\s*<tbody\b[^>]*>", re.IGNORECASE)
_ROW = re.compile(r"\s*<tr\b[^>]*>(.*?)(?:</tr\s*>|(?=<tr\b|</t(?:able|body|head)\b)|$)", re.IGNORECASE | re.DOTALL)
_CELL = re.compile(r"<(t[hd])\b([^>]*)>", re.IGNORECASE)
_CELL_START = re.compile(r"<(?=t[hd]\b)", re.IGNORECASE)
_COLSPAN = re.compile(r"colspan\s*=\s*[\"']?(\d{1,3})", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_NUMERIC = re.compile(r"[\s$<>≤≥~≈±+–—−-]*\d[\d\s.,:/%×^{}()\[\]±+–—−$\\*†a-e-]*$")
_LOOKED_AT = 100_000
_ROWS_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class TableShape:
    """What decides whether one table goes on with another; offsets count in the table's own text.

    Attributes:
        columns: the largest number in the first rows, spans counted.
        header: words of its header rows, folded; empty when it has none.
        first: words of its first row, folded.
        drops: stretches that fall away when it goes on with a table whose header it repeats.
        opening: those that fall away when its first row stays.
        caption: inside its markup.
        data_first: its first row looks like data, whatever its markup says.
        rows: it has rows below its header.
    """

    html: bool
    columns: int
    header: str
    first: str
    drops: tuple[tuple[int, int], ...]
    opening: tuple[tuple[int, int], ...]
    caption: str
    data_first: bool
    rows: bool


def read_table(text: str) -> TableShape | None:
    """The shape of one table; None for several at once, or for what only looks like one."""
    if text.lstrip()[:6].lower() == "<table":
        return _read_html(text[:_LOOKED_AT]) if text.lower().count("<table") == 1 else None
    return _read_pipes(text[:_LOOKED_AT])


def closing(text: str) -> tuple[int, int] | None:
    """Where the closing tag lies that falls away when the table goes on."""
    found = _CLOSE.search(text, max(0, len(text) - 40))
    return (found.start(), len(text)) if found else None


def _read_pipes(text: str) -> TableShape | None:
    lines = [(m.start(), m.end()) for m in islice(_LINE.finditer(text), 3)]
    if not lines:
        return None
    rows = [_cells(text[start:end]) for start, end in lines]
    delimited = len(rows) > 1 and bool(_DELIMITER.match(text[lines[1][0] : lines[1][1]].strip()))
    if not delimited and not all(len(row) == len(rows[0]) > 1 for row in rows):
        return None
    words = _fold(" | ".join(rows[0]))
    after = lines[2][0] if len(lines) > 2 else len(text)
    return TableShape(
        html=False,
        columns=len(rows[0]),
        header=words if delimited and not _is_data(rows[0]) else "",
        first=words,
        drops=((0, after),) if delimited else (),
        opening=((lines[1][0], after),) if delimited else (),
        caption="",
        data_first=_is_data(rows[0]),
        rows=not delimited or len(lines) > 2,
    )


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in _PIPE.split(line.strip().removeprefix("|").removesuffix("|"))]


def _read_html(text: str) -> TableShape | None:
    opened = _OPEN.match(text)
    at = opened.end() if opened else 0
    caption = _CAPTION.match(text, at)
    at = caption.end() if caption else at
    head = _HEAD.match(text, at)
    body = _BODY.match(text, head.end() if head else at)
    below = body.end() if body else (head.end() if head else at)
    rows = [m[1] for m in islice(_ROW.finditer(text, head.start(1) if head else below), _ROWS_LOOKED_AT)]
    if not rows:
        return None
    header, end = _html_header(text, head, below)
    opening = ((0, at),)
    repeated = ((0, end),) if head else ((*opening, (below, end)) if end > below else opening)
    cells = [_TAG.sub(" ", f"<{cell}") for cell in _CELL_START.split(rows[0])[1:]]
    return TableShape(
        html=True,
        columns=max(_columns(row) for row in rows),
        header=header,
        first=_fold(_TAG.sub(" ", rows[0])),
        drops=repeated,
        opening=opening,
        caption=_fold(_TAG.sub(" ", caption[1])) if caption else "",
        data_first=head is None and _is_data(cells),
        rows=bool(_ROW.search(text, max(end, below))),
    )


def _html_header(text: str, head: re.Match[str] | None, at: int) -> tuple[str, int]:
    """Its words, and where it ends: the head, else leading rows of header cells alone."""
    if head:
        return _fold(_TAG.sub(" ", head[1])), head.end()
    words, end = [], at
    row = _ROW.match(text, at)
    while row and row[1] and all(cell[1].lower() == "th" for cell in _CELL.finditer(row[1])) and _CELL.search(row[1]):
        words.append(_TAG.sub(" ", row[1]))
        end = row.end()
        row = _ROW.match(text, end)
    return _fold(" ".join(words)), end


def _columns(row: str) -> int:
    spans = [_COLSPAN.search(cell[2]) for cell in _CELL.finditer(row)]
    return sum(int(span[1]) if span else 1 for span in spans)


def _is_data(cells: list[str]) -> bool:
    """Most cells that hold anything hold a number."""
    filled = [cell.strip(" >*_") for cell in cells if cell.strip(" >*_")]
    return bool(filled) and 2 * sum(bool(_NUMERIC.match(cell)) for cell in filled) >= len(filled)


def _fold(text: str) -> str:
    return " ".join(re.sub(r"[*_`$\\|]+", " ", text).casefold().split())
