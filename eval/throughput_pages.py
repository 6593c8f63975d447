"""Real pages to measure with: images, text layers, and Markdown that stands for what a model would write."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from PIL import Image

from eval.datasets.files import data_folder
from eval.drafting_cases import Case, Qwen, papers
from rag_ingest.errors import ConfigError
from rag_ingest.registry import resolve
from rag_ingest.types import Page, Source, TextLine


@dataclass(frozen=True, slots=True)
class Sample:
    """One page.

    Attributes:
        image: rendered, as the engine gets it.
        target: Markdown.
        layer: lines of the text layer.
        render_s: seconds that the image took.
    """

    image: Image.Image
    target: str
    layer: tuple[TextLine, ...]
    render_s: float


def real(count: int) -> list[Sample]:
    """Pages of the real papers, spread over them.

    Raises:
        ConfigError: the papers are not there.
    """
    data, qwen = data_folder(), Qwen()
    cases = [case for paper in papers(data, qwen) for case in paper.cases]
    some = list(islice(cases, 0, None, max(1, len(cases) // count)))[:count]
    return list(_rendered(data, some, qwen))


def save(samples: Sequence[Sample], folder: Path) -> None:
    """Writes them where `load` finds them, for a machine that has neither the papers nor PDFium."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, sample in enumerate(samples):
        sample.image.save(folder / f"{number:04}.png")
        lines = [(line.text, line.bbox, line.size_pt, line.bold) for line in sample.layer]
        rows.append({"target": sample.target, "layer": lines, "render_s": sample.render_s})
    (folder / "pages.json").write_text(json.dumps(rows), encoding="utf-8")


def load(folder: Path) -> list[Sample]:
    """What `save` wrote.

    Raises:
        ConfigError: there is nothing of the kind.
    """
    if not (folder / "pages.json").is_file():
        raise ConfigError(f"no pages.json in {folder}: --save {folder} makes one")
    samples = []
    for number, row in enumerate(json.loads((folder / "pages.json").read_text(encoding="utf-8"))):
        layer = tuple(TextLine(text, tuple(bbox), size_pt, bold) for text, bbox, size_pt, bold in row["layer"])
        with Image.open(folder / f"{number:04}.png") as image:
            samples.append(Sample(image.convert("RGB"), row["target"], layer, row["render_s"]))
    return samples


def _rendered(data: Path, cases: Sequence[Case], qwen: Qwen) -> Iterator[Sample]:
    with resolve("loader", "pdf")() as loader:
        for case in cases:
            document = loader.open(Source(str(data / "papers" / case.doc / "paper.pdf"), "pdf"))
            begun = time.perf_counter()
            page = next(iter(loader.pages(document, [case.number])))
            seconds = time.perf_counter() - begun
            if isinstance(page, Page) and page.image is not None:
                yield Sample(page.image, qwen.decode(case.target), case.layer, seconds)
