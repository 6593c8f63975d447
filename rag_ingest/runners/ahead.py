"""A bounded look-ahead: the next items are made in a thread while the last one is worked on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import TypeVar, cast

T = TypeVar("T")

_END = object()


@dataclass(frozen=True)
class _Raised:
    error: BaseException


def ahead(items: Iterable[T], limit: int) -> Generator[T]:
    """Yields the same items in the same order, made by a thread that runs at most `limit` of them ahead.

    An exception in `items` is raised here; leaving early ends the thread after the item that it is making.
    """
    made: queue.Queue[object] = queue.Queue(maxsize=limit)
    stopped = threading.Event()

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                made.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_END)
        except BaseException as e:
            put(_Raised(e))

    thread = threading.Thread(target=work, name="read-ahead", daemon=True)
    thread.start()
    try:
        while (item := made.get()) is not _END:
            if isinstance(item, _Raised):
                raise item.error
            yield cast(T, item)
    finally:
        stopped.set()
        thread.join(timeout=1.0)
