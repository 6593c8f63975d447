"""One A4 page through the full-size LightOnOCR architecture with random weights, on the CPU: size, memory, time.

    python -m eval.full_size_probe [--new-tokens 8]

The values of the weights decide neither speed nor memory, so nothing has to be downloaded. Needs about 8 GB of RAM.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from dataclasses import replace
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from rag_ingest.config import Config
from rag_ingest.registry import resolve
from rag_ingest.types import Failure, Page

A4_PX = (1089, 1540)
SPECIAL = {
    "<|endoftext|>": 151643,
    "<|im_start|>": 151644,
    "<|im_end|>": 151645,
    "<|vision_end|>": 151653,
    "<|vision_pad|>": 151654,
    "<|image_pad|>": 151655,
}
"""The ids that these tokens have in the full-size model's vocabulary."""


def tokenizer() -> Any:
    """One token a byte, with the special tokens where the full-size vocabulary has them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = {letter: n for n, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    raw = Tokenizer(models.BPE(vocab={**letters, **SPECIAL}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(list(SPECIAL))
    images = {
        "image_token": "<|image_pad|>",
        "image_break_token": "<|vision_pad|>",
        "image_end_token": "<|vision_end|>",
    }
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|endoftext|>", extra_special_tokens=images
    )


def random_model() -> tuple[Any, Any]:
    """`LightOnOcrConfig()` as a model of random float32 weights, and its processor."""
    import torch
    from transformers import LightOnOcrConfig, LightOnOcrForConditionalGeneration, LightOnOcrProcessor
    from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil

    torch.manual_seed(0)
    images = PixtralImageProcessorPil(size={"longest_edge": 1540}, patch_size={"height": 14, "width": 14})
    return LightOnOcrForConditionalGeneration(LightOnOcrConfig()), LightOnOcrProcessor(images, tokenizer())


def page() -> Page:
    """An A4 page of lines at 1540 px."""
    image = Image.new("RGB", A4_PX, "white")
    draw = ImageDraw.Draw(image)
    for line in range(60):
        draw.text(
            (80, 80 + 23 * line), f"Line {line}: " + "all work " * 9, fill="black", font=ImageFont.load_default(18)
        )
    return Page("probe", 1, image, None, (595.0, 842.0))


def main() -> None:
    """Builds, reads one page, prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--new-tokens", type=int, default=8)
    most: int = parser.parse_args().new_tokens
    begun = time.perf_counter()
    model, processor = random_model()
    built = time.perf_counter()
    options = replace(Config().ocr, temperature=0.0, max_new_tokens=most, batch_size=1, decoder="generate")
    engine = resolve("engine", "lightonocr").from_loaded(model, processor, options, model_id="random")
    stages: dict[str, float] = {}
    _timed(stages, "vision", model.model, "get_image_features")
    _timed(stages, "decoder", model, "generate")
    (result,) = engine.recognize([page()])
    if isinstance(result, Failure):
        sys.exit(result.reason)
    print(
        json.dumps(
            {
                "parameters": sum(p.numel() for p in model.parameters()),
                **result.checks,
                "finish_reason": result.finish_reason,
                "peak_rss_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
                "seconds": {
                    "build": round(built - begun, 1),
                    **{name: round(value, 1) for name, value in stages.items()},
                    "page": round(result.seconds, 1),
                },
            }
        )
    )


def _timed(stages: dict[str, float], name: str, owner: Any, method: str) -> None:
    original = getattr(owner, method)

    def timed(*args: Any, **kwargs: Any) -> Any:
        begun = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            stages[name] = stages.get(name, 0.0) + time.perf_counter() - begun

    setattr(owner, method, timed)


if __name__ == "__main__":
    main()
