"""A chunk before it has an identity: what packing makes, and merging and overlap change."""

from __future__ import annotations

from typing import NamedTuple


class Draft(NamedTuple):
    """A chunk before it has an identity.

    Attributes:
        tokens: of context and text, counted.
        own_tokens: `tokens` without what the context costs.
        above: path that the context stands for; what joins this chunk must lie below it.
        path: heading path of its first content.
        continues: it begins inside a table or listing, and its context repeats the header.
        lead: the context without a table's header.
        oversize: why it exceeds the budget, else empty.
    """

    start: int
    end: int
    context: str
    tokens: int
    own_tokens: int
    above: tuple[str, ...]
    path: tuple[str, ...]
    continues: bool = False
    oversize: str = ""
    lead: str = ""
