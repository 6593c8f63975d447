"""Golden cases as Markdown that a person can read: `NAME.md` goes in, `NAME.chunks.md` shows where it was cut.

A rule `~~~~ n | tokens | kinds | headings` stands before each chunk; lines `> …` under it are the chunk's context.
Tokens are words here. RAG_INGEST_UPDATE_GOLDEN=1 writes the files anew: read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from rag_ingest.parse import parse_markdown
from rag_ingest.split import SplitOptions, split
from rag_ingest.types import Chunk

GOLDEN = Path(__file__).parent / "golden"
BUDGETS = {
    "paper": 60,
    "tables": 32,
    "prose": 30,
    "lists_and_code": 25,
    "headings": 40,
    "formulas": 30,
    "abbreviations": 18,
    "acknowledgement": 16,
    "align_cut_at_rows": 20,
    "atomic_always": 16,
    "bracket_math_blank_line": 12,
    "caption_above_table": 24,
    "caption_below_figure": 20,
    "cjk_sentences": 8,
    "code_cut_by_lines": 14,
    "colon_then_list": 18,
    "display_math_blank_lines": 14,
    "display_math_heading_line": 24,
    "empty_sections": 26,
    "escaped_dollars": 20,
    "exclude_references": 30,
    "figure_with_bbox": 18,
    "footnotes": 24,
    "form_feed_and_line_separator": 12,
    "formula_in_a_preamble": 40,
    "formula_then_where": 26,
    "heading_inside_code": 16,
    "html_colspan_flattened": 28,
    "html_rowspan_carried": 18,
    "html_table_blank_lines": 14,
    "html_table_on_one_line": 20,
    "html_thead_of_three_rows": 36,
    "inline_dollars_are_money": 16,
    "line_ends_crlf": 10,
    "nested_list": 18,
    "overlap": 16,
    "overlong_word": 8,
    "page_markers": 20,
    "pipe_table_group_rows": 32,
    "pipe_table_two_header_rows": 46,
    "quote_holds_list": 24,
    "references_list": 22,
    "setext_headings": 12,
    "table_as_rows": 60,
    "table_empty_header_row": 14,
    "table_row_too_wide": 20,
    "tilde_fence_holds_backticks": 20,
    "tiny_siblings_merged": 40,
    "unclosed_dollars": 16,
    "unclosed_fence": 16,
    "unclosed_table": 16,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "overlap": {"overlap_tokens": 6},
    "tiny_siblings_merged": {"min_tokens": 12},
    "atomic_always": {"atomic": "always"},
    "exclude_references": {"exclude_kinds": ("reference",)},
}
EMBEDDED = {"table_as_rows"}
"""Cases that show below each chunk, after `=>`, what is embedded of it."""
CHARACTERS = {"overlong_word", "cjk_sentences"}
"""Cases in which four characters are a token, since words tell nothing."""


def count(text: str) -> int:
    return len(text.split())


def count_characters(text: str) -> int:
    return -(-len(text) // 4)


def shown(chunks: list[Chunk], embedded: bool) -> str:
    out = []
    for i, c in enumerate(chunks, 1):
        over = f" | OVERSIZE {c.metadata['oversize']}" if c.metadata else ""
        pages = f" | pages {' '.join(map(str, c.pages))}" if c.pages else ""
        out.append(f"~~~~ {i} | {c.token_count} | {' '.join(c.kinds)} | {' > '.join(c.headings)}{pages}{over}")
        out += [f"> {line}" for line in c.context.splitlines()]
        out += [c.text, *([f"=> {line}" for line in c.embed_text.splitlines()] if embedded else []), ""]
    return "\n".join(out)


@pytest.mark.parametrize("name", sorted(BUDGETS))
def test_golden(name: str) -> None:
    # As bytes: line ends are part of some cases.
    document = parse_markdown((GOLDEN / f"{name}.md").read_bytes().decode())
    options = SplitOptions(**OPTIONS.get(name, {}))
    chunks = list(split(document, options, count_characters if name in CHARACTERS else count, BUDGETS[name]))
    found = shown(chunks, name in EMBEDDED)
    expected = GOLDEN / f"{name}.chunks.md"
    if os.environ.get("RAG_INGEST_UPDATE_GOLDEN"):
        expected.write_bytes(found.encode())
    assert found == expected.read_bytes().decode()


def test_every_golden_file_is_used() -> None:
    assert {p.name for p in GOLDEN.iterdir()} == {f"{name}{end}" for name in BUDGETS for end in (".md", ".chunks.md")}
    assert set(OPTIONS) | EMBEDDED | CHARACTERS <= set(BUDGETS)
