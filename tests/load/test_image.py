"""Image files: upright, RGB on white, never enlarged."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from rag_ingest.errors import LoadError, UnsupportedSourceError
from rag_ingest.load.image import ImageLoader
from rag_ingest.load.options import LoadOptions
from rag_ingest.types import Failure, Page, Source


@pytest.fixture(scope="module")
def loader():
    with ImageLoader(LoadOptions(workers=1, longest_edge_px=400)) as one:
        yield one


@pytest.fixture
def load(loader, tmp_path):
    """Saves an image and reads every page of it."""

    def save_and_read(image, name="image.png", **how):
        file = tmp_path / name
        if isinstance(image, bytes):
            file.write_bytes(image)
        else:
            image.save(file, **how)
        document = loader.open(Source(str(file), "image"))
        return document, list(loader.pages(document, range(1, document.page_count + 1)))

    return save_and_read


def corner(width=100, height=60, mode="RGB"):
    """White with a black top left quarter."""
    image = Image.new("RGB", (width, height), "white")
    image.paste("black", (0, 0, width // 2, height // 2))
    return image.convert(mode)


def dark_quarter(image):
    """(left?, top?) of the darkest quarter."""
    grey = np.asarray(image.convert("L"), dtype=float)
    height, width = grey.shape
    quarters = {
        (left, top): grey[(0 if top else height // 2) :][: height // 2, (0 if left else width // 2) :][
            :, : width // 2
        ].mean()
        for left in (True, False)
        for top in (True, False)
    }
    return min(quarters, key=quarters.get)


@pytest.mark.parametrize("name", ["i.png", "i.jpg", "i.webp", "i.tif"])
def test_formats(load, name):
    document, (page,) = load(corner(), name)
    assert document.page_count == 1
    assert (page.number, page.text_layer, page.rotation) == (1, None, 0)
    assert (page.image.mode, page.image.size) == ("RGB", (100, 60))
    assert dark_quarter(page.image) == (True, True)
    assert page.size_pt == (36, 21.6)  # 200 DPI where the file names none


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "I;16", "RGBA", "LA"])
def test_modes_become_rgb(load, mode):
    grey = corner(mode="L")
    image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    assert image.mode == mode
    _, (page,) = load(image, "i.tif")
    assert page.image.mode == "RGB"
    assert page.image.getpixel((5, 5)) == (0, 0, 0)
    assert page.image.getpixel((95, 55)) == (255, 255, 255)


def test_transparent_is_white(load):
    _, (page,) = load(Image.new("RGBA", (50, 50), (255, 0, 0, 0)))
    assert page.image.getpixel((10, 10)) == (255, 255, 255)


@pytest.mark.parametrize("name", ["i.jpg", "i.tif"])
@pytest.mark.parametrize(
    ("orientation", "rotation", "dark"),
    [
        (1, 0, (True, True)),
        (2, 0, (False, True)),
        (3, 180, (False, False)),
        (6, 90, (False, True)),
        (8, 270, (True, False)),
    ],
)
def test_orientation(load, loader, name, orientation, rotation, dark):
    exif = Image.Exif()
    exif[0x0112] = orientation
    document, (page,) = load(corner(800, 600), name, exif=exif, dpi=(100, 200))
    turned = rotation % 180 != 0
    assert page.image.size == ((300, 400) if turned else (400, 300))
    assert page.size_pt == ((216, 576) if turned else (576, 216))
    assert page.rotation == rotation
    assert dark_quarter(page.image) == dark
    (again,) = loader.pages(document, [1])
    assert (again.rotation, again.size_pt, again.image.tobytes()) == (rotation, page.size_pt, page.image.tobytes())


def test_each_frame_of_a_tiff_is_a_page(load, loader):
    sizes = [(60, 40), (50, 80), (900, 300)]
    frames = [Image.new("RGB", size, (n * 80, 0, 0)) for n, size in enumerate(sizes)]
    document, pages = load(frames[0], "i.tiff", save_all=True, append_images=frames[1:])
    assert document.page_count == 3
    assert [p.image.size for p in pages] == [(60, 40), (50, 80), (400, 133)]
    assert [p.image.getpixel((0, 0))[0] for p in pages] == [0, 80, 160]
    assert [p.number for p in loader.pages(document, [3, 1])] == [3, 1]


@given(width=st.integers(28, 1500), height=st.integers(28, 1500))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_shrunk_to_the_longest_edge_and_never_enlarged(load, width, height):
    _, (page,) = load(Image.new("L", (width, height), 255))
    if min(width, height) * 400 / max(width, height, 400) < 27.5:
        assert isinstance(page, Failure)
        assert "a side under 28 px" in page.reason
        return
    assert isinstance(page, Page)
    assert max(page.image.size) == min(400, max(width, height))
    assert page.image.width <= width
    assert page.image.height <= height


def png_that_claims(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(13_500, 13_500), (100_000, 100_000)])
def test_a_decompression_bomb_is_refused(load, size):
    with pytest.raises(LoadError, match="too large: more than 179 megapixels"):
        load(png_that_claims(*size))


def test_a_large_image_within_the_limit_that_is_truncated(load):
    _, (failure,) = load(png_that_claims(10_000, 9_500))  # above Pillow's warning level
    assert isinstance(failure, Failure)
    assert failure.reason == "image is truncated or damaged"


@pytest.mark.parametrize("name", ["i.png", "i.jpg", "i.webp", "i.tif"])
def test_a_truncated_image_fails_with_one_line(load, tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    failures = []
    try:
        failures = [page.reason for page in load(data[: len(data) // 2], name)[1]]
    except LoadError as error:  # TIFF and WebP keep what is needed to open them at the end, or all over
        failures = [str(error)]
    assert failures
    assert all("truncated" in reason or "damaged" in reason for reason in failures)
    assert not any("\n" in reason for reason in failures)


def test_what_is_no_image(load):
    for data in (b"GIF89a" + b"\0" * 50, b"hello", b"\x89PNG\r\n\x1a\n"):
        with pytest.raises(UnsupportedSourceError, match="damaged beyond repair"):
            load(data)
    with pytest.raises(LoadError, match="empty"):
        load(b"")


def test_without_image(loader, tmp_path):
    corner(1000, 500).save(tmp_path / "image.png")
    document = loader.open(Source(str(tmp_path / "image.png"), "image"))
    assert document.metadata == {"format": "PNG", "width_px": 1000, "height_px": 500}
    (page,) = loader.pages(document, [1], image=False)
    assert page.image is None
    assert page.size_pt == (360, 180)
