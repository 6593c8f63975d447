"""Trains the small LightOnOCR checkpoint beside this file on the fixture pages, from nothing, offline.

    python tests/tiny_lightonocr/train.py [--out FOLDER]

It has the full-size model's classes, token layout and image processing with toy sizes and a byte-level vocabulary, and
stops when every page is reproduced with a margin that no change of batch or machine can flip.
"""

# ruff: noqa: T201  progress on stdout
from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pages import PAGES, write
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GenerationConfig,
    LightOnOcrConfig,
    LightOnOcrForConditionalGeneration,
    LightOnOcrProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil

HERE = Path(__file__).resolve().parent
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|vision_pad|>", "<|vision_end|>")
TEMPLATE = (
    "<|im_start|>system<|im_end|>\n"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for item in message['content'] %}"
    "{% if item['type'] in ('image', 'image_url') %}<|image_pad|>{% elif 'text' in item %}{{ item['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CELL_PX = 28
MEAN = torch.tensor(PixtralImageProcessorPil.image_mean).view(3, 1, 1)
STD = torch.tensor(PixtralImageProcessorPil.image_std).view(3, 1, 1)
PAGES_A_STEP = 6
NOISE = 0.1
MOST_SLIPS = 0.6
MARGIN, ENOUGH = 0.95, 0.9
"""Least probability of a right byte, teacher-forced, over all pages: to stop early, and to stop at all."""


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte, then the six special tokens that the processor and the prompt need."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={letter: n for n, letter in enumerate(letters)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(list(SPECIAL))
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=2048,
        extra_special_tokens={
            "image_token": "<|image_pad|>",
            "image_break_token": "<|vision_pad|>",
            "image_end_token": "<|vision_end|>",
        },
    )


def processor(words: PreTrainedTokenizerFast) -> LightOnOcrProcessor:
    """The full-size model's image settings: longest edge 1540, patch 14, merged two by two."""
    pictures = PixtralImageProcessorPil(size={"longest_edge": 1540}, patch_size={"height": 14, "width": 14})
    return LightOnOcrProcessor(pictures, words, patch_size=14, spatial_merge_size=2, chat_template=TEMPLATE)


def model(words: PreTrainedTokenizerFast) -> LightOnOcrForConditionalGeneration:
    """About 0.6 million parameters, random."""
    eos, pad = words.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    config = LightOnOcrConfig(
        image_token_id=words.convert_tokens_to_ids("<|image_pad|>"),
        vision_config={
            "model_type": "pixtral",
            "hidden_size": 64,
            "intermediate_size": 192,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "head_dim": 16,
            "patch_size": 14,
            "image_size": 1540,
            "hidden_act": "silu",
        },
        text_config={
            "model_type": "qwen3",
            "hidden_size": 128,
            "intermediate_size": 320,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 32,
            "vocab_size": len(words),
            "max_position_embeddings": 2048,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
            "tie_word_embeddings": True,
            "eos_token_id": eos,
            "pad_token_id": pad,
        },
        tie_word_embeddings=True,
    )
    net = LightOnOcrForConditionalGeneration(config)
    for name, weight in net.named_parameters():
        if weight.dim() > 1 and "embed_tokens" not in name:
            torch.nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
    net.generation_config = GenerationConfig(
        do_sample=True, temperature=0.2, top_p=0.9, eos_token_id=[eos, pad], pad_token_id=pad
    )
    return net


def pixels(image: Image.Image) -> torch.Tensor:
    """float32[1, 3, H, W], padded white at the right and bottom to whole cells, normalised."""
    size = tuple(CELL_PX * math.ceil(side / CELL_PX) for side in image.size)
    padded = Image.new("RGB", size, "white")
    padded.paste(image)
    values = torch.from_numpy(np.array(padded)).permute(2, 0, 1) / 255
    return ((values - MEAN) / STD).unsqueeze(0)


@dataclass(frozen=True)
class Lesson:
    """One page: its picture, the token ids of prompt and text, and where the text begins."""

    picture: torch.Tensor
    ids: list[int]
    start: int


def lesson(words: PreTrainedTokenizerFast, image: Image.Image, markdown: str) -> Lesson:
    """The prompt with one image token a cell, then the Markdown and the end mark."""
    picture = pixels(image)
    cells = (picture.shape[-2] // CELL_PX) * (picture.shape[-1] // CELL_PX)
    message = [{"role": "user", "content": [{"type": "image"}]}]
    prompt = words.apply_chat_template(message, chat_template=TEMPLATE, add_generation_prompt=True, tokenize=False)
    start = words(prompt.replace("<|image_pad|>", "<|image_pad|>" * cells), add_special_tokens=False).input_ids
    text = words(f"{markdown}<|im_end|>", add_special_tokens=False).input_ids
    return Lesson(picture, start + text, len(start))


def log_probs(
    net: LightOnOcrForConditionalGeneration, lessons: Sequence[Lesson], noise: float = 0.0, slips: float = 0.0
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """For each page float32[bytes], the log-probability of each right byte, teacher-forced; and its mean image token.

    Args:
        net: the model.
        lessons: the pages.
        noise: standard deviation of what is added to the picture.
        slips: share of the text's bytes that the model is shown wrong, so that it must look at the picture.
    """
    cells = []
    for each in lessons:
        seen = each.picture + noise * torch.randn_like(each.picture)
        size = [(seen.shape[-2], seen.shape[-1])]
        cells.append(net.model.get_image_features(pixel_values=seen, image_sizes=size).pooler_output[0])
    longest = max(len(each.ids) for each in lessons)
    pad = net.generation_config.pad_token_id
    ids = torch.tensor([each.ids + [pad] * (longest - len(each.ids)) for each in lessons])
    mask = torch.tensor([[1] * len(each.ids) + [0] * (longest - len(each.ids)) for each in lessons])
    shown = ids.clone()
    for row, each in enumerate(lessons):
        wrong = torch.rand(len(each.ids) - each.start) < slips
        shown[row, each.start : len(each.ids)][wrong] = torch.randint(256, (int(wrong.sum()),))
    embeds = net.get_input_embeddings()(shown)
    embeds = embeds.masked_scatter((ids == net.config.image_token_id).unsqueeze(-1), torch.cat(cells))
    hidden = net.model.language_model(inputs_embeds=embeds, attention_mask=mask).last_hidden_state
    scores = []
    for row, each in enumerate(lessons):
        logits = net.lm_head(hidden[row, each.start - 1 : len(each.ids) - 1])
        right = torch.tensor(each.ids[each.start :])
        scores.append(torch.log_softmax(logits, -1).gather(-1, right[:, None]).squeeze(-1))
    return scores, torch.stack([each.mean(0) for each in cells])


def train(
    net: LightOnOcrForConditionalGeneration,
    lessons: Sequence[Lesson],
    blanks: Sequence[Lesson],
    steps: int,
    rate: float,
) -> None:
    """Until every right byte of every page has more than `MARGIN`, or `steps` are over and it has `ENOUGH`.

    Each step takes the next pages of a shuffled round and one empty page. Noise on the picture keeps the answer from
    hanging on one pixel; without the slips the model learns what byte follows what and never tells two similar pages
    apart. Naming the page from its mean image token, with a layer that is thrown away, teaches the vision tower early
    what differs.
    """
    namer = torch.nn.Linear(net.config.text_config.hidden_size, len(lessons) + 1)
    optimizer = torch.optim.AdamW(
        [*net.parameters(), *namer.parameters()], lr=rate, betas=(0.9, 0.95), weight_decay=0.0
    )
    order: list[int] = []
    begun = time.monotonic()
    for step in range(steps):
        if len(order) < PAGES_A_STEP:
            order += torch.randperm(len(lessons)).tolist()
        taken, order = order[:PAGES_A_STEP], order[PAGES_A_STEP:]
        left = 1 - step / steps
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 50, 1.5 * left)
        slips = MOST_SLIPS * min(1, 2 * left) * torch.rand(()).item()
        blank = blanks[int(torch.randint(len(blanks), ()))]
        scores, seen = log_probs(net, [*(lessons[n] for n in taken), blank], NOISE, slips)
        named = torch.nn.functional.cross_entropy(namer(seen), torch.tensor([*taken, len(lessons)]))
        loss = -torch.cat(scores).mean() + 0.3 * named
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        if step % 20 == 0:
            least = least_probabilities(net, [*lessons, *blanks])
            shown = " ".join(f"{p:.2f}" for p in least)
            print(f"step {step} loss {loss.item():.4f} least {shown} {time.monotonic() - begun:.0f} s", flush=True)
            if min(least) > MARGIN:
                return
    if min(least_probabilities(net, [*lessons, *blanks])) < ENOUGH:
        raise SystemExit(f"not learnt in {steps} steps")


def least_probabilities(net: LightOnOcrForConditionalGeneration, lessons: Sequence[Lesson]) -> list[float]:
    """For each page, as it is, the smallest probability of a right byte."""
    with torch.no_grad():
        return [score.min().exp().item() for score in log_probs(net, lessons)[0]]


def main() -> None:
    """Pages, tokenizer, training, checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "model")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--rate", type=float, default=2e-3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)  # faster than two for tensors this small, and the same sums everywhere
    torch.manual_seed(0)
    write()
    words = tokenizer()
    net = model(words)
    print(f"{sum(p.numel() for p in net.parameters()):,} parameters")
    lessons = [lesson(words, page.image(), page.markdown()) for page in PAGES]
    sizes = sorted({(page.width, page.height) for page in PAGES})
    blanks = [lesson(words, Image.new("RGB", size, "white"), "") for size in sizes]
    train(net, lessons, blanks, chosen.steps, chosen.rate)
    net.eval()
    print(f"least probability of a right byte: {min(least_probabilities(net, [*lessons, *blanks])):.4f}")
    net.save_pretrained(chosen.out)
    processor(words).save_pretrained(chosen.out)
    print(json.dumps(sorted(p.name for p in chosen.out.iterdir())))


if __name__ == "__main__":
    main()
