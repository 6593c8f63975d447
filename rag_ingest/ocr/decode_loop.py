"""Writes many pages at once: a page joins when a row of the cache is free, and leaves when it is done.

Every pass gives each page one token, and more where a draft was right: the drafted tokens go through the same pass, and
those that are what the model would have written are kept (see `decode_sample`). What a page's text is depends neither
on the pages beside it nor on drafts. `generate` of transformers does the same for pages that start together and stop
with the slowest. Imports torch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, takewhile
from operator import index
from typing import Final, Protocol

import torch

from rag_ingest.errors import OcrError
from rag_ingest.ocr.decode_sample import Sampling
from rag_ingest.ocr.decode_step import Stepper
from rag_ingest.ocr.loops import Loop, LoopDetector

log = logging.getLogger(__name__)

MOST_DRAFTED: Final = 15
"""Tokens of a draft: with the one before it a step of 16; `eval/gpu.md` has what that costs."""
SCORED_AT_ONCE: Final = 256
"""Places whose scores are in memory together: 0.16 GB in float32 with a vocabulary of 151,936."""


class Drafter(Protocol):
    """Guesses how a page goes on. What it says costs time where it is wrong, and changes no text; nor does an error."""

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
    """A page while it is written; its prompt is held by the cache alone."""

    def __init__(self, number: int, job: Job, text_of: Callable[[int], str]) -> None:
        self.number, self.draws = number, job.draws
        self.tokens: list[int] = []
        self.loop: Loop | None = None
        self.ended = False
        self.passes = self.drafted = self.accepted = 0
        self._prompt, self._room, self._drafter = job.prompt.shape[0], job.room, job.drafter
        self._detector = LoopDetector(text_of)

    @property
    def held(self) -> int:
        """Tokens in the cache: all but the last one written."""
        return self._prompt + len(self.tokens) - 1

    def draft(self, most: int, vocabulary: int) -> list[int]:
        """A guess that leaves room for the token after it, cut where it holds what is no token."""
        most = min(most, self._room - len(self.tokens) - 1)
        if self._drafter is None or most < 1:
            return []
        try:
            guess = map(index, self._drafter.propose(self.tokens, most)[:most])
            return list(takewhile(lambda token: 0 <= token < vocabulary, guess))
        except Exception as e:
            log.warning("a page is written on without drafts: %s: %s", type(e).__name__, e)
            self._drafter = None
            return []

    def write(self, draft: Sequence[int], chosen: Sequence[int], end_ids: frozenset[int]) -> None:
        """What the model chose after each token of a draft: taken up to the first that the draft did not foresee."""
        for place, token in enumerate(chosen):
            self.tokens.append(token)
            if token in end_ids:
                self.ended = True
            else:
                self.loop = self._detector.add(token)
                self.ended = self.loop is not None or len(self.tokens) == self._room
            foreseen = place < len(draft) and token == draft[place]
            self.accepted += foreseen
            if self.ended or not foreseen:
                return

    def written(self) -> Written:
        return Written(self.tokens, self.loop, self.passes, self.drafted, self.accepted)


class _Lane:
    """Pages that go through the model together, in the first rows of one cache."""

    def __init__(self, stepper: Stepper, width: int) -> None:
        self.stepper = stepper
        self._width = width  # tokens that a step puts down behind those that a page has, at most
        self.pages: list[_Page] = []
        self.drafts: list[list[int]] = []
        self.hidden = self.draws = torch.empty(0)
        self.chosen: list[int] = []

    def take(self, end_ids: frozenset[int]) -> None:
        """What was chosen goes to the pages."""
        chosen = iter(self.chosen)
        for page, draft in zip(self.pages, self.drafts, strict=True):
            page.passes += 1
            page.drafted += len(draft)
            page.write(draft, list(islice(chosen, 1 + len(draft))), end_ids)

    def retired(self) -> Iterator[_Page]:
        """Pages that have ended; the last rows move into theirs."""
        cache = self.stepper.cache
        for row in reversed(range(len(self.pages))):
            if self.pages[row].ended:
                gone, last = self.pages[row], self.pages.pop()
                cache.clear(row, gone.held + self._width)
                if row < len(self.pages):
                    cache.move(len(self.pages), row, last.held)
                    cache.clear(len(self.pages), last.held + self._width)
                    self.pages[row] = last
                yield gone

    def launch(self) -> None:
        """A forward pass, for which a GPU is not waited for."""
        tokens = [[page.tokens[-1], *draft] for page, draft in zip(self.pages, self.drafts, strict=True)]
        self.hidden = self.stepper.step(tokens, [page.held for page in self.pages])
        numbered = zip(self.pages, tokens, strict=True)
        self.draws = torch.cat([page.draws[len(page.tokens) :][: len(row)] for page, row in numbered])


class DecodeLoop:
    """Writes pages over one model.

    Args:
        steppers: the decoder over one cache each. With two, the pages of one are looked at and drafted for while a GPU
            is at those of the other, which else would wait for that at every pass.
        end_ids: tokens that end a page.
        text_of: the text of one token, by which repetition is judged.
        most_drafted: tokens of a draft.
    """

    def __init__(
        self,
        steppers: Sequence[Stepper],
        end_ids: Iterable[int],
        text_of: Callable[[int], str],
        most_drafted: int = MOST_DRAFTED,
    ) -> None:
        self.steppers, self._end_ids, self._text_of = steppers, frozenset(end_ids), text_of
        self._most = most_drafted

    @property
    def row_tokens(self) -> int:
        """Tokens that a row holds."""
        return self.steppers[0].cache.length

    def needs(self, prompt_tokens: int, room: int) -> int:
        """Tokens of a row that a page may come to: its longest answer, and what the last pass runs beyond it."""
        return prompt_tokens + room + self._width

    @property
    def _width(self) -> int:
        return self.steppers[0].width(1 + self._most)

    def run(self, jobs: Iterable[Job], sampling: Sampling) -> list[Written]:
        """What is written for each job, in their order; a job is taken from the iterable when a row is free for it.

        Raises:
            OcrError: a page needs more than a row holds.
        """
        waiting, done = enumerate(jobs), dict[int, Written]()
        lanes = [_Lane(stepper, self._width) for stepper in self.steppers]
        flying: _Lane | None = None
        with self.steppers[0].attention():
            for lane in cycle(lanes):
                if flying is lane:  # there is but one
                    self._land(lane, sampling)
                lane.take(self._end_ids)
                self._change(lane, waiting, done, sampling)
                if flying is not None and flying is not lane:
                    self._land(flying, sampling)
                flying = lane if lane.pages else None
                if flying is not None:
                    lane.launch()
                elif not any(other.pages for other in lanes):
                    break
        return [done[number] for number in sorted(done)]

    def _land(self, lane: _Lane, sampling: Sampling) -> None:
        lane.chosen = self._chosen(lane.stepper, lane.hidden, lane.draws, sampling)

    def _change(
        self, lane: _Lane, waiting: Iterator[tuple[int, Job]], done: dict[int, Written], sampling: Sampling
    ) -> None:
        """Pages leave and join; then each of those that are there has its draft."""
        done.update((page.number, page.written()) for page in lane.retired())
        while len(lane.pages) < lane.stepper.cache.rows and (following := next(waiting, None)) is not None:
            lane.pages.append(self._joined(lane.stepper, len(lane.pages), *following, sampling))
            done.update((page.number, page.written()) for page in lane.retired())
        lane.drafts = [page.draft(self._most, lane.stepper.vocabulary) for page in lane.pages]
        lane.chosen = []

    def _joined(self, stepper: Stepper, row: int, number: int, job: Job, sampling: Sampling) -> _Page:
        if self.needs(job.prompt.shape[0], job.room) > self.row_tokens:
            raise OcrError(f"the page may need more tokens than the {self.row_tokens} of a cache row")
        page, hidden = _Page(number, job, self._text_of), stepper.prompt(job.prompt, row)
        page.write((), self._chosen(stepper, hidden, job.draws[:1], sampling), self._end_ids)
        return page

    def _chosen(self, stepper: Stepper, hidden: torch.Tensor, draws: torch.Tensor, sampling: Sampling) -> list[int]:
        draws = draws.to(hidden.device)
        chosen: list[torch.Tensor] = []
        for start in range(0, len(hidden), SCORED_AT_ONCE):
            part = slice(start, start + SCORED_AT_ONCE)
            chosen.append(sampling.choose(stepper.scores(hidden[part]), draws[part]))
        return list(map(int, torch.cat(chosen).tolist()))
