"""A page's Markdown with the words of the page -> a box for every printed line, table row and displayed formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from rag_ingest.ocr.places_blocks import place_blocks
from rag_ingest.ocr.places_rows import table_boxes, union
from rag_ingest.ocr.places_words import Found, Pair, find_words
from rag_ingest.ocr.witness_layer import shown
from rag_ingest.types import BBox, Span, TextBox, Word

SAME_ROW = 0.5
"""Words that share more of the lower one's height stand on one row."""

WORD_GAP = 4.0
"""Heights of a line; words further apart on one row get boxes of their own."""

ABSORBED_GAP = 1.5
"""Heights of a line; a word that no token names belongs to the line that it stands this near to."""

STRAY_WORDS = 2
"""So many words between two parts of one row, but not on it, are paired with the wrong place or are scripts."""

LEAST_SHARE = 0.2
"""A block with fewer of its tokens found has no place."""

JUMP_HEIGHTS = 1.5
"""Heights of a word; what stands that much further up begins another column."""


@dataclass(slots=True)
class _Line:
    """Words on one row.

    Attributes:
        start: of its first word, in the Markdown.
        end: of the last one.
        band: top and bottom of its highest word.
    """

    start: int
    end: int
    bbox: BBox
    band: tuple[float, float]
    words: list[int] = field(default_factory=list)

    @property
    def height(self) -> float:
        return max(self.band[1] - self.band[0], 1.0)


def text_boxes(markdown: str, words: Sequence[Word]) -> list[TextBox]:
    """Where the Markdown's lines stand, in order of their spans, which don't overlap.

    Together the spans of a block's lines are the block's; what is not found has none.

    Args:
        markdown: of one page.
        words: of the same page, upright, in content order; boxes in points.
    """
    seen = shown(words)
    found = find_words(markdown, place_blocks(markdown), seen)
    free = [True] * len(seen)
    for one in found:
        for pair in one.pairs:
            free[pair.word] = False
    return [box for one in found for box in _boxes(markdown, one, seen, free)]


def _boxes(markdown: str, found: Found, words: Sequence[Word], free: Sequence[bool]) -> Iterable[TextBox]:
    if found.block.kind == "display" or found.between:
        return _whole(found, words)
    if found.share < LEAST_SHARE or not found.pairs:
        return []
    if found.block.kind == "table":
        return table_boxes(markdown, found, words)
    lines = _without_strays(_lines(found.pairs, words))
    for line in lines:
        _absorb(line, words, free)
    return _spread(markdown, found.block.span, lines)


def _whole(found: Found, words: Sequence[Word]) -> list[TextBox]:
    """One box over the block; of one that stands in several columns, as no table does, where most of it is."""
    places = [words[at].bbox for at in found.words]
    parts = [places] if found.block.kind == "table" else _columns(places)
    largest = max(parts, key=len, default=[])
    return [TextBox(found.block.span, union(largest))] if largest else []


def _columns(places: Iterable[BBox]) -> list[list[BBox]]:
    """Cut where the text jumps up over all of what it had, on to the next column."""
    parts: list[list[BBox]] = []
    top = 0.0
    for box in places:
        if parts and top - box[3] < JUMP_HEIGHTS * max(box[3] - box[1], 1.0):
            parts[-1].append(box)
            top = min(top, box[1])
        else:
            parts.append([box])
            top = box[1]
    return parts


def _lines(pairs: Sequence[Pair], words: Sequence[Word]) -> list[_Line]:
    lines: list[_Line] = []
    for pair in pairs:
        box = words[pair.word].bbox
        if lines and _on_row(lines[-1], box):
            _grow(lines[-1], box)
            lines[-1].words.append(pair.word)
            lines[-1].end = pair.end
        else:
            lines.append(_Line(pair.start, pair.end, box, (box[1], box[3]), [pair.word]))
    return lines


def _on_row(line: _Line, box: BBox, gap: float = WORD_GAP) -> bool:
    shared = min(line.band[1], box[3]) - max(line.band[0], box[1])
    apart = max(box[0] - line.bbox[2], line.bbox[0] - box[2])
    return shared > SAME_ROW * min(line.height, max(box[3] - box[1], 0.1)) and apart < gap * line.height


def _grow(line: _Line, box: BBox) -> None:
    line.bbox = union([line.bbox, box])
    if box[3] - box[1] > line.height:
        line.band = (box[1], box[3])


def _without_strays(lines: Sequence[_Line]) -> list[_Line]:
    """A word or two between two parts of one row: scripts widen the row, others are left out."""
    out: list[_Line] = []
    for line in lines:
        for back in (1, 2):
            between = out[len(out) - back :] if len(out) > back else []
            if between and sum(len(one.words) for one in between) <= STRAY_WORDS and _on_row(out[-back - 1], line.bbox):
                row = out[-back - 1]
                for stray in between:
                    if _near(row, stray.bbox):
                        _grow(row, stray.bbox)
                _grow(row, line.bbox)
                row.words += line.words
                row.end = line.end
                del out[len(out) - back :]
                break
        else:
            out.append(line)
    return out


def _near(line: _Line, box: BBox) -> bool:
    """Above or below it by less than half its height."""
    return box[1] < line.band[1] + line.height / 2 and box[3] > line.band[0] - line.height / 2


def _absorb(line: _Line, words: Sequence[Word], free: Sequence[bool]) -> None:
    """Widens the line by words that no token names, such as symbols, next to its own in the layer."""
    for step in (1, -1):
        for first in sorted(set(line.words), reverse=step < 0):
            at = first + step
            while 0 <= at < len(words) and free[at] and _on_row(line, words[at].bbox, ABSORBED_GAP):
                _grow(line, words[at].bbox)
                at += step


def _spread(markdown: str, span: Span, lines: Sequence[_Line]) -> list[TextBox]:
    """Each line from its first word to the next line's; the block's edges belong to the first and the last."""
    out: list[TextBox] = []
    begin = span.start
    for line, after in zip_longest(lines, lines[1:]):
        end = span.end if after is None else _begin(markdown, line, after)
        if end > begin:
            out.append(TextBox(Span(begin, end), line.bbox))
            begin = end
    return out


def _begin(markdown: str, before: _Line, line: _Line) -> int:
    """Where the Markdown's line begins, or the word with the marks that stand right before it."""
    for space in "\n", " ":
        at = markdown.rfind(space, before.end, line.start)
        if at >= 0:
            return at + 1
    return line.start
