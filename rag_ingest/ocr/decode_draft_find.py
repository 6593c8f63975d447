"""Where in a page's text layer the model is, and what it makes of the layer on the way."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag_ingest.ocr.decode_draft_layer import Joints, Layer, Spellings
from rag_ingest.ocr.decode_draft_marks import letters_of

LOOKUPS = ((24, 10**6), (12, 10**6), (8, 2000), (5, 400), (3, 60))
"""Letters that must agree, and how far from the expected place: the fewer, the nearer."""

UNIQUE_LETTERS = 5
"""So many letters may be anywhere if they stand once on the page."""

WORD_REACH = 40
"""Letters ahead in which a single short word is looked for."""

_MARKED = re.compile(r"(?<![\w$\\])\$[^$\n]{1,60}\$$|(?<![\w*])(\*{1,3})[^*\n]{1,60}\1$")


class Finder:
    """Follows the model through a layer.

    Args:
        layer: of the page.
        joints: learns what is written between lines.
        spellings: learns which words are written with marks.

    Attributes:
        place: index of the letter that comes next.
    """

    def __init__(self, layer: Layer, joints: Joints, spellings: Spellings) -> None:
        self._layer, self._joints, self._spellings = layer, joints, spellings
        self.place = 0

    def look_up(self, tail: str, letters: str, places: Sequence[int], *, table: bool) -> int:
        """Moves the place behind the letters that were written last.

        Args:
            tail: what was written last.
            letters: its letters, folded.
            places: of each letter, its offset in the tail.
            table: the tail ends in an HTML table.

        Returns:
            How many letters agree, 0 where none do.
        """
        layer = self._layer.letters
        for n, reach in LOOKUPS:
            wanted = letters[-n:]
            if len(wanted) < n:
                continue
            at = layer.find(wanted, max(0, self.place - n), self.place + reach + n)
            if at < 0:
                at = layer.rfind(wanted, max(0, self.place - reach), self.place + n)
            if at < 0 and n == UNIQUE_LETTERS and layer.count(wanted) == 1:
                at = layer.find(wanted)
            if at >= 0 and (n >= UNIQUE_LETTERS or self._layer.word_starts[at]):
                self.place = at + n
                self._learn(tail, letters, places, table=table)
                return n
        word = 1
        while word < len(letters) and word < len(places) and places[-word] - places[-word - 1] == 1:
            word += 1
        wanted = letters[-word:]
        at = layer.find(wanted, self.place, self.place + WORD_REACH) if wanted else -1
        while at >= 0 and not self._layer.word_starts[at]:
            at = layer.find(wanted, at + 1, self.place + WORD_REACH)
        if at >= 0:
            self.place = at + word
            self._learn(tail, letters, places, table=table)
            return min(word, 4)
        return 0

    def _learn(self, tail: str, letters: str, places: Sequence[int], *, table: bool) -> None:
        """What was written between the last two lines, when the look-up has gone from one to the next."""
        layer, end = self._layer, self.place
        self._learn_spelling(tail)
        row = layer.places[end - 1][0]
        back = end - layer.line_starts[row]
        if back + 3 > len(letters) or back >= end or layer.places[end - 1 - back][0] != row - 1:
            return
        if layer.letters[end - back - 3 : end] != letters[-back - 3 :]:
            return
        between = tail[places[-back - 1] + 1 : places[-back]]
        before, after = layer.places[end - 1 - back], layer.places[end - back]
        ending, start = layer.lines[row - 1][before[1] + 1 :], layer.lines[row][: after[1]]
        if between.startswith(ending) and between.endswith(start) and len(between) >= len(ending) + len(start):
            between = between[len(ending) : len(between) - len(start)]
            self._joints.learn(layer.joints[row], between, table=table or "<t" in between)

    def _learn_spelling(self, tail: str) -> None:
        """How the words just found were written, when they ended with a mark."""
        marked = _MARKED.search(tail)
        if marked is None:
            return
        own, _ = letters_of(marked[0])
        start = self.place - len(own)
        layer = self._layer
        if not own or start < 0 or layer.letters[start : self.place] != own or not layer.word_starts[start]:
            return
        (row, at), (last_row, last) = layer.places[start], layer.places[self.place - 1]
        after = layer.lines[row][last + 1 : last + 2]
        if row != last_row or after.isalnum():
            return
        plain = layer.lines[row][at : last + 1]
        if plain.count("(") > plain.count(")") and after == ")":
            plain += after
        self._spellings.learn(plain, marked[0])
