"""Whether a server reads pages at all, asked when one page failed: is it the page, or is it the server?"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import anyio


class Alive:
    """Asks once for all pages that fail together. For one event loop.

    Args:
        ask: the question to the server; it must end in time, and never raise.
    """

    def __init__(self, ask: Callable[[], Awaitable[bool]]) -> None:
        self._ask = ask
        self._told = False
        self._told_at = -math.inf

    async def now(self) -> bool:
        """What the server told after this call began."""
        began = time.perf_counter()
        async with self._turn:
            if self._told_at < began:
                self._told = await self._ask()
                self._told_at = time.perf_counter()
            return self._told

    @cached_property
    def _turn(self) -> anyio.Lock:
        from anyio import Lock

        return Lock()
