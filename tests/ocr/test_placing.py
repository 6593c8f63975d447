"""What is made again, of a page as the ledger gives it back, is what a page that is read now would get."""

from __future__ import annotations

from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rag_ingest.ocr.figures import FigureOptions, with_paths
from rag_ingest.ocr.places import BoxOptions
from rag_ingest.ocr.placing import needs_image, place, place_again, wanted
from rag_ingest.store.page_rows import page_of, page_row
from rag_ingest.types import BBox, Figure, Page, PageMarkdown, Placing, Span, TextBox, TextLine, Word

SIZE_PT = (300.0, 400.0)
FIGURES = [FigureOptions(keep="none"), FigureOptions(), FigureOptions(keep="column"), FigureOptions(margin_pt=9)]
BOXES = [BoxOptions(find=False), BoxOptions()]
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")


def line(n: int, words: tuple[str, ...]) -> TextLine:
    at = [(20.0 + 60 * i, 20.0 + 30 * n, 70.0 + 60 * i, 32.0 + 30 * n) for i in range(len(words))]
    placed = tuple(Word(word, box) for word, box in zip(words, at, strict=True))
    return TextLine(" ".join(words), (at[0][0], at[0][1], at[-1][2], at[-1][3]), 10.0, words=placed)


texts = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(tuple), max_size=6)
sides = st.integers(-4, 404).map(float) | st.sampled_from([-1.5, 301.5, 0.125, 299.995])
boxes: st.SearchStrategy[BBox] = st.tuples(sides, sides, sides, sides)


@st.composite
def pages(draw: st.DrawFn) -> tuple[Page, PageMarkdown]:
    lines = draw(texts)
    layer = tuple(line(n, words) for n, words in enumerate(lines) if draw(st.booleans()))
    figures = tuple(
        Figure(f"image_{n}.png", box) for n, box in enumerate(draw(st.lists(boxes | st.none(), max_size=3)))
    )
    parts = [f"![image]({figure.placeholder})" for figure in figures] + [" ".join(words) for words in lines]
    own, at = [], 0
    for part in parts if draw(st.booleans()) else ():
        own.append(TextBox(Span(at, at + len(part)), (10.0, 10.0, 290.0, 390.0)))
        at += len(part) + 2
    read = PageMarkdown("d" * 64, 1, "\n\n".join(parts), "e", "f", figures=figures, boxes=tuple(own))
    return Page("d" * 64, 1, Image.new("RGB", (150, 200), "white"), layer, SIZE_PT), read


def row_of(page: PageMarkdown, figures: FigureOptions) -> dict[str, Any]:
    return page_row(with_paths(page, figures), "a.pdf", "", "")


@settings(max_examples=60, deadline=None)
@given(
    pages(),
    st.sampled_from(list(product(FIGURES, BOXES))),
    st.sampled_from(list(product(FIGURES, BOXES))),
)
def test_again_is_as_new(
    given_page: tuple[Page, PageMarkdown],
    before: tuple[FigureOptions, BoxOptions],
    after: tuple[FigureOptions, BoxOptions],
) -> None:
    page, read = given_page
    first = row_of(place(page, read, *before), before[0])
    known = page_of(first)
    loaded = page if needs_image(known, wanted(*after)) else Page(page.doc_id, 1, None, page.text_layer, SIZE_PT)
    again = place_again(loaded, known, *after)
    assert again.placing.serves(wanted(*after))
    if known.placing.serves(wanted(*after)):
        assert again == known
        return
    united = (  # what is no longer wanted stays
        after[0] if after[0].keep != "none" else before[0],
        after[1] if after[1].find else before[1],
    )
    fresh, found = row_of(place(page, read, *united), united[0]), row_of(again, united[0])
    aside = {"updated_at", *(["figure_images"] if before[0] == united[0] else [])}  # these stay where they are
    assert {k: v for k, v in found.items() if k not in aside} == {k: v for k, v in fresh.items() if k not in aside}


placings = st.builds(Placing, st.sampled_from(["", "layer", "all"]), st.sampled_from(["", "-", "files", "column"]))
asked = st.builds(Placing, st.sampled_from(["", "layer", "all"]), st.sampled_from(["", "files", "column"]))


@given(st.lists(placings, max_size=4), asked)
def test_a_document_serves_what_all_its_pages_serve(found: list[Placing], wanted: Placing) -> None:
    assert Placing.of_all(found).serves(wanted) == all(one.serves(wanted) for one in found)
