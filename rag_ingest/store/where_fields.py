"""The fields that a filter can name, and what one condition on each means; see `store.where`."""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rag_ingest.errors import ConfigError
from rag_ingest.store.where_tokens import Value

if TYPE_CHECKING:
    from lancedb.expr import Expr

__all__ = ["ABSTRACT", "COMPARE", "FIELDS", "Abstract", "Contents", "Field", "one_line", "opposite"]

Kind = Literal["text", "number", "float", "lines", "page"]

FIELDS: Mapping[str, tuple[Kind, str]] = {
    "chunk_id": ("text", "id"),
    "id": ("text", "id"),
    "doc_id": ("text", "doc_id"),
    "source": ("text", "source"),
    "title": ("text", "title"),
    "text": ("text", "text"),
    "context": ("text", "context"),
    "heading": ("lines", "heading_lines"),
    "headings": ("lines", "heading_lines"),
    "kind": ("lines", "kind_lines"),
    "kinds": ("lines", "kind_lines"),
    "page": ("page", "page_lines"),
    "pages": ("page", "page_lines"),
    "token_count": ("number", "token_count"),
    "span_start": ("number", "span_start"),
    "span_end": ("number", "span_end"),
    "verdict": ("text", "verdict"),
    "witness_recall": ("float", "witness_recall"),
    "witness_precision": ("float", "witness_precision"),
    "witness_order": ("float", "witness_order"),
    "witness_numbers": ("float", "witness_numbers"),
    "category": ("lines", "category_lines"),
    "categories": ("lines", "category_lines"),
    "year": ("number", "year"),
    "version": ("number", "version"),
    "arxiv_id": ("text", "arxiv_id"),
    "authors": ("text", "authors"),
    "license": ("text", "license"),
    "doi": ("text", "doi"),
    "published": ("text", "published"),
}
"""Name -> (how it is compared, column of the `chunks` table)."""

ABSTRACT = "abstract"

Contents = Callable[[Callable[[str], bool], str], Sequence[str]]
"""See `store.abstracts.contents_with`."""

COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Field:
    """One side of a condition."""

    name: str

    def compare(self, op: str, value: Value) -> Expr:
        """`op` is one of `COMPARE`."""
        from lancedb.expr import col, lit

        kind, column = FIELDS[self.name]
        if isinstance(value, str) != (kind in ("text", "lines")):
            wanted = "text: put the value in quotes" if kind in ("text", "lines") else "a number: no quotes"
            raise ConfigError(f"filter: {self.name} is {wanted}, not {value!r}")
        if kind in ("text", "number", "float"):
            return COMPARE[op](col(column), lit(_single(value) if kind == "float" else _literal(value)))
        if op in ("=", "=="):
            return col(column).contains(lit(_literal(f"\n{one_line(str(value))}\n")))
        if kind == "lines":
            raise ConfigError(f"filter: {self.name} takes =, !=, in and contains, not {op}")
        edge = "last_page" if op in (">", ">=") else "first_page"
        return COMPARE[op](col(edge), lit(value))

    def contains(self, value: Value) -> Expr:
        """In any case."""
        from lancedb.expr import col, lit

        kind, column = FIELDS[self.name]
        if kind not in ("text", "lines") or not isinstance(value, str):
            raise ConfigError(f"filter: contains asks for text in text, not for {value!r} in {self.name}")
        text = one_line(value) if kind == "lines" else value
        if kind == "lines" and not text:
            return col(column) != lit("\n")  # there is some value
        return col(column).lower().contains(lit(_literal(text)).lower())


@dataclass(frozen=True)
class Abstract:
    """The same for the abstract of a paper."""

    contents: Contents | None

    def compare(self, op: str, value: Value) -> Expr:
        """`op` is "=" or "=="."""
        if op not in ("=", "=="):
            raise ConfigError(f"filter: {ABSTRACT} takes =, !=, in and contains, not {op}")
        text = self._text_of(value)
        return self._asked(lambda abstract: abstract == text, text)

    def contains(self, value: Value) -> Expr:
        """In any case."""
        text = self._text_of(value).lower()
        return self._asked(lambda abstract: text in abstract.lower(), text)

    def _asked(self, holds: Callable[[str], bool], part: str) -> Expr:
        from lancedb.expr import col, lit

        if self.contents is None:
            raise ConfigError(f"filter: {ABSTRACT} can be asked for in a search of a knowledge base alone")
        found = self.contents(holds, part)
        return col("doc_id").isin(list(found)) if found else lit(False)

    @staticmethod
    def _text_of(value: Value) -> str:
        if not isinstance(value, str):
            raise ConfigError(f"filter: {ABSTRACT} is text: put the value in quotes, not {value!r}")
        return str(_literal(value))


def opposite(condition: Expr) -> Expr:
    """Holds exactly where `condition` doesn't, rows without the value included.

    `~` alone gives null for null. `concat` takes null for an empty text, and is the only one of LanceDB 0.40's
    functions that does.
    """
    from lancedb.expr import func, lit

    return func("concat", condition.cast("string")) != lit("true")


def _single(value: Value) -> float:
    """The nearest number of 32 bits, as the column has it."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return float(value)


def one_line(text: str) -> str:
    """Headings are kept one a line, in the table as in a filter."""
    return " ".join(text.split("\n"))


def _literal(value: Value) -> Value:
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as e:
            raise ConfigError(f"filter: {value!r} holds half a character") from e
    return value
