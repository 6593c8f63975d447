"""Drafts from the text layer: what the model will probably write next, to be verified in one forward pass.

The last letters that were written are looked up in the page's layer, near the place of the last agreement first; what
follows there is the draft, in the model's own tokens. Where the layer has nothing to say, as inside formulas and tags,
what followed the same tokens earlier on this page is (prompt look-up, Saxena 2023; here on the output).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag_ingest.ocr.decode_draft_find import Finder
from rag_ingest.ocr.decode_draft_layer import Joints, Spellings, gap_before, read_layer, render
from rag_ingest.ocr.decode_draft_marks import (
    MathState,
    closing_tag,
    count_letters,
    in_table,
    in_tag,
    letters_of,
    math_state,
    open_braces,
    opens,
)
from rag_ingest.types import TextLine

TAIL_TOKENS = 32
"""Written tokens that are looked at to find the place."""

TAIL_CHARACTERS = 100

PLAN_TOKENS = 48
SPARE_TOKENS = 24
"""A plan is longer than the next draft, so that it is not made anew at every step."""

CHARACTERS_A_TOKEN = 4.5
"""Of Qwen's vocabulary in English papers."""

LEAST_DRAFT = 4
MOST_DRAFT = 64
FIRST_RUN = {"layer": 16.0, "own": 6.0, "formula": 3.0}
"""Tokens accepted in a row that are expected of each source before any was tried."""

RUN_WEIGHT = 0.2
"""Of the last draft in the running mean."""

DRAFT_RUNS = 1.5
"""A draft is that many mean runs long, plus `LEAST_DRAFT`."""

LONGEST_OWN = 4
"""Tokens by which earlier output is looked up, at most."""

SURE_LETTERS = 5
"""Where fewer agree with the layer, what was written before goes first."""

STOCK = (
    "![image](image_0.png)\n\n<table><thead><tr><th></th><th></th></tr></thead><tbody><tr><td></td><td></td></tr>"
    "<tr><td></td><td></td></tr></tbody></table>\n\n<sup>2</sup> $^{2}$ $10^{-3}$ $x_{i}$ $x_{i,j}$ $x_1, \\dots, x_n$ "
    "$\\pm$ $\\times$ $\\sim$ $\\leq$ $\\geq$ $\\mathbb{R}^{n}$ $\\mathcal{L}$ $\\mathrm{d}$ $\\mathbf{x}$ $\\bar{x}$ "
    "$\\hat{x}$ $\\tilde{x}$ $\\boldsymbol{\\theta}$ $\\text{max}$ $\\sqrt{x}$ $\\left( \\right)$ $\\left[ \\right]$ "
    "$\\langle \\rangle$ $\\partial$ $\\infty$\n\n$$\\begin{aligned} \\sum_{i=1}^{n} \\int_{0}^{\\infty} \\frac{1}{2} "
    "\\end{aligned}$$\n\n"
)
"""What counts as written before the page begins: how the model writes tables, marks and common formulas."""


_LEADS = '([{“‘"'


@dataclass(frozen=True, kw_only=True)
class DraftOptions:
    """What a drafter does; the defaults are what `python -m eval.drafting` found best.

    Attributes:
        join: lines are joined to paragraphs, hyphens at line ends undone.
        learn: what the model writes between lines, and between cells, is learned from the page.
        spell: words that the model writes in dollars or stars are drafted so.
        own_output: looks up what was written earlier on the page as well.
        adaptive: a draft is about as long as those of the same source that were accepted; else as long as allowed.
    """

    join: bool = True
    learn: bool = True
    spell: bool = True
    own_output: bool = True
    adaptive: bool = True


class TextLayerDrafter:
    """For one page, from its first token to its last.

    Args:
        lines: the page's text layer; None or empty where there is none: then only its own output is looked up.
        encode: text to the model's tokens, without special ones.
        decode: the reverse; may be given a cut character.
        options: see there.
    """

    def __init__(
        self,
        lines: Sequence[TextLine] | None,
        encode: Callable[[str], list[int]],
        decode: Callable[[Sequence[int]], str],
        options: DraftOptions | None = None,
    ) -> None:
        self.options = options or DraftOptions()
        self._encode, self._decode = encode, decode
        self._layer = read_layer(lines or (), join=self.options.join)
        self._restart()

    def _restart(self) -> None:
        self._joints = Joints(learn=self.options.learn)
        self._spellings = Spellings(learn=self.options.spell)
        self._finder = Finder(self._layer, self._joints, self._spellings)
        self._seen = self._read = 0
        self._last = -1
        self._table = False
        self._math: MathState = ""
        self._plan: list[int] = []
        self._at = 0
        self._proposed: list[int] = []
        self._source = "layer"
        self._runs = dict(FIRST_RUN)
        self._history: list[int] = []
        self._followers: dict[tuple[int, ...], int] = {}
        if self.options.own_output:
            self._remember(self._encode(STOCK))

    def propose(self, written: Sequence[int], most: int) -> list[int]:
        """Up to so many tokens that may follow; none where nothing is likely.

        Args:
            written: all tokens of the page so far; it must have grown at its end since the last call.
            most: limit of the draft; 0 and less give none.
        """
        if len(written) < self._seen or (self._seen and written[self._seen - 1] != self._last):
            self._restart()
        new = list(written[self._seen :])
        self._note(written, new)
        if not self._goes_on(new):
            self._find(written)
        if self.options.adaptive:
            most = min(most, self._limit())
        draft = self._plan[self._at : self._at + max(0, most)]
        self._proposed = draft
        return draft

    def _limit(self) -> int:
        return min(MOST_DRAFT, LEAST_DRAFT + int(DRAFT_RUNS * self._runs[self._source]))

    def _note(self, written: Sequence[int], new: list[int]) -> None:
        """Takes in what was written, and how much of the last draft was right."""
        if self._proposed and new:
            right = _agreeing(new, self._proposed)
            run = 2.0 * right if right == len(self._proposed) else right  # it would have gone on
            self._runs[self._source] += RUN_WEIGHT * (run - self._runs[self._source])
        if self.options.own_output:
            self._remember(new)
        self._seen = len(written)
        self._last = written[-1] if written else -1

    def _remember(self, new: list[int]) -> None:
        history, followers = self._history, self._followers
        start = len(history)
        history += new
        for at in range(max(1, start), len(history)):
            for first in range(max(0, at - LONGEST_OWN), at):
                followers[tuple(history[first:at])] = at

    def _goes_on(self, new: list[int]) -> bool:
        end = self._at + len(new)
        if self._plan[self._at : end] == new and end < len(self._plan):
            self._at = end
            return True
        agreed = self._plan[: self._at + _agreeing(new, self._plan[self._at :])]
        if agreed and self._source != "own":
            self._finder.place += count_letters(self._decode(agreed))
        return False

    def _find(self, written: Sequence[int]) -> None:
        """Makes a new plan."""
        self._plan, self._at, self._source = [], 0, "own"
        tail = self._decode(written[-TAIL_TOKENS:]) if written else ""
        tail = tail[-TAIL_CHARACTERS:]
        letters, places = letters_of(tail)
        self._table = in_table(tail, self._table)
        if len(written) > self._read:
            self._math = math_state(self._decode(written[self._read :]), self._math)
        self._read = len(written)
        strength = self._finder.look_up(tail, letters, places, table=self._table)
        ending = closing_tag(tail)
        if ending:
            self._plan = self._tokens(written, ending)
            return
        if self.options.own_output:
            self._plan = self._own(written, self._least_own(tail, strength))
        if not self._plan and (strength or not letters):
            self._source = "formula" if self._math else "layer"
            self._plan = self._continue(written, tail, tail[places[-1] + 1 :] if places else tail)
        if not self._plan and self.options.own_output:
            self._source = "own"
            self._plan = self._own(written, 2)

    def _least_own(self, tail: str, strength: int) -> int:
        """How many tokens must have been written before in a row for that to go before the layer."""
        if in_tag(tail) or self._math == "$$":
            return 1
        return 2 if self._math or strength < SURE_LETTERS else LONGEST_OWN + 1

    def _continue(self, written: Sequence[int], tail: str, marks: str) -> list[int]:
        """Tokens of the layer from the place on; `marks` were written behind the last letter already."""
        gaps = gap_before(self._layer, self._finder.place, self._joints, table=self._table)
        rest = next((gap[len(marks) :] for gap in gaps if gap.startswith(marks)), None)
        if rest is None:
            rest = _after_marks(gaps[0], marks)
        if self._math == "$" and not marks and rest:
            rest = "}" * open_braces(tail) + "$" + rest
        tokens = min(PLAN_TOKENS, self._limit() + SPARE_TOKENS) if self.options.adaptive else PLAN_TOKENS
        text = render(
            self._layer,
            self._finder.place,
            int(tokens * CHARACTERS_A_TOKEN),
            self._joints,
            self._spellings,
            table=self._table,
        )
        if not rest and text[:1] in ("$", "*") and marks.endswith(text[0]):
            text = text.lstrip(text[0])
        return self._tokens(written, rest + text)

    def _tokens(self, written: Sequence[int], text: str) -> list[int]:
        """Tokens of a text behind the last one written, as they are when both are read at once."""
        if not text:
            return []
        if written:
            both = self._encode(self._decode(written[-1:]) + text)
            if both[:1] == [written[-1]]:
                return both[1:]
        return self._encode(text)

    def _own(self, written: Sequence[int], shortest: int) -> list[int]:
        for n in range(min(LONGEST_OWN, len(written)), shortest - 1, -1):
            at = self._followers.get(tuple(written[-n:]))
            if at is not None:
                return self._history[at : at + PLAN_TOKENS]
        return []


def _after_marks(gap: str, marks: str) -> str:
    """What is left of a gap of the layer behind marks that are not its beginning."""
    overlap = next((n for n in range(min(len(marks), len(gap)), 0, -1) if marks.endswith(gap[:n])), 0)
    if overlap or not opens(marks):
        return gap[overlap:]
    lead = gap[len(gap.rstrip(_LEADS)) :]
    return "" if lead in marks else lead


def _agreeing(one: Sequence[int], other: Sequence[int]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count
