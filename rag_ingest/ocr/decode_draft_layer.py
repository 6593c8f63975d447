"""A page's text layer as a recogniser would write it, from any of its letters on.

The layer is one string of folded letters and digits, in which what the model wrote is looked up; marks, spaces and
markup are no part of it, so that `**T**able 1` is found at `Table 1`. What stands between two lines is decided as late
as it is read, for it is learned from the page itself (`Joints`).
"""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rag_ingest.ocr.decode_draft_marks import fold
from rag_ingest.types import TextLine

JointKind: TypeAlias = str
"""How a line follows the one before: "wrap" in the same paragraph, "hyphen" in the same word, "break" after a gap or
in another size or column, "indent" set in or out, "cell" to the right on the same row, "row" on the next one after
such; "heading" with its size and weight."""

GAP_EM = 0.9
"""White between two lines of a paragraph stays under so many heights of a line."""

SHIFT_EM = 0.6
"""A first line is set in, or out, by more than that."""

MOST_SPELLINGS = 64
"""Of one page; the oldest goes."""

MOST_SEPARATOR = 80
"""Characters; what the model wrote between two lines is not learned when it is longer."""

HEADING = "\n\n## "

_TABLE_DEFAULTS = {"cell": "</td><td>", "row": "</td></tr><tr><td>"}
_DEFAULTS = {"line": "\n", "wrap": " ", "hyphen": "", "break": "\n\n", "indent": "\n\n", "cell": " ", "row": "\n\n"}
_MATH_LETTERS = re.compile("[\U0001d400-\U0001d7ff]")
_BULLET = re.compile(r"^[•●▪■◦‣]\s*")
_PLAIN_WORDS = frozenset(("a", "A", "I"))
_WORD = re.compile(r"^\w+")
_COMPOUND = re.compile(r"\w+(?:-\w+)+")


@dataclass(frozen=True, slots=True)
class Layer:
    """Lines of a page, and all their letters.

    Attributes:
        lines: texts, a hyphen at a line's end taken off where the word goes on.
        joints: before each line; the first one's says nothing.
        letters: of all lines, folded.
        places: of each letter, the line and the offset in it.
        word_starts: 1 where a letter begins a word.
        line_starts: of each line, the index of its first letter.
    """

    lines: tuple[str, ...]
    joints: tuple[JointKind, ...]
    letters: str
    places: tuple[tuple[int, int], ...]
    word_starts: bytes
    line_starts: tuple[int, ...]


class Joints:
    """What the model writes between two lines, by how the second follows; inside and outside of tables."""

    def __init__(self, *, learn: bool = True) -> None:
        self._learn = learn
        self._known: dict[tuple[JointKind, bool], str] = {}

    def between(self, kind: JointKind, *, table: bool) -> str:
        """The separator that is likely."""
        default = _TABLE_DEFAULTS.get(kind, " ") if table else _DEFAULTS.get(kind, HEADING)
        return self._known.get((kind, table), default)

    def alternatives(self, *, table: bool) -> list[str]:
        """All separators known in this place, the latest learned first."""
        known = [text for (_, inside), text in reversed(self._known.items()) if inside == table]
        return known + list(_TABLE_DEFAULTS.values() if table else (*_DEFAULTS.values(), HEADING))

    def learn(self, kind: JointKind, text: str, *, table: bool) -> None:
        """The model wrote this between two lines."""
        text = text.lstrip("*_$\"'”’.,;:)]")
        if self._learn and text and len(text) <= MOST_SEPARATOR and kind != "hyphen":
            self._known.pop((kind, table), None)
            self._known[kind, table] = text


class Spellings:
    """Words of the layer that the model writes with marks: symbols in dollars, names in italics."""

    def __init__(self, *, learn: bool = True) -> None:
        self._learn = learn
        self._known: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def learn(self, plain: str, written: str) -> None:
        """The layer's words, and how they were written."""
        if not self._learn or plain in _PLAIN_WORDS or self._known.get(plain) == written:
            return
        if len(self._known) >= MOST_SPELLINGS and plain not in self._known:
            del self._known[next(iter(self._known))]
        self._known[plain] = written
        longest_first = sorted(self._known, key=len, reverse=True)
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")

    def applied(self, text: str, *, whole: bool) -> str:
        """A text with its known words as they are written.

        Args:
            text: of the layer.
            whole: it begins at a word's beginning; else the first word is left as it is.
        """
        if self._pattern is None:
            return text
        start = 0 if whole else len(text) - len(_WORD.sub("", text, count=1))
        return text[:start] + self._pattern.sub(lambda match: self._known[match[0]], text[start:])


def read_layer(lines: Sequence[TextLine], *, join: bool = True) -> Layer:
    """Prepares the lines of one page.

    Args:
        lines: in content order.
        join: hyphens at line ends are undone and paragraphs guessed; else a line ends in a newline.
    """
    lines = [line for line in lines if line.text.strip()]
    texts = [_text(line.text) for line in lines]
    joints: list[JointKind] = ["line"] * len(lines)
    if join:
        compounds = set(_COMPOUND.findall(" ".join(texts)))
        height = statistics.median(_height(line) for line in lines) if lines else 1.0
        body = statistics.median_low(line.size_pt for line in lines for _ in line.text) if lines else 0.0
        for at in range(1, len(lines)):
            joints[at] = _joint(lines[at - 1], lines[at], joints[at - 1], height)
            if joints[at] == "break" and (lines[at].bold or lines[at].size_pt > 1.05 * body):
                joints[at] = f"heading {lines[at].size_pt:.1f} {lines[at].bold}"
            if joints[at] != "cell" and _broken(texts[at - 1], texts[at]):
                joints[at] = "hyphen"
                if f"{texts[at - 1].split()[-1]}{_first_word(texts[at])}" not in compounds:
                    texts[at - 1] = texts[at - 1][:-1]
    letters: list[str] = []
    places: list[tuple[int, int]] = []
    starts = bytearray()
    line_starts: list[int] = []
    for row, text in enumerate(texts):
        line_starts.append(len(letters))
        inside = row > 0 and joints[row] == "hyphen"
        for at, char in enumerate(text):
            folded = fold(char)
            for letter in folded:
                letters.append(letter)
                places.append((row, at))
                starts.append(not inside)
                inside = True
            if not folded:
                inside = False
    return Layer(tuple(texts), tuple(joints), "".join(letters), tuple(places), bytes(starts), tuple(line_starts))


def gap_before(layer: Layer, place: int, joints: Joints, *, table: bool) -> list[str]:
    """What may stand between a letter and the one before it, likely first.

    Args:
        layer: of the page.
        place: index of the letter; may be the number of letters.
        joints: what stands between lines.
        table: the place is in an HTML table.
    """
    before = layer.places[place - 1] if place else (-1, 0)
    row, at = layer.places[place] if place < len(layer.places) else (len(layer.lines), 0)
    if before[0] == row:
        return [layer.lines[row][before[1] + 1 : at]]
    tail = layer.lines[before[0]][before[1] + 1 :] if before[0] >= 0 else ""
    if row == len(layer.lines):
        return [tail]
    head = layer.lines[row][:at]
    if before[0] < 0:
        return [head]
    likely = joints.between(layer.joints[row], table=table)
    return [tail + text + head for text in dict.fromkeys([likely, *joints.alternatives(table=table)])]


def render(layer: Layer, place: int, most: int, joints: Joints, spellings: Spellings, *, table: bool) -> str:
    """The layer from a letter on, about so many characters; it ends where the layer does, or between two words."""
    if place >= len(layer.places):
        return ""
    row, at = layer.places[place]
    parts = [layer.lines[row][at:]]
    length = len(parts[0])
    while length < most and row + 1 < len(layer.lines):
        row += 1
        parts += [joints.between(layer.joints[row], table=table), layer.lines[row]]
        length += len(parts[-1]) + len(parts[-2])
    text = "".join(parts)
    if length > most:
        end = text.rfind(" ", 0, most)
        text = text[: end if end > 0 else most]
    return spellings.applied(text, whole=bool(layer.word_starts[place]))


def _text(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()  # no lone surrogates
    text = unicodedata.normalize("NFC", _MATH_LETTERS.sub(lambda m: unicodedata.normalize("NFKC", m[0]), text))
    return _BULLET.sub("- ", text.strip())


def _height(line: TextLine) -> float:
    return max(0.1, line.size_pt or line.bbox[3] - line.bbox[1])


def _joint(before: TextLine, after: TextLine, last: JointKind, height: float) -> JointKind:
    left, top, _, bottom = before.bbox
    shared = min(bottom, after.bbox[3]) - max(top, after.bbox[1])
    if shared > 0.5 * min(bottom - top, after.bbox[3] - after.bbox[1]):
        return "cell" if after.bbox[0] >= before.bbox[2] - 1 else "break"
    if last == "cell":
        return "row"
    white = after.bbox[1] - bottom
    alike = abs(before.size_pt - after.size_pt) < 0.6 and before.bold == after.bold
    if not alike or white > GAP_EM * height or white < -height:
        return "break"
    shift = abs(after.bbox[0] - left)
    if shift > SHIFT_EM * height and before.text.rstrip()[-1:] in ".:;?!)]":
        return "indent"
    return "wrap"


def _broken(before: str, after: str) -> bool:
    return before.endswith("-") and before[-2:-1].isalpha() and after[:1].islower()


def _first_word(text: str) -> str:
    match = re.match(r"[\w-]*\w", text)
    return match[0] if match else ""
