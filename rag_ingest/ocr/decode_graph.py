"""CUDA graphs of a step, one for each shape: a step of 28 layers is some 1,000 kernels, as long to launch as to run.

Not run so far: no GPU was at hand when it was written. Without it a step does the same, launched kernel by kernel.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch

log = logging.getLogger(__name__)

MOST_GRAPHS: Final = 128
"""Of one cache, since each takes memory beside it; A4 pages in all rows have 20 reaches (2,157 to 7,168 tokens)."""

Pass = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]


@dataclass(frozen=True, slots=True)
class _Graph:
    graph: Any
    tokens: torch.Tensor
    lengths: torch.Tensor
    hidden: torch.Tensor


class Captured:
    """A pass that is captured when a shape occurs for the second time, and replayed from then on.

    Many shapes occur once, as pages run out; a capture takes longer than several passes. Of more than `MOST_GRAPHS` the
    one that was not used for longest goes. Where a capture fails, passes go on without. What a replay returns is
    overwritten by the next one of the shape, or of any other.

    Args:
        forward: [rows, tokens] and [rows] of integers, and a reach -> [rows, tokens, hidden]; always on the same
            cache, and the same whether it runs once or several times.
    """

    def __init__(self, forward: Pass) -> None:
        self._forward = forward
        self._graphs: dict[tuple[int, int, int], _Graph] = {}
        self._seen: set[tuple[int, int, int]] = set()
        self._pool: Any = None
        self._captures = True

    def __call__(self, tokens: torch.Tensor, lengths: torch.Tensor, reach: int) -> torch.Tensor:
        """As `forward`."""
        shape = (tokens.shape[0], tokens.shape[1], reach)
        kept = self._graphs.pop(shape, None)
        if kept is None and shape in self._seen and self._captures:
            kept = self._tried(tokens, lengths, reach)
        self._seen.add(shape)
        if kept is None:
            return self._forward(tokens, lengths, reach)
        self._graphs[shape] = kept  # the last in order is the one used last
        kept.tokens.copy_(tokens)
        kept.lengths.copy_(lengths)
        kept.graph.replay()
        return kept.hidden

    def _tried(self, tokens: torch.Tensor, lengths: torch.Tensor, reach: int) -> _Graph | None:
        if len(self._graphs) >= MOST_GRAPHS:
            del self._graphs[next(iter(self._graphs))]
        try:
            return self._capture(tokens.clone(), lengths.clone(), reach)
        except RuntimeError as e:  # what torch raises for CUDA's errors, a lack of memory among them
            log.warning("steps run without CUDA graphs from here on: %s", (str(e).splitlines() or [""])[0])
            self._captures = False
            return None

    def _capture(self, tokens: torch.Tensor, lengths: torch.Tensor, reach: int) -> _Graph:
        aside: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # once before the capture, for what libraries set up at a first call
            self._forward(tokens, lengths, reach)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # thread_local: pages' pixels are put into pinned memory by another thread meanwhile
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            hidden = self._forward(tokens, lengths, reach)
        self._pool = self._pool or graph.pool()
        return _Graph(graph, tokens, lengths, hidden)
