"""The loaded model: page images in, text out. Imports torch and transformers; only `lightonocr` imports this module.

The vision tower runs a page at a time, since a batch of pages is one sequence with a dense mask to it. Then the loop of
`decode_loop` writes the answers, or transformers' `generate` does, on the whole batch padded on the left.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rag_ingest.errors import MissingExtraError, ModelError, OcrError, first_line
from rag_ingest.ocr.lightonocr_input import CELL_PX, LONGEST_EDGE_PX, PROMPT, image_tokens
from rag_ingest.ocr.lightonocr_vision import unmasked
from rag_ingest.ocr.lightonocr_watch import LoopWatch, PageSampler
from rag_ingest.ocr.loops import Loop
from rag_ingest.types import FinishReason, TextLine

try:
    import torch
    import transformers
    from PIL.Image import Image
    from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

    from rag_ingest.ocr.decode_ahead import ahead
    from rag_ingest.ocr.decode_pages import Asked, PageLoop
    from rag_ingest.ocr.decode_sample import Sampling
except ImportError as e:
    raise MissingExtraError(e.name or "transformers", "gpu") from e

if TYPE_CHECKING:
    from rag_ingest.ocr.lightonocr import LightOnOcrOptions


PIXELS_AHEAD: Final = 3
"""Pages whose pixels are made ready while others are decoded: 28 MB each at 1540 x 1540 px."""
MOST_IMAGE_TOKENS: Final = (LONGEST_EDGE_PX // CELL_PX) ** 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model wrote for one page; counts are tokens.

    Attributes:
        loop: where it repeated itself; the text then ends with the first copy.
        passes: forward passes after the prompt's.
    """

    text: str
    finish_reason: FinishReason
    image_tokens: int
    new_tokens: int
    loop: Loop | None = None
    passes: int = 0


def load(folder: Path, device: str, dtype: str, attention: str) -> Loaded:
    """Model and processor of a complete checkpoint folder; safetensors only, no code of the checkpoint is run.

    Raises:
        ModelError: a file is unreadable, weights are missing in it, or the device is not there.
    """
    kind = device.split(":")[0]
    numbers = getattr(torch, ("bfloat16" if kind == "cuda" else "float32") if dtype == "auto" else dtype)
    try:
        with _quiet():
            processor = transformers.LightOnOcrProcessor.from_pretrained(folder, local_files_only=True)
            model, report = transformers.LightOnOcrForConditionalGeneration.from_pretrained(
                folder,
                config=transformers.LightOnOcrConfig.from_pretrained(folder, local_files_only=True),
                dtype=numbers,
                attn_implementation=_attention(attention, kind),
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
            model = model.to(device)
    except Exception as e:  # unreadable files raise anything from OSError to RuntimeError
        raise ModelError(f"{folder} can't be loaded on {device}: {first_line(e)}") from e
    if lacking := sorted(report["missing_keys"]):
        raise ModelError(f"the weights in {folder} lack {len(lacking)} tensors, {lacking[0]} first: fetch them again")
    return Loaded(model, processor)


class Loaded:
    """A model with its processor, and the token layout of a prompt worked out.

    Raises:
        ModelError: the chat template does not hold exactly one image, or there is no end token.
    """

    def __init__(self, model: Any, processor: Any) -> None:
        self.model = model.eval()
        self.processor = processor
        self.end_ids = _end_ids(model, processor.tokenizer)
        self.pad_id = int(processor.tokenizer.pad_token_id or self.end_ids[0])
        # the checkpoint's own sampling defaults would mix into every call: only what ends an answer is kept
        model.generation_config = GenerationConfig(eos_token_id=self.end_ids, pad_token_id=self.pad_id)
        self.max_positions = int(model.config.text_config.max_position_embeddings)
        self._before, self._after = self._prompt()
        self._text_of = cache(self._decoded)
        self._pages: Any = PageLoop(model, self.end_ids, self._encoded, lambda ids: self._decoded(*ids), self._text_of)

    @property
    def device_kind(self) -> str:
        """`cuda`, `mps` or `cpu`."""
        return str(self.model.device.type)

    def read(
        self,
        images: Sequence[Image],
        keys: Sequence[str],
        options: LightOnOcrOptions,
        layers: Sequence[Sequence[TextLine] | None] | None = None,
    ) -> list[Answer]:
        """Transcribes prepared images, all in one batch, or joining and leaving one, as `options.decoder` says.

        Args:
            images: as `lightonocr_input.prepare` makes them.
            keys: what tells the pages apart; with the seed it decides what sampling draws for a page.
            options: of generation.
            layers: each page's text layer, to draft from. It changes no answer.

        Raises:
            OcrError: a prompt leaves no room for an answer, or may need more than the cache has.
        """
        sizes = [image_tokens(image.size) for image in images]
        prompts = [size + len(self._before) + len(self._after) for size in sizes]
        rooms = [min(options.max_new_tokens, self.max_positions - prompt) for prompt in prompts]
        if min(rooms) < 1:
            raise OcrError(f"the image takes all of the model's {self.max_positions} positions")
        keys = [f"{options.seed}:{key}" for key in keys]
        asked = [Asked(*each) for each in zip(prompts, rooms, keys, layers or [None] * len(images), strict=True)]
        with torch.inference_mode():
            write = self._generated if options.decoder == "generate" else self._looped
            return [self._answer(*each) for each in zip(write(images, asked, options), rooms, sizes, strict=True)]

    def free_cache(self) -> None:
        """Gives back what a failed batch left on the device, and the cache of keys and values."""
        self._pages.free()
        gc.collect()
        if self.device_kind == "cuda":
            torch.cuda.empty_cache()
        elif self.device_kind == "mps":
            torch.mps.empty_cache()

    def free(self) -> None:
        """Drops the weights."""
        self.model = self.processor = self._pages = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def image_features(self, image: Image) -> torch.Tensor:
        """The page as the decoder sees it: [image tokens, hidden], in the model's dtype."""
        return self._features(image, self._pixels(image))

    def _features(self, image: Image, pixels: torch.Tensor) -> torch.Tensor:
        pixels = pixels.to(self.model.device, self.model.dtype, non_blocking=True)
        size = [(image.height, image.width)]
        with unmasked(self.model.model.vision_encoder.transformer):
            features = self.model.get_image_features(pixel_values=pixels, image_sizes=size, return_dict=True)
        return torch.cat(list(features.pooler_output)).to(self.model.dtype)

    def _pixels(self, image: Image) -> torch.Tensor:
        # do_resize off: the page has its size, and resampling to another grid would only blur it
        pixels: torch.Tensor = self.processor.image_processor(image, do_resize=False, return_tensors="pt")[
            "pixel_values"
        ]
        return pixels.pin_memory() if self.device_kind == "cuda" else pixels

    def _prompted(self, features: torch.Tensor) -> torch.Tensor:
        words = self.model.get_input_embeddings()
        return torch.cat([words(self._before), features, words(self._after)])

    def _looped(self, images: Sequence[Image], asked: Sequence[Asked], options: LightOnOcrOptions) -> list[_Row]:
        def prompts(order: Sequence[int]) -> Iterator[torch.Tensor]:
            pictures = [images[place] for place in order]
            for picture, pixels in zip(pictures, ahead(self._pixels, pictures, PIXELS_AHEAD), strict=True):
                yield self._prompted(self._features(picture, pixels))

        longest = MOST_IMAGE_TOKENS + len(self._before) + len(self._after) + options.max_new_tokens
        sampling = Sampling(options.temperature, options.top_p)
        pages = self._pages.write(asked, prompts, sampling, options, min(longest, self.max_positions))
        return [_Row(page.tokens, page.loop, page.passes) for page in pages]

    def _generated(self, images: Sequence[Image], asked: Sequence[Asked], options: LightOnOcrOptions) -> list[_Row]:
        watch = LoopWatch([page.room for page in asked], self.end_ids, self._text_of)
        prompts = [self._prompted(self.image_features(image)) for image in images]
        rows = self._generate(prompts, asked, options, watch)
        return [_Row(row, loop, len(row) - 1) for row, loop in zip(rows, watch.loops(rows), strict=True)]

    def _generate(
        self, prompts: Sequence[torch.Tensor], asked: Sequence[Asked], options: LightOnOcrOptions, watch: LoopWatch
    ) -> list[list[int]]:
        longest, most = max(prompt.shape[0] for prompt in prompts), max(page.room for page in asked)
        embeds = prompts[0].new_zeros(len(prompts), longest, prompts[0].shape[1])
        mask = torch.zeros(len(prompts), longest, dtype=torch.long, device=embeds.device)
        for row, prompt in enumerate(prompts):  # on the left: the answer follows the last column of every row
            embeds[row, longest - prompt.shape[0] :] = prompt
            mask[row, longest - prompt.shape[0] :] = 1
        choose = LogitsProcessorList()
        if options.temperature > 0:
            sampling = Sampling(options.temperature, options.top_p)
            choose.append(PageSampler([page.key for page in asked], most, sampling, embeds.device))
        how = GenerationConfig(
            do_sample=False, max_new_tokens=most, eos_token_id=self.end_ids, pad_token_id=self.pad_id
        )
        ids = self.model.generate(
            inputs_embeds=embeds,
            attention_mask=mask,
            generation_config=how,
            logits_processor=choose,
            stopping_criteria=StoppingCriteriaList([watch]),
        )
        return [list(map(int, row)) for row in ids.tolist()]

    def _answer(self, row: _Row, most: int, image_size: int) -> Answer:
        tokens, loop = row.tokens, row.loop
        end = next((place for place, token in enumerate(tokens) if token in self.end_ids), len(tokens))
        done = end < min(most, len(tokens)) and loop is None
        kept = tokens[: min(end, most) if loop is None else loop.kept]
        written = len(kept) if loop is None else loop.end
        return Answer(self._decoded(*kept), "stop" if done else "length", image_size, written, loop, row.passes)

    def _decoded(self, *ids: int) -> str:
        words = self.processor.tokenizer
        return str(words.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _encoded(self, text: str) -> list[int]:
        return list(self.processor.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _prompt(self) -> tuple[torch.Tensor, torch.Tensor]:
        words, text = self.processor.tokenizer, PROMPT
        if getattr(self.processor, "chat_template", None):
            message = [{"role": "user", "content": [{"type": "image"}]}]
            text = self.processor.apply_chat_template(message, add_generation_prompt=True, tokenize=False)
        ids = words(text, add_special_tokens=False)["input_ids"]
        image_id = int(self.model.config.image_token_id)
        if ids.count(image_id) != 1:
            raise ModelError(
                f"the chat template must hold the image token {image_id} once, not {ids.count(image_id)} times"
            )
        place = ids.index(image_id)
        before, after = (torch.tensor(part, device=self.model.device) for part in (ids[:place], ids[place + 1 :]))
        return before, after


@dataclass(frozen=True, slots=True)
class _Row:
    """What was written for a page, and what may follow it; counts are tokens."""

    tokens: list[int]
    loop: Loop | None
    passes: int


def _end_ids(model: Any, words: Any) -> list[int]:
    """Every token that ends an answer: what the checkpoint names, and the tokenizer's own."""
    named = [model.generation_config.eos_token_id, model.config.text_config.eos_token_id, words.eos_token_id]
    flat = [number for item in named for number in (item if isinstance(item, list) else [item]) if number is not None]
    ids = sorted({int(number) for number in flat if int(number) < model.config.text_config.vocab_size})
    if not ids:
        raise ModelError("the checkpoint names no end token in generation_config.json, config.json or the tokenizer")
    return ids


def _attention(wanted: str, kind: str) -> str:
    if wanted != "auto":
        return wanted
    return "flash_attention_2" if kind == "cuda" and transformers.utils.is_flash_attn_2_available() else "sdpa"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the library's notes (a hub config that calls the model mistral3) and bars off stderr while loading."""
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
