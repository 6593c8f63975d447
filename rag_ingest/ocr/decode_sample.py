"""Which token comes next: the likeliest, or one drawn with the page's own random numbers.

Each place of a page has one number, drawn beforehand from (seed, page): the token is where the number falls in the
sorted, cut distribution. So a token depends on the scores at its place and on its number, on nothing else: neither on
the pages beside it, nor on how many places are decided at once. Imports torch.

A drafted token is accepted where it equals the token that is drawn so. That is rejection sampling for a draft that is
sure of itself: a draft t is accepted with probability p(t), and where it is not, what was drawn instead follows p
without t. The text that comes out is, token for token, the one that would have come without drafts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import torch

LIKELIEST: Final = 128
"""Tokens sorted at first; only where the top-p mass needs more of them is the whole vocabulary sorted."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is chosen; temperature 0 takes the likeliest."""

    temperature: float
    top_p: float

    def choose(self, scores: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
        """[places, vocabulary] scores and [places] numbers in 0..1 -> [places] tokens."""
        if self.temperature == 0:
            return scores.float().argmax(-1)
        likely = (scores.float() / self.temperature).softmax(-1)
        falling, tokens = _likeliest(likely, self.top_p)
        total = falling.cumsum(-1)
        kept = (total - falling < self.top_p).sum(-1, keepdim=True).clamp(min=1)  # the likeliest is always kept
        draw = draws[:, None] * total.gather(-1, kept - 1)
        place = torch.minimum((total <= draw).sum(-1, keepdim=True), kept - 1)
        return tokens.gather(-1, place)[:, 0]


def page_draws(key: str, count: int) -> torch.Tensor:
    """[count] numbers in 0..1, on the CPU, from a key; fewer of them are the first ones of more."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little") >> 1
    return torch.rand(count, generator=torch.Generator().manual_seed(seed))


def _likeliest(likely: torch.Tensor, top_p: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities falling, of equals the lower token first, and their tokens: as many as `top_p` needs, or all."""
    if likely.shape[-1] > LIKELIEST:
        tokens = likely.topk(LIKELIEST, dim=-1).indices.sort(dim=-1).values
        falling, order = likely.gather(-1, tokens).sort(dim=-1, descending=True, stable=True)
        cut = falling.cumsum(-1) - falling >= top_p
        if bool(cut[falling == falling[:, -1:]].all()):  # of tokens that equal the last, any may be among these
            return falling, tokens.gather(-1, order)
    falling, tokens = likely.sort(dim=-1, descending=True, stable=True)
    return falling, tokens
