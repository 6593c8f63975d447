"""What questions are made from: a paper's prose, tables and formulas, wherever they were read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose cells can be looked up.

    Attributes:
        caption: plain text without "Table 3."; empty when there is none.
        columns: label of each column, the parts of a header in several rows joined by " / "; the first one is that of
            the row labels.
        rows: n rows of as many cells as there are columns, as the source writes them.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Formula:
    """A displayed formula.

    Attributes:
        tex: with the author's own macros resolved.
        lead: the sentence before it.
    """

    tex: str
    lead: str


@dataclass(frozen=True, slots=True)
class Source:
    """One paper.

    Attributes:
        kind: "TeX", "JATS" or "text layer".
        paragraphs: prose; formulas inside are TeX between dollars.
        tables: those that could be read.
        formulas: displayed ones with a sentence before them.
    """

    kind: str
    paragraphs: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    formulas: tuple[Formula, ...] = ()
