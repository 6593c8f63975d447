"""PDFium's characters -> lines of text with boxes, as the page is displayed. Runs in a worker process only."""

from __future__ import annotations

import ctypes
import math
import re
import statistics
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium

from rag_ingest.types import BBox

COLUMN_GAP_EM = 1.2
"""A gap this wide ends a line. The quad after a section number is 1 em; the narrowest column gutters are 1.2 em."""
BASELINE_JUMP_EM = 0.75
"""A baseline this far off ends a line. Sub- and superscript lie up to 0.65 em apart, lines 1 em or more."""
CLOSE_EM = 0.25
"""Where PDFium ends a line, a character this near still belongs to it: less than the space between two words."""
LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
LINE_END_HYPHENS = (0x02, 0xFFFE)
TEX_CODES = {
    0x0B: "ff", 0x0C: "fi", 0x0D: "fl", 0x0E: "ffi", 0x0F: "ffl",
    0x1B: "ff", 0x1C: "fi", 0x1D: "fl", 0x1E: "ffi", 0x1F: "ffl",
    0x10: "“", 0x11: "”", 0x15: "–", 0x16: "—",
}  # fmt: skip
"""Control codes as TeX's text fonts use them, for fonts that carry no mapping to Unicode (mostly Type 3): ligatures in
the OT1 and the T1 encoding, quotes and dashes in T1 (LaTeX font encodings guide, encguide.pdf)."""
NUMBER_GAP_EM = 1.6
"""A gap up to this after a section number does not end the line: a quad of a bold font with some air."""
_SECTION_NUMBER = re.compile(r"[A-Z]?\d*(\.\d+)*\.?")
_BOLD_NAME = re.compile(
    r"(?i:bold|black|heavy|semib|demi)|CM(BX|SSBX|BSY|MIB|B1)|(SF|EC)BX|-Bd|-Medi(?!um)|(Libertine|LinBiolinum)TB"
)
_BOLD_WEIGHT = 600
_FORCE_BOLD = 1 << 18  # PDF 32000-1, table 123
_INVISIBLE_MODES = (pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP)

WordRow = tuple[str, BBox, bool]
LineRow = tuple[str, BBox, float, bool, list[WordRow]]
"""A `TextLine` as plain values: text, bbox, size_pt, bold, words (text, bbox, visible)."""


class Style(NamedTuple):
    """What the characters of one text object share; `quadrant` is their direction, quarter turns clockwise."""

    size_pt: float
    bold: bool
    quadrant: int
    visible: bool = True


class Glyph(NamedTuple):
    """One character where it is displayed; a space ends a word, a newline may end a line, and both have no box.

    Attributes:
        bbox: ink, in page points, origin top-left.
        start: lower end of its extent along the line.
        end: upper end of its extent along the line.
        baseline: position across the line.
    """

    text: str
    bbox: BBox
    start: float
    end: float
    baseline: float
    style: Style


_NO_STYLE = Style(0.0, False, 0)
_NOWHERE = (0.0, 0.0, 0.0, 0.0)
SPACE = Glyph(" ", _NOWHERE, 0.0, 0.0, 0.0, _NO_STYLE)
NEWLINE = Glyph("\n", _NOWHERE, 0.0, 0.0, 0.0, _NO_STYLE)


def group_lines(glyphs: Iterable[Glyph]) -> list[LineRow]:
    """Characters in content order -> lines in content order.

    A wide gap or a jump of the baseline ends a line; so does PDFium's own line end, unless the next character follows
    closely: it puts line ends around raised and lowered characters too.
    """
    lines: list[LineRow] = []
    words: list[list[Glyph]] = [[]]
    previous: Glyph | None = None
    largest_pt = 0.0
    gap_em = COLUMN_GAP_EM
    for glyph in glyphs:
        if glyph.text == "\n":
            gap_em = CLOSE_EM
        elif glyph.text != " ":
            if previous is not None and _breaks(previous, glyph, gap_em, largest_pt, words):
                _flush(words, lines)
                words, largest_pt = [[]], 0.0
            words[-1].append(glyph)
            previous, gap_em = glyph, COLUMN_GAP_EM
            largest_pt = max(largest_pt, glyph.style.size_pt)
        elif words[-1]:
            words.append([])
    _flush(words, lines)
    return lines


def _breaks(previous: Glyph, glyph: Glyph, gap_em: float, largest_pt: float, words: list[list[Glyph]]) -> bool:
    if previous.style.quadrant != glyph.style.quadrant:
        return True
    em = max(previous.style.size_pt, glyph.style.size_pt)
    gap = max(glyph.start - previous.end, previous.start - glyph.end)
    if abs(glyph.baseline - previous.baseline) > BASELINE_JUMP_EM * max(largest_pt, em):
        return True
    if gap <= gap_em * em:
        return False
    return gap > NUMBER_GAP_EM * em or not _is_heading_start(words, glyph)


def _is_heading_start(words: list[list[Glyph]], glyph: Glyph) -> bool:
    """Whether the line so far is a section number and a word in the same style follows."""
    number = [g for word in words for g in word]
    alike = number[0].style == glyph.style and glyph.text.isalpha()
    return alike and bool(_SECTION_NUMBER.fullmatch("".join(g.text for g in number)))


def _flush(words: list[list[Glyph]], lines: list[LineRow]) -> None:
    rows = [
        ("".join(g.text for g in word), _union(g.bbox for g in word), word[0].style.visible) for word in words if word
    ]
    if rows:
        styles = [g.style for word in words for g in word]
        size_pt = round(statistics.median_low(s.size_pt for s in styles), 2)
        bold = 2 * sum(s.bold for s in styles) > len(styles)
        lines.append((" ".join(text for text, _, _ in rows), _union(box for _, box, _ in rows), size_pt, bold, rows))


def _union(boxes: Iterable[BBox]) -> BBox:
    left, top, right, bottom = zip(*boxes, strict=True)
    return round(min(left), 2), round(min(top), 2), round(max(right), 2), round(max(bottom), 2)


class Frame(NamedTuple):
    """Maps PDF user space to the page as displayed: rotation and crop box applied, origin top-left.

    Attributes:
        box: crop box within the media box, in user space: left, bottom, right, top.
        turns: quarter turns clockwise that the page asks for.
    """

    box: BBox
    turns: int

    @property
    def size_pt(self) -> tuple[float, float]:
        """Width and height as displayed."""
        left, bottom, right, top = self.box
        width, height = right - left, top - bottom
        return (height, width) if self.turns % 2 else (width, height)

    @property
    def axes(self) -> tuple[float, float, float, float]:
        """Signs and offsets (sx, ox, sy, oy): displayed x = sx u + ox, y = sy v + oy; u is x, or y on odd turns."""
        left, bottom, right, top = self.box
        return ((1, -left, -1, top), (1, -bottom, 1, -left), (-1, right, 1, -bottom), (-1, top, -1, right))[self.turns]


def read_glyphs(textpage: Any, frame: Frame) -> Iterator[Glyph]:
    """The characters of a PDFium text page, in content order; what lies off the displayed page is left out."""
    reader = _Reader(textpage, frame)
    high = 0
    for index in range(max(0, pdfium.FPDFText_CountChars(textpage))):
        code = pdfium.FPDFText_GetUnicode(textpage, index)
        if code in (0x0A, 0x0D) and pdfium.FPDFText_IsGenerated(textpage, index) == 1:
            yield NEWLINE
            continue
        if code in LINE_END_HYPHENS and pdfium.FPDFText_IsHyphen(textpage, index) == 1:
            yield from (g for g in (reader.glyph(index, "-"), NEWLINE) if g)
            continue
        if 0xD800 <= code < 0xDC00:
            high = code
            continue
        if 0xDC00 <= code < 0xE000 and high:
            code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00)
        high = 0
        text = plain_text(code) if code >= 0x20 else reader.tex_text(index, code)
        if text == " ":
            yield SPACE
        elif text and (glyph := reader.glyph(index, text)):
            yield glyph


def plain_text(code: int) -> str:
    """One code point as text: ligatures spelt out, any white space one space, soft hyphen "-", the unprintable ""."""
    if 0x21 <= code < 0x7F:
        return chr(code)
    if code == 0xAD:
        return "-"
    if 0xD800 <= code < 0xE000 or code & 0xFFFE == 0xFFFE or code == 0xFEFF or not 0 <= code < 0x110000:
        return ""
    char = chr(code)
    if char.isspace():
        return " "
    if code < 0x20 or 0x7F <= code < 0xA0:
        return ""
    return LIGATURES.get(char, char)


class _Reader:
    """Boxes and styles of one text page; styles are kept by text object, fonts by font."""

    def __init__(self, textpage: Any, frame: Frame) -> None:
        self._textpage = textpage
        self._turns = frame.turns
        self._size_pt = frame.size_pt
        self._axes = frame.axes
        self._styles: dict[int, Style] = {}
        self._fonts: dict[int, bool] = {}
        self._numbers = (ctypes.c_double * 6)()  # u0, u1, v0, v1, origin u, origin v
        number = ctypes.POINTER(ctypes.c_double)
        u0, u1, v0, v1, u, v = (ctypes.cast(ctypes.byref(self._numbers, 8 * i), number) for i in range(6))
        self._box_refs = (v0, v1, u0, u1) if frame.turns % 2 else (u0, u1, v0, v1)  # left, right, bottom, top
        self._origin_refs = (v, u) if frame.turns % 2 else (u, v)
        self._loose = pdfium.FS_RECTF()
        self._matrix = pdfium.FS_MATRIX()

    def glyph(self, index: int, text: str) -> Glyph | None:
        """The character with its box cut to the page; None when its middle lies off the page."""
        pdfium.FPDFText_GetCharBox(self._textpage, index, *self._box_refs)
        pdfium.FPDFText_GetCharOrigin(self._textpage, index, *self._origin_refs)
        u0, u1, v0, v1, u, v = self._numbers[:]
        if u0 == u1 or v0 == v1:  # no outline to measure (Type 3, broken fonts): the font's own extent
            u0, u1, v0, v1 = self._loose_box(index)
        sx, ox, sy, oy = self._axes
        left, right = (u0 + ox, u1 + ox) if sx > 0 else (ox - u1, ox - u0)
        top, bottom = (v0 + oy, v1 + oy) if sy > 0 else (oy - v1, oy - v0)
        width, height = self._size_pt
        if not (left >= 0 and top >= 0 and right <= width and bottom <= height):  # so that NaN is outside
            if not (0 <= left + right <= 2 * width and 0 <= top + bottom <= 2 * height):
                return None
            left, top, right, bottom = max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height)
        style = self._style(index)
        bbox = (left, top, right, bottom)
        if style.quadrant % 2:
            return Glyph(text, bbox, top, bottom, sx * u + ox, style)
        return Glyph(text, bbox, left, right, sy * v + oy, style)

    def tex_text(self, index: int, code: int) -> str:
        """A control code: what TeX means by it where a letter of the same font stands beside it, else white space."""
        if code in TEX_CODES and pdfium.FPDFText_HasUnicodeMapError(self._textpage, index) == 1:
            font = self._font(index)
            beside = [i for i in (index - 1, index + 1) if i >= 0 and font and self._font(i) == font]
            if any(chr(max(0, pdfium.FPDFText_GetUnicode(self._textpage, i))).isalnum() for i in beside):
                return TEX_CODES[code]
        return plain_text(code)

    def _font(self, index: int) -> int:
        pointer = pdfium.FPDFText_GetTextObject(self._textpage, index)
        font = pdfium.FPDFTextObj_GetFont(pointer) if pointer else None
        return ctypes.addressof(font.contents) if font else 0

    def _loose_box(self, index: int) -> BBox:
        box = self._loose
        pdfium.FPDFText_GetLooseCharBox(self._textpage, index, ctypes.byref(box))
        across, up = sorted((box.left, box.right)), sorted((box.bottom, box.top))
        return (*up, *across) if self._turns % 2 else (*across, *up)

    def _style(self, index: int) -> Style:
        pointer = pdfium.FPDFText_GetTextObject(self._textpage, index)
        if not pointer:
            return _NO_STYLE
        address = ctypes.addressof(pointer.contents)
        style = self._styles.get(address)
        if style is None:
            style = self._styles[address] = self._measure(index, pointer)
        return style

    def _measure(self, index: int, text_object: Any) -> Style:
        matrix = self._matrix
        size_pt = pdfium.FPDFText_GetFontSize(self._textpage, index)
        turns = 0
        if pdfium.FPDFText_GetMatrix(self._textpage, index, ctypes.byref(matrix)):
            size_pt *= math.hypot(matrix.c, matrix.d)
            turns = round(math.atan2(-matrix.b, matrix.a) / (math.pi / 2))
        font = pdfium.FPDFTextObj_GetFont(text_object)
        return Style(
            abs(size_pt) if math.isfinite(size_pt) else 0.0,
            self._bold(font) if font else False,
            (turns + self._turns) % 4,
            pdfium.FPDFTextObj_GetTextRenderMode(text_object) not in _INVISIBLE_MODES,
        )

    def _bold(self, font: Any) -> bool:
        address = ctypes.addressof(font.contents)
        if address not in self._fonts:
            name = ctypes.create_string_buffer(256)
            length = pdfium.FPDFFont_GetBaseFontName(font, name, len(name))
            named = bool(length and _BOLD_NAME.search(name.value.decode("latin-1")))
            forced = bool(max(0, pdfium.FPDFFont_GetFlags(font)) & _FORCE_BOLD)
            self._fonts[address] = named or forced or pdfium.FPDFFont_GetWeight(font) >= _BOLD_WEIGHT
        return self._fonts[address]
