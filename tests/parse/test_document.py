"""Pages, titles, and joining them to a paper."""

from __future__ import annotations

import pytest

from rag_ingest.parse import assemble, parse_markdown
from rag_ingest.types import PageMarkdown, PageSpan, SourceDocument, Span


def page(number: int, markdown: str) -> PageMarkdown:
    return PageMarkdown("d", number, markdown, "engine", "fingerprint")


def paper(*pages: PageMarkdown, title: str = "", source: str = "/a/paper-7.pdf"):
    return assemble(SourceDocument("d", source, len(pages), title, {"k": 1}), pages)


def test_pages_are_joined_by_a_blank_line_and_known_by_block() -> None:
    document = paper(page(1, "\n# T\n\na\n"), page(3, "b  \r\n\r\nc"))
    assert document.markdown == "# T\n\na\n\nb  \r\n\r\nc"
    assert document.page_spans == (PageSpan(1, Span(0, 6)), PageSpan(3, Span(8, 16)))
    assert [b.pages for b in document.blocks] == [(1,), (1,), (3,), (3,)]
    assert (document.doc_id, document.source, document.metadata) == ("d", "/a/paper-7.pdf", {"k": 1})


def test_blank_pages_keep_their_place() -> None:
    document = paper(page(1, "a"), page(2, " \n"), page(3, "\n"), page(4, "b"))
    assert [p.number for p in document.page_spans] == [1, 2, 3, 4]
    assert [b.pages for b in document.blocks] == [(1,), (4,)]
    assert not any(len(p.span) for p in document.page_spans if p.number == 3)


@pytest.mark.parametrize("unclosed", ["$$\nx", "```\ncode", "<table>", "<!--", "- a\n\n  ```", "\\[", "> ```"])
def test_nothing_unclosed_reaches_the_next_page(unclosed: str) -> None:
    document = paper(page(1, unclosed), page(2, "# Next\n\ntext\n\n```\nc\n```"))
    assert [b.kind for b in document.blocks if b.pages == (2,)] == ["heading", "paragraph", "code"]
    assert all(len(b.pages) == 1 for b in document.blocks)


def test_paths_run_on_across_pages() -> None:
    document = paper(page(1, "# T\n\n## S"), page(2, "text"))
    assert document.blocks[-1].heading_path == ("T", "S")


def test_page_markers_delimit_pages_where_none_are_given() -> None:
    markdown = "intro\n\n<!-- page 2 -->\n\na\n\n<!-- PAGE 5 -->\nb"
    document = parse_markdown(markdown)
    assert [(p.number, markdown[p.span.start : p.span.end]) for p in document.page_spans] == [
        (2, "<!-- page 2 -->\n\na\n\n"),
        (5, "<!-- PAGE 5 -->\nb"),
    ]
    assert [b.pages for b in document.blocks] == [(), (2,), (2,), (5,), (5,)]


def test_given_pages_win_over_markers() -> None:
    given = (PageSpan(9, Span(0, 20)),)
    assert parse_markdown("<!-- page 2 -->\n\nabc", page_spans=given).page_spans == given


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("On Things", "On Things"),
        ("", "Heading"),
        ("untitled", "Heading"),
        ("Microsoft Word - paper_final.docx", "Heading"),
        ("main.dvi", "Heading"),
        ("1706.03762v7", "Heading"),
        ("arXiv:1706.03762", "Heading"),
    ],
)
def test_a_title_must_look_like_one(given: str, expected: str) -> None:
    assert paper(page(1, "## Sub\n\n# Heading"), title=given).title == expected


def test_without_any_title_the_file_names_the_paper() -> None:
    assert paper(page(1, "text")).title == "paper-7"
    assert paper(page(1, "text"), source="https://a.org/x%20y.pdf?q=1").title == "x y"
