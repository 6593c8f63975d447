"""Chunks that begin with the last sentences of the one before them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from rag_ingest.split.draft import Draft
from rag_ingest.split.options import Limits
from rag_ingest.split.prose import paragraph_cuts, sentence_cuts
from rag_ingest.types import Document, TokenCounter

_REPEATABLE = frozenset({"paragraph", "list", "quote", "footnote", "caption", "acknowledgement"})


def overlapping(
    drafts: Iterable[Draft], document: Document, overlap: int, count: TokenCounter, limits: Limits
) -> Iterator[Draft]:
    """Moves starts back over whole sentences of prose, at most `overlap` tokens and the budget's rest of them.

    A chunk that begins with a heading, or inside a table or listing, begins where it did; so does one behind a table,
    formula or figure, since none of these is repeated in part.
    """
    if overlap <= 0:
        yield from drafts
        return
    starts = [block.span.start for block in document.blocks]
    before: Draft | None = None
    for draft in drafts:
        own = draft
        if before is not None and not draft.continues and before.path == draft.path:
            at = bisect_right(starts, draft.start) - 1
            if document.blocks[at].kind in _REPEATABLE:
                draft = _moved_back(
                    draft, before, _stretch_start(document, at, before.start), document, overlap, count, limits
                )
        yield draft
        before = own


def _stretch_start(document: Document, at: int, earliest: int) -> int:
    """Where the run of repeatable blocks that ends with block `at` begins, not before `earliest`."""
    first = document.blocks[at].span.start
    while at > 0 and first > earliest and document.blocks[at - 1].kind in _REPEATABLE:
        at -= 1
        first = document.blocks[at].span.start
    return max(first, earliest)


def _moved_back(
    draft: Draft, before: Draft, first: int, document: Document, overlap: int, count: TokenCounter, limits: Limits
) -> Draft:
    text = document.markdown
    for start in _sentence_starts(text, first, before.end):
        if count(text[start : before.end]) > overlap:
            continue
        whole = text[start : draft.end]
        tokens = count(f"{draft.context}\n{whole}" if draft.context else whole)
        if tokens <= limits.largest:
            return draft._replace(start=start, tokens=tokens)
    return draft


def _sentence_starts(text: str, first: int, end: int) -> Sequence[int]:
    """Starts of sentences and paragraphs in [first, end), in order."""
    if first >= end:
        return ()
    part = text[first:end]
    found = sorted({0, *paragraph_cuts(part), *sentence_cuts(part)})
    return [first + at for at in found if first + at < end]
