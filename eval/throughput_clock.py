"""Seconds by stage, of this process and of a GPU."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


class Clock:
    """Seconds by stage: on CUDA as the device counts them, without waiting for it, else as they pass here."""

    def __init__(self, cuda: bool) -> None:
        self._cuda = cuda
        self._events: list[tuple[str, Any, Any]] = []
        self.here: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def device(self, stage: str) -> Iterator[None]:
        """Work of the device; gaps in which it waits for a launch count in."""
        if not self._cuda:
            with self.host(stage):
                yield
            return
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        begin.record()
        yield
        end.record()
        self._events.append((stage, begin, end))

    @contextmanager
    def host(self, stage: str) -> Iterator[None]:
        """Work of this process, in whichever thread."""
        begun = time.perf_counter()
        yield
        self.here[stage] += time.perf_counter() - begun

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its calls counted as work of the device."""

        def run(*args: Any) -> Any:
            with self.device(stage):
                return function(*args)

        return run

    def seconds(self) -> dict[str, float]:
        """By stage; afterwards the device has done all of it."""
        total = self.here.copy()
        if self._cuda:
            torch.cuda.synchronize()
        for stage, begin, end in self._events:
            total[stage] += begin.elapsed_time(end) / 1000
        return dict(total)
