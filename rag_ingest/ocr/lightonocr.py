"""LightOnOCR through transformers, in this process: pages in batches, CUDA > MPS > CPU.

The weights are found (or refused, with the missing files named) when the engine is made, and loaded at the first page.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from rag_ingest.errors import ConfigError, OcrError
from rag_ingest.ocr.checks import guards
from rag_ingest.ocr.conventions import read_conventions
from rag_ingest.ocr.decode_options import PAGES_AT_A_TIME, DecodeOptions
from rag_ingest.ocr.fallback import Fallback
from rag_ingest.ocr.guarded import GuardOptions
from rag_ingest.ocr.ladder import Attempt, Broken, Outcome, Then, climb, proof_image, run
from rag_ingest.ocr.lightonocr_input import PROMPT, RENDERING, frame_pt, picture
from rag_ingest.ocr.loops import loop_facts
from rag_ingest.ocr.models import (
    OF_THE_VARIANT,
    VARIANTS,
    Located,
    fetch,
    identity,
    locate,
    take_defaults,
    weights_available,
)
from rag_ingest.types import Failure, Page, PageMarkdown

if TYPE_CHECKING:
    from PIL.Image import Image

    from rag_ingest.ocr.lightonocr_model import Answer, Loaded

__all__ = ["VARIANTS", "LightOnOCR", "LightOnOcrOptions", "accelerator", "weights_available"]

NAME: Final = "lightonocr"
OUTPUT_VERSION: Final = 3
"""Counts up when this code changes what it makes of the same model's answer."""


@dataclass(frozen=True, kw_only=True)
class LightOnOcrOptions(GuardOptions, DecodeOptions):
    """What runs, how it writes, and (see `GuardOptions`) what is done about a page that reads badly.

    Where `revision`, `max_new_tokens`, `temperature` and `top_p` are left out they are the model's own, as `VARIANTS`
    has them.

    Attributes:
        model: a folder, a hub name, or a short variant name (see `models.VARIANTS`).
        revision: branch, tag or commit on the hub. Ignored for a folder.
        device: "auto" takes CUDA, then MPS, then the CPU.
        dtype: "auto" is bfloat16 on CUDA and float32 elsewhere.
        batch_size: pages read in one call; 0 chooses by device and decoder.
        max_new_tokens: longest answer; a page that reaches it has finish_reason "length". The model's own position
            limit may end a page earlier, with the same reason.
        temperature: 0 always takes the likeliest token.
        seed: of sampling; a page's answer depends on it and on the page, not on the pages beside it.
        attention: "auto" takes flash_attention_2 on CUDA where the package is installed, else sdpa.
    """

    model: str = "lightonai/LightOnOCR-2-1B"
    revision: str | None = OF_THE_VARIANT
    device: str = "auto"
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    batch_size: int = 0
    max_new_tokens: int = OF_THE_VARIANT
    temperature: float = OF_THE_VARIANT
    top_p: float = OF_THE_VARIANT
    seed: int = 0
    attention: Literal["auto", "sdpa", "flash_attention_2", "eager"] = "auto"

    def __post_init__(self) -> None:
        if not self.model:
            raise ConfigError(f"ocr.model is empty: give a folder, a hub name or one of {', '.join(VARIANTS)}")
        take_defaults(self, self.model, "revision", "max_new_tokens", "temperature", "top_p")
        if self.device != "auto" and self.device.split(":")[0] not in PAGES_AT_A_TIME["loop"]:
            raise ConfigError(f"ocr.device is {self.device!r}: it must be auto, cuda, cuda:N, mps or cpu")
        for name, known in (("dtype", _DTYPES), ("attention", _ATTENTIONS)):
            if getattr(self, name) not in known:
                raise ConfigError(f"ocr.{name} is {getattr(self, name)!r}: it must be one of {', '.join(known)}")
        for name, least, most in _RANGES:
            if not least <= getattr(self, name) <= most:
                raise ConfigError(f"ocr.{name} is {getattr(self, name)}: it must be from {least} to {most}")
        if self.top_p == 0:
            raise ConfigError("ocr.top_p is 0: it must be above 0 and at most 1; temperature 0 is greedy")
        self.check_guards("ocr")
        self.check_decoder("ocr")


_OUT_OF_MEMORY = re.compile(r"out of memory|OutOfMemory|MemoryError|(?:alloca|not enough )\w* ?memory", re.IGNORECASE)
_DTYPES = ("auto", "bfloat16", "float16", "float32")
_ATTENTIONS = ("auto", "sdpa", "flash_attention_2", "eager")
_RANGES = (
    ("batch_size", 0, 1024),
    ("max_new_tokens", 1, 40_960),
    ("temperature", 0, 2),
    ("top_p", 0, 1),
    ("seed", 0, 2**63 - 1),
)


class LightOnOCR:
    """The `lightonocr` engine. Implements `types.Engine`.

    Raises:
        ModelError: the weights are neither here nor to be fetched; the message names what is missing and what to do.
    """

    name: Final = NAME
    needs_image: Final = True

    def __init__(self, options: LightOnOcrOptions | None = None) -> None:
        self.options = options or LightOnOcrOptions()
        self._located: Located | None = locate(self.options.model, self.options.revision)
        self._loaded: Loaded | None = None
        self._fallback = Fallback()

    @classmethod
    def from_loaded(
        cls, model: Any, processor: Any, options: LightOnOcrOptions | None = None, *, model_id: str = "unnamed"
    ) -> LightOnOCR:
        """An engine over objects that are in memory already.

        Args:
            model: a `LightOnOcrForConditionalGeneration` on its device, in its dtype.
            processor: a `LightOnOcrProcessor`.
            options: generation and batch size; model, revision, device, dtype and attention play no part.
            model_id: what stands for the weights in the fingerprint.
        """
        from rag_ingest.ocr.lightonocr_model import Loaded

        engine = cls.__new__(cls)
        engine.options = options or LightOnOcrOptions()
        engine._located = None
        engine._loaded = Loaded(model, processor)
        engine._fallback = Fallback()
        engine.__dict__["model_id"] = model_id
        return engine

    @cached_property
    def model_id(self) -> str:
        """Hub name and commit, or a hash of the folder's content."""
        if self._located is None:
            raise ConfigError("an engine made from loaded objects has the model_id that it was given")
        return identity(self._located)

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over the weights, the prompt, generation and rendering; neither device nor batch size."""
        options = self.options
        hot = options.temperature or (options.retries and options.retry_temperature)
        sampling = {"top_p": options.top_p, "seed": options.seed} if hot else {}
        deciding = {
            "engine": NAME,
            "output": OUTPUT_VERSION,
            "model": self.model_id,
            "prompt": PROMPT,
            "rendering": RENDERING,
            "dtype": options.dtype,
            "max_new_tokens": options.max_new_tokens,
            "temperature": options.temperature,
            "guards": options.guard_settings(),
            **sampling,
        }
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def batch_size(self) -> int:
        """Pages that one call likes to get."""
        if self.options.batch_size:
            return self.options.batch_size
        kind = self._loaded.device_kind if self._loaded else self._device().split(":")[0]
        return PAGES_AT_A_TIME[self.options.decoder][kind]

    def recognize(self, pages: Sequence[Page]) -> list[PageMarkdown | Failure]:
        """Reads pages, `batch_size` at a time; same length and order.

        A batch that fails (out of memory, for one) is halved and tried again, down to the page that fails alone. That
        page, and every one that reads badly, climbs the ladder (see `ladder`); those of one call climb together, in
        batches again.

        Raises:
            ModelError: the weights can't be fetched or loaded.
        """
        options, checks = self.options, guards(self.options.scripts, text_layer=self.options.witness)
        climbs = [climb(page, options, options.temperature, checks, self._blank(page)) for page in pages]
        return run(climbs, self._attempt)

    def load(self) -> Loaded:
        """Fetches and loads the weights, once; the first `recognize` does it where nobody did before.

        Raises:
            ModelError: they can't be fetched or loaded.
        """
        from rag_ingest.ocr.lightonocr_model import load

        if self._loaded is None:
            if self._located is None:
                raise ConfigError("this engine is closed and was made from loaded objects: make a new one")
            options = self.options
            self._loaded = load(fetch(self._located), self._device(), options.dtype, options.attention)
        return self._loaded

    def configure_fallback(self, options_for: Callable[[str], Any]) -> None:
        """Tells the options of the engines that pages fall back to, by name; without it they have their defaults."""
        self._fallback.options_for = options_for

    def close(self) -> None:
        """Frees the weights; a later `recognize` loads them again."""
        if self._loaded is not None:
            self._loaded.free()
        self._loaded = None
        self._fallback.close()

    def _blank(self, page: Page) -> PageMarkdown:
        return PageMarkdown(page.doc_id, page.number, "", NAME, self.fingerprint)

    def _device(self) -> str:
        return (accelerator() or "cpu") if self.options.device == "auto" else self.options.device

    def _attempt(self, attempts: Sequence[Attempt]) -> list[Outcome]:
        """Attempts of one engine and temperature, in batches; their sizes may differ."""
        if attempts[0].engine:
            return [self._fallback.read(attempt) for attempt in attempts]
        loaded = self.load()
        outcomes: dict[int, Outcome] = {}
        ready: list[tuple[int, Attempt, Image]] = []
        for place, attempt in enumerate(attempts):
            try:
                ready.append((place, attempt, picture(attempt.page, attempt.scale)))
            except OcrError as e:
                outcomes[place] = Broken(str(e), "nowhere" if attempt.page.image is None else "elsewhere")
        for start in range(0, len(ready), self.batch_size):
            outcomes.update(self._read(loaded, ready[start : start + self.batch_size]))
        return [outcomes[place] for place in range(len(attempts))]

    def _read(self, loaded: Loaded, batch: Sequence[tuple[int, Attempt, Image]]) -> Iterator[tuple[int, Outcome]]:
        begun = time.perf_counter()
        images, keys = [image for _, _, image in batch], [_key(attempt) for _, attempt, _ in batch]
        answers, reason = None, ""
        try:
            layers = [attempt.page.text_layer for _, attempt, _ in batch]
            answers = loaded.read(images, keys, replace(self.options, temperature=batch[0][1].temperature), layers)
        except Exception as e:  # whatever torch raises for one batch must not cost the others
            reason = f"{type(e).__name__}: {(str(e).strip() or 'no message').splitlines()[0]}"
        seconds = (time.perf_counter() - begun) / len(batch)
        if answers is not None:
            for (place, attempt, _), answer in zip(batch, answers, strict=True):
                yield place, self._result(attempt, answer, seconds)
            return
        loaded.free_cache()  # here and not in the handler, where the error's traceback still holds the failed batch
        if len(batch) == 1:
            then: Then = "smaller" if _OUT_OF_MEMORY.search(reason) else "elsewhere"
            yield batch[0][0], Broken(reason, then if self._reads_anything(loaded) else "nowhere", seconds)
            return
        half = len(batch) // 2
        yield from self._read(loaded, batch[:half])
        yield from self._read(loaded, batch[half:])

    def _reads_anything(self, loaded: Loaded) -> bool:
        """Whether it was the page that failed: after a fault of its own a device fails with every page."""
        try:
            loaded.read([proof_image()], ["proof"], replace(self.options, max_new_tokens=1, temperature=0.0))
        except Exception:
            return False
        return True

    def _result(self, attempt: Attempt, answer: Answer, seconds: float) -> PageMarkdown:
        page = attempt.page
        assert page.image is not None
        written = read_conventions(answer.text, frame_pt(page.image, page.size_pt, attempt.scale))
        return PageMarkdown(
            doc_id=page.doc_id,
            number=page.number,
            markdown=written.markdown,
            engine=NAME,
            fingerprint=self.fingerprint,
            finish_reason=answer.finish_reason,
            checks={
                "image_tokens": answer.image_tokens,
                "new_tokens": answer.new_tokens,
                **loop_facts(answer.loop),
                **({"bad_boxes": list(written.bad_boxes)} if written.bad_boxes else {}),
            },
            figures=written.figures,
            seconds=seconds,
        )


def accelerator() -> str | None:
    """`cuda` or `mps` where torch can use one, else None. Imports torch."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


def _key(attempt: Attempt) -> str:
    """What sampling draws for a page depends on it and on the attempt."""
    again = f":{attempt.number}" if attempt.number else ""
    return f"{attempt.page.doc_id}:{attempt.page.number}{again}"
