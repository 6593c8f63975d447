"""Packing, context and options: what a chunk holds and what it repeats."""

from __future__ import annotations

from typing import Any

import pytest

from rag_ingest.errors import ConfigError
from rag_ingest.parse import assemble, parse_markdown
from rag_ingest.split import SplitOptions, split
from rag_ingest.types import Chunk, PageMarkdown, SourceDocument


def words(text: str) -> int:
    return len(text.split())


def cut(markdown: str, budget: int, **options: Any) -> list[Chunk]:
    return list(split(parse_markdown(markdown), SplitOptions(**options), words, budget))


def prose(n: int, name: str = "w") -> str:
    return " ".join(f"{name}{i}" for i in range(n)) + "."


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"max_tokens": -1}, "max_tokens"),
        ({"target_tokens": 1.5}, "target_tokens"),
        ({"min_tokens": True}, "min_tokens"),
        ({"max_tokens": 10, "target_tokens": 11}, "target_tokens"),
        ({"context": ("title",)}, "context"),
        ({"exclude_kinds": ("tables",)}, "exclude_kinds"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        SplitOptions(**options)


def test_a_budget_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="max_tokens is 0"):
        cut("a", 0)


def test_the_smaller_limit_holds() -> None:
    assert max(c.token_count for c in cut(prose(100), 50, max_tokens=20)) <= 20
    assert max(c.token_count for c in cut(prose(100), 20, max_tokens=50)) <= 20


def test_long_sections_are_filled_to_the_target() -> None:
    markdown = "# A\n\n" + "\n\n".join(prose(9) for _ in range(40))
    counts = [c.token_count for c in cut(markdown, 200, target_tokens=50)]
    assert all(30 <= n <= 60 for n in counts)


def test_the_last_two_chunks_of_a_section_are_balanced() -> None:
    a, b = cut("\n\n".join(prose(10) for _ in range(6)), 50)
    assert (a.token_count, b.token_count) == (30, 30)


def test_context_is_the_path_above_a_chunk_that_begins_with_its_heading() -> None:
    markdown = f"# T\n\n{prose(30)}\n\n## S\n\n" + "\n\n".join(prose(20) for _ in range(4))
    chunks = cut(markdown, 50)
    assert [(c.context, c.headings) for c in chunks] == [
        ("", ("T",)),
        ("T", ("T", "S")),
        ("T > S", ("T", "S")),
    ]


def test_a_long_path_loses_its_outermost_titles() -> None:
    markdown = f"# {prose(20, 'long')}\n\n## Short\n\n{prose(30)}\n\n{prose(30)}"
    assert [c.context for c in cut(markdown, 60)][-1] == "Short"


def test_context_parts_can_be_switched_off() -> None:
    rows = "\n".join(f"| {i} | {prose(5)} |" for i in range(9))
    markdown = f"# T\n\nTable 1: Cap.\n\n| a | b |\n|---|---|\n{rows}"
    last = {parts: cut(markdown, 50, context=parts)[-1].context for parts in [(), ("headings",), ("headers",)]}
    assert last == {(): "", ("headings",): "T", ("headers",): "a | b"}
    assert cut(markdown, 50)[-1].context == "T\nTable 1: Cap.\na | b"


def test_small_siblings_join_below_their_parent_and_never_an_uncle() -> None:
    sub = "\n\n".join(f"### {i}\n\n{prose(3)}" for i in range(3))
    markdown = f"# T\n\n## A\n\n{prose(56)}\n\n{sub}\n\n## B\n\n{prose(40)}"
    chunks = cut(markdown, 60, min_tokens=10)
    assert [c.headings for c in chunks] == [("T", "A"), ("T", "A", "0"), ("T", "B")]
    assert chunks[1].context == "T > A"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("These are the steps:", "- a\n- b"),
        ("We get:", "$$\nx = y\n$$"),
        ("It then follows that", "$$\nx = y\n$$"),
        ("$$\nx = y\n$$", "where x is y."),
        ("Table 1: Cap.", "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "Table 1: Cap."),
        ("![i](a.png)", "Figure 1: Cap."),
        ("![i](a.png)", "Plate 3: Cap."),
        ("![i](a.png)", "Plate 3 Tablets under the lens."),
        ("## Heading", "Text."),
        ("<!-- page 2 -->", "Text."),
    ],
)
def test_what_belongs_together_stays_together(first: str, second: str) -> None:
    for before in range(12, 30):
        chunks = cut(f"{prose(before)}\n\n{first}\n\n{second}\n\n{prose(14)}", 30)
        assert any(f"{first}\n\n{second}" in c.text for c in chunks)


def test_a_caption_goes_with_its_own_kind() -> None:
    table = "| a | b |\n|---|---|\n| 1 | 2 |"
    markdown = f"{prose(14)}\n\n![i](a.png)\n\nTable 1: Cap of it.\n\n{table}\n\n{prose(8)}"
    assert any(c.text.startswith("Table 1") and table in c.text for c in cut(markdown, 22))


def test_excluded_blocks_take_their_headings_with_them() -> None:
    markdown = "# T\n\nText.\n\n## References\n\n[1] A.\n\n## Appendix\n\nMore."
    chunks = cut(markdown, 50, exclude_kinds=("reference",))
    assert [c.text for c in chunks] == ["# T\n\nText.", "## Appendix\n\nMore."]


def test_a_document_of_headings_alone_stays_together() -> None:
    (chunk,) = cut("# A\n\n## B\n\n# C", 50)
    assert chunk.text == "# A\n\n## B\n\n# C"
    assert chunk.kinds == ("heading",)


def test_headings_at_the_end_join_what_stands_before_them() -> None:
    (chunk,) = cut("# A\n\nText.\n\n## B", 50)
    assert chunk.text.endswith("Text.\n\n## B")


def test_an_uncuttable_formula_is_flagged_with_its_size() -> None:
    (chunk,) = cut("$$\n" + "x + " * 20 + "y\n$$", 10)
    assert chunk.metadata == {"oversize": "formula that can't be cut: 43 of 10 tokens"}


def test_a_table_that_fits_only_without_context_is_kept_whole() -> None:
    table = "| a | b |\n|---|---|\n" + "\n".join(f"| {i} | x |" for i in range(5))
    markdown = f"# One two three\n\n{prose(30)}\n\n{table}\n\n{prose(30)}"
    chunk = next(c for c in cut(markdown, words(table)) if c.text == table)
    assert chunk.context == ""


@pytest.mark.parametrize(
    "block", ["| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |", "```\na\nb\n\nc\n```", "- a b\n- c d\n- e f"]
)
def test_a_block_that_just_fits_with_its_headings_is_kept_whole(block: str) -> None:
    opening = f"# T\n\n## S\n\n{block}"
    assert cut(f"{opening}\n\n{prose(30)}", words(opening))[0].text == opening


def test_a_header_too_long_to_repeat_gives_way_to_its_rows() -> None:
    header = f"| {prose(30)} | b |\n|---|---|"
    rows = "\n".join(f"| {prose(20)} | {i} |" for i in range(4))
    assert all(c.token_count <= 40 for c in cut(f"{header}\n{rows}", 40))


def test_pages_and_kinds_of_a_chunk() -> None:
    pages = [PageMarkdown("d", n, t, "e", "f") for n, t in [(1, "# T\n\na"), (2, " "), (4, "- b"), (5, "c")]]
    document = assemble(SourceDocument("d", "/p.pdf", 5), pages)
    (chunk,) = split(document, SplitOptions(), words, 50)
    assert chunk.pages == (1, 4, 5)
    assert chunk.kinds == ("heading", "paragraph", "list")
    assert chunk.doc_id == "d"


def test_ids_depend_on_document_span_context_and_text() -> None:
    base = cut("# T\n\n" + prose(30) + "\n\n" + prose(30), 40)
    moved = cut("\n# T\n\n" + prose(30) + "\n\n" + prose(30), 40)
    renamed = cut("# U\n\n" + prose(30) + "\n\n" + prose(30), 40)
    assert all(len(c.chunk_id) == 32 and int(c.chunk_id, 16) for c in base)
    assert base[1].text == moved[1].text == renamed[1].text
    assert len({base[1].chunk_id, moved[1].chunk_id, renamed[1].chunk_id}) == 3


@pytest.mark.real
def test_real_papers_keep_every_promise(real_data) -> None:
    for path in sorted((real_data / "gt-markdown").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        covered, at = [], 0
        for chunk in cut(text, 180):
            assert chunk.token_count <= 180 or chunk.kinds == ("formula",) or "oversize" in chunk.metadata
            assert chunk.text == text[chunk.span.start : chunk.span.end]
            covered.append(text[at : chunk.span.start])
            at = chunk.span.end
        assert not "".join([*covered, text[at:]]).strip()
