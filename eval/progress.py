"""How far a run is: bars with the time left on a terminal, now and then a line elsewhere; always on stderr.

What is slow wraps its loop in `track`; it shows nothing outside of `showing`, so that a library user sees nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")

LINE_EVERY_S = 30.0
"""Between two lines about the same loop where there is no terminal."""

_shown: ContextVar[Progress | None] = ContextVar("shown", default=None)


@contextmanager
def showing(console: Console | None = None) -> Iterator[Callable[[str], None]]:
    """While it is open, loops under `track` have bars on a terminal; gives a function that says a line.

    Args:
        console: stderr unless given.
    """
    console = console or Console(file=sys.stderr, highlight=False, soft_wrap=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        token = _shown.set(progress)
        try:
            yield lambda line: console.print(line, markup=False)
        finally:
            _shown.reset(token)


def track(items: Iterable[T], what: str, total: int, unit: str) -> Iterator[T]:
    """The items, counted on a bar if one is shown.

    Args:
        items: what is worked on, one after the other.
        what: said before the bar.
        total: how many items there will be.
        unit: what is counted.
    """
    progress = _shown.get()
    if progress is None or not total:
        yield from items
        return
    if progress.disable:
        yield from _with_lines(items, what, total, unit, progress.console)
        return
    task = progress.add_task(what, total=total, unit=unit)
    try:
        for item in items:
            yield item
            progress.advance(task)
    finally:
        progress.remove_task(task)


def _with_lines(items: Iterable[T], what: str, total: int, unit: str, console: Console) -> Iterator[T]:
    started = said = monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = monotonic()
        if now - said >= LINE_EVERY_S and done < total:
            left = (now - started) / done * (total - done)
            console.print(f"{what}: {done}/{total} {unit}, about {left:.0f} s left", markup=False)
            said = now
