"""Small to big: a hit is grown to the section that it stands in, within a token budget."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from rag_ingest.errors import ConfigError
from rag_ingest.store.tables import fetch
from rag_ingest.types import SearchHit, Span, TokenCounter

if TYPE_CHECKING:
    from lancedb.expr import Expr
    from lancedb.table import Table

__all__ = ["Expansion", "expand"]

CHARACTERS_A_TOKEN = 12
"""A text with more of them a token of the budget is not counted, as it can't fit: English prose has 4 to 5."""

NOT_ADDITIVE = 1.1
"""A text of chunks whose own counts add up to more of the budget than this is not counted as a whole."""

LEFT_OUT_SHARE = 2
"""A section whose chunks fit may be so many times larger in the document, where blocks were left out."""

HITS_A_QUERY = 64
"""Expressions are evaluated recursively in native code; a query has a condition a document."""

_COLUMNS = ["id", "doc_id", "span_start", "span_end", "gap", "text", "pages", "sections"]


@dataclass(frozen=True, kw_only=True)
class Expansion:
    """How far a hit grows.

    Attributes:
        max_tokens: of the text that it grows to; a hit that alone has more stays as it is.
        count_tokens: tokens of a text.
    """

    max_tokens: int
    count_tokens: TokenCounter

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ConfigError(f"max_tokens = {self.max_tokens}: must be at least 1")

    @property
    def max_characters(self) -> int:
        """Of a text that is worth counting."""
        return self.max_tokens * CHARACTERS_A_TOKEN

    @property
    def reach(self) -> int:
        """Characters of the document around a hit that may matter."""
        return self.max_characters * LEFT_OUT_SHARE


def expand(table: Table, hits: Sequence[SearchHit], expansion: Expansion, *, k: int) -> list[SearchHit]:
    """The first `k` hits that stand in different texts, each with the largest of these texts that fits the budget.

    The document; the sections that hold the hit, outer ones first; where not even the smallest fits, chunks of it
    behind and before the hit in turn, until the next would not fit or belongs to a better hit's text; the hit alone.
    A hit that lies in a better one's text is left out. Neighbours come with one query for all hits, and one more for
    each time that hits left out leave too few. A hit without links, from a foreign node, is its own text.

    Args:
        table: `chunks`.
        hits: best first; the more there are, the surer `k` are found.
        expansion: budget and counter.
        k: how many.
    """
    found: list[SearchHit] = []
    shown: dict[str, list[Span]] = defaultdict(list)
    meter = _Meter(expansion)
    waiting = list(hits)
    while waiting and len(found) < k:
        waiting = [hit for hit in waiting if not _holds(shown[hit.doc_id], hit.span)]
        size = min(k - len(found), HITS_A_QUERY)
        now, waiting = waiting[:size], waiting[size:]
        rows = _neighbours(table, now, expansion.reach)
        for hit in now:
            theirs, taken = rows.get(hit.doc_id, []), shown[hit.doc_id]
            at = next((i for i, row in enumerate(theirs) if row.chunk_id == hit.chunk_id), None)
            if at is None:
                found.append(replace(hit, expanded=hit.text, expanded_span=hit.span, expanded_pages=hit.pages))
            elif not _holds(taken, hit.span):
                run = _section(theirs, at, meter) or _window(theirs, at, meter, taken)
                found.append(replace(hit, expanded=run.text, expanded_span=run.span, expanded_pages=run.pages))
                taken.append(run.span)
    return found


@dataclass(frozen=True, slots=True)
class _Row:
    """A chunk as its neighbours need it; `sections` are as the table has them, smallest first."""

    chunk_id: str
    span: Span
    gap: str
    text: str
    pages: tuple[int, ...]
    sections: Sequence[Mapping[str, int]]


def _neighbours(table: Table, hits: Sequence[SearchHit], reach: int) -> Mapping[str, list[_Row]]:
    """Linked chunks around the hits by document, in order."""
    from lancedb.expr import col, lit

    if not hits:
        return {}
    spans: dict[str, list[Span]] = defaultdict(list)
    for hit in hits:
        spans[hit.doc_id].append(hit.span)
    near: list[Expr] = []
    for doc_id, theirs in spans.items():
        first, last = min(s.start for s in theirs) - reach, max(s.end for s in theirs) + reach
        near.append((col("doc_id") == lit(doc_id)) & (col("span_end") > lit(first)) & (col("span_start") < lit(last)))
    rows: dict[str, list[_Row]] = defaultdict(list)
    for row in fetch(table, col("doc_id").isin(list(spans)) & reduce(or_, near), _COLUMNS):
        if row["sections"]:
            rows[row["doc_id"]].append(_to_row(row))
    for theirs_rows in rows.values():
        theirs_rows.sort(key=lambda row: row.span)
    return rows


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring chunks, the first and the last cut at the edges of `within`."""

    rows: Sequence[_Row]
    within: Span

    @property
    def span(self) -> Span:
        return Span(max(self.rows[0].span.start, self.within.start), min(self.rows[-1].span.end, self.within.end))

    @property
    def text(self) -> str:
        """The document's; what a chunk repeats of the one before it stands there once."""
        parts, at = [], self.within.start
        for i, row in enumerate(self.rows):
            start, end = at - row.span.start, self.within.end - row.span.start
            parts += [row.gap if i else "", row.text[max(0, start) : end]]
            at = max(at, row.span.end)
        return "".join(parts)

    @property
    def pages(self) -> tuple[int, ...]:
        return tuple(sorted({page for row in self.rows for page in row.pages}))

    @property
    def inner(self) -> Sequence[_Row]:
        """Chunks that are surely not cut."""
        return self.rows[1:-1]


class _Meter:
    """Says what fits, and counts no chunk twice."""

    def __init__(self, expansion: Expansion) -> None:
        self.expansion = expansion
        self._tokens: dict[str, int] = {}

    def fits(self, run: _Run) -> bool:
        """By the exact count of its text, which is made only where the chunks alone don't rule it out."""
        return self._may_fit(run) and self.expansion.count_tokens(run.text) <= self.expansion.max_tokens

    def _may_fit(self, run: _Run) -> bool:
        if sum(len(row.text) for row in run.inner) > self.expansion.max_characters:
            return False
        room = self.expansion.max_tokens * NOT_ADDITIVE + len(run.rows)
        for row in run.inner:
            room -= self._tokens_of(row)
            if room < 0:
                return False
        return True

    def _tokens_of(self, row: _Row) -> int:
        if row.chunk_id not in self._tokens:
            self._tokens[row.chunk_id] = self.expansion.count_tokens(row.text)
        return self._tokens[row.chunk_id]


def _section(rows: Sequence[_Row], at: int, meter: _Meter) -> _Run | None:
    """The largest section around a hit that fits."""
    hit, reach = rows[at], meter.expansion.reach
    for section in reversed(hit.sections):
        span = Span(section["start"], section["end"])
        if span.start < hit.span.end - reach or span.end > hit.span.start + reach:
            continue  # rows of it may be missing here
        run = _Run([row for row in rows if row.span.start < span.end and row.span.end > span.start], span)
        if meter.fits(run):
            return run
    return None


def _window(rows: Sequence[_Row], at: int, meter: _Meter, taken: Sequence[Span]) -> _Run:
    """As many neighbours within the smallest section as fit, behind and before in turn; none that is taken."""
    section = Span(rows[at].sections[0]["start"], rows[at].sections[0]["end"])
    first, after = at, at + 1
    run = _Run(rows[first:after], section)
    sides = ["behind", "before"]
    while sides:
        for side in tuple(sides):
            i, wider = (after, (first, after + 1)) if side == "behind" else (first - 1, (first - 1, after))
            grown = _Run(rows[slice(*wider)], section)
            if not _is_free(rows, i, section, taken) or not meter.fits(grown):
                sides.remove(side)
                continue
            run, (first, after) = grown, wider
    return run


def _is_free(rows: Sequence[_Row], i: int, section: Span, taken: Sequence[Span]) -> bool:
    """Whether there is a chunk `i` in the section that is not taken."""
    if not 0 <= i < len(rows) or rows[i].span.start >= section.end or rows[i].span.end <= section.start:
        return False
    return not _holds(taken, _Run([rows[i]], section).span)


def _holds(spans: Iterable[Span], span: Span) -> bool:
    """Whether one of `spans` holds all of `span`."""
    return any(one.start <= span.start and span.end <= one.end for one in spans)


def _to_row(row: Mapping[str, Any]) -> _Row:
    return _Row(
        chunk_id=row["id"],
        span=Span(row["span_start"], row["span_end"]),
        gap=row["gap"] or "",
        text=row["text"],
        pages=tuple(row["pages"] or ()),
        sections=row["sections"],
    )
