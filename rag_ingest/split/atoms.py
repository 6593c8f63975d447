"""What packing works on: pieces of a document that stay together, and what holds them to the next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from rag_ingest.types import BlockKind

Form = Literal["block", "paragraph", "item", "row", "cell", "line", "sentence"]
"""How far an atom was cut down already."""

INSEPARABLE = math.inf
LINK = 0.9
"""Glue between a caption and its table or figure."""
LEAD_IN = 0.5
"""Glue from "…:" to a list or formula, and from a formula to "where …"."""
OPEN_SENTENCE = 0.3
"""Glue from a sentence that a formula ends."""
WITHIN = 0.2
"""Glue between the sentences of a paragraph or the lines of a listing."""
ROWS = 0.15
"""Glue between the rows of a table or the items of a list."""


class Repeat(NamedTuple):
    """What a chunk that begins inside a table or listing repeats in its context.

    Attributes:
        header: names of a table's columns, or the opening fence of a listing.
        caption: of the table, else empty.
        above: what earlier rows of the table say about the first one.
    """

    header: str
    caption: str = ""
    above: str = ""


class Atom(NamedTuple):
    """A piece of one block.

    Attributes:
        path: heading path of its block; a heading's own title is its last part.
        tokens: its own; sums of these are estimates, the chunk's final text is counted.
        counted: `tokens` is more than an estimate from its length.
        glue: what a break after it costs, in shares of the target; INSEPARABLE after a heading.
        lead: a heading, page marker or rule: it belongs to what follows and can't end a chunk.
        repeat: for a chunk that begins with it.
        inner: for a chunk that begins inside it.
    """

    start: int
    end: int
    kind: BlockKind
    path: tuple[str, ...]
    tokens: int
    glue: float = 0.0
    lead: bool = False
    form: Form = "block"
    repeat: Repeat | None = None
    inner: Repeat | None = None
    counted: bool = True


CAUTION = 1.05
"""Estimates are this much too large, since a chunk that comes out over the budget must be packed again."""


def size(text: str) -> int:
    """Bytes in UTF-8: nearer to tokens than characters are, where scripts mix."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


Pieces = Iterator[tuple[int, int]]


def pieces(text: str, start: int, end: int, cuts: Iterable[int], *, indented: bool = False) -> Pieces:
    """Spans between cuts, without white space around, or with that before the first word of a line; no blank ones."""
    at = start
    for cut in (*cuts, end):
        piece = text[at:cut]
        stripped = piece.strip()
        if stripped:
            lead = len(piece) - len(piece.lstrip())
            indent = lead - len(piece[:lead].rstrip(" \t")) if indented else 0
            yield at + lead - indent, at + lead + len(stripped)
        at = cut


def divide(atom: Atom, text: str, cuts: Iterable[int], form: Form, glue: Callable[[int], float]) -> list[Atom]:
    """Cuts an atom at document offsets; [] when that leaves it whole.

    The first piece keeps what the atom repeats, later ones repeat what is inside it, the last keeps its glue. Pieces
    have their share of the atom's tokens by size. `glue` is given the offset at which a piece ends.
    """
    spans = list(pieces(text, atom.start, atom.end, cuts, indented=atom.kind == "code"))
    if len(spans) < 2:
        return []
    last = len(spans) - 1
    sizes = [size(text[start:end]) for start, end in spans]
    share = atom.tokens / sum(sizes) * (CAUTION if atom.counted else 1)
    return [
        Atom(
            start,
            end,
            atom.kind,
            atom.path,
            math.ceil(share * sizes[i]),
            atom.glue if i == last else glue(end),
            False,
            form,
            atom.repeat if i == 0 else atom.inner,
            atom.inner,
            counted=False,
        )
        for i, (start, end) in enumerate(spans)
    ]
