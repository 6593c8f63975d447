"""How many tokens a text has: counted where a decision hangs on it, else told from its length.

Counting is most of the work of splitting, and a chunk's final text must be counted in any case. So the blocks that go
into it are measured by their length and by what the document's first blocks of their kind cost a character; whatever
comes out too large is then counted.
"""

from __future__ import annotations

from rag_ingest.split.atoms import CAUTION, size
from rag_ingest.types import BlockKind, TokenCounter

_SAMPLES = 3
_SAMPLE_CHARACTERS = 1500
_HEAD = 6
"""Characters a token of the budget: of a longer text, the beginning may be enough."""
_ENOUGH = 1.4
_SURELY = 1.05
_OWN_RATE = frozenset({"table", "formula", "code", "reference"})


class Meter:
    """Measures texts of one document.

    Args:
        count: tokens of a text.
        largest: the budget; of texts far beyond it only the beginning is counted.
    """

    def __init__(self, count: TokenCounter, largest: int) -> None:
        self._count = count
        self._largest = largest
        self._samples: dict[tuple[str, int], list[int]] = {}

    def counted(self, text: str, guess: int = 0) -> int:
        """The count, or an estimate from the beginning of a text that is too large by that alone.

        Args:
            text: any text.
            guess: an estimate of its tokens, if there is one: it says how much of the beginning should be enough.
        """
        head = _HEAD * self._largest
        if guess > 2 * self._largest:
            head = min(head, int(_ENOUGH * self._largest * len(text) / guess))
        if len(text) > head:
            tokens = self._count(text[:head])
            if tokens > _SURELY * self._largest:
                return tokens * len(text) // head
        return self._count(text)

    def measured(self, text: str, kind: BlockKind) -> tuple[int, bool]:
        """(tokens, whether they were counted); the first few texts of a kind and script are."""
        length = size(text)
        key = (kind if kind in _OWN_RATE else "", _script(len(text), length))
        sample = self._samples.setdefault(key, [0, 0, 0])
        if sample[0] < _SAMPLES or sample[1] < _SAMPLE_CHARACTERS:
            tokens = self.counted(text)
            sample[0] += 1
            sample[1] += length
            sample[2] += tokens
            return tokens, True
        return int(CAUTION * length * sample[2] / sample[1]) + 1, False


def _script(characters: int, length: int) -> int:
    """1 for ASCII, else growing with the bytes a character takes: scripts differ in tokens a character."""
    return min(6, 3 * length // max(1, characters) - 2)
