"""The project's small checkpoint, loaded once a process, and the pages that it reads, as the decoder is given them."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import torch
from PIL import Image

from rag_ingest.ocr.decode_cache import allocate
from rag_ingest.ocr.decode_loop import MOST_DRAFTED, DecodeLoop, Drafter, Job
from rag_ingest.ocr.decode_sample import page_draws
from rag_ingest.ocr.decode_step import Stepper, cache_shape
from rag_ingest.ocr.lightonocr_input import prepare
from rag_ingest.ocr.lightonocr_model import Loaded, load

FOLDER = Path(__file__).parent / "tiny_lightonocr"
ROOM = 240
"""The longest page has 196 tokens."""


@cache
def loaded() -> Loaded:
    return load(FOLDER / "model", "cpu", "auto", "auto")


@cache
def pictures() -> list[Image.Image]:
    """The sixteen pages, and four of noise, of which every answer is unsure."""
    known = [prepare(Image.open(path).convert("RGB")) for path in sorted((FOLDER / "pages").glob("*.png"))]
    return known + [_noise(number, 28 * (3 + number)) for number in range(4)]


def _noise(number: int, side: int) -> Image.Image:
    return Image.frombytes("L", (side, side), random.Random(number).randbytes(side * side)).convert("RGB")


@cache
def prompts() -> list[torch.Tensor]:
    with torch.inference_mode():
        return [loaded()._prompted(loaded().image_features(picture)) for picture in pictures()]


@cache
def expected(page: int, room: int = ROOM) -> list[int]:
    """What `model.generate` writes for a page alone, greedily, with the end token."""
    with torch.inference_mode():
        ids = loaded().model.generate(inputs_embeds=prompts()[page][None], do_sample=False, max_new_tokens=room)
    return [int(token) for token in ids[0]]


def job(page: int, room: int = ROOM, drafter: Drafter | None = None, key: str = "") -> Job:
    return Job(prompts()[page], room, page_draws(key or f"0:{page}", room), drafter)


def loop(
    rows: int, *, fixed_shapes: bool = False, length: int = 640, most_drafted: int = MOST_DRAFTED, lanes: int = 1
) -> DecodeLoop:
    caches = allocate(cache_shape(loaded().model), 10**9, rows, length, lanes)
    steppers = [Stepper(loaded().model, cache, fixed_shapes=fixed_shapes) for cache in caches]
    return DecodeLoop(steppers, loaded().end_ids, loaded()._text_of, most_drafted)
