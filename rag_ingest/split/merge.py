"""Joins chunks that are too small to siblings, under the heading path that both lie below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from rag_ingest.split.context import ContextBuilder
from rag_ingest.split.options import Limits
from rag_ingest.split.pack import Draft
from rag_ingest.types import TokenCounter


def merge_small(
    drafts: Iterable[Draft], text: str, count: TokenCounter, limits: Limits, contexts: ContextBuilder
) -> Iterator[Draft]:
    """Drafts of one stretch of blocks, the small ones joined to a neighbour where both fit the target."""
    held: Draft | None = None
    for draft in drafts:
        joined = _joined(held, draft, text, count, limits, contexts) if held else None
        if joined:
            held = joined
            continue
        if held:
            yield held
        held = draft
    if held:
        yield held


def _joined(
    a: Draft, b: Draft, text: str, count: TokenCounter, limits: Limits, contexts: ContextBuilder
) -> Draft | None:
    if min(a.own_tokens, b.own_tokens) >= limits.smallest or a.oversize or b.oversize or b.continues:
        return None
    if b.above[: len(a.above)] != a.above or a.tokens + b.own_tokens > limits.target:
        return None
    joined = text[a.start : b.end]
    tokens = count(f"{a.context}\n{joined}" if a.context else joined)
    if tokens > limits.target:
        return None
    return replace(a, end=b.end, tokens=tokens, own_tokens=max(1, tokens - contexts.cost(a.context)))
