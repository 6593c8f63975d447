"""The next things made in a thread while the present one is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")


def ahead(make: Callable[[T], U], items: Iterable[T], depth: int) -> Iterator[U]:
    """What `make` gives for each item, in their order, made in one thread up to `depth` items before it is asked for.

    What it raises is raised where the item's turn comes. Closing the iterator waits for the one that is being made.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        coming: deque[Future[U]] = deque()
        try:
            for item in items:
                coming.append(thread.submit(make, item))
                if len(coming) > depth:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            for future in coming:
                future.cancel()
