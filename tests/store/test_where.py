"""The filter language: what it means, that it never crashes, and that nothing in a value is ever read as code."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.errors import ConfigError
from rag_ingest.store.knowledge_base import DocumentRecord, KnowledgeBase
from rag_ingest.store.where import FIELDS, MAX_CONDITIONS, MAX_DEPTH, parse_where
from rag_ingest.types import Chunk, Span

TITLES = ["Schrödinger's cat", '100% "pure"', "a\nb", "", "'; drop table chunks; --", "Attention", "x\x00y", "ǅ İ ß"]
CHUNKS = [
    Chunk(
        chunk_id=f"c{n}",
        doc_id="d" if n % 2 else "e",
        text=title,
        context="",
        span=Span(10 * n, 10 * n + 5),
        headings=("Intro", title) if n % 3 else (),
        pages=tuple(range(n, n + 1 + n % 2)) if n else (),
        kinds=("table", "caption") if n % 2 else ("paragraph",),
        token_count=n,
    )
    for n, title in enumerate(TITLES)
]


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    folder = tmp_path_factory.mktemp("where") / "kb"
    with KnowledgeBase.open(folder, embedder_name="toy", dimension=4, create=True) as made:
        for number, chunk in enumerate(CHUNKS):
            record = DocumentRecord(f"/{number}.pdf", f"only-{number}", title=chunk.text)
            made.replace_document(record, [chunk], np.ones((1, 4), np.float32))
        yield made


def found(kb: KnowledgeBase, where: str) -> set[str]:
    return {hit.chunk_id for hit in kb.search("", np.ones(4, np.float32), mode="vector", k=20, where=where)}


def quoted(text: str, quote: str = "'") -> str:
    return quote + text.replace(quote, quote * 2) + quote


def expected(condition: Callable[[Chunk], bool]) -> set[str]:
    return {chunk.chunk_id for chunk in CHUNKS if condition(chunk)}


@pytest.mark.parametrize(
    ("where", "condition"),
    [
        ("title = 'Schrödinger''s cat'", lambda c: c.text == "Schrödinger's cat"),
        ("title contains 'SCHRÖDINGER''S'", lambda c: "Schrödinger's" in c.text),
        ("TITLE CONTAINS 'cat'", lambda c: "cat" in c.text),
        ("doc_id in ('d', 'x')", lambda c: c.doc_id == "d"),
        ("doc_id not in ('d', 'x')", lambda c: c.doc_id != "d"),
        ("not (doc_id = 'd' or token_count < 4)", lambda c: c.doc_id != "d" and c.token_count >= 4),
        ("doc_id = 'd' or token_count < 2 and chunk_id != 'c0'", lambda c: c.doc_id == "d" or c.chunk_id == "c1"),
        ("page = 2", lambda c: 2 in c.pages),
        ("page in (2, 5)", lambda c: 2 in c.pages or 5 in c.pages),
        ("page >= 3", lambda c: max(c.pages, default=0) >= 3),
        ("page < 3", lambda c: 0 < min(c.pages, default=0) < 3),
        ("page >= -1 and page <= 2.5", lambda c: bool(c.pages) and min(c.pages) <= 2),
        ("kind = 'table'", lambda c: "table" in c.kinds),
        ("kind != 'table'", lambda c: "table" not in c.kinds),
        ("kind = 'tab'", lambda c: False),
        ("heading = 'Intro'", lambda c: "Intro" in c.headings),
        ("heading contains 'intr'", lambda c: "Intro" in c.headings),
        ("headings not contains 'intr'", lambda c: "Intro" not in c.headings),
        ("span_start >= 20 and span_end <= 1e2", lambda c: c.span.start >= 20),
        ("token_count = 99999999999999999999999", lambda c: False),
        ("token_count < 1e999", lambda c: True),
        ("  ", lambda c: True),
    ],
)
def test_what_it_means(kb: KnowledgeBase, where: str, condition: Callable[[Chunk], bool]) -> None:
    assert found(kb, where) == expected(condition)


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("quote", ["'", '"'])
def test_any_title_finds_itself_alone(kb: KnowledgeBase, title: str, quote: str) -> None:
    assert found(kb, f"title = {quoted(title, quote)}") == expected(lambda c: c.text == title)
    if title:
        assert found(kb, f"heading = {quoted(title, quote)}") == expected(lambda c: title in c.headings)


hard = st.text(st.sampled_from("'\"%_\\;()-*=aé\n\x00∑😀 ")) | st.text()


@settings(max_examples=150, deadline=None)
@given(
    value=hard,
    field=st.sampled_from(["title", "text", "source", "doc_id", "heading", "kind"]),
    op=st.sampled_from(["=", "contains", "!="]),
)
def test_a_value_is_a_value_whatever_stands_in_it(kb: KnowledgeBase, value: str, field: str, op: str) -> None:
    hits = found(kb, f"{field} {op} {quoted(value)}")
    if field in ("title", "text") and op != "contains":
        compare = operator.eq if op == "=" else operator.ne
        assert hits == expected(lambda c: compare(c.text, value))
    if op == "=" and field in ("doc_id", "kind"):
        assert hits == expected(lambda c: value == c.doc_id if field == "doc_id" else value in c.kinds)


words = st.sampled_from(
    ["and", "or", "not", "in", "contains", "(", ")", ",", "=", "<", ">=", "!=", "page", "title", "kind", "1", "-2.5",
     "'x'", "'", '"', "titel", "--", ";", "1=1", "null"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(text=st.lists(words, max_size=12).map(" ".join) | hard)
def test_anything_is_either_a_filter_or_a_configuration_error(kb: KnowledgeBase, text: str) -> None:
    with suppress(ConfigError):
        assert found(kb, text) <= {chunk.chunk_id for chunk in CHUNKS}


Tree = tuple[str, Callable[[Chunk], bool]]
LEAVES: Mapping[str, Callable[[Chunk], bool]] = {
    "token_count >= 4": lambda c: c.token_count >= 4,
    "doc_id = 'd'": lambda c: c.doc_id == "d",
    "kind = 'table'": lambda c: "table" in c.kinds,
    "chunk_id in ('c1','c6')": lambda c: c.chunk_id in ("c1", "c6"),
}


def grown(children: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    def both(pair: tuple[Tree, Tree]) -> Tree:
        (a, f), (b, g) = pair
        return f"({a}) and ({b})", lambda c: f(c) and g(c)

    def either(pair: tuple[Tree, Tree]) -> Tree:
        (a, f), (b, g) = pair
        return f"({a}) or ({b})", lambda c: f(c) or g(c)

    def neither(tree: Tree) -> Tree:
        a, f = tree
        return f"not ({a})", lambda c: not f(c)

    pairs = st.tuples(children, children)
    return pairs.map(both) | pairs.map(either) | children.map(neither)


@settings(max_examples=60, deadline=None)
@given(tree=st.recursive(st.sampled_from(sorted(LEAVES.items())), grown, max_leaves=8))
def test_and_or_not_nest(kb: KnowledgeBase, tree: Tree) -> None:
    where, condition = tree
    assert found(kb, where) == expected(condition)


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("titel = 'x'", "unknown field 'titel'; did you mean 'title'"),
        ("vector = 'x'", "unknown field 'vector'"),
        ("metadata.title = 'x'", "unknown field 'metadata.title'"),
        ("page = '3'", "page is a number"),
        ("title = 3", "title is text"),
        ("title = x", r"text in quotes .* found 'x' at character 9"),
        ("title = 'x", "a quote is not closed"),
        ("title = 'x' page", "expected 'and', 'or' or the end, found 'page'"),
        ("(title = 'x'", r"expected '\)'"),
        ("kind < 'x'", "kind takes"),
        ("page contains 'x'", "contains asks for text"),
        ("title in ()", "found '\\)'"),
        ("and", "expected a field name"),
        ("title not = 'x'", "expected one of"),
        ("1 = 1", "expected a field name, found '1' at character 1"),
    ],
)
def test_a_wrong_filter_says_where(where: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_where(where)


def test_a_huge_filter_is_refused_before_it_reaches_native_code(kb: KnowledgeBase) -> None:
    long = " or ".join(["page = 1"] * MAX_CONDITIONS)
    assert found(kb, long) == {"c1"}
    for huge in (f"{long} or page = 1", f"page in ({','.join('1' * 5000)})"):
        with pytest.raises(ConfigError, match="more than"):
            parse_where(huge)
    for deep in ("(" * 10_000 + "page = 1" + ")" * 10_000, "not " * 10_000 + "page = 1"):
        with pytest.raises(ConfigError, match=f"deeper than {MAX_DEPTH}"):
            parse_where(deep)


def test_half_characters_are_refused() -> None:
    with pytest.raises(ConfigError, match="half a character"):
        parse_where("title = '\ud800'")


def test_every_field_can_be_asked(kb: KnowledgeBase) -> None:
    for name, (kind, _) in FIELDS.items():
        value = quoted("no such value") if kind in ("text", "lines") else "0"
        assert found(kb, f"{name} != {value}") is not None
