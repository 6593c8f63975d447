"""Golden papers that a person can read: `NAME.md` holds pages, `NAME.doc.md` the document that was made of them.

Lines `<!-- page N -->` stand before the pages. The document's Markdown comes first; below it a line
`kind | level | headings | pages` for each block, a line for what else is known, and a line `page | reason | text` for
what was left out, white space aside. RAG_INGEST_UPDATE_GOLDEN=1 writes the files anew: read the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from rag_ingest.types import Document
from tests.parse.papers import paper

GOLDEN = Path(__file__).parent / "golden"
NAMES = (
    "float_between_the_halves",
    "hyphen_joined",
    "hyphen_kept",
    "levels_from_numbers",
    "paragraph_joined_across_pages",
    "paragraph_not_joined",
    "references_without_heading",
    "running_footer",
    "running_header_and_page_numbers",
    "table_continued_html",
    "table_continued_pipe",
    "title_authors_abstract",
    "two_tables_stay_two",
    "unclosed_formula_costs_one_page",
)
PAGE = re.compile(r"<!-- page \d+ -->\n")


def shown(document: Document) -> str:
    out = [document.markdown, "", "~~~~ blocks"]
    for b in document.blocks:
        out.append(f"{b.kind} | {b.level} | {' > '.join(b.heading_path)} | {' '.join(map(str, b.pages))}")
    out += ["", "~~~~ metadata", f"title | {document.title}"]
    out += [f"{key} | {value}" for key, value in document.metadata.items()]
    out += ["", "~~~~ removals"]
    out += [f"{r.page} | {r.reason} | {r.text!r}" for r in document.removals if r.reason != "space"]
    return "\n".join(out) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str) -> None:
    _, *pages = PAGE.split((GOLDEN / f"{name}.md").read_text(encoding="utf-8"))
    found = shown(paper(*pages))
    expected = GOLDEN / f"{name}.doc.md"
    if os.environ.get("RAG_INGEST_UPDATE_GOLDEN"):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


def test_every_golden_file_is_used() -> None:
    assert {p.name for p in GOLDEN.iterdir()} == {f"{name}{end}" for name in NAMES for end in (".md", ".doc.md")}
