"""Every page's boxes go where their text went."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rag_ingest.parse import assemble
from rag_ingest.types import Document, PageMarkdown, SourceDocument, Span, TextBox


def boxed(*pages: str) -> tuple[Document, dict[int, PageMarkdown]]:
    """The document of these pages, every word with a box of its own that tells page and place."""
    made = {}
    for number, text in enumerate(pages, 1):
        boxes = [
            TextBox(Span(*match.span()), (float(match.start()), number, float(match.end()), number + 1.0))
            for match in re.finditer(r"\S+", text)
        ]
        made[number] = PageMarkdown("d", number, text, "engine", "fingerprint", boxes=tuple(boxes))
    return assemble(SourceDocument("d", "/a/paper-7.pdf", len(pages), "", {}), list(made.values())), made


def check(document: Document, pages: dict[int, PageMarkdown]) -> None:
    assert all(before.span.end <= after.span.start for before, after in pairwise(document.boxes))
    for box in document.boxes:
        left, _, right, _ = box.bbox
        whole = pages[box.page].markdown[int(left) : int(right)]
        assert box.span.start < box.span.end
        assert document.markdown[box.span.start : box.span.end] in whole


def test_a_word_that_the_page_broke_has_both_its_places_and_the_hyphen_has_none():
    document, pages = boxed("The model is trained on a large cor-", "pus of papers.\n\nNext one.")
    assert "large corpus of papers." in document.markdown
    at = document.markdown.index("corpus")
    parts = [(box.page, document.markdown[box.span.start : box.span.end]) for box in document.boxes]
    assert [part for part in parts if part[1] in ("cor", "pus")] == [(1, "cor"), (2, "pus")]
    assert {box.span for box in document.boxes} >= {Span(at, at + 3), Span(at + 3, at + 6)}
    check(document, pages)


def test_text_that_was_moved_takes_its_boxes_along():
    document, pages = boxed(
        "The left column ends in the middle of\n\n![f](f.png)\n\nFigure 1: It.\n\na sentence. More."
    )
    assert document.markdown.startswith("The left column ends in the middle of a sentence.")
    words = [document.markdown[box.span.start : box.span.end] for box in document.boxes]
    assert words == document.markdown.split()
    check(document, pages)


def test_a_running_header_has_no_place_in_the_document():
    document, pages = boxed(*(f"Journal of Things\n\nA paragraph that is number {n}." for n in range(1, 6)))
    assert "Journal" not in document.markdown
    assert [document.markdown[b.span.start : b.span.end] for b in document.boxes] == document.markdown.split()
    check(document, pages)


def test_pages_without_boxes_stay_without():
    pages = [PageMarkdown("d", 1, "Some text.", "engine", "fingerprint")]
    assert assemble(SourceDocument("d", "/a/b.pdf", 1, "", {}), pages).boxes == ()


BLOCKS = (
    "# T", "a sentence that", "goes on.", "cor-", "pus", "<table><tr><td>1</td></tr></table>", "![f](f.png)",
    "Figure 1: It.", "Header", "7", "$$x$$", "$$", "- item",
)  # fmt: skip
PARTS = st.lists(st.sampled_from(BLOCKS), max_size=6)


@given(st.lists(PARTS.map("\n\n".join), max_size=5))
def test_boxes_are_in_order_and_hold_text_of_their_own_place(texts: list[str]):
    check(*boxed(*texts))
