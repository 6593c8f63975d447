"""Filters against a reference in plain Python: the same rows, whatever stands in rows and values."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_ingest.errors import ConfigError
from rag_ingest.store.knowledge_base import DocumentChunks, DocumentRecord, KnowledgeBase
from rag_ingest.store.where import FIELDS, parse_where
from rag_ingest.types import Chunk, Span

Row = Mapping[str, Any]
Condition = Callable[[Row], bool]
Filter = tuple[str, Condition]

HARD = "aAbB cs.CL'\"%_\\;()-*=/`{}$?:,\t\néÉßẞİıΣσςǅ∑😀\x00\u2028"
TEXTS = [
    *("", "'", '"', "''", "%", "_", "\\", "a%", "A_", "it's", 'say "so"', "'; drop table chunks; --", "x' or '1'='1"),
    *(
        "1) or (1=1",
        "a\nb",
        "a b",
        " a",
        "ΟΔΟΣ",
        "οδος",
        "ΟΔΟΣΑ",
        "Straße",
        "STRASSE",
        "İ",
        "null",
        "None",
        "true",
        "\x00",
    ),
    *("cs.CL", "cs.LG", "Schrödinger", "😀"),
]
NUMBERS = [-1, 0, 1, 2, 3, 1999, 2020, 2021, 2**31 - 1]
SCORES = [0.0, 0.1, 0.25, 0.3333, 0.9, 0.9999, 1.0]
SAME = {"chunk_id": "id", "headings": "heading", "kinds": "kind", "pages": "page", "categories": "category"}
WITNESS = ("witness_recall", "witness_precision", "witness_order", "witness_numbers")


def made(seed: int, count: int) -> list[tuple[DocumentRecord, Chunk]]:
    """Documents of one chunk each; half of what may be unknown is."""
    dice = random.Random(seed)

    def text() -> str:
        return dice.choice(TEXTS) if dice.random() < 0.7 else "".join(dice.choices(HARD, k=dice.randrange(6)))

    def some(values: Sequence[Any]) -> list[Any]:
        return dice.sample(values, dice.randrange(3))

    def maybe(**values: Any) -> dict[str, Any]:
        return {name: value for name, value in values.items() if dice.random() < 0.5}

    def one(n: int) -> tuple[DocumentRecord, Chunk]:
        known = maybe(
            year=dice.choice(NUMBERS), version=dice.choice(NUMBERS), arxiv_id=text(), authors=text(), license=text(),
            doi=text(), published=text(), categories=some(["cs.CL", "cs.LG", "CS.CL", "math.GT", "x'y"]),
        )  # fmt: skip
        scores = maybe(verdict=text(), **{name: dice.choice(SCORES) for name in WITNESS})
        start = dice.choice([0, 1, 10**12])
        chunk = Chunk(
            f"c{n:03}", f"d{n}", text(), f"common {text()}", Span(start, start + dice.randrange(9)),
            tuple(text() for _ in range(dice.randrange(3))), tuple(sorted(some([1, 2, 3, 12, 100]))),
            tuple(some(["table", "caption", "paragraph"])), dice.choice(NUMBERS), metadata=scores,
        )  # fmt: skip
        return DocumentRecord(f"/{n}/{text()}.pdf", f"d{n}", title=text(), metadata=known), chunk

    return [one(n) for n in range(count)]


def to_row(record: DocumentRecord, chunk: Chunk) -> Row:
    """What the filter's documentation says a field means."""
    known = record.metadata
    row = {
        "id": chunk.chunk_id,
        "doc_id": chunk.doc_id,
        "source": record.source,
        "title": record.title,
        "text": chunk.text,
        "context": chunk.context,
        "heading": [heading.replace("\n", " ") for heading in chunk.headings],
        "kind": list(chunk.kinds),
        "page": list(chunk.pages),
        "category": known.get("categories", []),
        "token_count": chunk.token_count,
        "span_start": chunk.span.start,
        "span_end": chunk.span.end,
        "verdict": chunk.metadata.get("verdict"),
        **{name: np.float32(chunk.metadata[name]) if name in chunk.metadata else None for name in WITNESS},
        **{name: known.get(name) for name in ("year", "version")},
        **{name: known.get(name) or None for name in ("arxiv_id", "authors", "license", "doi", "published")},
    }
    return row | {name: row[same] for name, same in SAME.items()}


DOCUMENTS = made(7, 80)
ROWS = [to_row(*document) for document in DOCUMENTS]
ALL = {row["id"] for row in ROWS}


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    folder = tmp_path_factory.mktemp("reference") / "kb"
    with KnowledgeBase.open(folder, embedder_name="toy", dimension=4, create=True) as opened:
        vector = np.ones((1, 4), np.float32)
        opened.replace_documents([DocumentChunks(record, [chunk], vector) for record, chunk in DOCUMENTS])
        yield opened


def found(kb: KnowledgeBase, where: str, mode: Any = "vector") -> set[str]:
    return {hit.chunk_id for hit in kb.search("common", np.ones(4, np.float32), mode=mode, k=len(ALL), where=where)}


COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne, "<>": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
LISTS = {name for name, (kind, _) in FIELDS.items() if kind in ("lines", "page")}


def values_of(row: Row, name: str) -> list[Any]:
    return list(row[name]) if name in LISTS else [] if row[name] is None else [row[name]]


def compares(name: str, op: str, value: Any) -> Condition:
    """Of any value; for a chunk without one only what is unequal holds."""
    if op in ("!=", "<>"):
        return lambda row: all(v != value for v in values_of(row, name))
    return lambda row: any(COMPARE[op](v, value) for v in values_of(row, name))


def contains(name: str, value: str) -> Condition:
    return lambda row: any(value.lower() in v.lower() for v in values_of(row, name))


def quoted(text: str, quote: str) -> str:
    return quote + text.replace(quote, quote * 2) + quote


hard_text = st.sampled_from(TEXTS) | st.text(st.sampled_from(HARD), max_size=6)
numbers = (
    st.sampled_from([*NUMBERS, *SCORES, 2.5, -0.0, 1e20, 10**17, 1e-9, 12, 100])
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
)
spaces = st.sampled_from([" ", "  ", "\n", "\t "])


@st.composite
def leaves(draw: st.DrawFn) -> Filter:
    name = draw(st.sampled_from(sorted(FIELDS)))
    kind, written = FIELDS[name][0], draw(st.sampled_from([name, name.upper()]))
    space, negated = draw(spaces), draw(st.booleans())
    is_text = kind in ("text", "lines")
    stored = [value for row in ROWS for value in values_of(row, name)]
    values = st.sampled_from(stored) | (hard_text if is_text else numbers)

    def value() -> tuple[str, Any]:
        drawn: Any = draw(values)
        if is_text:
            meant = drawn.replace("\n", " ") if kind == "lines" else drawn
            return quoted(drawn, draw(st.sampled_from("'\""))), meant
        drawn = float(drawn) if kind == "float" else drawn
        with np.errstate(over="ignore"):
            return repr(drawn), np.float32(drawn) if kind == "float" else drawn

    form = draw(st.sampled_from(["compare", "in", "contains"] if is_text else ["compare", "in"]))
    if form == "compare":
        op = draw(st.sampled_from(["=", "==", "!=", "<>"] if kind == "lines" else sorted(COMPARE)))
        shown, meant = value()
        return f"{written}{space}{op}{space}{shown}", compares(name, op, meant)
    if form == "in":
        listed = [value() for _ in range(draw(st.integers(1, 4)))]
        shown = f"in{space}({','.join(text for text, _ in listed)})"
        single = [compares(name, "=", meant) for _, meant in listed]
        condition: Condition = lambda row: any(one(row) for one in single)  # noqa: E731
    else:
        text, meant = value()
        shown, condition = f"CONTAINS{space}{text}", contains(name, meant)
    if negated:
        return f"{written}{space}not{space}{shown}", lambda row: not condition(row)
    return f"{written}{space}{shown}", condition


def grown(children: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    def joined(pair: tuple[Filter, Filter], word: str) -> Filter:
        (a, f), (b, g) = pair
        return f"({a}) {word} ({b})", lambda row: (f(row) and g(row)) if word == "and" else (f(row) or g(row))

    def inverted(one: Filter) -> Filter:
        return f"not ({one[0]})", lambda row: not one[1](row)

    pairs = st.tuples(children, children)
    return st.builds(joined, pairs, st.sampled_from(["and", "or"])) | children.map(inverted)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(one=st.recursive(leaves(), grown, max_leaves=6), mode=st.sampled_from(["vector", "text", "hybrid"]))
def test_a_filter_finds_what_the_reference_finds(kb: KnowledgeBase, one: Filter, mode: str) -> None:
    where, condition = one
    assert found(kb, where, mode) == {row["id"] for row in ROWS if condition(row)}, where


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_condition_and_its_opposite_part_all_chunks(kb: KnowledgeBase, name: str) -> None:
    value = "'a'" if FIELDS[name][0] in ("text", "lines") else "1"
    holds = found(kb, f"{name} = {value}")
    for opposite in (f"{name} != {value}", f"not {name} = {value}", f"{name} not in ({value})"):
        assert found(kb, opposite) == ALL - holds
    assert found(kb, f"not not {name} = {value}") == holds


def test_a_paper_of_unknown_year_is_of_no_year(kb: KnowledgeBase) -> None:
    unknown = {row["id"] for row in ROWS if row["year"] is None}
    assert unknown
    assert not unknown & found(kb, "year >= 2020 or year < 2020")
    assert unknown == found(kb, "not (year >= 2020 or year < 2020)")
    assert unknown <= found(kb, "year != 2020")


def test_a_score_equals_itself_as_it_is_written(kb: KnowledgeBase) -> None:
    for score in SCORES:
        equal = {row["id"] for row in ROWS if row["witness_recall"] == np.float32(score)}
        assert equal
        assert found(kb, f"witness_recall = {score}") == equal
        assert equal <= found(kb, f"witness_recall >= {score}")
        assert not equal & found(kb, f"witness_recall > {score}")


@pytest.mark.parametrize(
    "name",
    ["title' or '1'='1", "1=1 or id", "id) or (id", "id = id or title", "`id`", "chunks.id", "_rowid", "vector", "id--",
     "search_text", "metadata._node_content", "title; drop table chunks", "lower(title)", "id is not null or id", "*"],
)  # fmt: skip
def test_a_field_is_a_name_from_the_list_and_nothing_else(kb: KnowledgeBase, name: str) -> None:
    before = kb.chunks.version
    with pytest.raises(ConfigError):
        found(kb, f"{name} = 'x'")
    assert (kb.chunks.version, kb.chunks.count_rows()) == (before, len(ALL))


fragments = st.sampled_from(
    ["' or '1'='1", "'; delete from chunks; --", "1=1", "union select * from documents", "/* */", "--", "id", "=",
     "'x'", "not", "in", "(", ")", ",", "and", "or", "null", "is", "true", "contains", "`", "{{}}", "%s",
     "\\'", "year", "3"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(text=st.lists(fragments | hard_text, max_size=8).map(" ".join))
def test_whatever_is_written_no_row_changes_and_no_other_error_comes(kb: KnowledgeBase, text: str) -> None:
    before = kb.chunks.version
    try:
        parse_where(text)
    except ConfigError:
        return
    assert found(kb, text) <= ALL
    assert (kb.chunks.version, kb.chunks.count_rows()) == (before, len(ALL))
