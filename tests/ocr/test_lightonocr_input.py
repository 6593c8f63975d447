"""Pages are padded, never stretched or enlarged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

from rag_ingest.errors import OcrError
from rag_ingest.ocr.lightonocr_input import CELL_PX, LONGEST_EDGE_PX, fitted, image_tokens, prepare

SIDE = st.integers(CELL_PX, 400)


@given(SIDE, SIDE)
def test_a_page_that_fits_keeps_its_pixels_and_gains_white_to_whole_cells(width: int, height: int) -> None:
    image = Image.new("RGB", (width, height), (90, 20, 60))
    padded = prepare(image)
    assert all(side % CELL_PX == 0 for side in padded.size)
    assert 0 <= padded.width - width < CELL_PX
    assert 0 <= padded.height - height < CELL_PX
    expected = Image.new("RGB", padded.size, "white")
    expected.paste(image)
    assert ImageChops.difference(padded, expected).getbbox() is None


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_the_longest_edge_is_brought_down_and_never_up(width: int, height: int) -> None:
    small = fitted(width, height)
    assert max(small) <= LONGEST_EDGE_PX
    assert small[0] <= width
    assert small[1] <= height
    if max(width, height) <= LONGEST_EDGE_PX:
        assert small == (width, height)
    else:
        assert max(small) == LONGEST_EDGE_PX
        assert abs(small[0] - width * max(small) / max(width, height)) <= 1


def test_a_larger_page_is_reduced_within_the_training_resolution() -> None:
    assert prepare(Image.new("RGB", (2000, 3000))).size == (1036, 1540)


@pytest.mark.parametrize(("size", "tokens"), [((1089, 1540), 2145), ((1190, 1540), 2365), ((28, 28), 1)])
def test_image_tokens(size: tuple[int, int], tokens: int) -> None:
    assert image_tokens(prepare(Image.new("RGB", size)).size) == tokens


@pytest.mark.parametrize("size", [(1, 1), (27, 500), (500, 27), (14400, 20)])
def test_a_side_too_small_for_one_cell_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(OcrError, match="too small"):
        prepare(Image.new("RGB", size))


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "RGBA", "LA", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    assert prepare(Image.new(mode, (56, 56))).mode == "RGB"


def test_transparency_is_white_paper() -> None:
    assert prepare(Image.new("RGBA", (56, 56), (0, 0, 0, 0))).getpixel((3, 3)) == (255, 255, 255)
