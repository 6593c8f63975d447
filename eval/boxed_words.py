"""Whether the words inside a text's boxes are the text's own, by what the text layer holds there."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eval.normalise import text_tokens
from rag_ingest.types import BBox, Word

GOOD = 0.8
"""Intersection over union, coverage and purity from which a box does."""

LEAST_TOKENS = 3
"""Of a block or chunk whose words are counted."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Words of a text, and words inside its boxes; shares of tokens, 0.0 to 1.0.

    Attributes:
        coverage: of the text's, those inside its boxes.
        purity: of those inside its boxes, the text's own.
    """

    coverage: float
    purity: float


def agreement(text: str, boxes: Sequence[tuple[int, BBox]], pages: Mapping[int, Sequence[Word]]) -> Agreement | None:
    """None where the text has too few words, or no box.

    Args:
        text: Markdown.
        boxes: (page, box).
        pages: words of each page.
    """
    wanted = Counter(text_tokens(text))
    if wanted.total() < LEAST_TOKENS or not boxes:
        return None
    inside = []
    for number in dict.fromkeys(number for number, _ in boxes):
        own = [box for page, box in boxes if page == number]
        inside += [word.text for word in pages.get(number, ()) if any(_holds(box, word) for box in own)]
    found = Counter(text_tokens(" ".join(inside)))
    both = (wanted & found).total()
    return Agreement(both / wanted.total(), both / max(1, found.total()))


def _holds(box: BBox, word: Word) -> bool:
    x, y = (word.bbox[0] + word.bbox[2]) / 2, (word.bbox[1] + word.bbox[3]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


@dataclass
class Tally:
    """Of one kind: how many there are that could have a box, how many have, and how their words agree."""

    count: int = 0
    boxed: int = 0
    found: list[Agreement] = field(default_factory=list)

    def add(self, text: str, boxes: Sequence[tuple[int, BBox]], pages: Mapping[int, Sequence[Word]]) -> None:
        """One block or chunk."""
        self.count += 1
        self.boxed += bool(boxes)
        agreed = agreement(text, boxes, pages)
        if agreed:
            self.found.append(agreed)

    def row(self, name: str) -> str:
        """A line of the table."""
        cells = [name, str(self.count), percent(self.boxed / max(1, self.count))]
        for part in ("coverage", "purity"):
            values = [getattr(one, part) for one in self.found]
            good = sum(value >= GOOD for value in values) / max(1, len(values))
            cells += [f"{statistics.fmean(values):.3f}", percent(good)] if values else ["–", "–"]
        return f"| {' | '.join(cells)} |"


def percent(share: float) -> str:
    """With one decimal."""
    return f"{100 * share:.1f} %"
