"""How many threads a model on the CPU takes."""

from __future__ import annotations

import os

__all__ = ["model_threads"]


def model_threads(asked: int) -> int:
    """As asked; for 0 what $OMP_NUM_THREADS says, which PyTorch keeps to as well, else -1: onnxruntime's one a core."""
    if asked:
        return asked
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else -1
