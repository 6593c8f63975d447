"""One forward pass of the decoder over rows of a cache: a prompt, or the next few tokens of several pages.

The layers are transformers' own. What differs from `generate` is where keys and values are kept (`decode_cache`), and
that queries which share a head of keys are attended to as rows of one matrix, so that keys and values are read once and
never repeated in memory. Imports torch and transformers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from rag_ingest.errors import ModelError
from rag_ingest.ocr.decode_cache import CacheShape, RowCache
from rag_ingest.ocr.decode_graph import Captured

ATTENTION: Final = "rag_ingest_shared_heads"
_FULL: Final = "full_attention"
REACH_STEP: Final = 256
"""On CUDA a step reads a multiple of this many tokens of each row, so that few shapes occur."""
WIDTHS: Final = (1, 2, 4, 8, 16, 32)
"""Tokens a page in a step on CUDA: the next of these."""


class Stepper:
    """The decoder of a loaded model over one cache.

    Args:
        model: a `LightOnOcrForConditionalGeneration` in eval mode.
        cache: whose rows the pages take.
        fixed_shapes: rounds rows, tokens and reach up, so that few shapes occur and each can be captured.

    Raises:
        ModelError: the decoder has layers other than full attention.
    """

    def __init__(self, model: Any, cache: RowCache, *, fixed_shapes: bool) -> None:
        self.cache, self._fixed = cache, fixed_shapes
        self._decoder, self._head = model.model.language_model, model.lm_head
        config = self._decoder.config
        if kinds := set(config.layer_types) - {_FULL}:
            raise ModelError(f"layers of {', '.join(sorted(kinds))} need ocr.decoder = 'generate'")
        self.device: torch.device = model.device
        self.vocabulary: int = config.vocab_size
        # of no bound method, which would keep the cache from being freed with its stepper
        self._forward: Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor] = partial(
            _pass, self._decoder, cache, config.num_attention_heads // config.num_key_value_heads
        )
        if self.device.type == "cuda":
            self._forward = Captured(self._forward)

    @contextmanager
    def attention(self) -> Iterator[None]:
        """Within it the decoder's layers attend as this module does; `generate` must not run meanwhile."""
        config = self._decoder.config
        usual, config._attn_implementation = config._attn_implementation, ATTENTION
        try:
            yield
        finally:
            config._attn_implementation = usual

    def prompt(self, embeds: torch.Tensor, row: int) -> torch.Tensor:
        """[tokens, hidden] into a row -> [1, hidden], from which the first token is decided."""
        hidden = self._decoder(
            inputs_embeds=embeds[None],
            attention_mask={_FULL: None},  # causal
            position_ids=torch.arange(embeds.shape[0], device=embeds.device)[None],
            past_key_values=self.cache.prompt(row),
            use_cache=True,
        ).last_hidden_state
        return hidden[0, -1:]  # type: ignore[no-any-return]

    def step(self, tokens: Sequence[Sequence[int]], lengths: Sequence[int]) -> torch.Tensor:
        """The next tokens of the first rows, ragged: their keys and values are put down after what the rows hold.

        Args:
            tokens: at least one a row.
            lengths: tokens that each row holds already.

        Returns:
            [tokens of all rows, hidden], from which the token after each is decided.
        """
        width, count = self.width(max(map(len, tokens))), len(tokens)
        reach = max(lengths) + width
        if self._fixed:
            count = min(_rounded_rows(count), self.cache.rows)
            reach = -(-reach // REACH_STEP) * REACH_STEP
        # rows beyond the pages write into rows that nobody holds, tokens beyond a page's own where the next ones come
        padded = [[*row, *[0] * (width - len(row))] for row in tokens] + [[0] * width] * (count - len(tokens))
        before = [*lengths, *[0] * (count - len(lengths))]
        own = [row * width + place for row, these in enumerate(tokens) for place in range(len(these))]
        # put on the device beforehand: behind the pass, each of them would wait for its end
        sent = self._there(padded), self._there(before), self._there(own)
        return self._forward(*sent[:2], min(reach, self.cache.length)).flatten(0, 1)[sent[2]]

    def width(self, tokens: int) -> int:
        """Tokens a row in a step where the longest row has so many."""
        return next((wide for wide in WIDTHS if wide >= tokens), tokens) if self._fixed else tokens

    def scores(self, hidden: torch.Tensor) -> torch.Tensor:
        """[places, hidden] -> [places, vocabulary]."""
        return self._head(hidden)  # type: ignore[no-any-return]

    def _there(self, numbers: Sequence[Any]) -> torch.Tensor:
        return torch.tensor(numbers, device=self.device)


def cache_shape(model: Any) -> CacheShape:
    """Of a loaded model's decoder."""
    config = model.model.language_model.config
    heads, size = config.num_key_value_heads, config.head_dim
    return CacheShape(config.num_hidden_layers, heads, size, model.dtype, model.device)


def _pass(
    decoder: Any, cache: RowCache, sharing: int, tokens: torch.Tensor, lengths: torch.Tensor, reach: int
) -> torch.Tensor:
    """[rows, tokens] and [rows] that they hold already -> [rows, tokens, hidden]; `sharing` queries a head of keys."""
    places = lengths[:, None] + torch.arange(tokens.shape[1], device=tokens.device)
    seen = torch.arange(reach, device=tokens.device) <= places[:, :, None]  # [rows, tokens, reach]
    return decoder(  # type: ignore[no-any-return]
        input_ids=tokens,
        attention_mask={_FULL: seen.repeat(1, sharing, 1)[:, None]},
        position_ids=places,
        past_key_values=cache.step(places, reach),
        use_cache=True,
    ).last_hidden_state


def _rounded_rows(count: int) -> int:
    return 1 << (count - 1).bit_length() if count <= 8 else -(-count // 8) * 8


def _attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **rest: Any,
) -> tuple[torch.Tensor, None]:
    """Attention in the form that transformers calls: [rows, heads, tokens, size] -> [rows, tokens, heads, size].

    The mask stands for the queries of one head of keys: [rows, 1, queries a head of keys, reach].
    """
    if attention_mask is None:
        return sdpa_attention_forward(module, query, key, value, None, scaling=scaling, **rest)  # type: ignore[no-any-return]
    stacked = query.reshape(query.shape[0], key.shape[1], -1, query.shape[3])
    mixed = scaled_dot_product_attention(stacked, key, value, attn_mask=attention_mask, scale=scaling)
    return mixed.reshape(query.shape).transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION, _attend)
