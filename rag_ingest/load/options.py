"""What can be set about loading; imports nothing heavy."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from rag_ingest.errors import ConfigError

MAX_DEFAULT_WORKERS = 8
MIN_SIDE_PX = 28
"""Shortest side that gives LightOnOCR one image token: patches of 14 px, merged two by two."""


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """How pages are read and rendered.

    Attributes:
        longest_edge_px: of a rendered page, 28..10000; images are shrunk to it, never enlarged.
            1540 is what LightOnOCR was trained on.
        page_timeout_s: a page that takes longer fails, alone; > 0.
        worker_memory_mb: address space that one worker process may take on top of what it needs to start, >= 64.
            Enforced where the system can (Linux).
        workers: processes that read pages, 0..256; 0 takes one a core, at most 8.
        password: opens encrypted PDFs.
    """

    longest_edge_px: int = 1540
    page_timeout_s: float = 60.0
    worker_memory_mb: int = 2048
    workers: int = 0
    password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not MIN_SIDE_PX <= self.longest_edge_px <= 10_000:
            raise ConfigError(f"load.longest_edge_px is {self.longest_edge_px}; it must be {MIN_SIDE_PX} to 10000")
        if not 0 < self.page_timeout_s <= 86_400:
            raise ConfigError(f"load.page_timeout_s is {self.page_timeout_s:g}; it must be over 0 and at most 86400")
        if self.worker_memory_mb < 64:
            raise ConfigError(f"load.worker_memory_mb is {self.worker_memory_mb}; it must be 64 or more")
        if not 0 <= self.workers <= 256:
            raise ConfigError(f"load.workers is {self.workers}; it must be 0 to 256 (0 = one a core, at most 8)")

    @property
    def worker_count(self) -> int:
        """`workers`, or one a core that this process may use, at most 8."""
        if self.workers:
            return self.workers
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return min(cores or 1, MAX_DEFAULT_WORKERS)
