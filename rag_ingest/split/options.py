"""What a user may choose about splitting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from rag_ingest.errors import ConfigError
from rag_ingest.types import BlockKind

CONTEXT_PARTS = ("headings", "captions", "headers")
_DERIVED_TARGET = (128, 256)
"""Least and most; between them half of the budget. Measured at a budget of 254, see eval/README.md."""


@dataclass(frozen=True, kw_only=True)
class SplitOptions:
    """Options of the splitter; every count is in the embedder's own tokens, context included.

    Attributes:
        max_tokens: no chunk exceeds it; 0 takes the embedder's limit, which also caps any other value.
        target_tokens: chunks of a long section are filled to about this; 0 takes half of `max_tokens`, but 128 at
            least and 256 at most. A block between target and maximum stays whole.
        min_tokens: smaller chunks join a sibling where that fits; 0 takes an eighth of the target.
        overlap_tokens: a chunk of running text begins with so much of the one before it, in whole sentences.
        context: what a chunk repeats for reading on its own: "headings" (the path above it), "captions" and
            "headers" (of a table, or the opening fence of code, in pieces after the first).
        exclude_kinds: blocks of these kinds are left out, with headings that have nothing else below them.
        atomic: tables, formulas and code are kept whole while they "fit" the budget, and cut between rows or lines
            beyond it; "always": never cut, whatever exceeds the budget is flagged `oversize`.
        table_text: what is embedded of a table: its "source", or "rows" in words, each with its column names.
    """

    max_tokens: int = 0
    target_tokens: int = 0
    min_tokens: int = 0
    context: tuple[str, ...] = CONTEXT_PARTS
    exclude_kinds: tuple[str, ...] = ()
    overlap_tokens: int = 0
    atomic: Literal["fit", "always"] = "fit"
    table_text: Literal["source", "rows"] = "rows"

    def __post_init__(self) -> None:
        for name in ("max_tokens", "target_tokens", "min_tokens", "overlap_tokens"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                zero = "0 (none)" if name == "overlap_tokens" else "0 (derive)"
                raise ConfigError(f"split.{name} is {value!r}: allowed are {zero} and positive integers")
        if self.max_tokens and self.target_tokens > self.max_tokens:
            raise ConfigError(
                f"split.target_tokens is {self.target_tokens}: allowed are 0..{self.max_tokens} (max_tokens)"
            )
        _known("context", self.context, CONTEXT_PARTS)
        _known("exclude_kinds", self.exclude_kinds, get_args(BlockKind))
        _known("atomic", (self.atomic,), ("fit", "always"))
        _known("table_text", (self.table_text,), ("source", "rows"))

    def limits(self, max_tokens: int) -> Limits:
        """The limits that hold with an embedder of `max_tokens`.

        Raises:
            ConfigError: `max_tokens` is not positive.
        """
        if max_tokens < 1:
            raise ConfigError(f"max_tokens is {max_tokens}: allowed are positive integers")
        largest = min(self.max_tokens or max_tokens, max_tokens)
        if 2 * self.overlap_tokens > largest:
            raise ConfigError(
                f"split.overlap_tokens is {self.overlap_tokens}: allowed are 0..{largest // 2} (half a chunk)"
            )
        least, most = _DERIVED_TARGET
        target = min(self.target_tokens or min(max(largest // 2, least), most), largest)
        return Limits(largest, target, min(self.min_tokens or target // 8, target))

    def packed(self, limits: Limits) -> Limits:
        """What is left for a chunk's own text and context when the overlap is taken off."""
        largest = limits.largest - self.overlap_tokens
        target = min(limits.target, largest)
        return Limits(largest, target, min(limits.smallest, target))


@dataclass(frozen=True, slots=True)
class Limits:
    """Resolved token counts: smallest <= target <= largest."""

    largest: int
    target: int
    smallest: int


def _known(name: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    for value in given:
        if value not in known:
            raise ConfigError(f"split.{name} holds {value!r}: allowed are {', '.join(known)}")
