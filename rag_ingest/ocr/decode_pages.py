"""The loop as a loaded model uses it: one cache for all calls, long pages first, drafts from text layers.

Imports torch and transformers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import torch

from rag_ingest.errors import OcrError
from rag_ingest.ocr.decode_cache import allocate, free_bytes
from rag_ingest.ocr.decode_draft import TextLayerDrafter
from rag_ingest.ocr.decode_loop import MOST_DRAFTED, DecodeLoop, Job, Written
from rag_ingest.ocr.decode_options import DecodeOptions
from rag_ingest.ocr.decode_sample import Sampling, page_draws
from rag_ingest.ocr.decode_step import REACH_STEP, Stepper, cache_shape
from rag_ingest.types import TextLine

log = logging.getLogger(__name__)

MOST_ROWS: Final = 96
"""Pages decoded together at most: in two lanes of 48, reading the weights is 8 % of a step (`eval/gpu.md`)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A page to write.

    Attributes:
        prompt_tokens: of its prompt.
        room: tokens that it may write.
        key: what its random numbers depend on.
        layer: lines of its text layer; None, none and blank ones draft nothing.
    """

    prompt_tokens: int
    room: int
    key: str
    layer: Sequence[TextLine] | None = None


class PageLoop:
    """Keeps the cache between calls; a call that needs a larger one gets a new one.

    Args:
        model: a `LightOnOcrForConditionalGeneration`.
        end_ids: tokens that end a page.
        encode: text to tokens, without special ones.
        decode: the reverse; may be given a cut character.
        text_of: the text of one token.
    """

    def __init__(
        self,
        model: Any,
        end_ids: Sequence[int],
        encode: Callable[[str], list[int]],
        decode: Callable[[Sequence[int]], str],
        text_of: Callable[[int], str],
    ) -> None:
        self._model, self._end_ids = model, end_ids
        self._encode, self._decode, self._text_of = encode, decode, text_of
        self._loop: DecodeLoop | None = None
        self._wanted = _Wanted()

    def write(
        self,
        pages: Sequence[Asked],
        prompts: Callable[[Sequence[int]], Iterator[torch.Tensor]],
        sampling: Sampling,
        options: DecodeOptions,
        length: int,
    ) -> list[Written]:
        """What is written for each page, in their order.

        Args:
            pages: what is asked.
            prompts: given places in `pages`, makes their prompts, [tokens, hidden] each, one by one as they are taken.
            sampling: how a token is chosen.
            options: of the cache and of drafts.
            length: tokens that any page can come to, prompt and answer, in this call and later ones.

        Raises:
            OcrError: a page may need more than the cache holds; nothing was written then.
        """
        loop = self._ready(len(pages), length, options)
        for page in pages:
            if (needs := loop.needs(page.prompt_tokens, page.room)) > loop.row_tokens:
                raise OcrError(
                    f"the page may come to {needs} tokens, and the cache has room for {loop.row_tokens}: "
                    "set ocr.cache_gb higher or ocr.max_new_tokens lower"
                )
        # long pages first: at the end, when no page is left to join, the rows empty soon after one another
        order = sorted(range(len(pages)), key=lambda place: -_letters(pages[place].layer))

        def jobs() -> Iterator[Job]:
            for place, prompt in zip(order, prompts(order), strict=True):
                page = pages[place]
                yield Job(prompt, page.room, page_draws(page.key, page.room), self._drafter(page, options))

        written = dict(zip(order, loop.run(jobs(), sampling), strict=True))
        return [written[place] for place in range(len(pages))]

    def free(self) -> None:
        """Gives the cache back; the next call makes one for its own pages."""
        self._wanted = _Wanted()
        self._loop = None

    def _drafter(self, page: Asked, options: DecodeOptions) -> TextLayerDrafter | None:
        if not options.draft or not any(line.text.strip() for line in page.layer or ()):
            return None
        try:
            return TextLayerDrafter(page.layer, self._encode, self._decode)
        except Exception as e:
            log.warning("a page is written without drafts: %s: %s", type(e).__name__, e)
            return None

    def _ready(self, pages: int, length: int, options: DecodeOptions) -> DecodeLoop:
        rows, budget = min(pages, MOST_ROWS), int(options.cache_gb * 10**9)
        has = self._wanted
        if self._loop is None or has.rows < rows or has.length < length or has.budget != budget:
            self._loop = None
            self._wanted = _Wanted(max(rows, has.rows), max(length, has.length), budget)
            shape = cache_shape(self._model)
            tokens = -(-(self._wanted.length + 1 + MOST_DRAFTED) // REACH_STEP) * REACH_STEP
            cuda = shape.device.type == "cuda"
            caches = allocate(shape, budget or free_bytes(shape.device), self._wanted.rows, tokens, 2 if cuda else 1)
            steppers = [Stepper(self._model, cache, fixed_shapes=cuda) for cache in caches]
            self._loop = DecodeLoop(steppers, self._end_ids, self._text_of)
        return self._loop


class _Wanted(NamedTuple):
    """What the cache was made for; it may have got less."""

    rows: int = 0
    length: int = 0
    budget: int = 0


def _letters(layer: Sequence[TextLine] | None) -> int:
    return sum(len(line.text) for line in layer or ())
