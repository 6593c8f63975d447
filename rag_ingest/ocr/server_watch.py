"""Notices a page that repeats itself while the server writes it."""

from __future__ import annotations

from typing import Final

from rag_ingest.ocr.loops import Loop, LoopDetector, pieces

EVERY_CHARS: Final = 64
"""Characters between two looks: about the 16 tokens of `lightonocr_watch`."""


class TextWatch:
    """Told an answer as it comes, it says when a loop is sure. Looks at each character once, save a piece that grows.

    What it finds and keeps is what `loops.without_loop` finds in the whole answer and keeps of it, however the answer
    was cut: all `pieces` but the last are the same whatever follows.
    """

    def __init__(self) -> None:
        self.loop: Loop | None = None
        self.chars = 0
        self._detector: LoopDetector[str] = LoopDetector(str)
        self._pieces: list[str] = []
        self._growing = ""
        self._unseen: list[str] = []
        self._unseen_chars = 0

    def add(self, text: str) -> bool:
        """More of the answer; true once there is a loop, from where on nothing more is taken."""
        if self.loop is None:
            self.chars += len(text)
            self._unseen.append(text)
            self._unseen_chars += len(text)
            if self._unseen_chars >= EVERY_CHARS:
                self._look(ended=False)
        return self.loop is not None

    def end(self) -> str:
        """The answer is over: what is kept of it."""
        if self.loop is None:
            self._look(ended=True)
        return "".join(self._pieces if self.loop is None else self._pieces[: self.loop.kept])

    def _look(self, *, ended: bool) -> None:
        found = pieces(self._growing + "".join(self._unseen))
        self._growing = "" if ended or not found else found.pop()
        self._unseen, self._unseen_chars = [], 0
        for piece in found:
            self._pieces.append(piece)
            self.loop = self._detector.add(piece)
            if self.loop is not None:
                return
