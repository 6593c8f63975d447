r"""How LightOnOCR's variants write Markdown -> how this project does.

Math between `\(…\)` and `\[…\]`, or between escaped dollars, comes out between `$…$` and `$$…$$`; boxes behind figures
become `Figure` values. HTML tables, headings and all other text stay as they are, and so does code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rag_ingest.types import BBox, Figure

BOX_UNITS: Final = 1000
"""The bbox variants write boxes in thousandths of the image that they were given."""
WHOLE_PAGE: Final = 0.95
"""A box with so much of the page's area is none of a figure."""

_CODE_TEXT = r"^(?:```.*?^```|~~~.*?^~~~)[^\n]*$|(?P<ticks>`+)(?!`)[^`\n]+?(?P=ticks)(?!`)"
_CODE = re.compile(_CODE_TEXT, re.M | re.S)
_BRACKETS = re.compile(r"(?<!\\)(?:\\\(((?:(?!\n\s*\n|\\\()[\s\S])+?)\\\)|\\\[((?:(?!\n\s*\n|\\\[)[\s\S])+?)\\\])")
_DOLLARS = re.compile(r"(?<!\\)\\\$(\\\$)?(?![\s$])((?:(?!\n\s*\n|\\\$)[\s\S])+?)(?<![\s\\])(?(1)\\\$)\\\$(?!\d)")
_MATH = re.compile(r"\\[A-Za-z]+|[\^_=<>+±×≤≥∈{}]|[α-ωΑ-Ω]")
_VARIABLE = re.compile(r"[A-Za-zα-ω](?:['′]|\([A-Za-z]\))?")
_BLANK = r"[^\S\n]*"
_LINE_END = rf"{_BLANK}(?=\n|\Z)"
_NUMBER = r"[-+]?\d+(?:\.\d+)?"


def _numbers(least: int, most: int) -> str:
    """So many numbers with commas between them, or in brackets; not the first ones of more."""
    more = f"{{{least - 1},{most - 1}}}"
    bare = rf"{_NUMBER}(?:{_BLANK},{_BLANK}{_NUMBER}){more}"
    bracketed = rf"\\?[\[(]{_BLANK}{_NUMBER}(?:(?:{_BLANK},|[^\S\n]){_BLANK}{_NUMBER}){more}{_BLANK}\\?[\])]"
    return rf"(?:{bracketed}|{bare}(?!\d|\.\d|{_BLANK},{_BLANK}[-+]?\d))"


_BOXES = (
    rf"(?:{_BLANK}{_numbers(4, 4)}|{_BLANK}{_numbers(3, 6)}{_LINE_END}|{_BLANK}\n{_BLANK}{_numbers(4, 4)}{_LINE_END})"
)
_FIGURE = re.compile(
    rf"(?P<code>{_CODE_TEXT})|!\[(?P<alt>[^\[\]\n]*)\]\((?P<name>image_\d+\.\w+)\)(?P<boxes>{_BOXES}*)", re.M | re.S
)
"""Behind a figure's link stands its box: four numbers, or three to six that fill the line; four on a line of their own
below. Other numbers are the page's."""
_MOST_TOLD = 8


@dataclass(frozen=True, slots=True)
class Written:
    """Markdown without boxes, its figures in order, and boxes that can't be right, each with its figure and why."""

    markdown: str
    figures: tuple[Figure, ...] = ()
    bad_boxes: tuple[str, ...] = ()


def read_conventions(text: str, frame_pt: tuple[float, float]) -> Written:
    """A model's answer in this project's Markdown; doing it twice changes nothing.

    Args:
        text: as the model wrote it.
        frame_pt: width and height, in page points, of the image that the model was given, padding included.
    """
    figures: list[Figure] = []
    bad: list[str] = []

    def figure(match: re.Match[str]) -> str:
        if match["code"] is not None:
            return match["code"]
        bbox, written = None, re.findall(_NUMBER, match["boxes"])
        if written:
            numbers = [float(number) for number in written]
            if fault := _fault(numbers):
                told = " ".join([*written[:_MOST_TOLD], *["…"][: len(written) - _MOST_TOLD]])
                bad.append(f"{match['name']} {told} of {BOX_UNITS}: {fault}")
            else:
                bbox = _bbox_pt(numbers, frame_pt)
        figures.append(Figure(match["name"], bbox))
        return f"![{match['alt']}]({match['name']})"

    text = _FIGURE.sub(figure, text)
    parts, at = [], 0
    for code in _CODE.finditer(text):
        parts += [math_in_dollars(text[at : code.start()]), code.group()]
        at = code.end()
    parts.append(math_in_dollars(text[at:]))
    return Written("".join(parts).strip(), tuple(figures), tuple(bad))


def math_in_dollars(text: str) -> str:
    r"""`\(a\)`, `\[a\]`, `\$a\$` and `\$\$a\$\$` with dollars, where what stands between is math.

    A price keeps its `\$`, and `\[1\]` its brackets: they are escapes of plain text.
    """
    return _DOLLARS.sub(_from_dollars, _BRACKETS.sub(_from_brackets, text))


def _from_brackets(match: re.Match[str]) -> str:
    inner = match[1] if match[1] is not None else match[2]
    if not _is_math(inner) or "$" in inner:
        return match[0]
    return f"${inner.strip()}$" if match[1] is not None else f"$${inner}$$"


def _from_dollars(match: re.Match[str]) -> str:
    if not _is_math(match[2]):
        return match[0]
    mark = "$$" if match[1] else "$"
    return f"{mark}{match[2]}{mark}"


def _is_math(inner: str) -> bool:
    return bool(_MATH.search(inner) or _VARIABLE.fullmatch(inner.strip()))


def _fault(numbers: Sequence[float]) -> str:
    """Why they are no box of a figure; empty where they are one."""
    if len(numbers) != 4:
        return f"{len(numbers)} numbers"
    left, top, right, bottom = numbers
    if not (left < right and top < bottom):
        return "inverted"
    if min(left, top) < 0 or max(right, bottom) > BOX_UNITS:
        return "outside the page"
    return "the whole page" if (right - left) * (bottom - top) >= WHOLE_PAGE * BOX_UNITS**2 else ""


def _bbox_pt(box: Sequence[float], frame_pt: tuple[float, float]) -> BBox:
    x, y = frame_pt[0] / BOX_UNITS, frame_pt[1] / BOX_UNITS
    return box[0] * x, box[1] * y, box[2] * x, box[3] * y
