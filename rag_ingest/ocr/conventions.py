r"""How LightOnOCR's variants write Markdown -> how this project does.

Math between `\(…\)` and `\[…\]`, or between escaped dollars, comes out between `$…$` and `$$…$$`; boxes behind figures
become `Figure` values. HTML tables, headings and all other text stay as they are, and so does code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from rag_ingest.types import BBox, Figure

BOX_UNITS: Final = 1000
"""The bbox variants write boxes in thousandths of the image that they were given."""
WHOLE_PAGE: Final = 0.95
"""A box with so much of the page's area is none of a figure."""

_CODE = re.compile(r"^(?:```.*?^```|~~~.*?^~~~)[^\n]*$|(`+)(?!`)[^`\n]+?\1(?!`)", re.M | re.S)
_BRACKETS = re.compile(r"(?<!\\)(?:\\\(((?:(?!\n\s*\n|\\\()[\s\S])+?)\\\)|\\\[((?:(?!\n\s*\n|\\\[)[\s\S])+?)\\\])")
_DOLLARS = re.compile(r"(?<!\\)\\\$(\\\$)?(?![\s$])((?:(?!\n\s*\n|\\\$)[\s\S])+?)(?<![\s\\])(?(1)\\\$)\\\$(?!\d)")
_MATH = re.compile(r"\\[A-Za-z]+|[\^_=<>+±×≤≥∈{}]|[α-ωΑ-Ω]")
_VARIABLE = re.compile(r"[A-Za-zα-ω](?:['′]|\([A-Za-z]\))?")
_FIGURE = re.compile(
    r"!\[(?P<alt>[^\]\n]*)\]\((?P<name>image_\d+\.\w+)\)"
    r"(?:[ \t]*(?P<box>-?\d{1,5}[ \t]*,[ \t]*-?\d{1,5}[ \t]*,[ \t]*-?\d{1,5}[ \t]*,[ \t]*-?\d{1,5})(?![\d,]))?"
)


@dataclass(frozen=True, slots=True)
class Written:
    """Markdown without boxes, its figures in order, and boxes that can't be right as they were written."""

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
        bbox = None
        if match["box"] is not None:
            bbox = _bbox_pt(match["box"], frame_pt)
            if bbox is None:
                bad.append(match["box"])
        figures.append(Figure(match["name"], bbox))
        return f"![{match['alt']}]({match['name']})"

    parts, at = [], 0
    for code in _CODE.finditer(text):
        parts += [_FIGURE.sub(figure, math_in_dollars(text[at : code.start()])), code.group()]
        at = code.end()
    parts.append(_FIGURE.sub(figure, math_in_dollars(text[at:])))
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


def _bbox_pt(box: str, frame_pt: tuple[float, float]) -> BBox | None:
    left, top, right, bottom = (int(number) for number in box.split(","))
    if not (0 <= left < right <= BOX_UNITS and 0 <= top < bottom <= BOX_UNITS):
        return None
    if (right - left) * (bottom - top) >= WHOLE_PAGE * BOX_UNITS**2:
        return None
    x, y = frame_pt[0] / BOX_UNITS, frame_pt[1] / BOX_UNITS
    return left * x, top * y, right * x, bottom * y
