"""The text layer and the rendering agree with each other and with what stands on the page."""

from __future__ import annotations

import string
import unicodedata

import numpy as np
import pypdfium2 as pdfium
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.load.textlayer import NEWLINE, SPACE, Frame, Glyph, Style, group_lines, plain_text

TWO_COLUMNS = (
    """
#set page(width: 300pt, height: 400pt, margin: 30pt, columns: 2)
#set columns(gutter: 14pt)
#set text(size: 9pt, hyphenate: true, lang: "en")
#set par(justify: true)
"""
    + "#lorem(180)"
)


def ink_box(page, bbox_pt=None):
    """Left, top, right, bottom of what is dark, in points; looks within a box only where one is given."""
    pixels = np.asarray(page.image.convert("L")) < 128
    scale = page.image.width / page.size_pt[0]
    if bbox_pt is not None:
        keep = np.zeros_like(pixels)
        left, top, right, bottom = (round(v * scale) for v in bbox_pt)
        keep[max(top - 1, 0) : bottom + 2, max(left - 1, 0) : right + 2] = True
        pixels &= keep
    ys, xs = np.nonzero(pixels)
    assert xs.size, "no ink"
    return np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) / scale


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", ["", "/CropBox [40 30 280 390]"])
def test_boxes_lie_on_the_ink(pdf, at, read, rotation, crop):
    content = at(60, 350, "Upper words") + at(120, 100, "lower", 20)
    (page,) = read(pdf([content], page=f"/MediaBox [0 0 300 400]/Rotate {rotation}{crop}"), image=True)
    assert page.rotation == rotation
    width, height = (240, 360) if crop else (300, 400)
    assert page.size_pt == ((height, width) if rotation % 180 else (width, height))
    assert max(page.image.size) == 800
    assert [line.text for line in page.text_layer] == ["Upper words", "lower"]
    for line in page.text_layer:
        np.testing.assert_allclose(line.bbox, ink_box(page, line.bbox), atol=1.0)
        for word in line.words:
            np.testing.assert_allclose(word.bbox, ink_box(page, word.bbox), atol=1.0)
    everything = np.array([line.bbox for line in page.text_layer])
    union = [*everything[:, :2].min(axis=0), *everything[:, 2:].max(axis=0)]
    np.testing.assert_allclose(union, ink_box(page), atol=1.0)


def test_text_off_the_displayed_page_is_left_out(pdf, at, read):
    content = at(60, 350, "seen") + at(5, 5, "unseen") + at(2000, 200, "far")
    (page,) = read(pdf([content], page="/MediaBox [0 0 300 400]/CropBox [40 30 280 390]"))
    assert [line.text for line in page.text_layer] == ["seen"]


def test_columns_never_share_a_line(typeset, read):
    (page,) = read(typeset(TWO_COLUMNS))
    middle = 150
    left = [line for line in page.text_layer if line.bbox[2] <= middle]
    right = [line for line in page.text_layer if line.bbox[0] >= middle]
    assert len(left) > 10
    assert len(right) > 10
    assert left + right == list(page.text_layer)


def test_columns_written_row_by_row_never_share_a_line(pdf, at, read):
    rows = [at(30, y, f"left side {y}", 10) + at(160, y, f"right side {y}", 10) for y in (300, 288, 276)]
    (page,) = read(pdf([b"".join(rows)]))
    texts = [line.text for line in page.text_layer]
    assert texts == [f"{side} side {y}" for y in (300, 288, 276) for side in ("left", "right")]


def test_raised_and_lowered_characters_stay_in_their_line(typeset, read):
    source = "#set page(width: 400pt, height: 200pt)\nHere $x_1^2 + y_n$ is meant, and water is H#sub[2]O.\n\nNext."
    (page,) = read(typeset(source))
    assert len(page.text_layer) == 2
    assert page.text_layer[0].text.startswith("Here")
    assert page.text_layer[0].text.endswith("is H2O.")


def test_hyphens_at_line_ends_are_hyphens_and_the_line_ends(typeset, read):
    source = (
        '#set page(width: 120pt, height: 300pt, margin: 20pt)\n#set text(hyphenate: true, lang: "en", size: 10pt)\n'
    )
    (page,) = read(typeset(source + "#set par(justify: true)\n" + "incomprehensibilities internationalization " * 3))
    broken = [line.text for line in page.text_layer if line.text.endswith("-")]
    assert broken
    assert "".join(line.text.removesuffix("-") for line in page.text_layer).count("internationalization") == 3


def test_size_and_weight(typeset, read):
    (page,) = read(typeset('#set text(size: 10pt)\nplain words\n\n#text(size: 17pt, weight: "bold")[loud words]'))
    assert [(line.text, round(line.size_pt), line.bold) for line in page.text_layer] == [
        ("plain words", 10, False),
        ("loud words", 17, True),
    ]


def test_a_section_number_and_its_heading_are_one_line_but_a_table_row_is_not(pdf, at, read):
    heading = b"BT /F0 12 Tf 50 300 Td (1.3) Tj 32.5 0 Td (Results) Tj ET "
    row = at(50, 200, "abc") + at(86, 200, "defghi")
    (page,) = read(pdf([heading + row]))
    assert [line.text for line in page.text_layer] == ["1.3 Results", "abc", "defghi"]


def test_ligatures_of_bitmap_fonts_without_a_mapping_are_spelt_out(pdf, read):
    """As dvips writes them: Type 3, glyphs named by their codes, no ToUnicode."""
    text = b"speci\x1cc di\x1berent, o\x0ece 612\x15626"
    codes = sorted(set(text) - {0x20})
    glyph = b"<</Length 32>>stream\n500 0 0 0 480 600 d1 0 0 480 600 re f\nendstream"
    names = " ".join(f"{code}/a{code}" for code in codes)
    procs = " ".join(f"/a{code} 7 0 R" for code in codes)
    font = (
        "<</Type/Font/Subtype/Type3/FontBBox[0 0 500 600]/FontMatrix[.001 0 0 .001 0 0]/FirstChar 0/LastChar 127"
        f"/Widths[{'500 ' * 128}]/Encoding<</Type/Encoding/Differences[{names}]>>/CharProcs<<{procs}>>>>"
    )
    data = pdf([b"BT /T 10 Tf 20 300 Td (" + text + b") Tj ET"], extra=[font.encode(), glyph])
    (page,) = read(data.replace(b"/F0 3 0 R", b"/T 6 0 R"))
    assert [line.text for line in page.text_layer] == ["specific different, office 612–626"]


def test_sideways_text_is_one_line(pdf, read):
    content = b"BT /F0 12 Tf 0 1 -1 0 20 100 Tm (sideways words) Tj ET BT /F0 12 Tf 60 300 Td (upright) Tj ET"
    (page,) = read(pdf([content]))
    assert [line.text for line in page.text_layer] == ["sideways words", "upright"]
    left, top, right, bottom = page.text_layer[0].bbox
    assert bottom - top > 4 * (right - left)


def test_a_page_without_text_has_an_empty_layer(pdf, read):
    (page,) = read(pdf([b"0 0 m 100 100 l S"]))
    assert page.text_layer == ()
    assert page.image is None


def test_invisible_text_counts(pdf, at, read):
    (page,) = read(pdf([b"3 Tr " + at(50, 300, "not drawn")]))
    assert [line.text for line in page.text_layer] == ["not drawn"]


@given(st.integers(-5, 0x110010))
def test_plain_text_has_nothing_that_breaks_lines_or_encoders(code):
    text = plain_text(code)
    text.encode()
    assert all(unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp") for char in text)
    assert text == " " or not any(char.isspace() for char in text)
    assert len((text + "x").splitlines()) == 1
    assert not any(char in text for char in "\ufb00\ufb01\ufb02\ufb03\ufb04\ufffe\u00ad")


COORDINATE = st.floats(0, 600, allow_nan=False, width=32)
STYLE = st.builds(Style, st.floats(1, 40, width=32), st.booleans(), st.integers(0, 3))


@st.composite
def glyph_streams(draw):
    def glyph(char, x, y, style):
        return Glyph(char, (x, y, x + 5, y + 8), *((y, y + 8, x) if style.quadrant % 2 else (x, x + 5, y + 8)), style)

    drawn = st.builds(glyph, st.sampled_from(string.ascii_letters), COORDINATE, COORDINATE, STYLE)
    return draw(st.lists(st.one_of(drawn, st.just(SPACE), st.just(NEWLINE))))


@given(glyph_streams())
@settings(deadline=None)
def test_grouping_keeps_every_character_in_order_inside_its_boxes(glyphs):
    lines = group_lines(glyphs)
    assert "".join(row[0].replace(" ", "") for row in lines) == "".join(g.text for g in glyphs).replace(
        " ", ""
    ).replace("\n", "")
    for text, (left, top, right, bottom), _, _, words in lines:
        assert text == " ".join(word for word, _, _ in words)
        for word, (x0, y0, x1, y1), _ in words:
            assert word
            assert left <= x0 <= x1 <= right
            assert top <= y0 <= y1 <= bottom


@given(st.tuples(COORDINATE, COORDINATE, COORDINATE, COORDINATE), st.integers(0, 3), COORDINATE, COORDINATE)
def test_the_frame_maps_the_crop_box_onto_the_page(box, turns, x, y):
    left, right = sorted((box[0], box[2]))
    bottom, top = sorted((box[1], box[3]))
    frame = Frame((left, bottom, right, top), turns)
    sx, ox, sy, oy = frame.axes

    def displayed(px, py):
        u, v = (py, px) if turns % 2 else (px, py)
        return sx * u + ox, sy * v + oy

    width, height = frame.size_pt
    corners = {tuple(np.round(displayed(px, py), 3)) for px in (left, right) for py in (bottom, top)}
    assert corners == {tuple(np.round(c, 3)) for c in ((0, 0), (width, 0), (0, height), (width, height))}
    top_left = [(left, top), (left, bottom), (right, bottom), (right, top)][turns]
    assert np.allclose(displayed(*top_left), (0, 0))


@pytest.mark.real
@pytest.mark.slow
def test_pages_of_every_real_paper_have_text_inside_their_page(real_data, loader):
    from rag_ingest.types import Page, Source

    files = sorted((real_data / "papers").glob("*/paper.pdf"))
    assert len(files) == 28
    for file in files:
        document = loader.open(Source(str(file), "pdf"))
        asked = range(1, document.page_count + 1, 3)
        pages = list(loader.pages(document, asked, image=False))
        assert [page.number for page in pages] == list(asked)
        for page in pages:
            assert isinstance(page, Page), page
            assert page.text_layer, (file, page.number)
            for line in page.text_layer:
                assert not set(line.text) & {"\n", "\r", "\f", "\x02", "\ufffe", "\u00ad"}
                assert 0 <= line.bbox[0] <= line.bbox[2] <= page.size_pt[0] + 0.01
                assert 0 <= line.bbox[1] <= line.bbox[3] <= page.size_pt[1] + 0.01


@pytest.mark.real
def test_the_text_layer_loses_no_letters_of_a_real_paper(real_data, loader):
    """PDFium's own text extraction is the witness, apart from what it reads off the displayed page."""
    from rag_ingest.types import Source

    file = real_data / "papers" / "1706.03762" / "paper.pdf"
    document = loader.open(Source(str(file), "pdf"))
    (page,) = loader.pages(document, [1], image=False)
    with pdfium.PdfDocument(file) as other:
        witness = other[0].get_textpage().get_text_range()
    ours = "".join(line.text for line in page.text_layer)
    letters = [c for c in ours if c.isalnum()]
    expected = [c for c in witness if c.isalnum()]
    assert abs(len(letters) - len(expected)) <= 0.02 * len(expected)


def test_words_drawn_in_no_colour_are_marked(pdf, at, read):
    hidden = at(50, 250, "hidden words").replace(b"Tj", b"Tj 0 Tr").replace(b"Td", b"Td 3 Tr")
    [page] = read(pdf([at(50, 300, "seen words") + hidden]))
    words = [word for line in page.text_layer for word in line.words]
    assert [(word.text, word.visible) for word in words] == [
        ("seen", True), ("words", True), ("hidden", False), ("words", False),
    ]  # fmt: skip
