"""The fixture pages: blocks -> a picture and its Markdown, from one source, so that the two can't disagree.

`python tests/tiny_lightonocr/pages.py` writes `pages/NN.png` and `pages/NN.md` again. The letters are Pillow's built-in
scalable font, so nothing of the machine takes part.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FOLDER = Path(__file__).resolve().parent / "pages"
MARGIN_PX = 12
GAP_PX = 7
EDGE_PX = 14
BUILT = {"²": ("", "2"), "°": ("", "o"), "ü": ("u", '"')}
"""The built-in font is ASCII: (base letter, mark set above it) for what the pages need beyond."""


@dataclass(frozen=True)
class Pen:
    """Where the next block goes on a page, and how wide it may be."""

    draw: ImageDraw.ImageDraw
    x: int
    y: int
    width: int

    def down(self, pixels: int) -> Pen:
        return Pen(self.draw, self.x, self.y + pixels, self.width)

    def lines(self, text: str, size: int, *, indent: int = 0, centre: bool = False) -> Pen:
        """Words wrapped to the width; returns the pen below them."""
        font = ImageFont.load_default(size)
        pen, line = self, ""
        for word in [*text.split(), None]:
            longer = f"{line} {word}".strip() if word is not None else ""
            if word is not None and font.getlength(longer) <= self.width - indent:
                line = longer
                continue
            left = (self.width - font.getlength(line)) / 2 if centre else indent
            pen.text(line, size, left)
            pen, line = pen.down(round(size * 1.3)), word or ""
        return pen

    def text(self, line: str, size: int, left: float = 0) -> None:
        """One line, `left` pixels into the width."""
        x, font = self.x + left, ImageFont.load_default(size)
        for part in re.split(f"([{''.join(BUILT)}])", line):
            base, mark = BUILT.get(part, (part, ""))
            self.draw.text((x, self.y), base, fill="black", font=font)
            if mark:
                small = ImageFont.load_default(size * 2 // 3)
                self.draw.text((x, self.y - (0 if base else 1)), mark, fill="black", font=small)
                x += 0 if base else small.getlength(mark)
            x += font.getlength(base)


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 1

    def markdown(self) -> str:
        return f"{'#' * self.level} {self.text}"

    def paint(self, pen: Pen) -> Pen:
        return pen.lines(self.text, 22 - 4 * self.level)


@dataclass(frozen=True)
class Paragraph:
    """`text` is the Markdown; `drawn` what stands on the page where that differs."""

    text: str
    drawn: str = ""

    def markdown(self) -> str:
        return self.text

    def paint(self, pen: Pen) -> Pen:
        return pen.lines(self.drawn or self.text, 11)


@dataclass(frozen=True)
class Math:
    tex: str
    drawn: str

    def markdown(self) -> str:
        return f"$${self.tex}$$"

    def paint(self, pen: Pen) -> Pen:
        return pen.lines(self.drawn, 14, centre=True)


@dataclass(frozen=True)
class Bullets:
    items: tuple[str, ...]
    numbered: bool = False

    def _marks(self) -> list[str]:
        return [f"{n}." if self.numbered else "-" for n in range(1, len(self.items) + 1)]

    def markdown(self) -> str:
        return "\n".join(f"{mark} {item}" for mark, item in zip(self._marks(), self.items, strict=True))

    def paint(self, pen: Pen) -> Pen:
        for mark, item in zip(self._marks(), self.items, strict=True):
            if self.numbered:
                pen.text(mark, 11, 4)
            else:
                pen.draw.ellipse((pen.x + 6, pen.y + 4, pen.x + 9, pen.y + 7), fill="black")
            pen = pen.lines(item, 11, indent=18)
        return pen


@dataclass(frozen=True)
class Table:
    """The first row is the header; HTML on one line, as the full-size model writes it."""

    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        head, *body = self.rows
        top = "".join(f"<th>{cell}</th>" for cell in head)
        rest = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in body)
        return f"<table><thead><tr>{top}</tr></thead><tbody>{rest}</tbody></table>"

    def paint(self, pen: Pen) -> Pen:
        font, high = ImageFont.load_default(11), 17
        wide = pen.width // len(self.rows[0])
        for y, row in enumerate(self.rows):
            for x, cell in enumerate(row):
                left, top = pen.x + x * wide, pen.y + y * high
                pen.draw.rectangle((left, top, left + wide, top + high), outline="black")
                pen.draw.text((left + 4, top + 2), cell, fill="black", font=font)
        return pen.down(high * len(self.rows) + 2)


@dataclass(frozen=True)
class Figure:
    number: int
    heights: tuple[int, ...]

    def markdown(self) -> str:
        return f"![image](image_{self.number}.png)"

    def paint(self, pen: Pen) -> Pen:
        high, wide = 64, pen.width // len(self.heights)
        pen.draw.rectangle((pen.x, pen.y, pen.x + pen.width, pen.y + high), outline="black")
        for n, bar in enumerate(self.heights):
            left = pen.x + n * wide + 4
            pen.draw.rectangle((left, pen.y + high - bar, left + wide - 8, pen.y + high), fill="gray")
        return pen.down(high + 2)


Block = Heading | Paragraph | Math | Bullets | Table | Figure


@dataclass(frozen=True)
class FixturePage:
    """One page: one tuple of blocks a column, below a title over all of them.

    `foot` stands in the last 14 px at the bottom and `stamp` runs down the last 14 px at the right, where they are lost
    when a page is not padded to whole cells of 28 px.
    """

    width: int
    height: int
    columns: tuple[tuple[Block, ...], ...]
    foot: str = ""
    stamp: str = ""
    title: tuple[Block, ...] = field(default=())

    def markdown(self) -> str:
        blocks = [block.markdown() for column in (self.title, *self.columns) for block in column]
        return "\n\n".join([*blocks, *(edge for edge in (self.foot, self.stamp) if edge)])

    def image(self) -> Image.Image:
        """RGB, width x height pixels, black and grey on white."""
        picture = Image.new("RGB", (self.width, self.height), "white")
        draw = ImageDraw.Draw(picture)
        pen = _stack(Pen(draw, MARGIN_PX, MARGIN_PX, self.width - 2 * MARGIN_PX), self.title)
        wide = (self.width - MARGIN_PX * (1 + len(self.columns))) // len(self.columns)
        for n, column in enumerate(self.columns):
            _stack(Pen(draw, MARGIN_PX + n * (wide + MARGIN_PX), pen.y, wide), column)
        picture.paste(_edge(self.foot, self.width), (0, self.height - EDGE_PX))
        picture.paste(_edge(self.stamp, self.height).rotate(-90, expand=True), (self.width - EDGE_PX, 0))
        return picture


def _edge(text: str, length: int) -> Image.Image:
    """A strip with one centred line, empty where there is no text."""
    strip = Image.new("RGB", (length, EDGE_PX if text else 0), "white")
    if text:
        font = ImageFont.load_default(11)
        ImageDraw.Draw(strip).text(((length - font.getlength(text)) / 2, 0), text, fill="black", font=font)
    return strip


def _stack(pen: Pen, blocks: Sequence[Block]) -> Pen:
    for block in blocks:
        pen = block.paint(pen).down(GAP_PX)
    return pen


def _one(width: int, height: int, *blocks: Block, foot: str = "", stamp: str = "") -> FixturePage:
    return FixturePage(width, height, (blocks,), foot, stamp)


_RUNS = (
    Heading("Results", 2),
    Paragraph("Both runs agree."),
)
_PHOTON = (Paragraph("A photon carries"), Math("E = hf", "E = h f"))


PAGES: tuple[FixturePage, ...] = (
    _one(
        252,
        140,
        Heading("Reading Pages"),
        Paragraph("A page is an image. The model writes its text as Markdown, one byte after the other."),
        Heading("Method", 2),
        Paragraph("Patches of 14 pixels are merged two by two."),
    ),
    _one(
        224,
        140,
        Heading("Accuracy by language", 2),
        Table((("Language", "Score"), ("Dutch", "0.91"), ("Greek", "0.84"))),
        Paragraph("Table 1: exact matches."),
    ),
    _one(
        252,
        112,
        Paragraph("The energy of a body at rest is"),
        Math("E = mc^2", "E = mc²"),
        Paragraph("where $m$ is its mass and $c$ the speed of light.", "where m is its mass and c the speed of light."),
    ),
    _one(
        196,
        168,
        Heading("Samples", 2),
        Figure(1, (20, 44, 31, 58, 12)),
        Paragraph("Figure 1: Five samples, the fourth is the largest."),
    ),
    _one(
        182,
        162,
        Heading("To do", 2),
        Bullets(("wash the lens", "measure the dark current", "repeat at 4 K")),
        Bullets(("load", "read", "split"), numbered=True),
    ),
    FixturePage(
        308,
        169,
        (
            (Heading("1 Aim", 2), Paragraph("We ask if small models can read two columns in the right order.")),
            (
                Heading("2 Answer", 2),
                Paragraph("They can, when the left one is finished first."),
                Bullets(("left", "right")),
            ),
        ),
        title=(Heading("Two Columns"),),
    ),
    _one(196, 70, *_RUNS, foot="Sheet 7, continued overleaf"),
    _one(196, 70, *_RUNS, foot="END OF REPORT B 1908"),
    _one(182, 84, *_PHOTON, stamp="DRAFT COPY 4"),
    _one(182, 84, *_PHOTON, stamp="sent to print"),
    _one(
        301,
        133,
        Heading("Sums", 2),
        Paragraph("For every positive integer the sum is"),
        Math(r"\sum_{k=1}^{n} k = \frac{n(n+1)}{2}", "1 + 2 + ... + n = n(n+1)/2"),
        Paragraph("and it grows as $n^2$.", "and it grows as n²."),
    ),
    _one(196, 126, Heading("Zürich", 2), Paragraph("Served at 90 °C."), Bullets(("tea: 4.50", "coffee: 4.20"))),
    _one(
        310,
        103,
        Table((("", "2019", "2020"), ("Iron", "4.1", "4.0"))),
        Paragraph("All values in mg per litre; section 3.2 has the method."),
    ),
    _one(
        243,
        281,
        Heading("Appendix"),
        Figure(1, (50, 22)),
        Figure(2, (10, 30, 50)),
        Paragraph("Figures 1 and 2: before and after."),
        Heading("References", 2),
        Paragraph("[1] A. Noether. Invariante Variationsprobleme. 1918."),
    ),
    _one(140, 65, Paragraph("Only this one line.")),
    _one(
        290,
        205,
        Heading("3.1 Maxwell", 3),
        Math(r"\nabla \cdot \mathbf{B} = 0", "div B = 0"),
        Math(r"\nabla \times \mathbf{E} = -\partial_t \mathbf{B}", "rot E = - dB/dt"),
        Paragraph("Both hold in vacuum and in matter."),
        Heading("3.2 Units", 3),
        Table((("B", "tesla"), ("E", "V/m"))),
    ),
)


def write() -> None:
    """Writes every page's picture and Markdown."""
    FOLDER.mkdir(exist_ok=True)
    for number, page in enumerate(PAGES, start=1):
        page.image().save(FOLDER / f"{number:02}.png", optimize=True)
        (FOLDER / f"{number:02}.md").write_text(page.markdown() + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
