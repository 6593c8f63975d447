"""What `generate` is given beside a batch, so that each page is written by itself, and stops where it repeats itself.

Imports torch and transformers, like `lightonocr_model`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from transformers import LogitsProcessor, StoppingCriteria

from rag_ingest.ocr.decode_sample import Sampling, page_draws
from rag_ingest.ocr.loops import Loop, LoopDetector

EVERY: Final = 16
"""Tokens between two looks: each one waits for the device."""


class LoopWatch(StoppingCriteria):  # type: ignore[misc]
    """Follows every row of a batch; what it says of a row depends on that row alone.

    Args:
        room: tokens that count, a row each; what is generated beyond belongs to the longer rows.
        end_ids: tokens that end an answer; what follows is padding.
        text_of: the text of one token.
    """

    def __init__(self, room: Sequence[int], end_ids: Sequence[int], text_of: Callable[[int], str]) -> None:
        self._room = room
        self._end_ids = frozenset(end_ids)
        self._detectors = [LoopDetector(text_of) for _ in room]
        self._found: list[Loop | None] = [None] * len(room)
        self._over = [False] * len(room)
        self._seen = 0
        self._stopped: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """[rows, tokens so far] -> [rows], true where a row repeats itself."""
        if self._stopped is None:
            self._stopped = torch.zeros(len(self._room), dtype=torch.bool, device=input_ids.device)
        if input_ids.shape[1] - self._seen >= EVERY:
            self._follow(input_ids[:, self._seen :].tolist())
            stopped = [loop is not None for loop in self._found]
            self._stopped = torch.tensor(stopped, device=input_ids.device)
        return self._stopped

    def loops(self, rows: Sequence[Sequence[int]]) -> list[Loop | None]:
        """What was found in the finished rows, a loop or nothing for each."""
        self._follow([row[self._seen :] for row in rows])
        return self._found

    def _follow(self, rows: Sequence[Sequence[int]]) -> None:
        for place, tokens in enumerate(rows):
            for token in tokens[: max(0, self._room[place] - self._seen)]:
                self._over[place] |= token in self._end_ids
                if self._over[place]:
                    break
                self._found[place] = self._detectors[place].add(token)
                self._over[place] = self._found[place] is not None
        self._seen += max(map(len, rows), default=0)


class PageSampler(LogitsProcessor):  # type: ignore[misc]
    """Draws with each page's own random numbers (see `decode_sample`) while `generate` searches greedily.

    What is chosen is left as the only finite score.
    """

    def __init__(self, keys: Sequence[str], most: int, sampling: Sampling, device: torch.device) -> None:
        self._sampling, self._step = sampling, 0
        self._draws = torch.stack([page_draws(key, most) for key in keys]).to(device)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """[pages, vocabulary] -> the same with one finite score a row."""
        tokens = self._sampling.choose(scores, self._draws[:, self._step])
        self._step += 1
        chosen = torch.full_like(scores, float("-inf"))
        return chosen.scatter_(-1, tokens[:, None], 0.0)  # type: ignore[return-value]
