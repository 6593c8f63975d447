"""Running text: lines into paragraphs, hyphens undone, and characters kept from meaning something in Markdown."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

from rag_ingest.ocr.layout_lines import Line, line_pitch, union
from rag_ingest.types import BBox

BULLET = re.compile(r"^[•◦▪▫‣∙●○■□➢➤▶►✓⁃*–—·-](?=\s)\s+")
NUMBERED = re.compile(r"^\(?(\d{1,3}|[a-z]|[ivx]{1,4})[.)]\s+(?=\S)")
REFERENCE = re.compile(r"^(\[\d{1,3}\]|\[[A-Z][A-Za-z+]*\s?\d{2}[a-z]?\]|\d{1,3}\.)\s*(?=\S)")
_SENTENCE_END = re.compile(r"[.!?:;]['\"”’)\]]*$")
_HYPHEN_END = re.compile(r"(?<=\w)[-‐\u2010]$")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_CUT_WORD = re.compile(r"(\w+(?:-\w+)*)[-‐]$")
_NEXT_WORD = re.compile(r"\w+(?:-\w+)*")
_CUT_ADDRESS = re.compile(r"https?://\S*[/_]$")
_SMALL_WORDS = frozenset(["a", "and", "at", "by", "for", "in", "of", "on", "or", "the", "to"])
"""Inside a compound of three words or more (`state-of-the-art`), these are whole."""
_KEEP_AFTER = frozenset(
    [
        "self",
        "non",
        "well",
        "high",
        "low",
        "cross",
        "semi",
        "long",
        "short",
        "two",
        "three",
        "one",
        "four",
        "half",
        "quasi",
    ]
)
"""First parts after which a hyphen is more often the compound's own, when the page does not tell."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines that belong together; never empty."""

    lines: tuple[Line, ...]

    @property
    def bbox(self) -> BBox:
        """Around its lines, in points."""
        return union(line.bbox for line in self.lines)

    @property
    def size_pt(self) -> float:
        """Of most of its characters."""
        weights: dict[float, int] = {}
        for line in self.lines:
            weights[line.size_pt] = weights.get(line.size_pt, 0) + len(line.text)
        return max(weights, key=lambda s: weights[s])

    @property
    def bold(self) -> bool:
        """Every line is bold."""
        return all(line.bold for line in self.lines)


def paragraphs(lines: Sequence[Line], *, references: bool = False) -> list[Paragraph]:
    """Cuts the lines of a region at gaps, first-line indents, changes of size or weight, and list markers.

    Args:
        lines: top to bottom, in one column.
        references: an entry starts where a line stands left of the hanging ones.
    """
    if not lines:
        return []
    frame = _Frame.of(lines, references)
    out: list[list[Line]] = [[lines[0]]]
    for above, line in itertools.pairwise(lines):
        if frame.starts(above, line, out[-1]):
            out.append([line])
        else:
            out[-1].append(line)
    return [Paragraph(tuple(group)) for group in out]


@dataclass(frozen=True, slots=True)
class _Frame:
    """What is usual in a region."""

    left: float
    right: float
    pitch: float
    hanging: bool
    marked: int

    @classmethod
    def of(cls, lines: Sequence[Line], references: bool) -> _Frame:
        box = union(line.bbox for line in lines)
        em = lines[0].size_pt or 10.0
        indented = sum(line.bbox[0] > box[0] + 0.7 * em for line in lines)
        marked = sum(bool(REFERENCE.match(line.text)) for line in lines)
        hanging = (references or marked >= 2) and indented >= 0.4 * len(lines)
        return cls(box[0], box[2], line_pitch(lines), hanging, marked)

    def starts(self, above: Line, line: Line, current: Sequence[Line]) -> bool:
        """Does a new paragraph begin with this line?"""
        em = max(line.size_pt, above.size_pt, 4.0)
        gap = line.bbox[1] - above.bbox[3]
        pitch = (line.bbox[1] + line.bbox[3] - above.bbox[1] - above.bbox[3]) / 2
        if pitch > self.pitch + 0.45 * em and gap > 0.3 * em:
            return True
        if abs(line.size_pt - above.size_pt) > 0.07 * em and min(_letters(line), _letters(above)) > 3:
            return True
        if line.bold != above.bold and min(_letters(line), _letters(above)) > 3:
            return True
        indent = line.bbox[0] - self.left
        if self.hanging:
            return indent < 0.5 * em and (self.marked < 2 or bool(REFERENCE.match(line.text)))
        if BULLET.match(line.text) or (NUMBERED.match(line.text) and self._ended(above, em)):
            return True
        if self.marked >= 2 and REFERENCE.match(line.text):
            return True
        step = line.bbox[0] - above.bbox[0]
        first_indent = 0.7 * em < step < 5 * em and indent > 0.7 * em and not _hangs(current)
        if first_indent and (_ended_sentence(above) or self._short(above, em)):
            return not BULLET.match(current[0].text) and not NUMBERED.match(current[0].text)
        return self._ended(above, em)

    def _short(self, line: Line, em: float) -> bool:
        return line.bbox[2] < self.right - 2.0 * em

    def _ended(self, above: Line, em: float) -> bool:
        width = self.right - self.left
        return _ended_sentence(above) and above.bbox[2] < self.right - max(2.0 * em, 0.15 * width)


def join_lines(lines: Sequence[str], vocabulary: Set[str] = frozenset()) -> str:
    """Lines into one text; a hyphen at a line's end goes where the word continues in lower case.

    It stays where what follows holds a hyphen itself and a part is a whole word: `English-` and `to-German`, but not
    `chlorpyri-` and `fos-induced`. A web address cut at a slash is joined.

    Args:
        lines: without their line ends.
        vocabulary: words of the page, lower case; a compound or a whole word seen there decides.
    """
    out = ""
    for line in lines:
        text = line.strip()
        if not text:
            continue
        out = _glue(out, text, vocabulary) if out else text
    return out


def vocabulary_of(texts: Sequence[str]) -> frozenset[str]:
    """Words and hyphenated compounds, lower case, those cut by a line's end left out."""
    found: set[str] = set()
    cut = False
    for text in texts:
        words = [word.lower() for word in _WORD.findall(text)]
        whole = words[1:] if cut and words and text[:1].islower() else words
        cut = bool(_HYPHEN_END.search(text.rstrip()))
        found.update(whole[:-1] if cut else whole)
    return frozenset(found)


def _glue(before: str, text: str, vocabulary: Set[str]) -> str:
    if _CUT_ADDRESS.search(before) and text[0].islower():
        return before + text
    if not _HYPHEN_END.search(before):
        return f"{before} {text}"
    first, second = _CUT_WORD.search(before), _NEXT_WORD.match(text)
    if first is None or second is None or not text[0].islower():
        return before + text
    keeps = _keeps_hyphen(first.group(1).lower(), second.group(0).lower(), vocabulary)
    return (before if keeps else before[:-1]) + text


def _keeps_hyphen(first: str, second: str, vocabulary: Set[str]) -> bool:
    """Whether `first-` at a line's end and `second` below are a compound; both may hold hyphens themselves."""
    head, tail = first.rpartition("-")[2], second.partition("-")[0]
    for a, b in ((first, second), (head, tail)):
        if a + b in vocabulary:
            return False
        if f"{a}-{b}" in vocabulary:
            return True
    if head in _KEEP_AFTER or len(head) == 1 or not head.isalpha() or ("-" in first and head in _SMALL_WORDS):
        return True
    whole = tail in _SMALL_WORDS or len(tail) == 1 or not vocabulary.isdisjoint((head, tail))
    return "-" in second and whole


def continues(before: str, after: str) -> bool:
    """A sentence runs on from one block into the next."""
    if not before or not after or _SENTENCE_END.search(before):
        return False
    return after[0].islower() or bool(_HYPHEN_END.search(before))


_SPECIAL = re.compile(
    r"\$|`|<(?=[A-Za-z/!?])|\\(?=[!-/:-@\[-`{-~])|&(?=#?\w{1,31};)|(?<![^\W_])_(?=\S)|(?<=\S)_(?![^\W_])|(?<=\])\((?!\d)"
)
_STARTS = re.compile(r"^(#{1,6}(?=\s|$)|>|\|(?=\s)|[-+*](?=\s|$)|={2,}\s*$|-{3,}\s*$|~{3,}|\*{2,})")
_ORDERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
_AS_ENTITY = {"<": "&lt;", "&": "&amp;"}


def escape(text: str, *, list_item: bool = False) -> str:
    """Plain text as Markdown that shows the same characters; what can't be misread stays as it is.

    Args:
        text: one line.
        list_item: a leading `1.` may stay, it is meant.
    """
    out = _SPECIAL.sub(lambda m: _AS_ENTITY.get(m.group(0), "\\" + m.group(0)), text)
    if out.count("*") > 1:
        out = out.replace("*", r"\*")
    out = _STARTS.sub(lambda m: "\\" + m.group(0), out)
    return out if list_item else _ORDERED.sub(r"\1\\\2", out)


def _letters(line: Line) -> int:
    return sum(c.isalpha() for c in line.text)


def _hangs(current: Sequence[Line]) -> bool:
    return len(current) > 2 and current[1].bbox[0] > current[0].bbox[0] + 4


def _ended_sentence(line: Line) -> bool:
    return bool(_SENTENCE_END.search(line.text))
