"""`--where EXPR`: a small filter language, read into `lancedb.expr` values and never into SQL text.

    expression   condition, joined by `and`, `or`, `not` and parentheses
    condition    FIELD OP VALUE        = == != <> < <= > >=
                 FIELD in (VALUE, …)   FIELD not in (VALUE, …)
                 FIELD contains TEXT   FIELD not contains TEXT      any case
    VALUE        'text' or "text" (a quote inside is doubled: 'Schrödinger''s'), or a number

Fields are listed in `FIELDS`. `page`, `heading`, `kind` and `category` hold several values a chunk: `page >= 3` asks
for a chunk with some page from 3 on, `heading = 'Methods'` for one that stands under that heading.

`not` turns any condition round, and `!=`, `not in` and `not contains` say `not` of the others. A chunk without a value
equals nothing, contains nothing and is neither above nor below anything: `year >= 2020` and `year < 2020` both leave
out a paper of unknown year, and `year != 2020` and `not year >= 2020` both hold for it (SQL leaves it out there too).

`abstract`, in any case also `= != in` and `contains`, is what stands in `documents`: it is asked for there, and the
condition names the contents that it holds for.

Witness scores are compared as the 32 bits that the table holds, so that `witness_recall >= 0.9` finds 0.9.
"""

from __future__ import annotations

import difflib
import operator
from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

from rag_ingest.errors import ConfigError
from rag_ingest.store.where_fields import ABSTRACT, COMPARE, FIELDS, Abstract, Contents, Field, opposite
from rag_ingest.store.where_tokens import Token, Value, number, tokens

if TYPE_CHECKING:
    from lancedb.expr import Expr

__all__ = ["FIELDS", "parse_where"]

MAX_CONDITIONS = 256
"""Expressions are evaluated recursively in native code, where a deep one would end the process."""

MAX_DEPTH = 64

_UNEQUAL = ("!=", "<>")


def parse_where(text: str, contents: Contents | None = None) -> Expr:
    """Reads a filter.

    Args:
        text: see above.
        contents: finds those whose abstract is asked for.

    Raises:
        ConfigError: it can't be read, or names an unknown field; the message says where, and the nearest known name.
    """
    return _Parser(text, contents).parse()


class _Parser:
    """Recursive descent: or < and < not < condition."""

    def __init__(self, text: str, contents: Contents | None) -> None:
        self.text = text
        self.contents = contents
        self.tokens = tokens(text)
        self.at = 0
        self.conditions = 0

    def parse(self) -> Expr:
        found = self.any_of(0)
        if self.peek().kind != "end":
            raise self.error("expected 'and', 'or' or the end")
        return found

    def peek(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def accept(self, word: str) -> bool:
        token = self.peek()
        if token.is_word(word) or (token.kind == "op" and token.text == word):
            self.at += 1
            return True
        return False

    def error(self, expected: str) -> ConfigError:
        token = self.peek()
        found = repr(token.text) if token.kind != "end" else "the end"
        return ConfigError(f"filter {self.text!r}: {expected}, found {found} at character {token.at + 1}")

    def any_of(self, depth: int) -> Expr:
        found = self.all_of(depth)
        while self.accept("or"):
            found = found | self.all_of(depth)
        return found

    def all_of(self, depth: int) -> Expr:
        found = self.inverted(depth)
        while self.accept("and"):
            found = found & self.inverted(depth)
        return found

    def inverted(self, depth: int) -> Expr:
        if depth > MAX_DEPTH:
            raise ConfigError(f"filter is nested deeper than {MAX_DEPTH}")
        if self.accept("not"):
            return opposite(self.inverted(depth + 1))
        if self.accept("("):
            found = self.any_of(depth + 1)
            if not self.accept(")"):
                raise self.error("expected ')'")
            return found
        return self.condition()

    def condition(self) -> Expr:
        token = self.peek()
        if token.kind != "word" or token.text.lower() in {"and", "or", "in", "contains"}:
            raise self.error("expected a field name")
        if token.text.lower() not in (*FIELDS, ABSTRACT):
            known = ", ".join([*FIELDS, ABSTRACT])
            raise ConfigError(f"filter: unknown field {token.text!r}{_nearest(token.text)} (known: {known})")
        name = self.take().text.lower()
        field = Abstract(self.contents) if name == ABSTRACT else Field(name)
        negated = self.accept("not")
        if self.accept("in"):
            found = reduce(operator.or_, [field.compare("=", v) for v in self.values()])
        elif self.accept("contains"):
            found = field.contains(self.value())
        elif not negated and self.peek().kind == "op" and self.peek().text in (*COMPARE, *_UNEQUAL):
            op = self.take().text
            negated = op in _UNEQUAL
            found = field.compare("=" if negated else op, self.value())
        else:
            hint = " (for a value that is not there: not year >= 0)" if self.peek().is_word("is") else ""
            raise self.error(f"expected one of = != < <= > >= in contains{hint}")
        self.count()
        return opposite(found) if negated else found

    def values(self) -> Sequence[Value]:
        if not self.accept("("):
            raise self.error("expected '(' after in")
        values = [self.value()]
        while self.accept(","):
            values.append(self.value())
            self.count()
        if not self.accept(")"):
            raise self.error("expected ',' or ')'")
        return values

    def value(self) -> Value:
        token = self.peek()
        if token.kind == "string":
            quote = token.text[0]
            self.at += 1
            return token.text[1:-1].replace(quote * 2, quote)
        if token.kind == "number":
            self.at += 1
            return number(token.text)
        raise self.error("expected a number, or text in quotes (one inside is doubled: 'O''Brien')")

    def count(self) -> None:
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            raise ConfigError(f"filter has more than {MAX_CONDITIONS} conditions")


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name.lower(), list(FIELDS), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
