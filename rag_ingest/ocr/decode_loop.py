"""Writes many pages at once: a page joins when a row of the cache is free, and leaves when it is done.

Every pass gives each page one token, and more where a draft was right: the drafted tokens go through the same pass, and
those that are what the model would have written are kept (see `decode_sample`). What a page's text is depends neither
on the pages beside it nor on drafts. `generate` of transformers does the same for pages that start together and stop
with the slowest. Imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Final, Protocol

import torch

from rag_ingest.errors import OcrError
from rag_ingest.ocr.decode_sample import Sampling
from rag_ingest.ocr.decode_step import Stepper
from rag_ingest.ocr.loops import Loop, LoopDetector

MOST_DRAFTED: Final = 15
"""Tokens of a draft: with the one before it a step of 16; `eval/gpu.md` has what that costs."""
SCORED_AT_ONCE: Final = 256
"""Places whose scores are in memory together: 0.16 GB in float32 with a vocabulary of 151,936."""


class Drafter(Protocol):
    """Guesses how a page goes on. What it says costs time where it is wrong, and changes no text."""

    def propose(self, written: Sequence[int], most: int) -> Sequence[int]:
        """The tokens that may follow those written so far; `most` at most, none where it has no idea."""


@dataclass(frozen=True, slots=True)
class Job:
    """A page to write.

    Attributes:
        prompt: [tokens, hidden].
        room: tokens at most, one or more.
        draws: [room] numbers of sampling.
        drafter: what guesses its tokens.
    """

    prompt: torch.Tensor
    room: int
    draws: torch.Tensor
    drafter: Drafter | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a page.

    Attributes:
        tokens: with the end token, where it came.
        loop: where the page repeats itself; it was stopped there.
        passes: forward passes after the prompt's.
        drafted: tokens that were proposed.
        accepted: those of them that were right.
    """

    tokens: list[int]
    loop: Loop | None
    passes: int
    drafted: int
    accepted: int


class _Page:
    """A page while it is written."""

    def __init__(self, number: int, job: Job, text_of: Callable[[int], str]) -> None:
        self.number, self.job = number, job
        self.tokens: list[int] = []
        self.loop: Loop | None = None
        self.ended = False
        self.passes = self.drafted = self.accepted = 0
        self._prompt = job.prompt.shape[0]
        self._detector = LoopDetector(text_of)

    @property
    def held(self) -> int:
        """Tokens in the cache: all but the last one written."""
        return self._prompt + len(self.tokens) - 1

    def draft(self, most: int, vocabulary: int) -> list[int]:
        """A guess that leaves room for the token after it, cut where it holds what is no token."""
        most = min(most, self.job.room - len(self.tokens) - 1)
        if self.job.drafter is None or most < 1:
            return []
        guess = self.job.drafter.propose(self.tokens, most)[:most]
        return list(takewhile(lambda token: 0 <= token < vocabulary, guess))

    def write(self, draft: Sequence[int], chosen: Sequence[int], end_ids: frozenset[int]) -> None:
        """What the model chose after each token of a draft: taken up to the first that the draft did not foresee."""
        for place, token in enumerate(chosen):
            self.tokens.append(token)
            if token in end_ids:
                self.ended = True
            else:
                self.loop = self._detector.add(token)
                self.ended = self.loop is not None or len(self.tokens) == self.job.room
            foreseen = place < len(draft) and token == draft[place]
            self.accepted += foreseen
            if self.ended or not foreseen:
                return

    def written(self) -> Written:
        return Written(self.tokens, self.loop, self.passes, self.drafted, self.accepted)


class DecodeLoop:
    """Writes pages over one model and cache.

    Args:
        stepper: the decoder and its cache.
        end_ids: tokens that end a page.
        text_of: the text of one token, by which repetition is judged.
        most_drafted: tokens of a draft.
    """

    def __init__(
        self,
        stepper: Stepper,
        end_ids: Iterable[int],
        text_of: Callable[[int], str],
        most_drafted: int = MOST_DRAFTED,
    ) -> None:
        self.stepper, self._end_ids, self._text_of = stepper, frozenset(end_ids), text_of
        self._most = most_drafted

    def needs(self, prompt_tokens: int, room: int) -> int:
        """Tokens of a row that a page may come to: its longest answer, and what the last pass runs beyond it."""
        return prompt_tokens + room + self.stepper.width(1 + self._most)

    def run(self, jobs: Iterable[Job], sampling: Sampling) -> list[Written]:
        """What is written for each job, in their order; a job is taken from the iterable when a row is free for it.

        Raises:
            OcrError: a page needs more than a row holds.
        """
        waiting, active = enumerate(jobs), list[_Page]()
        done: dict[int, Written] = {}
        with self.stepper.attention():
            while True:
                while len(active) < self.stepper.cache.rows and (following := next(waiting, None)) is not None:
                    active.append(self._joined(len(active), *following, sampling))
                    self._retire(active, done)
                if not active:
                    return [done[number] for number in sorted(done)]
                self._step(active, sampling)
                self._retire(active, done)

    def _joined(self, row: int, number: int, job: Job, sampling: Sampling) -> _Page:
        page, length = _Page(number, job, self._text_of), self.stepper.cache.length
        if self.needs(job.prompt.shape[0], job.room) > length:
            raise OcrError(f"the page may need more tokens than the {length} of a cache row")
        hidden = self.stepper.prompt(job.prompt, row)
        page.write((), self._chosen(hidden, job.draws[:1], sampling), self._end_ids)
        return page

    def _step(self, pages: Sequence[_Page], sampling: Sampling) -> None:
        drafts = [page.draft(self._most, self.stepper.vocabulary) for page in pages]
        tokens = [[page.tokens[-1], *draft] for page, draft in zip(pages, drafts, strict=True)]
        hidden = self.stepper.step(tokens, [page.held for page in pages])
        spans = [page.job.draws[len(page.tokens) :][: len(row)] for page, row in zip(pages, tokens, strict=True)]
        chosen = iter(self._chosen(hidden, torch.cat(spans), sampling))
        for page, draft in zip(pages, drafts, strict=True):
            page.passes += 1
            page.drafted += len(draft)
            page.write(draft, list(islice(chosen, 1 + len(draft))), self._end_ids)

    def _chosen(self, hidden: torch.Tensor, draws: torch.Tensor, sampling: Sampling) -> list[int]:
        draws = draws.to(hidden.device)
        chosen: list[torch.Tensor] = []
        for start in range(0, len(hidden), SCORED_AT_ONCE):
            part = slice(start, start + SCORED_AT_ONCE)
            chosen.append(sampling.choose(self.stepper.scores(hidden[part]), draws[part]))
        return list(map(int, torch.cat(chosen).tolist()))

    def _retire(self, active: list[_Page], done: dict[int, Written]) -> None:
        for row in reversed(range(len(active))):
            if not active[row].ended:
                continue
            done[active[row].number] = active[row].written()
            last = active.pop()
            if row < len(active):
                self.stepper.cache.move(len(active), row, last.held)
                active[row] = last
