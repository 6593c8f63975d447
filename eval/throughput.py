"""`python -m eval.throughput`: pages a second of the loop and of transformers' `generate`, and where the time goes.

Real pages go through the full-size model with random weights, whose values decide neither speed nor memory. What it
writes is told to it token by token: the page's ground-truth Markdown stands for the model's answer, which decides how
long it is and which drafts are right. So the figures say what an answer costs, not what it says. `--model FOLDER` takes
a checkpoint instead, to try this on a CPU. Of the package's inside, this uses the loaded model and the loop.
"""

from __future__ import annotations

import argparse
import json
import resource
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from eval.drafting_cases import Qwen
from eval.full_size_probe import random_model
from eval.throughput_clock import Clock
from eval.throughput_pages import Sample, load, real, save
from rag_ingest.ocr.decode_ahead import ahead
from rag_ingest.ocr.decode_cache import allocate
from rag_ingest.ocr.decode_draft import TextLayerDrafter
from rag_ingest.ocr.decode_loop import MOST_DRAFTED, DecodeLoop, Job
from rag_ingest.ocr.decode_sample import Sampling
from rag_ingest.ocr.decode_step import Stepper, cache_shape
from rag_ingest.ocr.lightonocr_input import image_tokens, prepare
from rag_ingest.ocr.lightonocr_model import PIXELS_AHEAD, Loaded
from rag_ingest.ocr.lightonocr_model import load as load_model

DEVICE_STAGES = ("vision", "prefill", "decode", "choose")
SURE = 100.0
"""Added to the score of the token that is told: more than any other can have."""


@dataclass(frozen=True, slots=True)
class Dictated(Sampling):
    """Chooses as ever, from scores in which the told token is far ahead; the numbers of sampling are the tokens."""

    def choose(self, scores: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
        """As in `Sampling`; draws are tokens."""
        surer = scores.float().scatter_add(1, draws.long()[:, None], torch.full_like(scores[:, :1].float(), SURE))
        return Sampling.choose(self, surer, torch.full_like(draws, 0.5))


class Dictation(LogitsProcessor):  # type: ignore[misc]
    """The same for `generate`."""

    def __init__(self, answers: Sequence[Sequence[int]], sampling: Dictated, device: torch.device) -> None:
        longest = max(map(len, answers))
        padded = [[*answer, *[answer[-1]] * (longest - len(answer))] for answer in answers]
        self._told, self._step = torch.tensor(padded, dtype=torch.float32, device=device), 0
        self._sampling = sampling

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """[pages, vocabulary] -> the same with one finite score a row."""
        tokens = self._sampling.choose(scores, self._told[:, self._step])
        self._step += 1
        return torch.full_like(scores, float("-inf")).scatter_(-1, tokens[:, None], 0.0)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured, and pages in its tokens."""

    loaded: Loaded
    encode: Callable[[str], list[int]]
    decode: Callable[[Sequence[int]], str]
    images: Sequence[Image.Image]
    answers: Sequence[Sequence[int]]
    layers: Sequence[Any]

    @property
    def cuda(self) -> bool:
        """Whether times are the device's."""
        return self.loaded.device_kind == "cuda"


def subject(samples: Sequence[Sample], model: Path | None, device: str, longest_px: int, most: int) -> Subject:
    """Loads or makes the model, and cuts pages and answers to what it can hold."""
    if model is not None:
        loaded = load_model(model, device, "auto", "auto")
        encode, decode = loaded._encoded, lambda ids: loaded._decoded(*ids)
    else:
        made, processor = random_model()
        loaded = Loaded(made.to(device, torch.bfloat16 if device.startswith("cuda") else torch.float32), processor)
        qwen = Qwen()
        encode, decode = qwen.encode, qwen.decode
    images = [sample.image.copy() for sample in samples]
    for image in images:
        image.thumbnail((longest_px, longest_px))
    answers = [[*encode(sample.target)[: most - 1], loaded.end_ids[0]] for sample in samples]
    return Subject(loaded, encode, decode, images, answers, [sample.layer for sample in samples])


def looped(what: Subject, decoder: DecodeLoop, drafting: bool, sampling: Dictated) -> tuple[Clock, int]:
    """All pages through the loop; times, and forward passes of the decoder after the prompts'."""
    clock, loaded = Clock(what.cuda), what.loaded
    passes, usual = 0, decoder._chosen

    def pixels(image: Image.Image) -> tuple[Image.Image, torch.Tensor]:
        with clock.host("preprocess, in a thread"):
            prepared = prepare(image)
            return prepared, loaded._pixels(prepared)

    def jobs() -> Iterator[Job]:
        made = ahead(pixels, what.images, PIXELS_AHEAD)
        for (image, values), answer, layer in zip(made, what.answers, what.layers, strict=True):
            drafter = Timed(TextLayerDrafter(layer, what.encode, what.decode), clock) if drafting else None
            with clock.device("vision"):
                prompt = loaded._prompted(loaded._features(image, values))
            yield Job(prompt, len(answer), torch.tensor(answer, dtype=torch.float32), drafter)

    def counted(step: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def run(*args: Any) -> torch.Tensor:
            nonlocal passes
            passes += 1
            return step(*args)

        return run

    for stepper in decoder.steppers:
        stepper.prompt = clock.timed("prefill", stepper.prompt)  # type: ignore[method-assign]
        stepper.step = counted(clock.timed("decode", stepper.step))  # type: ignore[method-assign]
    decoder._chosen = clock.timed("choose", usual)  # type: ignore[method-assign]
    try:
        with clock.host("all"):
            written = decoder.run(jobs(), sampling)
            clock.seconds()
    finally:
        decoder._chosen = usual  # type: ignore[method-assign]
        for stepper in decoder.steppers:
            del stepper.prompt, stepper.step  # the instance's, which hide the class's
    assert [page.tokens for page in written] == [list(answer) for answer in what.answers]
    return clock, passes


class Timed:
    """A drafter whose time is counted."""

    def __init__(self, drafter: TextLayerDrafter, clock: Clock) -> None:
        self._drafter, self._clock = drafter, clock

    def propose(self, written: Sequence[int], most: int) -> list[int]:
        """As the drafter says."""
        with self._clock.host("draft"):
            return self._drafter.propose(written, most)


def generated(what: Subject, batch: int, sampling: Dictated) -> tuple[Clock, int]:
    """All pages through `generate`, so many at a time; its prefill is part of `decode`."""
    clock, loaded, passes = Clock(what.cuda), what.loaded, 0
    with clock.host("all"):
        for start in range(0, len(what.images), batch):
            prompts = []
            for image in what.images[start : start + batch]:
                with clock.host("preprocess"):
                    prepared = prepare(image)
                    values = loaded._pixels(prepared)
                with clock.device("vision"):
                    prompts.append(loaded._prompted(loaded._features(prepared, values)))
            answers = what.answers[start : start + batch]
            longest = max(len(prompt) for prompt in prompts)
            embeds = torch.stack([torch.nn.functional.pad(p, (0, 0, longest - len(p), 0)) for p in prompts])
            mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=embeds.device)
            most = max(map(len, answers))
            how = GenerationConfig(max_new_tokens=most, eos_token_id=loaded.end_ids, pad_token_id=loaded.pad_id)
            told = LogitsProcessorList([Dictation(answers, sampling, embeds.device)])
            with clock.device("decode"):
                loaded.model.generate(
                    inputs_embeds=embeds, attention_mask=mask, generation_config=how, logits_processor=told
                )
            passes += most - 1
        clock.seconds()
    return clock, passes


def row(what: Subject, name: str, clock: Clock, passes: int) -> dict[str, Any]:
    """One line of results."""
    seconds, tokens = clock.seconds(), sum(map(len, what.answers))
    wall = seconds.pop("all")
    busy = sum(value for stage, value in seconds.items() if stage in DEVICE_STAGES)
    peak = (
        torch.cuda.max_memory_allocated() / 2**30
        if what.cuda
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    )
    return {
        "decoder": name,
        "pages_s": round(len(what.images) / wall, 3),
        "tokens_s": round(tokens / wall, 1),
        "passes": passes,
        "wall_s": round(wall, 2),
        "stages_s": {stage: round(value, 2) for stage, value in sorted(seconds.items())},
        "device_idle": round(1 - busy / wall, 3) if what.cuda else None,
        "peak_gib": round(peak, 2),
    }


def measure(what: Subject, rows: Sequence[int], batches: Sequence[int], temperature: float) -> Iterator[dict[str, Any]]:
    """Lines of results, `generate` first; on CUDA each is measured at its second run."""
    sampling, shape = Dictated(temperature, 0.9), cache_shape(what.loaded.model)
    words = len(what.loaded._before) + len(what.loaded._after)
    prompt = words + max(image_tokens(prepare(image).size) for image in what.images)
    length = prompt + max(map(len, what.answers)) + MOST_DRAFTED + 1
    with torch.inference_mode():
        for batch in batches:
            yield _again(what, f"generate, batches of {batch}", partial(generated, what, batch, sampling))
        for count in rows:
            caches = allocate(shape, 10**15, count, length, 2 if what.cuda else 1)
            steppers = [Stepper(what.loaded.model, cache, fixed_shapes=what.cuda) for cache in caches]
            decoder = DecodeLoop(steppers, what.loaded.end_ids, what.loaded._text_of)
            for drafting in (False, True):
                name = f"loop, {count} rows, {'with' if drafting else 'without'} drafts"
                yield _again(what, name, partial(looped, what, decoder, drafting, sampling))


def main() -> None:
    """Measures, and prints one JSON object a line: first what was measured, then a line for each decoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=64, help="of the real papers")
    parser.add_argument("--save", type=Path, help="writes the pages into this folder and measures nothing")
    parser.add_argument("--saved", type=Path, help="takes pages that --save wrote")
    parser.add_argument("--model", type=Path, help="a checkpoint instead of the full size with random weights")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--longest-px", type=int, default=1540, help="pages are reduced to this")
    parser.add_argument("--most-tokens", type=int, default=4096, help="answers are cut to this")
    parser.add_argument("--rows", default="1,8,32,64", help="pages decoded together by the loop")
    parser.add_argument("--batches", default="1,8,16", help="pages of a batch of generate")
    parser.add_argument("--temperature", type=float, default=0.2)
    args = parser.parse_args()
    samples = load(args.saved) if args.saved else real(args.pages)
    if args.save:
        save(samples, args.save)
        return
    what = subject(samples[: args.pages], args.model, args.device, args.longest_px, args.most_tokens)
    counts = sorted(map(len, what.answers))
    told = {
        "device": torch.cuda.get_device_name() if what.cuda else "cpu",
        "pages": len(what.answers),
        "answer_tokens": {"sum": sum(counts), "median": counts[len(counts) // 2], "most": counts[-1]},
        "render_s_a_page": round(sum(sample.render_s for sample in samples) / len(samples), 3),
    }
    print(json.dumps(told), flush=True)
    rows, batches = ([int(count) for count in text.split(",") if count] for text in (args.rows, args.batches))
    for line in measure(what, rows, batches, args.temperature):
        print(json.dumps(line), flush=True)


def _again(what: Subject, name: str, run: Callable[[], tuple[Clock, int]]) -> dict[str, Any]:
    if what.cuda:
        run()  # what is set up once: graphs, kernels that are chosen by trying
        torch.cuda.reset_peak_memory_stats()
    return row(what, name, *run())


if __name__ == "__main__":
    main()
