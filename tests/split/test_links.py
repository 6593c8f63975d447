"""The sections around a chunk, its neighbours, and the gaps that put chunks together again."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_ingest.parse import parse_markdown
from rag_ingest.split import SplitOptions, split
from rag_ingest.split.links import DocumentSection, Place, document_sections, links
from rag_ingest.types import Chunk, Document
from tests.cpu import least_seconds
from tests.linked import linked

PAPER = """\
Preprint.

# Title

Abstract here.

## 1 Method

What is common to both.

### 1.1 Gain

First way.

### 1.2 Lag

Second way.

## 2 Results

They are good.
"""


def words(text: str) -> int:
    return len(text.split())


def cut(document: Document, budget: int, **options: object) -> list[Chunk]:
    return list(split(document, SplitOptions(**options), words, budget))  # type: ignore[arg-type]


def outline(markdown: str) -> list[str]:
    """One line a section, indented by depth: kind, first line … last line."""
    depth: dict[str, int] = {"": -1}
    lines = []
    for section in document_sections(parse_markdown(markdown)):
        depth[section.section_id] = depth[section.parent_id] + 1
        text = markdown[section.span.start : section.span.end].splitlines()
        lines.append(f"{'  ' * depth[section.section_id]}{section.kind}: {text[0]} … {text[-1]}")
    return lines


def test_sections_nest_and_have_an_opening_where_others_follow() -> None:
    assert outline(PAPER) == [
        "document: Preprint. … They are good.",
        "  opening: Preprint. … Preprint.",
        "  section: # Title … They are good.",
        "    opening: # Title … Abstract here.",
        "    section: ## 1 Method … Second way.",
        "      opening: ## 1 Method … What is common to both.",
        "      section: ### 1.1 Gain … First way.",
        "      section: ### 1.2 Lag … Second way.",
        "    section: ## 2 Results … They are good.",
    ]


def test_a_heading_above_everything_is_the_document_and_bare_headings_have_no_opening() -> None:
    assert outline("# T\n\n## A\n\n### B\n\nwords\n\n## C\n\nmore") == [
        "document: # T … more",
        "  section: ## A … words",
        "    section: ### B … words",
        "  section: ## C … more",
    ]
    assert outline("just words") == ["document: just words … just words"]
    assert outline("") == []


def test_a_chunk_belongs_to_the_smallest_section_that_holds_all_of_it() -> None:
    document = parse_markdown(PAPER)
    texts = {s.section_id: PAPER[s.span.start : s.span.end].splitlines()[0] for s in document_sections(document)}
    found = [(c.text.split("\n")[0], texts[c.parent_id]) for c in cut(document, 9, min_tokens=1, context=())]
    assert found == [
        ("Preprint.", "Preprint."),
        ("# Title", "# Title"),
        ("## 1 Method", "## 1 Method"),
        ("### 1.1 Gain", "### 1.1 Gain"),
        ("### 1.2 Lag", "### 1.2 Lag"),
        ("## 2 Results", "## 2 Results"),
    ]
    first = cut(parse_markdown("# A\n\n## B\n\none two\n\nthree four\n\n## C\n\nfive"), 8, context=())[0]
    assert first.text.startswith("# A\n\n## B")  # headings go with what follows, here over a border
    assert [span.start for _, span in first.sections] == [0]
    [whole] = cut(document, 100, min_tokens=100)
    assert whole.sections == ((document_sections(document)[0].section_id, whole.span),)


def test_the_same_text_gives_the_same_ids_and_another_does_not() -> None:
    def ids(markdown: str, doc_id: str = "d") -> list[str]:
        return [section.section_id for section in document_sections(parse_markdown(markdown, doc_id=doc_id))]

    assert ids(PAPER) == ids(PAPER)
    assert all(len(one) == 32 and int(one, 16) >= 0 for one in ids(PAPER))
    assert len({*ids(PAPER), *ids(PAPER, "other")}) == 2 * len(ids(PAPER))
    changed = zip(ids(PAPER), ids(PAPER.replace("Second", "Another")), strict=True)
    assert [a == b for a, b in changed] == [False, True, False, True, False, True, True, False, False]


def test_left_out_blocks_are_a_blank_line() -> None:
    document = parse_markdown("one\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n\ntwo\n\n\nthree")
    assert [(c.text, c.gap) for c in cut(document, 1, exclude_kinds=("table",))] == [
        ("one", ""),
        ("two", "\n\n"),
        ("three", "\n\n\n"),
    ]


BLOCKS = st.sampled_from(
    ["# A", "# B", "## A", "## B", "### C", "#### D", "Set\n---", "A few words here.", "Same words.", "Same words.",
     "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |", "$$\na = b\n$$", "- one\n- two\n\n  more", "<!-- page 3 -->",
     "```\n# code\n\ncode\n```", "    indented\n      code", "\ud800 half", "# References", "[1] A. 2020."]
)  # fmt: skip
GAPS = st.sampled_from(["\n\n", "\n\n\n", "\n \t\n", "\r\n\r\n"])
MARKDOWN = st.lists(st.tuples(BLOCKS, GAPS), max_size=16).map(lambda parts: "".join(a + b for a, b in parts))
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def holds(outer: DocumentSection, inner: DocumentSection | Chunk) -> bool:
    return outer.span.start <= inner.span.start and inner.span.end <= outer.span.end


@QUICK
@given(MARKDOWN, st.integers(1, 30))
def test_neighbours_are_one_chain_and_gaps_give_the_text_back(text: str, budget: int) -> None:
    chunks = cut(parse_markdown(text), budget)
    assert [c.previous_id for c in chunks] == ["", *(c.chunk_id for c in chunks)][: len(chunks)]
    assert [c.next_id for c in chunks] == [*(c.chunk_id for c in chunks[1:]), ""][: len(chunks)]
    joined = "".join(c.gap + c.text for c in chunks)
    assert joined == (text[chunks[0].span.start : chunks[-1].span.end] if chunks else "")


@QUICK
@given(MARKDOWN, st.integers(1, 30), st.sampled_from([(), ("table",), ("reference", "heading")]))
def test_parents_hold_their_chunks_and_nest(text: str, budget: int, exclude: tuple[str, ...]) -> None:
    document = parse_markdown(text)
    sections = document_sections(document)
    known = {section.section_id: section for section in sections}
    assert len(known) == len(sections)
    assert [s.parent_id for s in sections].count("") == bool(sections)
    for section in sections:
        assert not section.parent_id or holds(known[section.parent_id], section)
        assert section.span != (known[section.parent_id].span if section.parent_id else None)
        assert text[section.span.start : section.span.end].strip()
    for a, b in pairwise(sections):
        assert a.span.start <= b.span.start
        assert a.span.end <= b.span.start or holds(a, b)
    for chunk in cut(document, budget, exclude_kinds=exclude):
        holding = [section for section in sections if holds(section, chunk)]
        assert chunk.sections == tuple((s.section_id, s.span) for s in reversed(holding))
        assert chunk.parent_id == holding[-1].section_id


def test_linking_again_changes_nothing() -> None:
    document = parse_markdown(PAPER)
    chunks = cut(document, 8)
    assert linked(chunks, document) == chunks


def test_linking_is_linear_in_the_sections() -> None:
    def seconds(sections: int) -> float:
        markdown = "\n\n".join(f"{'#' * (1 + n % 4)} H{n}\n\n" + "Some words. " * 30 for n in range(sections))
        document = parse_markdown(markdown)
        places = [Place(chunk.chunk_id, chunk.span) for chunk in cut(document, 60)]
        return least_seconds(lambda: list(links(places, document)))

    assert seconds(4000) < 8 * seconds(1000)  # four times the sections; sixteen times the time were it quadratic
