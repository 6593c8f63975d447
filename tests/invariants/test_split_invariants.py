"""The promises of parsing and splitting, on Markdown that a bad recogniser could write."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_ingest.parse import parse_markdown
from rag_ingest.split import SplitOptions, split
from rag_ingest.types import Block, Chunk, Document

Counter = Callable[[str], int]


def words(text: str) -> int:
    return len(text.split())


def quarters(text: str) -> int:
    return len(text) // 4


def utf8(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def super_additive(text: str) -> int:
    return int(len(text.split()) ** 1.2)


def lumpy(text: str) -> int:
    """Runs of letters cost by length, and joining two texts can cost more or less than both."""
    return sum(math.ceil(len(run) / 5) for run in re.findall(r"\w+|[^\w\s]+", text)) + text.count("\n\n")


COUNTERS: list[Counter] = [words, quarters, utf8, super_additive, lumpy]

_WORDS = (
    "alpha~beta,~gamma.~Delta et al.~Fig. 3 shows~$x_1 + y$~e.g. the norm.~naïve~👩‍👩‍👧~本文研究分块。~i.e.~where:~a|b~"
    "`code $$`~[link](u)~\\$5~\u2028~\u00a0~<b>bold</b>~3.14~$$~#~-~*~>~|~\\begin{x}~[^1]~AVeryLongWordWithoutAnySpace~"
    '$open~Good! "Yes." No?'
)
WORDS = st.sampled_from(_WORDS.split("~"))
PROSE = st.lists(WORDS, min_size=1, max_size=40).map(" ".join)
TITLE = st.lists(
    st.sampled_from(["Method", "2.1", "Results", "the", "$x$", "**Bold**", "引言"]), min_size=1, max_size=5
).map(" ".join)
HEADING = st.builds(lambda n, t: f"{'#' * n} {t}", st.integers(1, 4), TITLE) | TITLE.map(lambda t: f"{t}\n-----")
CELL = st.sampled_from(["0.5", "a \\| b", "x y z", "$\\alpha$", "", "長い"])


def pipe_table(rows: list[list[str]]) -> str:
    lines = ["| Name | Score |", "|---|--:|", *(f"| r{i} {a} | {b} |" for i, (a, b) in enumerate(rows))]
    return "\n".join(lines)


def html_table(rows: list[list[str]], joint: str) -> str:
    body = joint.join(f"<tr><td>{a}</td><td>{b}</td></tr>" for a, b in rows)
    return f'<table><thead><tr><th>Name</th><th colspan="2">Score</th></tr></thead>{joint}{body}{joint}</table>'


ROWS = st.lists(st.lists(CELL, min_size=2, max_size=2), min_size=1, max_size=12)
TABLE = ROWS.map(pipe_table) | st.builds(html_table, ROWS, st.sampled_from(["", "\n", "\n\n"]))
FORMULA = st.sampled_from(
    [
        "$$\nx\n# \\{ y \\}\n- z\n$$",
        "$$ E = mc^2 \\quad (4) $$",
        "\\[\na\n\n## \\, b\n\\]",
        "\\begin{align}\na &= b \\\\\nc &= d \\\\\n---\ne &= f\n\\end{align}",
        "$$\n\\begin{aligned}\n" + " \\\\\n".join(f"x_{i} &= y_{i} + z" for i in range(9)) + "\n\\end{aligned}\n$$",
    ]
)
CODE = st.sampled_from(
    [
        "```python\n# no heading\n\n## none either\nx = 1\n```",
        "~~~\n| a | b |\n|---|---|\n```\n~~~",
        "    indented\n    code",
    ]
)
LIST = st.lists(PROSE, min_size=1, max_size=4).map(
    lambda items: "\n".join(f"- {i}\n  - nested\n\n    more" for i in items)
)
UNCLOSED = st.sampled_from(
    [
        "$$\nF = \\int g",
        "```\nfor b in blocks:",
        "<table><tr><td>x",
        "<!-- open",
        "\\[\na + b",
        "\\begin{equation}\nq",
        "> quote\n> ```\n> x",
        "- $$\n  a",
        "<div>\n<table>",
        "~~~~",
        "| a | b |\n|---|",
    ]
)
OTHER = st.sampled_from(
    [
        "![image](image_1.png)12,30,500,610",
        "![Figure 2](f.png)\nFigure 2: A pipeline.",
        "Table 1: Scores.",
        "[^1]: A note.\n\n    Its second paragraph.",
        "> # not a section\n> text",
        "<!-- page 3 -->",
        "---",
        "\f",
        "{2}------------------------------------------------",
        "## References",
        "[1] A. Author. On things. 2020.",
        "nul\0byte \v tab\there",
        "\u2028\u2029",
        "where\n$x$ is small.",
        "x" * 300,
        "數" * 90,
        "👩‍👩‍👧" * 20,
        "-   - - > - - deep",
        "> " * 40 + "deep",
        "  " * 30 + "- item",
    ]
)
BLOCK = st.one_of(PROSE, HEADING, TABLE, FORMULA, CODE, LIST, OTHER, UNCLOSED)
GAP = st.sampled_from(["\n\n", "\n\n", "\n\n", "\n", "\n\n\n", "\n \t\n", "\n\n  "])


@st.composite
def markdown(draw: st.DrawFn) -> str:
    """Blocks in any order, gaps of any kind, and one of the three line ends."""
    parts: list[str] = []
    for block in draw(st.lists(BLOCK, max_size=14)):
        parts += [block, draw(GAP)]
    return "".join(parts).replace("\n", draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])))


MARKS = st.sampled_from(["$$", "```", "<table>", "</table>", "\\[", "\\]", "\n\n", "\n# ", "\n|a|b|\n|-|-|\n"])
SOUP = st.lists(st.sampled_from("ab .#$`|-<>*\\[]{}()!:\n\r\f\0\u2028 é数👩\u200d\t~=1") | MARKS, max_size=160).map(
    "".join
)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """Markdown with stretches deleted, of one character or of many, or cut off."""
    text = draw(markdown())
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + text[start + draw(st.sampled_from([1, 1, 2, 9, 60, len(text)])) :]
    return text


NASTY = markdown() | SOUP | damaged()
BUDGET = st.integers(1, 70)
QUICK = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def chunks_of(document: Document, budget: int, count: Counter, **options: object) -> list[Chunk]:
    return list(split(document, SplitOptions(**options), count, budget))  # type: ignore[arg-type]


def uncovered(text: str, spans: list[tuple[int, int]]) -> str:
    out, at = [], 0
    for start, end in spans:
        out.append(text[at:start])
        at = end
    return "".join([*out, text[at:]])


def in_order(spans: list[tuple[int, int]]) -> bool:
    return all(a[1] <= b[0] for a, b in pairwise(spans))


@QUICK
@given(NASTY)
def test_blocks_hold_every_character_once(text: str) -> None:
    spans = [(b.span.start, b.span.end) for b in parse_markdown(text).blocks]
    assert in_order(spans)
    assert not uncovered(text, spans).strip()
    assert all(text[a:b].strip() and text[a:b] == text[a:b].rstrip() for a, b in spans)


@QUICK
@given(NASTY, BUDGET, st.sampled_from(COUNTERS))
def test_chunks_hold_every_character_once(text: str, budget: int, count: Counter) -> None:
    chunks = chunks_of(parse_markdown(text), budget, count)
    spans = [(c.span.start, c.span.end) for c in chunks]
    assert in_order(spans)
    assert not uncovered(text, spans).strip()
    assert all(c.text == text[c.span.start : c.span.end] and c.text.strip() for c in chunks)


@QUICK
@given(NASTY, BUDGET, st.sampled_from(COUNTERS))
def test_no_chunk_exceeds_the_budget_unless_it_says_so(text: str, budget: int, count: Counter) -> None:
    for chunk in chunks_of(parse_markdown(text), budget, count):
        assert chunk.token_count == count(chunk.full_text)
        assert (chunk.token_count > budget) == ("oversize" in chunk.metadata)
        assert count(chunk.embed_text) <= max(budget, chunk.token_count)


@QUICK
@given(NASTY, st.integers(4, 70))
def test_only_formulas_and_headings_too_large_for_them_exceed_a_count_of_words(text: str, budget: int) -> None:
    for chunk in chunks_of(parse_markdown(text), budget, words):
        if chunk.metadata:
            assert "formula" in chunk.kinds


def protected_spans(document: Document) -> list[tuple[Block, int]]:
    """Each table, formula and code block, and where the headings right above it begin."""
    found, start = [], None
    for block in document.blocks:
        lead = block.kind in ("heading", "html")
        if block.kind in ("table", "formula", "code", "list"):
            found.append((block, block.span.start if start is None else start))
        start = (block.span.start if start is None else start) if lead else None
    return found


@QUICK
@given(NASTY, BUDGET, st.sampled_from([words, quarters]))
def test_what_fits_is_never_cut(text: str, budget: int, count: Counter) -> None:
    document = parse_markdown(text)
    chunks = chunks_of(document, budget, count)
    for block, start in protected_spans(document):
        if count(text[start : block.span.end]) <= budget:
            assert any(c.span.start <= block.span.start and block.span.end <= c.span.end for c in chunks)


@QUICK
@given(NASTY, BUDGET)
def test_no_chunk_ends_with_a_heading_that_something_follows(text: str, budget: int) -> None:
    document = parse_markdown(text)
    blocks = document.blocks
    ends = {c.span.end for c in chunks_of(document, budget, words)}
    last = max((i for i, b in enumerate(blocks) if b.kind not in ("heading", "html")), default=-1)
    for i, block in enumerate(blocks[: max(last, 0)]):
        if block.kind == "heading" and block.span.end in ends:
            chain = i
            while chain and blocks[chain - 1].kind in ("heading", "html"):
                chain -= 1
            end = i + 1
            while blocks[end].kind in ("heading", "html"):
                end += 1
            beside = sum(words(text[b.span.start : b.span.end]) + 1 for b in blocks[chain:end])
            assert beside >= budget, "the headings leave no room for a single token"


@QUICK
@given(st.lists(FORMULA | CODE | TABLE, min_size=1, max_size=6), st.integers(5, 60))
def test_no_heading_comes_from_inside_code_math_or_a_table(inner: list[str], budget: int) -> None:
    document = parse_markdown("# Only\n\n" + "\n\ntext\n\n".join(inner))
    assert [b.heading_path for b in document.blocks if b.kind == "heading"] == [("Only",)]
    assert all(c.headings == ("Only",) for c in chunks_of(document, budget, words))


@QUICK
@given(st.lists(st.lists(CELL, min_size=2, max_size=2), min_size=3, max_size=30), st.booleans(), st.integers(24, 60))
def test_every_piece_of_a_table_carries_its_header(rows: list[list[str]], as_html: bool, budget: int) -> None:
    table = html_table(rows, "\n") if as_html else pipe_table(rows)
    header = "Name | Score | Score" if as_html else "Name | Score"
    document = parse_markdown(f"# Results\n\nSee below.\n\n{table}\n\nAfter.")
    block = next(b for b in document.blocks if b.kind == "table")
    for chunk in chunks_of(document, budget, words):
        if block.span.start < chunk.span.start < block.span.end:
            assert header in chunk.context
            assert re.match(r"<tr>|\| r\d+ |</table>", chunk.text), "a table is cut between rows"


@QUICK
@given(NASTY, BUDGET, st.sampled_from(["reference", "table", "html", "footnote", "heading"]))
def test_excluded_kinds_are_left_out_and_nothing_else_but_what_heads_them(text: str, budget: int, kind: str) -> None:
    document = parse_markdown(text)
    chunks = chunks_of(document, budget, words, exclude_kinds=(kind,))
    spans = [(c.span.start, c.span.end) for c in chunks]
    for block in document.blocks:
        inside = any(a < block.span.end and block.span.start < b for a, b in spans)
        if block.kind == kind:
            assert not inside
        elif block.kind not in ("heading", "html"):
            assert inside


@QUICK
@given(NASTY, BUDGET)
def test_the_same_text_gives_the_same_chunks_with_ids_of_their_own(text: str, budget: int) -> None:
    first, again = (chunks_of(parse_markdown(text, doc_id="d"), budget, words) for _ in range(2))
    assert first == again
    assert len({c.chunk_id for c in first}) == len(first)
    other = chunks_of(parse_markdown(text, doc_id="e"), budget, words)
    assert not {c.chunk_id for c in first} & {c.chunk_id for c in other}


@QUICK
@given(markdown(), st.sampled_from(["\r\n", "\r"]))
def test_line_ends_change_offsets_and_nothing_else(text: str, end: str) -> None:
    plain = re.sub(r"\r\n?", "\n", text)
    a, b = parse_markdown(plain), parse_markdown(plain.replace("\n", end))
    assert [(x.kind, x.heading_path) for x in a.blocks] == [(x.kind, x.heading_path) for x in b.blocks]
    for x, y in zip(a.blocks, b.blocks, strict=True):
        assert plain[x.span.start : x.span.end].replace("\n", end) == b.markdown[y.span.start : y.span.end]


@pytest.mark.parametrize("count", COUNTERS)
def test_the_empty_document_has_no_chunks(count: Counter) -> None:
    assert chunks_of(parse_markdown(" \n\f\n"), 5, count) == []
