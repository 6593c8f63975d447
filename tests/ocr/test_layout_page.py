"""A page put together: every word once, in reading order, with what is left out on record."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.ocr.layout_page import Assembled, assemble
from rag_ingest.ocr.layout_regions import Region
from rag_ingest.ocr.layout_rules import Ink
from rag_ingest.types import TextLine, Word

SIZE = (612.0, 792.0)
LABELS = (
    "title", "text", "table", "table_caption", "figure", "figure_caption", "header", "footer", "reference", "equation",
)  # fmt: skip


def line(text: str, left: float, top: float, *, size: float = 10.0, bold: bool = False) -> TextLine:
    words = []
    x = left
    for word in text.split():
        width = 0.48 * size * len(word)
        words.append(Word(word, (x, top, x + width, top + 0.9 * size)))
        x += width + 0.28 * size
    return TextLine(text, (left, top, words[-1].bbox[2], top + 0.9 * size), size, bold, tuple(words))


def put_together(lines: list[TextLine], regions: list[Region], *, first: bool = False) -> Assembled:
    return assemble(lines, regions, Ink(None, SIZE), SIZE, first=first, min_score=0.35)


def paragraph(words: str, left: float, top: float, count: int = 4) -> list[TextLine]:
    return [line(f"{words} {words} line{i}", left, top + 12 * i) for i in range(count)]


def test_two_columns_under_a_title():
    lines = [
        *paragraph("right column text here", 320, 120), *paragraph("left column text here", 60, 120),
        line("A Study of Columns in Papers", 180, 60, size=18, bold=True),
        line("1 Introduction", 60, 100, size=12, bold=True),
    ]  # fmt: skip
    regions = [Region("text", (55, 115, 300, 170), 0.9), Region("text", (315, 115, 560, 170), 0.9)]
    made = put_together(lines, regions, first=True).markdown
    blocks = made.split("\n\n")
    assert blocks[0] == "# A Study of Columns in Papers"
    assert blocks[1] == "## 1 Introduction"
    assert blocks[2].startswith("left column")
    assert "right column" in blocks[-1]


def test_a_sentence_that_a_figure_interrupts_is_joined():
    lines = [
        line("Some prose that begins the long sentence and", 60, 100), line("the sentence is then inter-", 60, 112),
        line("Figure 1: A picture of things.", 60, 330),
        line("rupted by a picture but goes on below it.", 60, 400), line("And it ends there.", 60, 412),
        line("axis", 100, 250),
    ]  # fmt: skip
    regions = [Region("figure", (60, 150, 300, 320), 0.9), Region("figure_caption", (60, 328, 300, 342), 0.9)]
    made = put_together(lines, regions)
    assert "sentence is then interrupted by a picture" in made.markdown
    assert made.markdown.index("goes on below") < made.markdown.index("![image](image_1.png)")
    assert "![image](image_1.png)\n\nFigure 1: A picture of things." in made.markdown
    assert made.figures[0].bbox == (60, 150, 300, 320)
    assert made.checks["figure_text"] == ["axis"]


def test_furniture_is_left_out_and_kept_in_the_checks():
    lines = [
        line("Journal of Things 2020", 60, 30, size=8), *paragraph("body text of the page", 60, 150, 6),
        line("7", 300, 760),
    ]  # fmt: skip
    made = put_together(lines, [Region("header", (55, 28, 200, 40), 0.9)])
    assert sorted(made.checks["furniture"]) == ["7", "Journal of Things 2020"]
    assert "Journal of Things" not in made.markdown


def test_a_footnote_goes_to_the_end():
    lines = [
        *paragraph("left column words are here", 60, 600), line("1 A note in small type.", 60, 660, size=7),
        *paragraph("right column words are here", 320, 600),
    ]  # fmt: skip
    made = put_together(lines, [])
    assert made.markdown.endswith("1 A note in small type.")


def test_all_lines_of_a_footnote_go_to_the_end():
    lines = [
        *paragraph("left column words are here", 60, 600),
        line("1 A note in small type, whose first line is set in and", 66, 660, size=7),
        line("second line of the note.", 60, 668, size=7),
        line("2 Another note that needs a further", 66, 676, size=7),
        line("line as well.", 60, 684, size=7),
        *paragraph("right column words are here", 320, 600),
    ]  # fmt: skip
    made = put_together(lines, [])
    notes = "1 A note in small type, whose first line is set in and second line of the note."
    assert made.markdown.endswith(f"line3\n\n{notes}\n\n2 Another note that needs a further line as well.")


def test_text_printed_twice_over_itself_comes_once():
    lines = [*paragraph("shadowed words are here", 60, 100), *paragraph("shadowed words are here", 60.4, 100.8)]
    made = put_together(lines, [])
    assert made.markdown.count("line0") == 1
    assert made.checks["doubled_text"] == 4


places = st.tuples(
    st.integers(0, 55), st.integers(0, 64), st.integers(1, 6), st.sampled_from([7.0, 10.0, 10.0, 14.0]), st.booleans()
)
boxes = st.builds(
    lambda label, x, y, w, h, s: Region(label, (x, y, x + w, y + h), s),
    st.sampled_from(LABELS),
    st.floats(0, 500), st.floats(0, 700), st.floats(5, 560), st.floats(5, 600), st.floats(0.2, 1),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(places, min_size=1, max_size=25), st.lists(boxes, max_size=8), st.booleans())
def test_every_word_comes_once(raw: list[tuple[int, int, int, float, bool]], regions: list[Region], first: bool):
    lines = [
        line(" ".join(f"q{n}z{k}" for k in range(count)), 10 * x + 20, 12 * y + 10, size=size, bold=bold)
        for n, (x, y, count, size, bold) in enumerate(raw)
    ]
    made = put_together(lines, regions, first=first)
    everything = "\n".join([made.markdown, *made.checks["furniture"], *made.checks["figure_text"]])
    found = re.findall(r"q ?\d+ ?z ?\d+", everything.replace(r"\mathrm{", "").replace("{", "").replace("}", ""))
    assert sorted(f.replace(" ", "") for f in found) == sorted(w.text for ln in lines for w in ln.words)
    assert made.markdown.count("\n# ") + made.markdown.startswith("# ") <= int(first)


def test_every_block_knows_its_box_and_a_joined_one_both():
    left, right = paragraph("left column text that", 60, 600, 3), paragraph("goes on here", 320, 120, 2)
    made = put_together([line("1 Introduction", 60, 560, size=12, bold=True), *left, *right], [])
    shown = [(made.markdown[b.span.start : b.span.end].strip(), b.bbox) for b in made.boxes]
    assert [text.split()[0] for text, _ in shown] == ["##", "left", "goes"]
    assert [box[1::2] for _, box in shown] == [(560, 570.8), (600, 633), (120, 141)]
    assert "\n\n".join(shown[0][:1]) + "\n\n" + " ".join(text for text, _ in shown[1:]) == made.markdown
