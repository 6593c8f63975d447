"""Ctrl-C while something is written waits until it is written and counted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["interrupt_after"]


@contextmanager
def interrupt_after() -> Iterator[None]:
    """A first SIGINT inside is raised at the end, a second one at once.

    Elsewhere than in the main thread, which alone gets signals, it does nothing.
    """
    before = signal.getsignal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else None
    if not callable(before):  # ignored, or set by other means than Python's
        yield
        return
    handle, held = before, False

    def hold(number: int, frame: FrameType | None) -> None:
        nonlocal held
        if held:
            handle(number, frame)
        held = True

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handle)
        if held:
            handle(signal.SIGINT, None)
