"""Metadata filters: on any key and value what LlamaIndex's own filter function says, and never anything else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import lancedb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lancedb.expr import col, lit
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    SimpleVectorStore,
)
from llama_index.core.vector_stores.types import VectorStoreQuery
from llama_index.core.vector_stores.utils import build_metadata_filter_fn, node_to_metadata_dict

from rag_ingest.errors import ConfigError
from rag_ingest.llamaindex.filters import MAX_VALUES, filter_expression
from rag_ingest.llamaindex.folding import folded
from rag_ingest.store.metadata_lines import metadata_lines
from rag_ingest.store.tables import fetch

KEYS = ["a", "b", "a b", 'k"', "k'", "ключ", "a\nb", "%", "_", "\\", 'a": 1', "' OR 1=1 --", "doc_id", "_node_type"]
EQ = FilterOperator.EQ
TEXTS = st.text(st.sampled_from("ab'\"%_\\\n:,[]{}\0 Ää1\u2028😀"), max_size=4) | st.sampled_from(
    ["", "a", "d1", "None", "TextNode", "1", "null", "' OR 1=1 --", '"\n"a": 1\n"']
)
NUMBERS = st.sampled_from([0, 1, -1, 1.0, -0.0, 2, 0.5, 1e22, 10**22, 2**53 + 1]) | st.integers() | st.floats()
SAME = [0, 1, True, False, 0.0, -0.0, 1.0, "1", "", None, "a", "ab", ["a", "b"], [1, 2], []]
"""What compares equal, or nearly so."""

SCALARS = st.sampled_from(SAME) | TEXTS | NUMBERS | st.booleans()
LISTS = st.lists(TEXTS, max_size=3) | st.lists(NUMBERS, max_size=3) | st.lists(st.sampled_from([0, 1, 2]), max_size=3)


def is_filter_value(value: Any) -> bool:
    """LlamaIndex's filters take neither booleans nor mixed lists."""
    try:
        MetadataFilter(key="a", value=value)
    except ValueError:
        return False
    return True


CONDITIONS = st.none() | st.sampled_from(FilterCondition)


def group(parts: st.SearchStrategy[Any], *, min_size: int = 0) -> st.SearchStrategy[MetadataFilters]:
    filters = st.lists(parts, min_size=min_size, max_size=3)
    return st.builds(MetadataFilters, filters=filters, condition=CONDITIONS)


@st.composite
def questions(draw: st.DrawFn, *, nested: bool) -> tuple[list[dict[str, Any]], list[MetadataFilters]]:
    """Metadata of some nodes, and filters that ask for their keys and mostly for their values."""
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=2, unique=True))
    values = half(st.sampled_from(SAME), SCALARS | LISTS | st.just({"a": 1}))
    one_node = st.fixed_dictionaries({keys[0]: values}, optional=dict.fromkeys(keys[1:], values))
    metadata = [*draw(st.lists(one_node, min_size=2, max_size=6)), {}]
    there = [same for one in metadata for value in one.values() for same in alike(value)]
    parts = [member for value in there if isinstance(value, list) for member in value]
    known = st.sampled_from([*there, *there, *parts, *filter(is_filter_value, SAME)])
    leaf = st.builds(
        MetadataFilter,
        key=st.sampled_from([keys[0], keys[0], keys[-1], "none"]),
        value=half(known, TEXTS | NUMBERS | LISTS | known.filter(is_text_or_whole).map(lambda value: [value])),
        operator=half(st.sampled_from([EQ, FilterOperator.IN, FilterOperator.NIN]), st.sampled_from(FilterOperator)),
    )
    filters = group(leaf, min_size=1)
    if nested:
        same = half(equalities(keys, known), leaf)
        filters = st.recursive(group(same), lambda inner: group(half(same, inner)), max_leaves=6)
    return metadata, draw(st.lists(filters, min_size=8, max_size=12))


@st.composite
def equalities(draw: st.DrawFn, keys: Sequence[str], values: st.SearchStrategy[Any]) -> MetadataFilters:
    """As frameworks write lists of values: one filter each, some of them in groups of their own."""
    operators = draw(st.sampled_from([[EQ], [FilterOperator.NE], [EQ, FilterOperator.IN], [*FilterOperator][:9]]))
    leaf = st.builds(
        MetadataFilter,
        key=st.sampled_from([keys[0], keys[0], keys[-1]]),
        value=values,
        operator=st.sampled_from(operators),
    )
    parts = half(leaf, st.builds(MetadataFilters, filters=leaf.map(lambda one: [one]), condition=CONDITIONS))
    filters = draw(st.lists(parts, min_size=2, max_size=5))
    return MetadataFilters(filters=filters, condition=draw(CONDITIONS))


def alike(value: Any) -> list[Any]:
    """What a filter can ask for that equals it."""
    if isinstance(value, int | float) and value in (0, 1):
        return [int(value), float(value)]
    return [value] if is_filter_value(value) else []


def half(one: st.SearchStrategy[Any], other: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.booleans().flatmap(lambda first: one if first else other)


def is_text_or_whole(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def node(name: str, metadata: Mapping[str, Any]) -> TextNode:
    made = TextNode(id_=name, text="", metadata=dict(metadata), embedding=[1.0, 0.0])
    made.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id="d1")
    return made


def table_of(nodes: Sequence[TextNode], *, lines: bool) -> Any:
    """With the column that filters read in ours, or with the struct alone that LlamaIndex's own store writes."""
    rows = []
    for one in nodes:
        struct = node_to_metadata_dict(one, flat_metadata=False)
        kept = {name: struct[name] for name in ("_node_content", "_node_type", "document_id", "doc_id", "ref_doc_id")}
        rows.append(
            {"id": one.node_id, "metadata": kept} | ({"metadata_lines": metadata_lines(struct)} if lines else {})
        )
    return lancedb.connect("memory://").create_table("t", rows)


def found(table: Any, filters: MetadataFilters) -> list[str]:
    return sorted(row["id"] for row in fetch(table, filter_expression(table, filters), ["id"]))


def holds(filters: MetadataFilters, metadata: Mapping[str, Any]) -> bool:
    """LlamaIndex's function for each single filter; what it can't compare does not match, and is in no list."""
    if not filters.filters:
        return True
    results = []
    for part in filters.filters:
        if isinstance(part, MetadataFilters):
            results.append(holds(part, metadata))
            continue
        try:
            results.append(build_metadata_filter_fn(lambda _: metadata, MetadataFilters(filters=[part]))(""))
        except TypeError:
            results.append(part.operator == FilterOperator.NIN)
    if filters.condition == FilterCondition.NOT:
        return not any(results)
    return any(results) if filters.condition == FilterCondition.OR else all(results)


def stored(one: TextNode) -> dict[str, Any]:
    struct = node_to_metadata_dict(one, flat_metadata=False)
    struct.pop("_node_content")
    return dict(json.loads(json.dumps(struct)))


@pytest.mark.parametrize("lines", [True, False], ids=["knowledge base", "foreign table"])
@settings(max_examples=30, deadline=None)
@given(question=questions(nested=True))
def test_nested_filters_answer_as_python_does(
    lines: bool, question: tuple[list[dict[str, Any]], list[MetadataFilters]]
) -> None:
    metadata, wanted = question
    nodes = [node(str(n), values) for n, values in enumerate(metadata)]
    table = table_of(nodes, lines=lines)
    for filters in wanted:
        assert found(table, filters) == [n.node_id for n in nodes if holds(filters, stored(n))]


@settings(max_examples=100, deadline=None)
@given(question=questions(nested=True))
def test_folding_changes_no_answer(question: tuple[list[dict[str, Any]], list[MetadataFilters]]) -> None:
    metadata, wanted = question
    for filters in wanted:
        short = folded(filters)
        assert [holds(short, one) for one in metadata] == [holds(filters, one) for one in metadata]


NONE = FilterCondition.NOT


@pytest.mark.parametrize(
    ("operator", "condition", "into"),
    [
        (EQ, FilterCondition.OR, FilterOperator.IN),
        (EQ, NONE, FilterOperator.NIN),
        (FilterOperator.NE, FilterCondition.AND, FilterOperator.NIN),
        (FilterOperator.NE, NONE, None),  # equal to all of them
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_many_equalities_are_one_list(
    many: Any, operator: FilterOperator, condition: FilterCondition, into: FilterOperator | None, wrapped: bool
) -> None:
    asked = [*range(0, MANY, 2), "text"]
    parts: list[Any] = [MetadataFilter(key="n", value=value, operator=operator) for value in asked]
    if wrapped:
        parts = [MetadataFilters(filters=[part]) for part in parts]
    filters = MetadataFilters(filters=parts, condition=condition)
    if into:
        assert [(part.operator, part.value) for part in folded(filters).filters] == [(into, asked)]  # type: ignore[union-attr]
    assert found(many, filters) == [f"{n:03}" for n in range(MANY) if holds(filters, {"n": n})]


@settings(max_examples=30, deadline=None)
@given(question=questions(nested=False))
def test_flat_filters_answer_as_the_simple_vector_store_does(
    question: tuple[list[dict[str, Any]], list[MetadataFilters]],
) -> None:
    metadata, wanted = question
    nodes = [node(str(n), values) for n, values in enumerate(metadata)]
    table, theirs = table_of(nodes, lines=True), SimpleVectorStore()
    theirs.add(nodes)
    for filters in wanted:
        query = VectorStoreQuery(query_embedding=[1.0, 0.0], similarity_top_k=9, filters=filters)
        try:
            ids = theirs.query(query).ids
        except TypeError:  # it raises where a value can't be compared
            continue
        assert found(table, filters) == sorted(ids or [])


ATTACKS = [
    "' OR 1=1 --",
    "'; DROP TABLE t; --",
    '" OR "1"="1',
    "%",
    "_",
    "\\",
    "x') OR ('1'='1",
    '\n"a": 1\n',
    "a\0b",
    "`id`",
    "metadata._node_content",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_is_injected(attack: str) -> None:
    nodes = [node("plain", {"a": 1, "b": "x"}), node("key", {attack: "x"}), node("value", {"b": attack})]
    for lines in (True, False):
        ask = partial(found, table_of(nodes, lines=lines))
        for op in (FilterOperator.EQ, FilterOperator.TEXT_MATCH, FilterOperator.IN):
            value = [attack] if op == FilterOperator.IN else attack
            assert ask(MetadataFilters(filters=[MetadataFilter(key="b", value=value, operator=op)])) == ["value"]
            by_key = ["x"] if op == FilterOperator.IN else "x"
            assert ask(MetadataFilters(filters=[MetadataFilter(key=attack, value=by_key, operator=op)])) == ["key"]
        for op, value in ((FilterOperator.NE, attack), (FilterOperator.NIN, [attack])):
            assert ask(MetadataFilters(filters=[MetadataFilter(key="b", value=value, operator=op)])) == ["key", "plain"]


MANY = 3 * MAX_VALUES


@pytest.fixture(scope="module")
def many() -> Any:
    """More values of `n` than one condition takes; `parity` has few."""
    return table_of([node(f"{n:03}", {"n": n, "parity": n % 2, "name": f"Name {n}"}) for n in range(MANY)], lines=True)


@pytest.mark.parametrize(
    ("key", "operator", "value", "holds"),
    [
        ("n", FilterOperator.GTE, 5, lambda n: n >= 5),  # the few that don't match
        ("n", FilterOperator.LT, 5, lambda n: n < 5),  # the few that do
        ("n", FilterOperator.GT, MANY / 2, lambda n: n > MANY / 2),  # neither: by id
        ("parity", FilterOperator.GT, 0, lambda n: n % 2 == 1),
        ("n", FilterOperator.IN, list(range(0, MANY, 2)), lambda n: n % 2 == 0),
        ("n", FilterOperator.NIN, list(range(0, MANY, 2)), lambda n: n % 2 == 1),
        ("name", FilterOperator.TEXT_MATCH_INSENSITIVE, "NAME 1", lambda n: str(n).startswith("1")),
    ],
)
def test_many_values(many: Any, key: str, operator: FilterOperator, value: Any, holds: Callable[[int], bool]) -> None:
    one = MetadataFilters(filters=[MetadataFilter(key=key, operator=operator, value=value)])
    expected = [f"{n:03}" for n in range(MANY) if holds(n)]
    assert found(many, one) == expected
    inverted = MetadataFilters(filters=[one], condition=FilterCondition.NOT)
    assert found(many, inverted) == [f"{n:03}" for n in range(MANY) if not holds(n)]
    within = filter_expression(many, one, col("id") == lit(expected[-1]))
    assert [row["id"] for row in fetch(many, within, ["id"])] == expected[-1:]


def test_what_can_be_told_without_reading_rows_reads_none(many: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def reads(*_: object) -> None:
        raise AssertionError("rows are read")

    monkeypatch.setattr("rag_ingest.llamaindex.filters._batches", reads)
    parity, name = MetadataFilter(key="parity", value=1), MetadataFilter(key="name", value="Name 4")
    none = MetadataFilters(
        filters=[MetadataFilter(key="n", value=[1, 3], operator=FilterOperator.IN)], condition=FilterCondition.NOT
    )
    there = MetadataFilter(key="x", value=None, operator=FilterOperator.IS_EMPTY)
    filters = MetadataFilters(
        filters=[MetadataFilters(filters=[parity, name], condition=FilterCondition.OR), none, there]
    )
    assert found(many, filters) == [f"{n:03}" for n in range(MANY) if (n % 2 or n == 4) and n not in (1, 3)]


def test_long_filters_are_answered_and_bottomless_ones_refused(many: Any) -> None:
    names = MetadataFilters(
        filters=[MetadataFilter(key="n", value=n) for n in [*range(MANY)] * 3], condition=FilterCondition.OR
    )
    assert len(found(many, names)) == MANY
    deep = MetadataFilters(filters=[MetadataFilter(key="n", value=1)])
    for _ in range(80):
        deep = MetadataFilters(filters=[deep])
    with pytest.raises(ConfigError, match="deeper"):
        found(many, deep)


def test_half_characters_harm_nothing() -> None:
    table = table_of([node("a", {"k": "x"})], lines=True)
    assert found(table, MetadataFilters(filters=[MetadataFilter(key="k\ud800", value="\ud800")])) == []
