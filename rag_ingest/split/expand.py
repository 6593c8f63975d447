"""Takes an atom that is too large one level apart: table -> rows, list -> items, prose -> paragraphs -> sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rag_ingest.split.atoms import ROWS, WITHIN, Atom, Repeat, divide
from rag_ingest.split.formulas import formula_cuts
from rag_ingest.split.lists import fence_of, item_cuts, line_cuts
from rag_ingest.split.prose import paragraph_cuts, sentence_cuts
from rag_ingest.split.tables import table_rows
from rag_ingest.types import TokenCounter

PROTECTED = ("table", "formula", "code", "list")
"""Kinds that stay whole when they fit, if need be without any context."""


def expand(atom: Atom, text: str, count: TokenCounter, caption: str = "") -> list[Atom]:
    """The atom's parts, or [] when it has none.

    Args:
        atom: what to take apart.
        text: the document.
        count: counts tokens.
        caption: of the atom's table, for the rows after the first.
    """
    content = text[atom.start : atom.end]
    if atom.form == "block" and atom.kind == "table":
        return _rows(atom, text, content, count, caption)
    if atom.form == "block" and atom.kind == "code":
        return _code_lines(atom, text, content, count)
    if atom.kind == "formula":
        return _cut(atom, text, formula_cuts(content), count, "row", ROWS) if atom.form == "block" else []
    if atom.kind == "list" or (atom.kind == "reference" and atom.form == "block"):
        parts = _items(atom, text, content, count)
        if parts:
            return parts
    return _prose(atom, text, content, count)


def _cut(
    atom: Atom, text: str, cuts: list[int], count: TokenCounter, form: str, glue: float | Callable[[int], float]
) -> list[Atom]:
    cost = glue if callable(glue) else (lambda _: glue)
    return divide(atom, text, [atom.start + cut for cut in cuts], count, form, cost)  # type: ignore[arg-type]


def _rows(atom: Atom, text: str, content: str, count: TokenCounter, caption: str) -> list[Atom]:
    table = table_rows(content)
    caption = caption or table.caption
    inner = Repeat(table.header, table.compact, caption) if table.header or caption else None
    carried = dict(zip((atom.start + cut for cut in table.cuts), table.carried, strict=False))
    rows = _cut(replace(atom, inner=inner), text, list(table.cuts), count, "row", ROWS)
    marked: list[Atom] = []
    for row in rows:
        above = carried.get(row.start, "")
        if above and row.repeat:
            header = f"{table.header}\n{above}" if table.header else above
            row = replace(row, repeat=Repeat(header, table.compact, caption))
            if marked:
                marked[-1] = replace(marked[-1], glue=WITHIN)
        marked.append(row)
    return marked


def _code_lines(atom: Atom, text: str, content: str, count: TokenCounter) -> list[Atom]:
    fence = fence_of(content)
    inner = Repeat(fence, fence) if fence else None

    def glue(end: int) -> float:
        after = text[end : end + 4].replace("\r\n", "\n").replace("\r", "\n")
        return 0.0 if after.startswith("\n\n") else WITHIN

    return _cut(replace(atom, inner=inner), text, line_cuts(content), count, "line", glue)


def _items(atom: Atom, text: str, content: str, count: TokenCounter) -> list[Atom]:
    if atom.form not in ("block", "item"):
        return []
    cuts = item_cuts(content, nested=atom.form == "item", entries=atom.kind == "reference")
    return _cut(atom, text, cuts, count, "item", ROWS)


def _prose(atom: Atom, text: str, content: str, count: TokenCounter) -> list[Atom]:
    if atom.form in ("block", "item"):
        parts = _cut(atom, text, paragraph_cuts(content), count, "paragraph", ROWS)
        if parts:
            return parts
    if atom.form in ("block", "item", "paragraph", "row"):
        return _cut(atom, text, sentence_cuts(content), count, "sentence", WITHIN)
    return []
