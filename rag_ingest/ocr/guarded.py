"""The retry ladder: a page that reads badly is read again, otherwise, and the best reading is kept.

    as it is -> hotter -> hotter still, at another size -> … -> another engine

`climb` decides for one page what is tried next and does no work itself: it yields an `Attempt` and is sent what came of
it. So engines that read in batches (`run`) and engines that have many requests under way share it. The number of
attempts is bounded, and so are the seconds after which no further one is begun with the model.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, TypeAlias

from rag_ingest.errors import ConfigError, RagIngestError
from rag_ingest.ocr.blank import is_blank
from rag_ingest.ocr.checks import BADNESS, Check, agreement, badness, judge
from rag_ingest.ocr.lightonocr_input import LONGEST_EDGE_PX
from rag_ingest.ocr.scripts import SCRIPTS
from rag_ingest.ocr.upright import turned_back, upright
from rag_ingest.types import Engine, Failure, Page, PageMarkdown

VERSION: Final = 2
"""Counts up when the same page could come out differently: other guards, thresholds or rungs."""

FALLBACKS: Final = ("layout", "textlayer", "none")
HOTTEST: Final = 1.0

Result: TypeAlias = PageMarkdown | Failure


@dataclass(frozen=True, kw_only=True)
class GuardOptions:
    """What is done about a page that reads badly.

    Attributes:
        retries: further attempts with the model, 0..10.
        retry_temperature: added to the temperature with each.
        retry_scale: every second one is made of an image so much smaller; larger by as much where the page's image
            leaves room up to 1540 px.
        fallback: the engine that reads a page after that: "layout", "textlayer" or "none".
        page_budget_s: once a page took so long, the model is not asked again.
        skip_blank: pages without ink are not given to the model.
        scripts: Unicode scripts of the documents, for example ["Latin"]; empty: what each page's text layer says.
        witness: a page's text layer is asked whether the Markdown agrees with it. A page that is doubtful by that is
            read again by the model and not by the fallback: an engine that copies the layer agrees with it anyway.
    """

    retries: int = 2
    retry_temperature: float = 0.3
    retry_scale: float = 0.8
    fallback: str = "layout"
    page_budget_s: float = 300.0
    skip_blank: bool = True
    scripts: tuple[str, ...] = ()
    witness: bool = True

    def guard_settings(self) -> dict[str, Any]:
        """What of these decides a page's text, for a fingerprint.

        The fallback counts by its name: a newer layout model must not have millions of pages read again.
        """
        named = {field.name for field in fields(GuardOptions)}
        return {"version": VERSION, **{name: value for name, value in asdict(self).items() if name in named}}

    def check_guards(self, section: str) -> None:
        """Checks ranges.

        Raises:
            ConfigError: an option of `section` is out of range.
        """
        for name, least, most in _RANGES:
            if not least <= getattr(self, name) <= most:
                raise ConfigError(f"{section}.{name} is {getattr(self, name)}: it must be from {least} to {most}")
        if self.fallback not in FALLBACKS:
            raise ConfigError(f"{section}.fallback is {self.fallback!r}: it must be one of {', '.join(FALLBACKS)}")
        for name in self.scripts:
            if name not in SCRIPTS:
                raise ConfigError(f"{section}.scripts has {name!r}: known are {', '.join(SCRIPTS)}")


_RANGES = (("retries", 0, 10), ("retry_temperature", 0, 2), ("retry_scale", 0.25, 0.99), ("page_budget_s", 1, 86_400))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to read a page.

    Attributes:
        number: 0 is the first; it tells the random numbers of two attempts apart.
        temperature: of the sampling.
        scale: of the image, 1 as it is.
        engine: the fallback's name; empty for the model itself.
    """

    page: Page
    number: int = 0
    temperature: float = 0.0
    scale: float = 1.0
    engine: str = ""

    def told(self) -> dict[str, Any]:
        """As it stands in the ledger."""
        if self.engine:
            return {"engine": self.engine}
        return {"temperature": round(self.temperature, 3), "scale": round(self.scale, 3)}


Climb: TypeAlias = Generator[Attempt, Result, Result]


def climb(page: Page, options: GuardOptions, temperature: float, checks: Sequence[Check], blank: PageMarkdown) -> Climb:
    """The attempts at one page, and at the end what is kept of them.

    Args:
        page: the page.
        options: how far to go.
        temperature: of the first attempt.
        checks: what makes an attempt bad.
        blank: the result for a page without ink.
    """
    level, turns = upright(page)
    attempts: Iterable[Attempt] = rungs(page, level, options, temperature)
    if options.skip_blank and _without_ink(page):
        attempts = [a for a in attempts if a.engine and any(line.text.strip() for line in page.text_layer or ())]
        if not attempts:
            return replace(blank, checks={**blank.checks, "verdict": "blank"})
        blank = replace(blank, checks={**blank.checks, "verdict": "blank"})
    best: PageMarkdown | None = None
    told: list[dict[str, Any]] = []
    seconds = 0.0
    for attempt in attempts:
        if attempt.engine and best is not None and badness(best) <= BADNESS["doubtful"]:
            break
        if told and not attempt.engine and seconds >= options.page_budget_s:
            told.append({**attempt.told(), "verdict": "out of time"})
            continue
        result = yield attempt
        if isinstance(result, Failure):
            if not told:
                return result
            told.append({**attempt.told(), "verdict": "failed", "reason": result.reason})
            continue
        seconds += result.seconds
        if turns and not attempt.engine:
            result = turned_back(result, turns, level.size_pt)
        judged = judge(attempt.page, result, checks)
        told.append({**attempt.told(), "verdict": judged.checks["verdict"]})
        best = judged if best is None else min(best, judged, key=_rank)
        if not badness(judged):
            break
    if best is None:
        return blank
    return _finished(best, blank, told, seconds)


def rungs(page: Page, level: Page, options: GuardOptions, temperature: float) -> Iterator[Attempt]:
    """The model as it is, the model otherwise `retries` times, the fallback.

    Args:
        page: as it is, for the fallback.
        level: turned so that its text is level, for the model.
        options: how far to go.
        temperature: of the first attempt.
    """
    yield Attempt(level, 0, temperature)
    other = _other_scale(level, options.retry_scale)
    for n in range(1, options.retries + 1):
        hotter = max(temperature, min(HOTTEST, temperature + n * options.retry_temperature))
        yield Attempt(level, n, hotter, 1.0 if n % 2 else other)
    if options.fallback != "none":
        yield Attempt(page, options.retries + 1, engine=options.fallback)


def run(climbs: Sequence[Climb], read: Callable[[Sequence[Attempt]], Sequence[Result]]) -> list[Result]:
    """Takes all pages up their ladders together, a batch a rung; same length and order.

    Args:
        climbs: one a page.
        read: attempts -> results, same length and order; attempts of one call share engine and temperature.
    """
    done: dict[int, Result] = {}
    waiting: dict[int, Attempt] = {}

    def send(place: int, result: Result | None) -> None:
        ended, value = step(climbs[place], result)
        if ended is not None:
            done[place] = ended
        elif value is not None:
            waiting[place] = value

    for place in range(len(climbs)):
        send(place, None)
    while waiting:
        groups: dict[tuple[str, float], list[tuple[int, Attempt]]] = {}
        for place, attempt in sorted(waiting.items()):
            groups.setdefault((attempt.engine, attempt.temperature), []).append((place, attempt))
        waiting = {}
        for group in groups.values():
            for (place, _), result in zip(group, read([attempt for _, attempt in group]), strict=True):
                send(place, result)
    return [done[place] for place in range(len(climbs))]


def step(climbing: Climb, result: Result | None) -> tuple[Result | None, Attempt | None]:
    """Tells a ladder what came of its last attempt, None at the start: (kept, None) or (None, what is tried next)."""
    try:
        return None, next(climbing) if result is None else climbing.send(result)
    except StopIteration as end:
        return end.value, None


class Fallback:
    """The engine at the top of the ladder; made when it is first needed. One page at a time, from any thread."""

    def __init__(self) -> None:
        self._engines: dict[str, Engine] = {}
        self._lock = threading.Lock()

    def read(self, attempt: Attempt) -> Result:
        """Reads a page; an engine that can't be made or breaks down costs this attempt."""
        with self._lock:
            try:
                return self._engine(attempt.engine).recognize([attempt.page])[0]
            except RagIngestError as e:
                return Failure(attempt.page.doc_id, attempt.page.number, "ocr", str(e), attempt.page.doc_id)

    def close(self) -> None:
        """Frees the engines; they are made again when needed."""
        with self._lock:
            while self._engines:
                self._engines.popitem()[1].close()

    def _engine(self, name: str) -> Engine:
        if name not in self._engines:
            from rag_ingest.ocr.layout import LayoutEngine
            from rag_ingest.ocr.textlayer import TextLayerEngine

            self._engines[name] = LayoutEngine() if name == "layout" else TextLayerEngine()
        return self._engines[name]


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


def _without_ink(page: Page) -> bool:
    try:
        return page.image is not None and is_blank(page.image)
    except (OSError, ValueError):  # PIL reads lazily; the engine says what is wrong with the image
        return False
