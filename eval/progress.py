"""How far a run is: bars with the time left on a terminal, a line a step elsewhere; always on stderr.

What is slow wraps its loop in `track`; it shows nothing outside of `showing`, so that a library user sees nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")

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
        total: how many items there will be; the bar goes once they are through.
        unit: what is counted.
    """
    progress = _shown.get()
    if progress is None or not total:
        yield from items
        return
    task = progress.add_task(what, total=total, unit=unit)
    try:
        for item in items:
            yield item
            progress.advance(task)
    finally:
        progress.remove_task(task)
