"""Equalities of one key that a filter joins, as one membership, which a table answers as fast for a thousand values.

    k == a or k == b or k in [c]              k in [a, b, c]
    k != a and k != b and k not in [c]        k not in [a, b, c]
    none of k == a, k in [b] and others       k not in [a, b], and none of the others

Groups inside groups that are joined the same way, or have one part, count as their parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llama_index.core.vector_stores.types import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters

__all__ = ["folded"]

Part = MetadataFilter | MetadataFilters

_CONTRARY = {
    FilterOperator.EQ: FilterOperator.NE,
    FilterOperator.NE: FilterOperator.EQ,
    FilterOperator.IN: FilterOperator.NIN,
    FilterOperator.NIN: FilterOperator.IN,
}
"""Exactly, for a node without the key too: it equals nothing and is in no list."""


def folded(group: MetadataFilters) -> MetadataFilters:
    """A filter that holds for the same metadata, whatever these are."""
    parts = [folded(part) if isinstance(part, MetadataFilters) else part for part in group.filters]
    if not parts:
        return group
    if group.condition == FilterCondition.OR:
        return _either(parts)
    if group.condition != FilterCondition.NOT:
        return _all(parts)
    either = _either(parts).filters  # none of them holds
    told = [part for part in either if _names_values(part)]
    others = [part for part in either if not _names_values(part)]
    none = [MetadataFilters(filters=others, condition=FilterCondition.NOT)] if others else []
    return _all([*map(_contrary, told), *none])


def _either(parts: Sequence[Part]) -> MetadataFilters:
    flat = _flat(parts, FilterCondition.OR)
    joined = _joined(flat, FilterOperator.EQ, FilterOperator.IN)
    return MetadataFilters(filters=joined, condition=FilterCondition.OR)


def _all(parts: Sequence[Part]) -> MetadataFilters:
    flat = _flat(parts, FilterCondition.AND)
    joined = _joined(flat, FilterOperator.NE, FilterOperator.NIN)
    return MetadataFilters(filters=joined, condition=FilterCondition.AND)


def _flat(parts: Sequence[Part], condition: FilterCondition) -> Iterator[Part]:
    """Parts of groups that are joined the same way, or have one part; `parts` are folded."""
    for part in parts:
        inner = part.filters if isinstance(part, MetadataFilters) and part.condition != FilterCondition.NOT else []
        is_same = isinstance(part, MetadataFilters) and part.condition == condition
        yield from inner if len(inner) == 1 or (inner and is_same) else [part]


def _joined(parts: Iterator[Part], one: FilterOperator, many: FilterOperator) -> list[Part]:
    others: list[Part] = []
    values: dict[str, list[str | int | float]] = {}
    for part in parts:
        if isinstance(part, MetadataFilter) and part.operator in (one, many) and _names_values(part):
            values.setdefault(part.key, []).extend(_values_of(part))
        else:
            others.append(part)
    lists = (
        MetadataFilter.model_construct(key=key, value=list(dict.fromkeys(listed)), operator=many)  # texts and numbers
        for key, listed in values.items()
    )
    return [*others, *lists]


def _names_values(part: Part) -> bool:
    """Whether it asks for equality with certain values; NaN equals nothing, but may be in a list."""
    if isinstance(part, MetadataFilters) or part.operator not in _CONTRARY:
        return False
    is_list = part.operator in (FilterOperator.IN, FilterOperator.NIN)
    values = _values_of(part)
    return isinstance(part.value, list) == is_list and all(
        isinstance(value, str | int | float) and value == value for value in values
    )


def _values_of(part: MetadataFilter) -> list[str | int | float]:
    return list(part.value) if isinstance(part.value, list) else [part.value]  # type: ignore[list-item]


def _contrary(part: Part) -> Part:
    assert isinstance(part, MetadataFilter)
    return part.model_copy(update={"operator": _CONTRARY[part.operator]})
