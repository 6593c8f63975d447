"""The engine at the top of the ladder."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rag_ingest.ocr.ladder import Attempt, Broken, Outcome
from rag_ingest.types import Engine, Failure


class Fallback:
    """Makes the engine when it is first needed. One page at a time, from any thread.

    Attributes:
        options_for: an engine's name -> its options, as `Config.options_for`; None: each engine's own defaults.
    """

    def __init__(self) -> None:
        self.options_for: Callable[[str], Any] | None = None
        self._engines: dict[str, Engine] = {}
        self._lock = threading.Lock()

    def read(self, attempt: Attempt) -> Outcome:
        """Reads a page; an engine that can't be made or breaks down costs this attempt."""
        with self._lock:
            try:
                result = self._engine(attempt.engine).recognize([attempt.page])[0]
            except Exception as e:  # whatever a layout model raises for one page must not cost the others
                return Broken(f"{type(e).__name__}: {e}", "nowhere")
        return Broken(result.reason, "nowhere") if isinstance(result, Failure) else result

    def close(self) -> None:
        """Frees the engines; they are made again when needed."""
        with self._lock:
            while self._engines:
                self._engines.popitem()[1].close()

    def _engine(self, name: str) -> Engine:
        if name not in self._engines:
            from rag_ingest.ocr.layout import LayoutEngine
            from rag_ingest.ocr.textlayer import TextLayerEngine

            options = self.options_for(name) if self.options_for else None
            self._engines[name] = LayoutEngine(options) if name == "layout" else TextLayerEngine(options)
        return self._engines[name]
