"""Keys and values of the pages that are being written: one row a page, all rows equally long, made once, never grown.

A page may write up to `max_new_tokens`, so a row is reserved for its longest answer; nearly all prompts are of one
length (that of a page's image), so rows of one length waste little. What is read of a row in a step ends at the longest
page of the step. Rows in use are the first ones: when a page leaves, the last row moves into its place. Beyond what its
page has put down a row holds finite numbers: a masked place has weight 0, and 0 times a NaN is NaN. Imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from rag_ingest.errors import ConfigError


@dataclass(frozen=True, slots=True)
class CacheShape:
    """What the keys and values of one token are.

    Attributes:
        heads: of keys (and values) in a layer, not of queries.
        size: numbers in a head.
    """

    layers: int
    heads: int
    size: int
    dtype: torch.dtype
    device: torch.device

    @property
    def token_bytes(self) -> int:
        """Bytes of one token's keys and values in all layers: 114,688 for LightOnOCR-2-1B in bfloat16."""
        return 2 * self.layers * self.heads * self.size * self.dtype.itemsize


class RowCache:
    """`rows` x `length` tokens of keys and values; its tensor is all that it ever takes.

    Args:
        shape: of a token.
        rows: pages at a time.
        length: tokens of a row.
    """

    def __init__(self, shape: CacheShape, rows: int, length: int) -> None:
        self.rows, self.length = rows, length
        size = (shape.layers, 2, rows, shape.heads, length, shape.size)
        self._held = torch.zeros(size, dtype=shape.dtype, device=shape.device)

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor."""
        return self._held.nbytes

    def prompt(self, row: int) -> Prompt:
        """For a forward pass over a prompt, whose keys and values become those of `row`."""
        return Prompt(self._held[:, :, row])

    def step(self, places: torch.Tensor, reach: int) -> Step:
        """For a forward pass over the next tokens of the first rows.

        Args:
            places: [rows, tokens], where in its row each token stands.
            reach: tokens of each row that are read, those just written among them.
        """
        return Step(self._held[:, :, : places.shape[0]], places, reach)

    def move(self, row: int, to: int, count: int) -> None:
        """The first `count` tokens of a row into another row."""
        if row != to:
            self._held[:, :, to, :, :count] = self._held[:, :, row, :, :count]

    def clear(self, row: int, count: int) -> None:
        """The first `count` tokens of a row made zeros: a page of NaN (an overflow in float16) spoils no later one."""
        self._held[:, :, row, :, :count] = 0


class Prompt:
    """Stands for transformers' `Cache` in a forward pass over one prompt."""

    def __init__(self, held: torch.Tensor) -> None:
        self._held = held  # [layers, 2, heads, length, size]

    def update(self, keys: torch.Tensor, values: torch.Tensor, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """[1, heads, tokens, size] each, put down and given back: a prompt looks at itself alone."""
        count = keys.shape[2]
        self._held[layer, 0, :, :count] = keys[0]
        self._held[layer, 1, :, :count] = values[0]
        return keys, values


class Step:
    """Stands for transformers' `Cache` in a forward pass over the next tokens of several rows."""

    def __init__(self, held: torch.Tensor, places: torch.Tensor, reach: int) -> None:
        self._held, self._places, self._reach = held, places, reach
        self._rows = torch.arange(places.shape[0], device=places.device)[:, None]

    def update(self, keys: torch.Tensor, values: torch.Tensor, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """[rows, heads, tokens, size] each, put down; what the rows hold now, [rows, heads, reach, size] each."""
        held_keys, held_values = self._held[layer]
        held_keys[self._rows, :, self._places] = keys.transpose(1, 2)
        held_values[self._rows, :, self._places] = values.transpose(1, 2)
        return held_keys[:, :, : self._reach], held_values[:, :, : self._reach]


def allocate(shape: CacheShape, budget_bytes: int, rows: int, length: int, parts: int = 1) -> list[RowCache]:
    """At most `rows` rows of `length` tokens within a budget; where not even one fits, one that is as long as fits.

    Args:
        shape: of a token.
        budget_bytes: for all of them.
        rows: that are wanted.
        length: tokens of a row.
        parts: caches among which the rows are divided, as far as there are rows.

    Raises:
        ConfigError: not a single token fits.
    """
    tokens = budget_bytes // shape.token_bytes
    if tokens < 1:
        raise ConfigError(f"ocr.cache_gb is too small: {budget_bytes} bytes hold no token of {shape.token_bytes} bytes")
    rows = max(1, min(rows, tokens // length))
    parts = min(parts, rows)
    counts = [(rows + part) // parts for part in range(parts)]
    return [RowCache(shape, count, min(length, tokens)) for count in reversed(counts)]


def free_bytes(device: torch.device) -> int:
    """What the cache takes where nobody said: 6/10 of a GPU's free memory, else 4 GB (two A4 pages in float32).

    The rest is for the vision tower, the scores and what else runs on the GPU.
    """
    if device.type != "cuda":
        return 4 * 10**9
    kept_by_torch = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(0.6 * (torch.cuda.mem_get_info(device)[0] + kept_by_torch))
