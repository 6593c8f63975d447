"""The loaded model: page images in, text out. Imports torch and transformers; only `lightonocr` imports this module.

The vision tower runs a page at a time, since a batch of pages is one sequence with a dense mask to it; the decoder runs
the whole batch, padded on the left.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_ingest.errors import MissingExtraError, ModelError, OcrError
from rag_ingest.ocr.lightonocr_input import PROMPT, image_tokens
from rag_ingest.ocr.lightonocr_watch import LoopWatch
from rag_ingest.ocr.loops import Loop
from rag_ingest.types import FinishReason

try:
    import torch
    import transformers
    from PIL.Image import Image
    from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteriaList
except ImportError as e:
    raise MissingExtraError(e.name or "transformers", "gpu") from e

if TYPE_CHECKING:
    from rag_ingest.ocr.lightonocr import LightOnOcrOptions


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model wrote for one page; counts are tokens.

    Attributes:
        loop: where it repeated itself; the text then ends with the first copy.
    """

    text: str
    finish_reason: FinishReason
    image_tokens: int
    new_tokens: int
    loop: Loop | None = None


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
        raise ModelError(f"{folder} can't be loaded on {device}: {_first_line(e)}") from e
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

    @property
    def device_kind(self) -> str:
        """`cuda`, `mps` or `cpu`."""
        return str(self.model.device.type)

    def read(self, images: Sequence[Image], keys: Sequence[str], options: LightOnOcrOptions) -> list[Answer]:
        """Transcribes prepared images, all in one batch.

        Args:
            images: as `lightonocr_input.prepare` makes them.
            keys: what tells the pages apart; with the seed it decides what sampling draws for a page.
            options: of generation.

        Raises:
            OcrError: a prompt leaves no room for an answer.
        """
        with torch.inference_mode():
            prompts = [self._embedded(image) for image in images]
            room = [min(options.max_new_tokens, self.max_positions - prompt.shape[0]) for prompt in prompts]
            if min(room) < 1:
                raise OcrError(f"the image takes all of the model's {self.max_positions} positions")
            watch = LoopWatch(room, self.end_ids, self._text_of)
            rows = self._generate(prompts, keys, max(room), options, watch)
        sizes = [image_tokens(image.size) for image in images]
        loops = watch.loops(rows)
        return [self._answer(*each) for each in zip(rows, room, sizes, loops, strict=True)]

    def free_cache(self) -> None:
        """Gives back what a failed batch left on the device."""
        gc.collect()
        if self.device_kind == "cuda":
            torch.cuda.empty_cache()
        elif self.device_kind == "mps":
            torch.mps.empty_cache()

    def free(self) -> None:
        """Drops the weights."""
        self.model = self.processor = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def image_features(self, image: Image) -> torch.Tensor:
        """The page as the decoder sees it: [image tokens, hidden], in the model's dtype."""
        # do_resize off: the page has its size, and resampling to another grid would only blur it
        pixels = self.processor.image_processor(image, do_resize=False, return_tensors="pt")["pixel_values"]
        pixels = pixels.to(self.model.device, self.model.dtype)
        size = [(image.height, image.width)]
        features = self.model.get_image_features(pixel_values=pixels, image_sizes=size, return_dict=True)
        return torch.cat(list(features.pooler_output)).to(self.model.dtype)

    def _embedded(self, image: Image) -> torch.Tensor:
        words = self.model.get_input_embeddings()
        return torch.cat([words(self._before), self.image_features(image), words(self._after)])

    def _generate(
        self,
        prompts: Sequence[torch.Tensor],
        keys: Sequence[str],
        most: int,
        options: LightOnOcrOptions,
        watch: LoopWatch,
    ) -> list[list[int]]:
        longest = max(prompt.shape[0] for prompt in prompts)
        embeds = prompts[0].new_zeros(len(prompts), longest, prompts[0].shape[1])
        mask = torch.zeros(len(prompts), longest, dtype=torch.long, device=embeds.device)
        for row, prompt in enumerate(prompts):  # on the left: the answer follows the last column of every row
            embeds[row, longest - prompt.shape[0] :] = prompt
            mask[row, longest - prompt.shape[0] :] = 1
        choose = LogitsProcessorList()
        if options.temperature > 0:
            choose.append(_Sampler(keys, most, options, embeds.device))
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

    def _answer(self, row: list[int], most: int, image_size: int, loop: Loop | None) -> Answer:
        end = next((place for place, token in enumerate(row) if token in self.end_ids), len(row))
        done = end < min(most, len(row)) and loop is None
        kept = row[: min(end, most) if loop is None else loop.kept]
        written = len(kept) if loop is None else loop.end
        return Answer(self._decoded(*kept), "stop" if done else "length", image_size, written, loop)

    def _decoded(self, *ids: int) -> str:
        words = self.processor.tokenizer
        return str(words.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))

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


class _Sampler(LogitsProcessor):  # type: ignore[misc]
    """Temperature and top-p with each page's own random numbers, so that its answer ignores the rest of the batch.

    The numbers are drawn beforehand on the CPU, one a token, from (seed, page); the token is where the number falls in
    the sorted, cut distribution. What is chosen is left as the only finite score, so the search itself is greedy.
    """

    def __init__(self, keys: Sequence[str], most: int, options: LightOnOcrOptions, device: torch.device) -> None:
        self._temperature, self._top_p, self._step = options.temperature, options.top_p, 0
        self._draws = torch.stack([_draws(f"{options.seed}:{key}", most) for key in keys]).to(device)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """[pages, vocabulary] -> the same with one finite score a row."""
        falling, tokens = (scores.float() / self._temperature).softmax(-1).sort(dim=-1, descending=True, stable=True)
        total = falling.cumsum(-1)
        kept = total - falling < self._top_p  # the likeliest is always kept
        mass = (falling * kept).sum(-1, keepdim=True)
        draw = self._draws[:, self._step : self._step + 1] * mass
        self._step += 1
        place = torch.minimum((total <= draw).sum(-1, keepdim=True), kept.sum(-1, keepdim=True) - 1)
        chosen = torch.full_like(scores, float("-inf"))
        return chosen.scatter_(-1, tokens.gather(-1, place), 0.0)  # type: ignore[return-value]


def _draws(key: str, count: int) -> torch.Tensor:
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little") >> 1
    return torch.rand(count, generator=torch.Generator().manual_seed(seed))


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


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
