"""Where chunks stand: united from the lines that they cover."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from rag_ingest.parse import parse_markdown
from rag_ingest.split import SplitOptions, split
from rag_ingest.types import BBox, Chunk, Document, PageBox, Span

WIDTH = 240.0


def words(text: str) -> int:
    return len(text.split())


def on_page(text: str, *columns: tuple[int, float, float, int]) -> Document:
    """The document with each line of `text` below the one before; columns are (page, left, top, lines)."""
    document = parse_markdown(text)
    places = [(page, left, top + 12 * at) for page, left, top, count in columns for at in range(count)]
    lines = [match.span() for match in re.finditer(r"[^\n]+", text)]
    assert len(lines) == len(places)
    boxes = [
        PageBox(Span(*span), page, (left, top, left + WIDTH, top + 10))
        for span, (page, left, top) in zip(lines, places, strict=True)
    ]
    return replace(document, boxes=tuple(boxes))


def chunks_of(document: Document, max_tokens: int = 256) -> list[Chunk]:
    return list(split(document, SplitOptions(), words, max_tokens))


def prose(lines: int) -> str:
    return "\n".join(f"the words of line {n} go on here" for n in range(lines))


def test_lines_of_a_column_are_one_box():
    [chunk] = chunks_of(on_page(f"# Title\n\n{prose(5)}", (1, 50, 100, 6)))
    assert chunk.bboxes == ((1, (50, 100, 50 + WIDTH, 170)),)


def test_a_paragraph_over_columns_and_pages_has_a_box_in_each():
    [chunk] = chunks_of(on_page(prose(9), (1, 50, 600, 3), (1, 320, 100, 2), (2, 50, 100, 4)))
    assert chunk.bboxes == (
        (1, (50, 600, 50 + WIDTH, 634)),
        (1, (320, 100, 320 + WIDTH, 122)),
        (2, (50, 100, 50 + WIDTH, 146)),
    )


def test_what_stands_between_is_not_covered():
    [chunk] = chunks_of(on_page(f"{prose(3)}\n\n{prose(3)}", (1, 50, 100, 3), (1, 50, 400, 3)))
    assert [box[1::2] for _, box in chunk.bboxes] == [(100, 134), (400, 434)]


def test_a_title_over_both_columns_does_not_take_the_other_column_in():
    document = on_page(f"# Title\n\n{prose(10)}", (1, 50, 80, 1), (1, 50, 100, 10))
    first, *rest = document.boxes
    wide = replace(first, bbox=(50.0, 80.0, 560.0, 95.0))
    [chunk] = chunks_of(replace(document, boxes=(wide, *rest)))
    assert chunk.bboxes == ((1, (50, 80, 560, 95)), (1, (50, 100, 50 + WIDTH, 218)))


def test_text_that_goes_on_behind_a_float_is_one_box_again():
    document = on_page(f"{prose(3)}\n\nFigure 1: It.\n\n{prose(3)}", (1, 50, 100, 3), (1, 320, 500, 1), (1, 50, 136, 3))
    [chunk] = chunks_of(document)
    assert [box[:2] for _, box in chunk.bboxes] == [(50, 100), (320, 500)]


def test_a_chunk_cut_inside_a_paragraph_has_its_own_lines():
    document = on_page(prose(20), (1, 50, 100, 20))
    chunks = chunks_of(document, max_tokens=40)
    assert len(chunks) > 2
    for chunk in chunks:
        lines = [box.bbox for box in document.boxes if overlap(box.span, chunk.span)]
        assert chunk.bboxes == ((1, (50, lines[0][1], 50 + WIDTH, lines[-1][3])),)


def test_a_document_without_boxes_costs_and_gives_nothing():
    assert all(chunk.bboxes == () for chunk in chunks_of(parse_markdown(prose(20)), max_tokens=40))


def overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def inside(inner: BBox, outer: BBox) -> bool:
    return all(a >= b for a, b in zip(inner[:2], outer[:2], strict=True)) and all(
        a <= b for a, b in zip(inner[2:], outer[2:], strict=True)
    )


SIDE = st.integers(0, 60).map(lambda side: 10.0 * side)
BOX = st.builds(lambda x, y, w, h: (x, y, x + w + 5, y + h + 5), SIDE, SIDE, SIDE, SIDE)


@given(
    st.lists(st.sampled_from(["# A b\n\n", "word of it\n", "\n\n", "| a |\n|---|\n| b |\n", "$$x$$\n"])).map("".join),
    st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.integers(1, 3), BOX), max_size=30),
)
def test_a_chunk_has_the_boxes_of_its_lines_and_of_no_others(text: str, cuts: list[tuple[int, bool, int, BBox]]):
    document, boxes, at = parse_markdown(text), [], 0
    for length, gap, page, bbox in cuts:
        end = min(len(text), at + length)
        if end > at and not gap:
            boxes.append(PageBox(Span(at, end), page, bbox))
        at = end
    document = replace(document, boxes=tuple(boxes))
    for chunk in chunks_of(document, max_tokens=12):
        own = [box for box in boxes if overlap(box.span, chunk.span)]
        assert all(any(inside(box.bbox, bbox) for page, bbox in chunk.bboxes if page == box.page) for box in own)
        for page, (left, top, right, bottom) in chunk.bboxes:
            of_page = [box.bbox for box in own if box.page == page]
            assert {left, top, right, bottom} <= {side for box in of_page for side in box}
        assert len(chunk.bboxes) <= len(own)


def test_four_times_the_boxes_cost_about_four_times_the_work(monkeypatch):
    from rag_ingest.split import places

    def looks(count: int) -> int:
        seen = 0
        stacked = places._stacked

        def counted(*regions):
            nonlocal seen
            seen += 1
            return stacked(*regions)

        text = "word\n\n" * count
        document = parse_markdown(text)
        boxes = [
            PageBox(block.span, 1, (50.0 * (n % 7), 90.0 * (n % 5), 50.0 * (n % 7) + 9, 90.0 * (n % 5) + 9))
            for n, block in enumerate(document.blocks)
        ]
        with monkeypatch.context() as patch:
            patch.setattr(places, "_stacked", counted)
            chunks_of(replace(document, boxes=tuple(boxes)), max_tokens=10**6)
        return seen

    assert looks(800) <= 5 * looks(200)
