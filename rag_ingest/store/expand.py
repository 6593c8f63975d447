"""Small to big: a hit is grown to the section that it stands in, within a token budget, or by its neighbours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import or_
from typing import TYPE_CHECKING

from rag_ingest.errors import ConfigError
from rag_ingest.store.runs import COLUMNS, Row, Run, holds, in_order, place_of
from rag_ingest.store.tables import fetch
from rag_ingest.types import SearchHit, Span, TokenCounter

if TYPE_CHECKING:
    from lancedb.expr import Expr
    from lancedb.table import Table

__all__ = ["Expansion", "Neighbours", "expand"]

CHARACTERS_A_TOKEN = 12
"""A text with more of them a token of the budget is not counted, as it can't fit: English prose has 4 to 5."""

NOT_ADDITIVE = 1.1
"""A text of chunks whose own counts add up to more of the budget than this is not counted as a whole."""

LEFT_OUT_SHARE = 2
"""A section whose chunks fit may be so many times larger in the document, where blocks were left out."""

HITS_A_QUERY = 64
"""Expressions are evaluated recursively in native code; a query has a condition a document."""


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


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """A hit grows by chunks beside it.

    Attributes:
        count: on each side.
    """

    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigError(f"neighbours = {self.count}: must be at least 1")


def expand(table: Table, hits: Sequence[SearchHit], expansion: Expansion | Neighbours, *, k: int) -> list[SearchHit]:
    """The first `k` hits that stand in different texts, each with such a text.

    With `Expansion` the largest that fits the budget: the document; the sections that hold the hit, outer ones first;
    where not even the smallest fits, chunks of it behind and before the hit in turn, until the next would not fit or
    belongs to a better hit's text; the hit alone. With `Neighbours` the chunks on both sides in the document, up to
    one that belongs to a better hit's text.

    A hit that lies in a better one's text is left out. Neighbours come with one query for all hits (two with
    `Neighbours`), and as many again each time that hits left out leave too few. A hit without links, from a foreign
    node, is its own text.

    Args:
        table: `chunks`.
        hits: best first; the more there are, the surer `k` are found.
        expansion: how a hit grows.
        k: how many.
    """
    found: list[SearchHit] = []
    shown: dict[str, list[Span]] = defaultdict(list)
    if isinstance(expansion, Neighbours):
        grown = partial(_beside, count=expansion.count)
    else:
        grown = partial(_largest, meter=_Meter(expansion))
    waiting = list(hits)
    while waiting and len(found) < k:
        waiting = [hit for hit in waiting if not holds(shown[hit.doc_id], hit.span)]
        size = min(k - len(found), HITS_A_QUERY)
        now, waiting = waiting[:size], waiting[size:]
        rows = _rows_around(table, now, expansion)
        for hit in now:
            theirs, taken = rows.get(hit.doc_id, []), shown[hit.doc_id]
            at = place_of(theirs, hit)
            if at is None:
                found.append(replace(hit, expanded=hit.text, expanded_span=hit.span, expanded_pages=hit.pages))
            elif not holds(taken, hit.span):
                run = grown(theirs, at, taken)
                found.append(replace(hit, expanded=run.text, expanded_span=run.span, expanded_pages=run.pages))
                taken.append(run.span)
    return found


def _rows_around(table: Table, hits: Sequence[SearchHit], expansion: Expansion | Neighbours) -> Mapping[str, list[Row]]:
    """Linked chunks around the hits by document, in order."""
    from lancedb.expr import col, lit

    if not hits:
        return {}
    if isinstance(expansion, Neighbours):
        reaches = _with_neighbours(table, hits, expansion.count)
    else:
        reaches = [(h.doc_id, h.span.start - expansion.reach, h.span.end + expansion.reach) for h in hits]
    near: list[Expr] = []
    doc_ids = list(dict.fromkeys(doc_id for doc_id, _, _ in reaches))
    for doc_id in doc_ids:
        theirs = [(first, last) for of, first, last in reaches if of == doc_id]
        first, last = min(first for first, _ in theirs), max(last for _, last in theirs)
        near.append((col("doc_id") == lit(doc_id)) & (col("span_end") > lit(first)) & (col("span_start") < lit(last)))
    return in_order(fetch(table, col("doc_id").isin(doc_ids) & reduce(or_, near), COLUMNS))


def _with_neighbours(table: Table, hits: Sequence[SearchHit], count: int) -> list[tuple[str, int, int]]:
    """(doc_id, start, end) of each hit together with its neighbours."""
    from lancedb.expr import col

    where = col("doc_id").isin(sorted({hit.doc_id for hit in hits}))
    rows = in_order(fetch(table, where, [name for name in COLUMNS if name not in ("text", "pages")]))
    reaches = []
    for hit in hits:
        theirs = rows.get(hit.doc_id, [])
        at = place_of(theirs, hit)
        near = theirs[max(0, at - count) : at + count + 1] if at is not None else []
        spans = [hit.span, *(row.span for row in near)]
        reaches.append((hit.doc_id, min(span.start for span in spans), max(span.end for span in spans)))
    return reaches


class _Meter:
    """Says what fits, and counts no chunk twice."""

    def __init__(self, expansion: Expansion) -> None:
        self.expansion = expansion
        self._tokens: dict[str, int] = {}

    def fits(self, run: Run) -> bool:
        """By the exact count of its text, which is made only where the chunks alone don't rule it out."""
        return self._may_fit(run) and self.expansion.count_tokens(run.text) <= self.expansion.max_tokens

    def _may_fit(self, run: Run) -> bool:
        if sum(len(row.text) for row in run.inner) > self.expansion.max_characters:
            return False
        room = self.expansion.max_tokens * NOT_ADDITIVE + len(run.rows)
        for row in run.inner:
            room -= self._tokens_of(row)
            if room < 0:
                return False
        return True

    def _tokens_of(self, row: Row) -> int:
        if row.chunk_id not in self._tokens:
            self._tokens[row.chunk_id] = self.expansion.count_tokens(row.text)
        return self._tokens[row.chunk_id]


def _largest(rows: Sequence[Row], at: int, taken: Sequence[Span], *, meter: _Meter) -> Run:
    return _section(rows, at, meter) or _window(rows, at, meter, taken)


def _section(rows: Sequence[Row], at: int, meter: _Meter) -> Run | None:
    """The largest section around a hit that fits."""
    hit, reach = rows[at], meter.expansion.reach
    for section in reversed(hit.sections):
        span = Span(section["start"], section["end"])
        if span.start < hit.span.end - reach or span.end > hit.span.start + reach:
            continue  # rows of it may be missing here
        run = Run([row for row in rows if row.span.start < span.end and row.span.end > span.start], span)
        if meter.fits(run):
            return run
    return None


def _window(rows: Sequence[Row], at: int, meter: _Meter, taken: Sequence[Span]) -> Run:
    """As many neighbours within the smallest section as fit, behind and before in turn; none that is taken."""
    section = Span(rows[at].sections[0]["start"], rows[at].sections[0]["end"])
    first, after = at, at + 1
    run = Run(rows[first:after], section)
    sides = ["behind", "before"]
    while sides:
        for side in tuple(sides):
            i, wider = (after, (first, after + 1)) if side == "behind" else (first - 1, (first - 1, after))
            grown = Run(rows[slice(*wider)], section)
            if not _is_free(rows, i, section, taken) or not meter.fits(grown):
                sides.remove(side)
                continue
            run, (first, after) = grown, wider
    return run


def _beside(rows: Sequence[Row], at: int, taken: Sequence[Span], *, count: int) -> Run:
    """`count` chunks before and behind a hit, fewer at an end of the document or where the next is taken."""
    first, last = at, at
    while first > max(0, at - count) and not holds(taken, rows[first - 1].span):
        first -= 1
    while last < min(len(rows) - 1, at + count) and not holds(taken, rows[last + 1].span):
        last += 1
    return Run(rows[first : last + 1], Span(rows[first].span.start, rows[last].span.end))


def _is_free(rows: Sequence[Row], i: int, section: Span, taken: Sequence[Span]) -> bool:
    """Whether there is a chunk `i` in the section that is not taken."""
    if not 0 <= i < len(rows) or rows[i].span.start >= section.end or rows[i].span.end <= section.start:
        return False
    return not holds(taken, Run([rows[i]], section).span)
