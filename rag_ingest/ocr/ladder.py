"""The retry ladder: a page that reads badly is read again, otherwise, and the best reading is kept.

    as it is -> hotter -> hotter still, at another size -> … -> another engine

`climb` decides for one page what is tried next and does no work itself: it yields an `Attempt` and is sent what came of
it. So engines that read in batches (`run`) and engines that have many requests under way share it. The number of
attempts is bounded, and so are the seconds after which no further one is begun with the model.

An attempt may also break: no text comes of it. `Broken.then` says where a page goes from there, and the engine that
says so has first made sure that its model reads anything at all. Where it does not (a server that is gone or busy,
refuses the key or answers everything with an error page; a GPU that hangs), the page ends as a `Failure` at once,
whatever was read of it before: `rag-ingest retry` reads it later, and no other engine quietly takes over a corpus.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from rag_ingest.errors import RagIngestError
from rag_ingest.ocr.blank import is_blank
from rag_ingest.ocr.checks import BADNESS, Check, agreement, badness, judge
from rag_ingest.ocr.guarded import GuardOptions
from rag_ingest.ocr.lightonocr_input import CELL_PX, LONGEST_EDGE_PX
from rag_ingest.ocr.upright import turned_back, turned_by, upright
from rag_ingest.types import Failure, Page, PageMarkdown

if TYPE_CHECKING:
    from PIL.Image import Image

HOTTEST: Final = 1.0
_THREADS: Final = 8

log = logging.getLogger(__name__)

Result: TypeAlias = PageMarkdown | Failure


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to read a page.

    Attributes:
        number: 0 is the first; it tells the random numbers of two attempts apart.
        temperature: of the sampling.
        scale: of the image, 1 as it is.
        engine: the fallback's name; empty for the model itself.
        budget_s: seconds that the page has left: what is begun later than that is not for this attempt.
    """

    page: Page
    number: int = 0
    temperature: float = 0.0
    scale: float = 1.0
    engine: str = ""
    budget_s: float = math.inf

    def told(self) -> dict[str, Any]:
        """As it stands in the ledger."""
        if self.engine:
            return {"engine": self.engine}
        return {"temperature": round(self.temperature, 3), "scale": round(self.scale, 3)}


Then: TypeAlias = Literal["again", "smaller", "elsewhere", "nowhere"]


@dataclass(frozen=True, slots=True)
class Broken:
    """An attempt of which no text came.

    Attributes:
        reason: one line.
        then: "again": the answer was none, and the next rung may have one; "smaller": memory or time did not suffice,
            and a smaller image of the same heat may do; "elsewhere": the model won't have this page, another engine
            may; "nowhere": there is nothing to read, or nobody to read it now.
        seconds: that it cost.
    """

    reason: str
    then: Then
    seconds: float = 0.0


Outcome: TypeAlias = PageMarkdown | Broken
Climb: TypeAlias = Generator[Attempt, Outcome, Result]


def climb(page: Page, options: GuardOptions, temperature: float, checks: Sequence[Check], blank: PageMarkdown) -> Climb:
    """The attempts at one page, and at the end what is kept of them; a guard that breaks down costs that page alone.

    Args:
        page: the page.
        options: how far to go.
        temperature: of the first attempt.
        checks: what makes an attempt bad.
        blank: the result for a page without ink.
    """
    try:
        return (yield from _climb(page, options, temperature, checks, blank))
    except RagIngestError:
        raise
    except Exception as e:
        return broke_down(page, e)


def broke_down(page: Page, error: Exception) -> Failure:
    """For what nobody expects, from this code or from a model that looks at the page, and what must not cost others."""
    log.debug("page %d of %s", page.number, page.doc_id, exc_info=error)
    return _failure(page, f"{type(error).__name__}: {(str(error).strip() or 'no message').splitlines()[0]}")


def _climb(
    page: Page, options: GuardOptions, temperature: float, checks: Sequence[Check], blank: PageMarkdown
) -> Climb:
    past = _Past()
    if options.skip_blank and _without_ink(page):
        blank = replace(blank, checks={**blank.checks, "verdict": "blank"})
        if options.fallback == "none" or not any(line.text.strip() for line in page.text_layer or ()):
            return blank
        past.then = "elsewhere"
    level, turns = (page, 0) if past.then == "elsewhere" else _level(page, options.orientation)
    for attempt in rungs(page, level, options, temperature, past):
        outcome = yield attempt
        if isinstance(outcome, Broken):
            past.add_broken(attempt, outcome, options.retry_scale)
            if outcome.then == "nowhere" and not attempt.engine:
                return _failure(page, outcome.reason)
            continue
        if turns and not attempt.engine:
            outcome = turned_back(outcome, turns, level.size_pt, turned_by(page, turns))
        if past.add(attempt, judge(attempt.page, outcome, checks)):
            break
    if past.best is None or past.only_empty():
        return _failure(page, past.broken) if past.broken and blank.checks.get("verdict") != "blank" else blank
    return _finished(past.best, blank, past.told, past.seconds)


@dataclass(slots=True)
class _Past:
    """What a page has been through.

    Attributes:
        told: every attempt, as it stands in the ledger.
        best: of what was read.
        bad: attempts with the model that read badly; so much hotter is the next.
        largest: the scale that no later attempt exceeds.
        broken: why the first attempt broke that did.
        read: whether the model has read anything.
    """

    told: list[dict[str, Any]] = field(default_factory=list)
    best: PageMarkdown | None = None
    seconds: float = 0.0
    bad: int = 0
    largest: float = math.inf
    then: Then = "again"
    broken: str = ""
    read: bool = False

    def add(self, attempt: Attempt, judged: PageMarkdown) -> bool:
        """What was read, judged; says whether it is good enough to stop."""
        self.told.append({**attempt.told(), "verdict": judged.checks["verdict"]})
        self.seconds += judged.seconds
        self.best = judged if self.best is None else min(self.best, judged, key=_rank)
        self.bad += bool(badness(judged))
        self.read = self.read or not attempt.engine
        return not badness(judged)

    def add_broken(self, attempt: Attempt, broken: Broken, smaller: float) -> None:
        self.told.append({**attempt.told(), "verdict": "failed", "reason": broken.reason})
        self.seconds += broken.seconds
        self.broken = self.broken or broken.reason
        self.then = broken.then
        if broken.then == "smaller":
            self.largest = attempt.scale * smaller
        self.bad += broken.then == "again"

    def only_empty(self) -> bool:
        """Whether the model broke and the other engine found nothing: that is no reading of a page with ink."""
        return not self.read and self.best is not None and self.best.checks["verdict"] == "empty"


def rungs(page: Page, level: Page, options: GuardOptions, temperature: float, past: _Past) -> Iterator[Attempt]:
    """The model as it is, the model otherwise `retries` times, the fallback; each chosen when it is asked for.

    Args:
        page: as it is, for the fallback.
        level: turned so that its text is level, for the model.
        options: how far to go.
        temperature: of the first attempt.
        past: what has been tried; attempts that there was no time for are noted in it.
    """
    other = _other_scale(level, options.retry_scale)
    for n in range(options.retries + 1):
        if past.then == "elsewhere":
            break
        heat = max(temperature, min(HOTTEST, temperature + past.bad * options.retry_temperature))
        scale = min(other if past.bad and past.bad % 2 == 0 else 1.0, past.largest)
        attempt = Attempt(level, n, heat, scale, budget_s=options.page_budget_s - past.seconds)
        if n and attempt.budget_s <= 0:
            past.told.append({**attempt.told(), "verdict": "out of time"})
            past.bad += 1
            continue
        yield attempt
    if options.fallback != "none" and (past.best is None or badness(past.best) > BADNESS["doubtful"]):
        yield Attempt(page, options.retries + 1, engine=options.fallback)


def run(climbs: Sequence[Climb], read: Callable[[Sequence[Attempt]], Sequence[Outcome]]) -> list[Result]:
    """Takes all pages up their ladders together, a batch a rung; same length and order.

    What looks at the pages before and after does so in threads: a model that could read is waiting.

    Args:
        climbs: one a page.
        read: attempts -> outcomes, same length and order; attempts of one call share engine and temperature, whatever
            their sizes.
    """
    done: dict[int, Result] = {}
    waiting: dict[int, Attempt] = {}
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _THREADS), "ladder") as threads:

        def send(outcomes: Mapping[int, Outcome | None]) -> None:
            steps = threads.map(step, [climbs[place] for place in outcomes], outcomes.values())
            for place, (ended, attempt) in zip(outcomes, steps, strict=True):
                if ended is not None:
                    done[place] = ended
                elif attempt is not None:
                    waiting[place] = attempt

        send(dict.fromkeys(range(len(climbs))))
        while waiting:
            groups: dict[tuple[str, float], dict[int, Attempt]] = {}
            for place, attempt in sorted(waiting.items()):
                groups.setdefault((attempt.engine, attempt.temperature), {})[place] = attempt
            waiting = {}
            for group in groups.values():
                send(dict(zip(group, read(list(group.values())), strict=True)))
    return [done[place] for place in range(len(climbs))]


def step(climbing: Climb, outcome: Outcome | None) -> tuple[Result | None, Attempt | None]:
    """Tells a ladder what came of its last attempt, None at the start: (kept, None) or (None, what is tried next)."""
    try:
        return None, next(climbing) if outcome is None else climbing.send(outcome)
    except StopIteration as end:
        return end.value, None


def proof_image() -> Image:
    """An empty sheet of 16 image tokens: a model that answers anything to it reads."""
    from PIL import Image as Images

    return Images.new("RGB", (4 * CELL_PX, 4 * CELL_PX), "white")


def _failure(page: Page, reason: str) -> Failure:
    return Failure(page.doc_id, page.number, "ocr", reason, page.doc_id)


def _finished(best: PageMarkdown, own: PageMarkdown, told: list[dict[str, Any]], seconds: float) -> PageMarkdown:
    """Whoever wrote the text is named as its engine; the fingerprint is that of the engine that was asked."""
    checks = dict(best.checks)
    if len(told) > 1 or best.engine != own.engine:
        checks["attempts"] = told
    if best.engine != own.engine:
        checks["fallback"] = best.fingerprint
    return replace(best, fingerprint=own.fingerprint, checks=checks, seconds=seconds)


def _rank(read: PageMarkdown) -> tuple[int, float, int]:
    return badness(read), -agreement(read), -len(read.markdown)


def _other_scale(page: Page, scale: float) -> float:
    longest = max(page.image.size) if page.image is not None else LONGEST_EDGE_PX
    return 1 / scale if longest <= scale * LONGEST_EDGE_PX else scale


def _level(page: Page, orientation: bool) -> tuple[Page, int]:
    try:
        return upright(page, orientation=orientation)
    except (OSError, ValueError):  # as below
        return page, 0


def _without_ink(page: Page) -> bool:
    try:
        return page.image is not None and is_blank(page.image)
    except (OSError, ValueError):  # PIL reads lazily; the engine says what is wrong with the image
        return False
