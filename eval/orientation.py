"""`python -m eval.orientation`: which way up pages stand, by image and by text layer, each turned four ways.

The layers of all PDFs at hand say how the pages stand; the image is asked with the layer hidden. Some are turned, and
given as a poor scanner gives them. Of the package's inside this uses what it measures and no more.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageFilter, ImageOps

from eval.datasets.files import data_folder
from eval.guards import head, rendered
from rag_ingest.ocr.layout_turn import quarter_turns, tells_direction, turn_lines, turned_image
from rag_ingest.ocr.orientation import LEAST_LEAD, Orientation
from rag_ingest.types import Page

SEED = 1
SKEW_DEGREES = 2.0


def scanned(image: Image.Image) -> Image.Image:
    """As a poor scanner gives it: 100 dpi, skewed, blurred, grey, speckled, and packed as JPEG."""
    chosen = random.Random(f"{SEED} {image.size} {image.resize((1, 1)).getpixel((0, 0))}")
    poor = image.reduce(2).convert("L").filter(ImageFilter.GaussianBlur(0.7))
    poor = poor.rotate(chosen.uniform(-SKEW_DEGREES, SKEW_DEGREES), Image.Resampling.BILINEAR, fillcolor=255)
    poor = Image.blend(poor, Image.effect_noise(poor.size, 60), 0.25)
    packed = BytesIO()
    poor.save(packed, "JPEG", quality=30)
    return Image.open(BytesIO(packed.getvalue())).convert("RGB")


SCANNERS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as rendered": lambda image: image,
    "poor scan": scanned,
    "negative": ImageOps.invert,
}


def confusion(name: str, answers: Sequence[tuple[int, int | None]]) -> Iterator[str]:
    """Rows of a table: the turns that a page takes, and those that it was given."""
    counted = Counter(answers)
    for right in range(4):
        row = [counted[right, given] for given in (0, 1, 2, 3, None)]
        yield f"| {name} | {90 * right}° | {' | '.join(map(str, row))} |"


def tables(folder: Path, every: int) -> Iterator[str]:
    """What each page was given, by image, by layer; wrong ones by name; and the time that the model takes."""
    asked = Orientation()
    images: dict[str, list[tuple[int, int | None]]] = {name: [] for name in SCANNERS}
    layers: list[tuple[int, int | None]] = []
    wrong: list[str] = []
    took_ms: dict[bool, list[float]] = {True: [], False: []}
    stand = Counter[int]()
    for place, (stem, page) in enumerate(rendered(folder)):
        assert page.image is not None
        if not tells_direction(page.text_layer or ()):
            if (given := asked(page.image)) not in (0, None):
                wrong.append(f"{stem} p. {page.number}, without a layer that tells: {90 * (given or 0)}°")
            continue
        base = quarter_turns(page.text_layer or ())
        stand[base] += 1
        layers.extend(((base - turned) % 4, by_layer(page, turned)) for turned in range(4))
        for name, scanner in SCANNERS.items():
            if place % every and name != "as rendered":
                continue
            image = scanner(page.image)
            for turned in range(1 if place % every else 4):
                began = time.thread_time()
                given = asked(turned_image(image, turned))
                right = (base - turned) % 4
                took_ms[given == 0].append(1000 * (time.thread_time() - began))
                images[name].append((right, given))
                if given not in (right, None):
                    wrong.append(f"{stem} p. {page.number}, {name}: {90 * (given or 0)}° for {90 * right}°")
    said = ", ".join(f"{90 * turns}° {stand[turns]}" for turns in range(4))
    yield f"Pages whose layer tells, by the turn that it asks for: {said}. Least lead {LEAST_LEAD}.\n"
    yield head("pages", "should be turned by", "0°", "90°", "180°", "270°", "can't tell")
    for name, answers in images.items():
        yield from confusion(f"image, {name}", answers)
    yield from confusion("text layer", layers)
    yield "\nTurned otherwise than the layer says, or without one:\n"
    yield from (f"- {line}" for line in wrong)
    level, turned_ms = (f"{statistics.median(took_ms[key]):.0f} ms" for key in (True, False))
    yield f"\nMedian of one thread: {level} for a page found level, {turned_ms} for the others."


def by_layer(page: Page, turned: int) -> int:
    """What the layer of the page says once the page was turned so often."""
    return quarter_turns(turn_lines(page.text_layer or (), turned, page.size_pt))


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m eval.orientation", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--every", type=int, default=10, help="turn and spoil each so-manieth page only")
    for line in tables(data_folder(), parser.parse_args().every):
        print(line, flush=True)


if __name__ == "__main__":
    main()
