r"""Tables in Markdown as they are written: HTML and LaTeX `tabular`, with their spans. Cell texts are left as they are.

Offsets are into the text that was searched. Of nested tables the outermost is read; the inner one is text of its cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TAG = re.compile(r"<(/?)(table|thead|tbody|tfoot|tr|td|th|caption)(?=[\s>/])([^<>]*)>", re.IGNORECASE)
_SPAN = re.compile(r"\b(colspan|rowspan)\s*=\s*[\"']?\s*(\d{1,4})", re.IGNORECASE)
_TABULAR = re.compile(r"\\(begin|end)\{(tabular[x*]?|longtable|tabulary)\}")
_SPEC = re.compile(r"(?:\s*\[[^\]]*\])?(?:\s*\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}){1,2}")
_RULE = re.compile(
    r"\\(?:hline|toprule|midrule|bottomrule|endhead|endfirsthead|endfoot)(?![A-Za-z])(?:\[[^\]]*\])?"
    r"|\\(?:cline|cmidrule|specialrule)(?:\([^)]*\))?(?:\{[^{}]*\})+"
)
_SPLIT = re.compile(r"\\(begin|end)\{[^{}]*\}|\\\\(?:\*?\s*\[[^\]]*\])?|\\tabularnewline\b|\\.|[{}&]", re.DOTALL)
_MULTICOLUMN = re.compile(
    r"\s*\\multicolumn\s*\{(\d{1,3})\}\s*\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}\s*\{(.*)\}\s*", re.DOTALL
)
_MULTIROW = re.compile(
    r"\s*\\multirow(?:\[[^\]]*\])?\s*\{(\d{1,3})\}\s*(?:\{[^{}]*\}|\*)\s*(?:\[[^\]]*\])?\s*\{(.*)\}\s*", re.S
)
_MAX_SPAN = 1_000


@dataclass(frozen=True, slots=True)
class RawCell:
    """One cell: its source, how far it reaches, and whether it is marked as a header."""

    source: str
    colspan: int = 1
    rowspan: int = 1
    heading: bool = False


@dataclass(frozen=True, slots=True)
class RawTable:
    """One table at [start, end); its caption's source, empty without one."""

    start: int
    end: int
    rows: tuple[tuple[RawCell, ...], ...]
    caption: str = ""


def html_tables(text: str) -> Iterator[RawTable]:
    """Outermost HTML tables that have a row; prose about HTML has none. An unclosed one ends with the text."""
    inside: list[re.Match[str]] = []
    depth = 0
    for tag in _TAG.finditer(text):
        if tag[2].lower() != "table":
            if depth == 1:
                inside.append(tag)
            continue
        depth = max(0, depth + (-1 if tag[1] else 1))
        if depth == 1 and not tag[1]:
            inside = [tag]
        elif depth == 0 and inside:
            yield from _html_table(text, inside, tag.start(), tag.end())
            inside = []
    if depth and inside:
        yield from _html_table(text, inside, len(text), len(text))


def _html_table(text: str, tags: Sequence[re.Match[str]], stop: int, end: int) -> Iterator[RawTable]:
    rows: list[list[RawCell]] = []
    caption, in_head = "", False
    ends = [*(tag.start() for tag in tags[1:]), stop]
    for tag, until in zip(tags, ends, strict=True):
        name, closing = tag[2].lower(), bool(tag[1])
        if name == "thead":
            in_head = not closing
        elif name in ("tbody", "tfoot"):
            in_head = False
        elif closing:
            continue
        elif name == "tr":
            rows.append([])
        elif name == "caption":
            caption = text[tag.end() : until]
        elif name in ("td", "th"):
            if not rows:
                rows.append([])
            spans = {key.lower(): min(int(n), _MAX_SPAN) for key, n in _SPAN.findall(tag[3])}
            cell = RawCell(
                text[tag.end() : until],
                max(1, spans.get("colspan", 1)),
                spans.get("rowspan", 1),
                name == "th" or in_head,
            )
            rows[-1].append(cell)
    if rows:
        yield RawTable(tags[0].start(), end, tuple(_to_last_row(rows)), caption)


def _to_last_row(rows: Sequence[Sequence[RawCell]]) -> Iterator[tuple[RawCell, ...]]:
    """A rowspan of 0 reaches to the last row (HTML standard, 4.9.11)."""
    for number, row in enumerate(rows):
        left = len(rows) - number
        yield tuple(cell if cell.rowspan else RawCell(cell.source, cell.colspan, left, cell.heading) for cell in row)


def latex_tables(text: str) -> Iterator[RawTable]:
    """Outermost `tabular` environments; an unclosed one is none."""
    opened: list[re.Match[str]] = []
    for mark in _TABULAR.finditer(text):
        if mark[1] == "begin":
            opened.append(mark)
        elif len(opened) > 1:
            opened.pop()
        elif opened:
            outer = opened.pop()
            spec = _SPEC.match(text, outer.end())
            inside = text[spec.end() if spec else outer.end() : mark.start()]
            yield RawTable(outer.start(), mark.end(), tuple(_latex_rows(_RULE.sub(" ", inside))))


def _latex_rows(inside: str) -> Iterator[tuple[RawCell, ...]]:
    r"""Empty cells that a `\multirow` above reaches into are not cells of their own."""
    reaching: dict[int, int] = {}
    for sources in _split_rows(inside):
        if not any(source.strip() for source in sources):
            continue
        cells, column = [], 0
        below = {at: left - 1 for at, left in reaching.items() if left > 1}
        for source in sources:
            cell = _latex_cell(source)
            if column in reaching and not cell.source.strip():
                column += cell.colspan
                continue
            cells.append(cell)
            if cell.rowspan > 1:
                below.update({column + i: cell.rowspan - 1 for i in range(cell.colspan)})
            column += cell.colspan
        reaching = below
        yield tuple(cells)


def _split_rows(inside: str) -> Iterator[list[str]]:
    braces = depth = at = 0
    row: list[str] = []
    for mark in _SPLIT.finditer(inside):
        if mark[0] in "{}":
            braces = max(0, braces + (1 if mark[0] == "{" else -1))
        elif mark[1]:
            depth = max(0, depth + (1 if mark[1] == "begin" else -1))
        elif not braces and not depth and (mark[0] == "&" or mark[0].startswith(("\\\\", "\\tab"))):
            row.append(inside[at : mark.start()])
            at = mark.end()
            if mark[0] != "&":
                yield row
                row = []
    yield [*row, inside[at:]]


def _latex_cell(source: str) -> RawCell:
    colspan = rowspan = 1
    while True:
        if across := _MULTICOLUMN.fullmatch(source):
            colspan, source = max(1, int(across[1])), across[2]
        elif down := _MULTIROW.fullmatch(source):
            rowspan, source = max(1, int(down[1])), down[2]
        else:
            return RawCell(source, min(colspan, _MAX_SPAN), min(rowspan, _MAX_SPAN))
