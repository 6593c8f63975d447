"""The promises of joining pages, on pages that a bad recogniser could write."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rag_ingest.parse import assemble, restore_pages
from rag_ingest.types import Document, PageMarkdown, SourceDocument
from tests.invariants.test_split_invariants import NASTY, QUICK, in_order, uncovered

HEADER = st.sampled_from(
    ["Journal of Things, Vol. {n}", "# Smith et al.", "<header>Things {n}</header>", "{n} Short title"]
)
FOOTER = st.sampled_from(
    ["{n}", "- {n} -", "Page {n} of 9", "<page_number>{n}</page_number>", "© 2020 The Authors, {n}"]
)
BROKEN = st.sampled_from(
    [
        ("The model is trained on a large", "corpus of papers that we collected."),
        ("We use a convolu-", "tional network, and a convolutional one."),
        ("a state-", "of-the-art Model 数据是很重要的，而且", ),
        ("这个方法在大规模数据集上的表现，", "非常好。"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "| a | b |\n|---|---|\n| 3 | 4 |"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "Table 1 (continued)\n\n| 3 | 4 |\n| 5 | 6 |"),
        ("<table><tr><th>a</th></tr><tr><td>1</td></table>", "<table><tr><th>a</th></tr>\n<tr><td>2</td></tr></table>"),
        ("<table><tr><td>1</td></tr>", "<table>\n<tbody><tr><td>2</td></tr></tbody>\n</table>"),
        ("It ends here with the", "![f](f.png)\n\nFigure 3: A figure.\n\nlast words of it."),
        ("It ends here with the\n\n[^1]: A note.", "last words of it, which go on with\n\n$$\nx\n$$"),
    ]
)  # fmt: skip


@st.composite
def papers(draw: st.DrawFn) -> list[str]:
    """Pages with furniture, with constructs broken between them, and with anything else."""
    count = draw(st.integers(0, 6))
    header, footer = draw(HEADER), draw(FOOTER)
    odds = draw(st.sampled_from([0.0, 1.0]))
    bodies = [draw(NASTY) for _ in range(count)]
    for i in range(count - 1):
        if draw(st.booleans()):
            before, after = draw(BROKEN)
            bodies[i], bodies[i + 1] = f"{bodies[i]}\n\n{before}", f"{after}\n\n{bodies[i + 1]}"
    if odds:
        bodies = [f"{header}\n\n{body}\n\n{footer}".replace("{n}", str(i + 3)) for i, body in enumerate(bodies)]
    return bodies


def joined(pages: list[str]) -> Document:
    numbers = [n for n in range(1, 2 * len(pages)) if n != 4][: len(pages)]
    made = [PageMarkdown("d", n, text, "engine", "print") for n, text in zip(numbers, pages, strict=True)]
    return assemble(SourceDocument("d", "/p.pdf", len(pages)), made)


def check_document(document: Document, pages: dict[int, str]) -> None:
    """Every promise of `assemble` that holds for any pages."""
    text = document.markdown
    assert restore_pages(document) == pages
    spans = [(b.span.start, b.span.end) for b in document.blocks]
    assert in_order(spans)
    assert not uncovered(text, spans).strip()
    assert all(text[a:b].strip() and text[a:b] == text[a:b].rstrip() for a, b in spans)
    assert [p.number for p in document.page_spans] == list(pages)
    page_spans = [(p.span.start, p.span.end) for p in document.page_spans]
    assert all(a[0] <= b[0] and a[1] <= b[0] for a, b in pairwise(page_spans))
    assert not uncovered(text, page_spans).strip()
    assert all(a.start + len(a.page_span) <= b.start for a, b in pairwise(document.pieces))
    for piece in document.pieces:
        page = next(p.span for p in document.page_spans if p.number == piece.page)
        assert page.start <= piece.start
        assert piece.start + len(piece.page_span) <= page.end
    stretches = [(r.page, r.page_span.start, r.page_span.end) for r in document.removals]
    stretches += [(p.page, p.page_span.start, p.page_span.end) for p in document.pieces]
    assert all(a[0] != b[0] or a[2] == b[1] for a, b in pairwise(sorted(stretches)))
    assert all(r.text == pages[r.page][r.page_span.start : r.page_span.end] for r in document.removals)
    assert all(not r.text.strip() for r in document.removals if r.reason == "space")
    for block in document.blocks:
        touched = tuple(
            p.number
            for p, (start, end) in zip(document.page_spans, page_spans, strict=True)
            if start < block.span.end and block.span.start < end
        )
        assert block.pages == touched


@QUICK
@given(papers())
def test_a_document_gives_every_page_back(pages: list[str]) -> None:
    document = joined(pages)
    check_document(document, dict(zip([p.number for p in document.page_spans], pages, strict=True)))


@QUICK
@given(papers())
def test_the_same_pages_give_the_same_document(pages: list[str]) -> None:
    assert joined(pages) == joined(pages)
