"""Takes an atom that is too large one level apart: table -> rows, list -> items, prose -> paragraphs -> sentences."""

from __future__ import annotations

from collections.abc import Callable

from rag_ingest.split.atoms import LINK, ROWS, WITHIN, Atom, Repeat, divide
from rag_ingest.split.formulas import formula_cuts
from rag_ingest.split.lists import fence_of, item_cuts, line_cuts
from rag_ingest.split.prose import paragraph_cuts, sentence_cuts
from rag_ingest.split.tables import TableRows, cell_cuts, table_rows

PROTECTED = ("table", "formula", "code", "list")
"""Kinds that stay whole when they fit, if need be without any context."""
NEVER_CUT = ("table", "formula", "code")
"""Kinds that the option `atomic` is about."""


class Expander:
    """Takes the atoms of one document apart; remembers the table that rows come from."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._rows: dict[int, tuple[TableRows, int, int]] = {}

    def expand(self, atom: Atom, caption: str = "") -> list[Atom]:
        """The atom's parts, or [] when it has none.

        Args:
            atom: what to take apart.
            caption: of the atom's table, for the rows after the first.
        """
        text, content = self._text, self._text[atom.start : atom.end]
        if atom.kind == "table" and atom.form in ("block", "row"):
            parts = self._table(atom, content, caption) if atom.form == "block" else self._row(atom)
            return parts or _prose(atom, text, content)
        if atom.form == "block" and atom.kind == "code":
            return _code_lines(atom, text, content)
        if atom.kind == "formula":
            return _cut(atom, text, formula_cuts(content), "row", ROWS) if atom.form == "block" else []
        if atom.kind == "list" or (atom.kind == "reference" and atom.form == "block"):
            parts = _items(atom, text, content)
            if parts:
                return parts
        return _prose(atom, text, content)

    def _table(self, atom: Atom, content: str, caption: str) -> list[Atom]:
        """Rows; the header stays with the first. A row that others reach into repeats what they say."""
        table = table_rows(content)
        caption = caption or table.caption
        inner = Repeat(table.header, caption) if table.header or caption else None
        rows = _cut(atom._replace(inner=inner), self._text, list(table.cuts), "row", ROWS)
        if not rows:
            rows = [atom._replace(form="row", inner=inner)]
        carried = {atom.start + cut: above for cut, above in zip(table.cuts, table.carried, strict=True) if above}
        self._rows = {row.start: (table, number, atom.start) for number, row in enumerate(rows)}
        for number, row in enumerate(rows if carried else ()):
            if above := carried.get(row.start, ""):
                rows[number] = row._replace(repeat=Repeat(table.header, caption, above))
                if number:
                    rows[number - 1] = rows[number - 1]._replace(glue=WITHIN)
        named = {_first_word(self._text, atom.start + cut) for cut in table.titles}
        for number, row in enumerate(rows[1:] if named else ()):
            if row.start in named:
                rows[number] = rows[number]._replace(glue=LINK)
        return rows if len(rows) > 1 else self._row(rows[0])

    def _row(self, atom: Atom) -> list[Atom]:
        """A row's cells, each of which names its column and row; from a first row its header is parted before."""
        if atom.start not in self._rows:
            return []
        table, number, offset = self._rows[atom.start]
        if number >= len(table.table.body):
            return []
        row = table.table.body[number]
        begin = offset + row.start
        if begin > atom.start and self._text[atom.start : begin].strip():
            self._rows[begin] = self._rows.pop(atom.start)
            return divide(atom, self._text, [begin], "row", lambda _: ROWS)
        caption = atom.inner.caption if atom.inner else ""
        cuts = {
            _first_word(self._text, offset + cut.at): Repeat(cut.header, caption, cut.label)
            for cut in cell_cuts(table.table, row)
        }
        cells = divide(atom, self._text, cuts, "cell", lambda _: WITHIN)
        return [c._replace(repeat=cuts[c.start], inner=cuts[c.start]) if c.start in cuts else c for c in cells]


def _first_word(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _cut(atom: Atom, text: str, cuts: list[int], form: str, glue: float | Callable[[int], float]) -> list[Atom]:
    cost = glue if callable(glue) else (lambda _: glue)
    return divide(atom, text, [atom.start + cut for cut in cuts], form, cost)  # type: ignore[arg-type]


def _code_lines(atom: Atom, text: str, content: str) -> list[Atom]:
    fence = fence_of(content)
    inner = Repeat(fence) if fence else None

    def glue(end: int) -> float:
        after = text[end : end + 4].replace("\r\n", "\n").replace("\r", "\n")
        return 0.0 if after.startswith("\n\n") else WITHIN

    return _cut(atom._replace(inner=inner), text, line_cuts(content), "line", glue)


def _items(atom: Atom, text: str, content: str) -> list[Atom]:
    if atom.form not in ("block", "item"):
        return []
    cuts = item_cuts(content, nested=atom.form == "item", entries=atom.kind == "reference")
    return _cut(atom, text, cuts, "item", ROWS)


def _prose(atom: Atom, text: str, content: str) -> list[Atom]:
    if atom.form in ("block", "item"):
        parts = _cut(atom, text, paragraph_cuts(content), "paragraph", ROWS)
        if parts:
            return parts
    if atom.form in ("block", "item", "paragraph", "row", "cell"):
        return _cut(atom, text, sentence_cuts(content), "sentence", WITHIN)
    return []
