"""LlamaIndex metadata filters as expressions of LanceDB, with LlamaIndex's own meaning of each operator.

Equality, membership and emptiness of any key are exact conditions on `metadata_lines` (see `store.metadata_lines`).
What compares otherwise (ranges, parts of texts, lists) is decided in Python once for each value that the key has in
the table, and becomes a condition on the values that match; where these are many, one on the ids of the rows. A table
that another program wrote has no such lines: there Python reads the metadata of all rows.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from llama_index.core.vector_stores.types import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters
from llama_index.core.vector_stores.utils import build_metadata_filter_fn

from rag_ingest.errors import ConfigError
from rag_ingest.llamaindex.folding import folded
from rag_ingest.store.metadata_lines import key_start, metadata_of, value_lines

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.expr import Expr
    from lancedb.table import Table

__all__ = ["any_of", "filter_expression", "matcher"]

LINES = "metadata_lines"

MAX_VALUES = 48
"""Of a key that one condition names: each is looked for in every row, 8 in 100,000 rows take 150 ms."""

MAX_CONDITIONS = 256
"""Of a whole filter, as in `store.where`: expressions are evaluated recursively in native code."""

MAX_DEPTH = 64

Part = MetadataFilter | MetadataFilters
Matcher = Callable[[Mapping[str, Any]], bool]
Values = Mapping[int, frozenset[str]]
"""Of a filter's parts, by `id`: the lines with that key that stand in the table."""


@dataclass(frozen=True)
class _Known:
    """What is known of a filter.

    Attributes:
        where: holds for every row that matches; None says nothing.
        exact: it holds for no other row.
    """

    where: Expr | None = None
    exact: bool = False


def filter_expression(table: Table, filters: MetadataFilters | None, within: Expr | None = None) -> Expr | None:
    """A condition that holds for exactly the rows that match `filters` and `within`; None when both restrict nothing.

    Raises:
        ConfigError: the filter is nested deeper than 64.
    """
    if filters is None:
        return within
    parts = list(_parts(filters))
    if not parts:  # restricts nothing, or is never true
        return all_of([within, _known(filters, {}).where])
    filters = folded(filters)
    parts = list(_parts(filters))
    if LINES not in table.schema.names:
        return _by_ids(filters, within, _struct_metadata(table, within))
    known = _known(filters, {}) if len(parts) <= MAX_CONDITIONS else _Known()
    where = all_of([within, known.where])
    if not known.exact and len(parts) <= MAX_CONDITIONS:
        known = _known(filters, _values(table, [part for part in parts if not _known(part, {}).exact], where))
        where = all_of([within, known.where])
    return where if known.exact else _by_ids(filters, where, _line_metadata(table, where, {part.key for part in parts}))


def matcher(filters: Part) -> Matcher:
    """What a filter means for one node's metadata; a group may be nested, and an empty one restricts nothing.

    NOT: none of its parts holds. A value that can't be compared (a text asked to be above a number) does not match.
    """
    if isinstance(filters, MetadataFilter):
        return _single(filters)
    if not filters.filters:
        return lambda _: True
    parts = [matcher(part) for part in filters.filters]
    if filters.condition == FilterCondition.OR:
        return lambda metadata: any(part(metadata) for part in parts)
    if filters.condition == FilterCondition.NOT:
        return lambda metadata: not any(part(metadata) for part in parts)
    return lambda metadata: all(part(metadata) for part in parts)


def _single(part: MetadataFilter) -> Matcher:
    asked: dict[str, Mapping[str, Any]] = {}
    answer = build_metadata_filter_fn(asked.__getitem__, MetadataFilters(filters=[part]))

    def holds(metadata: Mapping[str, Any]) -> bool:
        asked["node"] = metadata
        try:
            return bool(answer("node"))
        except TypeError:
            return part.operator == FilterOperator.NIN

    return holds


def any_of(conditions: Sequence[Expr]) -> Expr:
    """One of them holds; joined in pairs, because a long chain is deep."""
    if len(conditions) == 1:
        return conditions[0]
    half = len(conditions) // 2
    return any_of(conditions[:half]) | any_of(conditions[half:])


def all_of(conditions: Iterable[Expr | None]) -> Expr | None:
    """All of them hold; None restricts nothing."""
    found = [condition for condition in conditions if condition is not None]
    return reduce(operator.and_, found) if found else None


def _parts(filters: MetadataFilters, depth: int = 0) -> Iterator[MetadataFilter]:
    if depth > MAX_DEPTH:
        raise ConfigError(f"filter is nested deeper than {MAX_DEPTH}")
    for part in filters.filters:
        if isinstance(part, MetadataFilters):
            yield from _parts(part, depth + 1)
        else:
            yield part


def _known(part: Part, values: Values) -> _Known:
    if isinstance(part, MetadataFilters):
        return _known_group(part, values)
    if part.operator in _CONTRARY:
        return _contrary(_known_one(part.model_copy(update={"operator": _CONTRARY[part.operator]}), part, values))
    return _known_one(part, part, values)


_CONTRARY = {FilterOperator.NE: FilterOperator.EQ, FilterOperator.NIN: FilterOperator.IN}


def _known_group(group: MetadataFilters, values: Values) -> _Known:
    known = [_known(part, values) for part in group.filters]
    if not known:
        return _Known(exact=True)
    exact = all(part.exact for part in known)
    if group.condition == FilterCondition.NOT:
        return _Known(all_of(_contrary(part).where for part in known), exact)
    if group.condition != FilterCondition.OR:
        return _Known(all_of(part.where for part in known), exact)
    wheres = [part.where for part in known if part.where is not None]
    return _Known(any_of(wheres) if len(wheres) == len(known) else None, exact)


def _contrary(known: _Known) -> _Known:
    """Says nothing where it is not known exactly; of what restricts nothing the contrary is never true."""
    from lancedb.expr import lit

    if not known.exact:
        return _Known()
    return _Known(lit(False) if known.where is None else ~known.where, exact=True)


def _known_one(part: MetadataFilter, original: MetadataFilter, values: Values) -> _Known:
    lines = _lines_of(part)
    if part.operator == FilterOperator.IS_EMPTY:
        empty = [f"{key_start(part.key)}{value}\n" for value in ("null", '""', "[]")]
        return _Known(any_of([~_contains(key_start(part.key)), *map(_contains, empty)]), exact=True)
    if lines is None and id(original) in values:
        return _from_values(part, values[id(original)])
    if lines is None:
        return _Known(_contains(key_start(part.key)))
    return _Known(_one_of(lines), exact=True)


def _lines_of(part: MetadataFilter) -> list[str] | None:
    """All lines that match, where they can be told without looking."""
    if part.operator == FilterOperator.EQ and isinstance(part.value, str | int | float):
        return value_lines(part.key, part.value)
    lines = _lines_in(part)
    return lines if lines is not None and len(lines) <= MAX_VALUES else None


def _lines_in(part: MetadataFilter) -> list[str] | None:
    """All lines that match a list."""
    if part.operator != FilterOperator.IN or not isinstance(part.value, list):
        return None
    return [line for value in part.value for line in value_lines(part.key, value)]


def _from_values(part: MetadataFilter, lines: frozenset[str]) -> _Known:
    listed, holds = _lines_in(part), matcher(part)
    found = sorted(lines.intersection(listed) if listed is not None else (li for li in lines if holds(_parsed(li))))
    if len(found) <= MAX_VALUES:
        return _Known(_one_of(found), exact=True)
    others = sorted(lines - set(found))
    present = _contains(key_start(part.key))
    if len(others) <= MAX_VALUES:
        return _Known(present & ~_one_of(others), exact=True)
    return _Known(present)


def _one_of(lines: Sequence[str]) -> Expr:
    from lancedb.expr import lit

    return any_of([_contains(line) for line in lines]) if lines else lit(False)


def _contains(text: str) -> Expr:
    from lancedb.expr import col, lit

    return col(LINES).contains(lit(text))


def _parsed(lines: str) -> dict[str, Any]:
    """Lines are members of a JSON object."""
    parsed: dict[str, Any] = json.loads("{" + ",".join(lines.strip("\n").split("\n")) + "}")
    return parsed


def _values(table: Table, parts: Sequence[MetadataFilter], where: Expr | None) -> Values:
    """Lines of the rows that `where` leaves, for each part those with its key; read in batches, in native code."""
    import pyarrow.compute as pc

    patterns = {part.key: _pattern(part.key) for part in parts}
    found: dict[str, set[str]] = {key: set() for key in patterns}
    for batch in _batches(table, where, [LINES]):
        for key, pattern in patterns.items():
            rests = pc.struct_field(pc.extract_regex(batch[LINES], pattern=pattern), "rest").unique().drop_null()
            found[key].update(f"{key_start(key)}{rest}\n" for rest in rests.to_pylist())
    return {id(part): frozenset(found[part.key]) for part in parts}


def _pattern(key: str) -> str:
    """RE2; every character of the key by its number, so that none means anything else."""
    return "".join(rf"\x{{{ord(character):x}}}" for character in key_start(key)) + r"(?P<rest>[^\n]*)"


def _by_ids(filters: MetadataFilters, where: Expr | None, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Expr:
    from lancedb.expr import col

    holds = matcher(filters)
    ids = col("id").isin([row_id for row_id, metadata in rows if holds(metadata)])
    return ids if where is None else where & ids


def _line_metadata(table: Table, where: Expr | None, keys: set[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    starts = tuple(key_start(key)[1:] for key in keys)
    for batch in _batches(table, where, ["id", LINES]):
        for row_id, lines in zip(batch["id"].to_pylist(), batch[LINES].to_pylist(), strict=True):
            kept = [line for line in lines.split("\n") if line.startswith(starts)]
            yield row_id, _parsed("\n".join(kept))


def _struct_metadata(table: Table, where: Expr | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for batch in _batches(table, where, ["id", "metadata"]):
        for row in batch.to_pylist():
            yield row["id"], metadata_of(row["metadata"] or {})


def _batches(table: Table, where: Expr | None, columns: list[str]) -> Iterator[pa.RecordBatch]:
    query = table.search()
    if where is not None:
        query = query.where(where)
    yield from query.select(columns).limit(None).to_batches()
