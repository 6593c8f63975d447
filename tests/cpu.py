"""How long work takes, whatever else this machine and this process do."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable


def least_seconds(work: Callable[[], object]) -> float:
    """The least of three times that this thread worked; none of it for garbage that other tests left."""
    spent = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            began = time.thread_time()
            work()
            spent.append(time.thread_time() - began)
    finally:
        gc.enable()
    return min(spent)
