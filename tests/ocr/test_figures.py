"""Boxes of figures become crops of the page; boxes that can't be right are recorded and not cropped."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageColor, ImageDraw

from rag_ingest.errors import ConfigError
from rag_ingest.ocr.figures import FigureOptions, cropped, with_paths
from rag_ingest.pipeline import Pipeline
from rag_ingest.types import BBox, Figure, Page, PageMarkdown, Span, TextBox

SIZE_PT = (600.0, 800.0)
RED = (100.0, 200.0, 300.0, 400.0)


def page(image: Image.Image | None = None) -> Page:
    """White, with a red square where `RED` says; two pixels a point."""
    if image is None:
        image = Image.new("RGB", (1200, 1600), "white")
        ImageDraw.Draw(image).rectangle([2 * side for side in RED], fill="red")
    return Page("d" * 64, 3, image, None, SIZE_PT)


def read(*boxes: BBox | None) -> PageMarkdown:
    figures = tuple(Figure(f"image_{n}.png", box) for n, box in enumerate(boxes, 1))
    return PageMarkdown("d" * 64, 3, "", "bbox", "f" * 16, figures=figures)


@pytest.mark.parametrize("image_format", ["png", "webp", "jpeg"])
def test_a_crop_shows_what_the_box_holds(image_format: str) -> None:
    options = FigureOptions(format=image_format, margin_pt=0)  # type: ignore[arg-type]
    (figure,) = cropped(page(), read(RED), options).figures
    with Image.open(io.BytesIO(figure.image)) as crop:
        assert (crop.format or "").lower() == image_format
        assert crop.size == (400, 400)
        assert crop.convert("RGB").resize((1, 1)).getpixel((0, 0)) >= (250, 0, 0)


def test_the_margin_is_added_and_ends_at_the_page() -> None:
    corner = (0.0, 0.0, 100.0, 100.0)
    inside, at_edge = cropped(page(), read(RED, corner), FigureOptions(margin_pt=10)).figures
    assert Image.open(io.BytesIO(inside.image)).size == (440, 440)
    assert Image.open(io.BytesIO(at_edge.image)).size == (220, 220)


@pytest.mark.parametrize(
    ("degrees", "top_left"), [(0, "red"), (90, "blue"), (180, "white"), (270, "lime"), ("?", "red")]
)
def test_the_crop_of_a_page_that_was_turned_to_be_read_is_turned_likewise(degrees: object, top_left: str) -> None:
    image = Image.new("RGB", (1200, 1600), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((200, 400, 399, 599), fill="red")  # corners of the box: as filed red is at the top left,
    draw.rectangle((400, 400, 599, 599), fill="lime")
    draw.rectangle((200, 600, 399, 799), fill="blue")  # and blue below it
    before = replace(read(RED), checks={"turned": degrees})
    (figure,) = cropped(page(image), before, FigureOptions(margin_pt=0)).figures
    assert figure.bbox == RED
    with Image.open(io.BytesIO(figure.image)) as crop:
        assert crop.getpixel((100, 100)) == ImageColor.getrgb(top_left)


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((300.0, 200.0, 100.0, 400.0), "inverted"),
        ((100.0, 200.0, 100.0, 400.0), "inverted"),
        ((-50.0, 200.0, 300.0, 400.0), "outside the page"),
        ((100.0, 200.0, 300.0, 900.0), "outside the page"),
        ((0.0, 0.0, 600.0, 800.0), "the whole page"),
        ((100.0, 200.0, 300.0, 203.0), "too small"),
        ((float("nan"), 200.0, 300.0, 400.0), "inverted"),
        ((float("inf"), 200.0, 300.0, 400.0), "inverted"),
        ((100.0, 200.0, float("inf"), 400.0), "outside the page"),
    ],
)
def test_a_box_that_cannot_be_right_is_recorded_and_not_cropped(box: BBox, reason: str) -> None:
    done = cropped(page(), read(box, RED), FigureOptions())
    bad, good = done.figures
    assert (bad.bbox, bad.image) == (None, b"")
    assert good.bbox == RED
    assert good.image
    (recorded,) = done.checks["bad_boxes"]
    assert recorded.startswith("image_1.png ")
    assert recorded.endswith(reason)


def test_the_image_link_of_a_refused_box_has_none_either() -> None:
    whole = (0.0, 0.0, *SIZE_PT)
    links = ("![a](image_1.png)", "![b](image_2.png)")
    words = TextBox(Span(40, 45), (1.0, 1.0, 2.0, 2.0))
    boxes = (TextBox(Span(0, 17), whole), TextBox(Span(19, 36), RED), words)
    before = replace(read(whole, RED), markdown="\n\n".join([*links, "words"]), boxes=boxes)
    for read_boxes, kept in ((boxes, boxes[1:]), ((), boxes[1:2])):
        with Pipeline() as pipeline:
            assert pipeline._finish(page(), replace(before, boxes=read_boxes)).boxes == kept


def test_a_box_a_little_over_the_edge_is_cut_to_the_page() -> None:
    (figure,) = cropped(page(), read((-1.5, 10.0, 601.0, 200.0)), FigureOptions()).figures
    assert figure.bbox == (0.0, 10.0, 600.0, 200.0)


def test_boxes_that_the_engine_refused_stay_on_record() -> None:
    before = read((0.0, 0.0, 600.0, 800.0))
    before = PageMarkdown(**{**{n: getattr(before, n) for n in before.__slots__}, "checks": {"bad_boxes": ["9,9,1,1"]}})
    assert len(cropped(page(), before, FigureOptions()).checks["bad_boxes"]) == 2


def test_nothing_to_crop_leaves_the_page_as_it_is() -> None:
    for before in (read(), read(None)):
        assert cropped(page(), before, FigureOptions()) == before
    without_image = cropped(Page("d", 1, None, None, SIZE_PT), read(RED), FigureOptions())
    assert without_image.figures == read(RED).figures
    assert cropped(page(), read(RED), FigureOptions(keep="none")).figures == read(RED).figures


sides = st.floats(-2000, 2000) | st.floats() | st.sampled_from([0.0, 600.0, 800.0])


@given(st.lists(st.tuples(sides, sides, sides, sides), max_size=4))
def test_any_boxes_give_crops_or_a_record(boxes: list[BBox]) -> None:
    done = cropped(page(), read(*boxes), FigureOptions())
    assert len(done.figures) == len(boxes)
    assert sum(not figure.image for figure in done.figures) == len(done.checks.get("bad_boxes", ()))
    for figure in done.figures:
        assert bool(figure.image) == (figure.bbox is not None)


def test_paths_tell_documents_engines_pages_and_figures_apart() -> None:
    done = with_paths(cropped(page(), read(None, RED, RED), FigureOptions()), FigureOptions())
    assert [figure.path for figure in done.figures] == [
        "",
        f"figures/dd/{'d' * 64}/{'f' * 16}/0003-2.png",
        f"figures/dd/{'d' * 64}/{'f' * 16}/0003-3.png",
    ]
    column = FigureOptions(keep="column")
    done = with_paths(cropped(page(), read(None, RED), column), column)
    assert [(figure.path, figure.in_table) for figure in done.figures] == [("", False), ("", True)]


def test_options_fail_early() -> None:
    for wrong, name in (({"keep": "disk"}, "keep"), ({"format": "gif"}, "format"), ({"margin_pt": -1}, "margin_pt")):
        with pytest.raises(ConfigError, match=rf"figures\.{name}"):
            FigureOptions(**wrong)  # type: ignore[arg-type]
