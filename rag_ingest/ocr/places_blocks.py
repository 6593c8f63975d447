"""A page's Markdown cut into what stands on the page as one: paragraphs, tables, displayed formulas, figures.

Only as much of Markdown is read as boxes need; the document's own blocks come later, from `parse`.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Literal, NamedTuple

from rag_ingest.types import Figure, PageMarkdown, Span

PlaceKind = Literal["text", "table", "display", "figure"]

_WHOLE = re.compile(
    r"(?P<table><table\b.*?</table>|^[ ]{0,3}\|[^\n]*(?:\n[ ]{0,3}\|[^\n]*)+)|"
    r"(?P<display>\$\$.{1,4000}?\$\$|\\\[.{1,4000}?\\\]|"
    r"\\begin\{(?P<name>equation|align|gather|multline|eqnarray|displaymath)\*?\}.{1,4000}?\\end\{(?P=name)\*?\})|"
    r"(?P<figure>!\[[^\]\n]{0,1000}\]\((?P<target>[^)\n]{0,1000})\)(?:\s?\d+,\s?\d+,\s?\d+,\s?\d+)?)",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
"""As `witness_tokens` finds them, so that both speak of the same formulas and tables; pipe tables too."""
_PARAGRAPH = re.compile(r"\S(?:[^\n]|\n(?![^\S\n]*(?:\n|\Z)))*")


class PlaceBlock(NamedTuple):
    """One of them.

    Attributes:
        target: of a figure's image link, else empty.
    """

    kind: PlaceKind
    span: Span
    target: str = ""


def place_blocks(markdown: str) -> list[PlaceBlock]:
    """In order, not overlapping; together they hold every character that is not white space."""
    found: list[PlaceBlock] = []
    at = 0
    for match in _WHOLE.finditer(markdown):
        found += _paragraphs(markdown, at, match.start())
        found.append(PlaceBlock(_kind(match), Span(*match.span()), match["target"] or ""))
        at = match.end()
    return [*found, *_paragraphs(markdown, at, len(markdown))]


def figure_links(read: PageMarkdown) -> Iterator[tuple[Figure, Span]]:
    """The page's figures that have an image link, with its span; several of one name take their links in turn."""
    links: defaultdict[str, deque[Span]] = defaultdict(deque)
    for block in place_blocks(read.markdown) if read.figures else ():
        if block.kind == "figure":
            links[block.target].append(block.span)
    for figure in read.figures:
        if links[figure.placeholder]:
            yield figure, links[figure.placeholder].popleft()


def _kind(match: re.Match[str]) -> PlaceKind:
    return "table" if match["table"] else "display" if match["display"] else "figure"


def _paragraphs(markdown: str, start: int, end: int) -> Iterator[PlaceBlock]:
    for match in _PARAGRAPH.finditer(markdown, start, end):
        yield PlaceBlock("text", Span(match.start(), match.start() + len(match[0].rstrip())))
