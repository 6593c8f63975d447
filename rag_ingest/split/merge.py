"""Joins chunks that are too small to siblings, under the heading path that both lie below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rag_ingest.split.context import ContextBuilder
from rag_ingest.split.draft import Draft
from rag_ingest.split.options import Limits
from rag_ingest.types import TokenCounter


def merge_small(
    drafts: Iterable[Draft], text: str, count: TokenCounter, limits: Limits, contexts: ContextBuilder
) -> Iterator[Draft]:
    """Drafts of one stretch of blocks, the small ones joined to a neighbour where both fit the target."""
    group: list[Draft] = []
    tokens = 0
    for draft in drafts:
        if group and _fits(group, tokens, draft, limits):
            group.append(draft)
            tokens += draft.own_tokens + 1
            continue
        yield from group if len(group) < 2 else _joined(group, text, count, limits, contexts)
        group, tokens = [draft], draft.tokens
    yield from _joined(group, text, count, limits, contexts)


def _fits(group: Sequence[Draft], tokens: int, draft: Draft, limits: Limits) -> bool:
    first, last = group[0], group[-1]
    small = draft.own_tokens < limits.smallest or tokens - first.tokens + first.own_tokens < limits.smallest
    if not small or last.oversize or draft.oversize or draft.continues:
        return False
    below = draft.above[: len(first.above)] == first.above
    return below and tokens + draft.own_tokens + 1 <= limits.target


def _joined(
    group: Sequence[Draft], text: str, count: TokenCounter, limits: Limits, contexts: ContextBuilder
) -> Iterator[Draft]:
    """The group as one draft; when the sum of its counts was too low, its halves."""
    if len(group) < 2:
        yield from group
        return
    first = group[0]
    joined = text[first.start : group[-1].end]
    tokens = count(f"{first.context}\n{joined}" if first.context else joined)
    if tokens <= limits.largest:
        yield first._replace(end=group[-1].end, tokens=tokens, own_tokens=max(1, tokens - contexts.cost(first.context)))
        return
    half = len(group) // 2
    yield from _joined(group[:half], text, count, limits, contexts)
    yield from _joined(group[half:], text, count, limits, contexts)
