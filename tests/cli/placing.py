"""An engine that copies text layers and marks figures, and runs of it: what became of boxes and crops is seen fast."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lancedb

from rag_ingest.config import Config
from rag_ingest.load.options import LoadOptions
from rag_ingest.ocr.figures import FigureOptions
from rag_ingest.ocr.places import BoxOptions
from rag_ingest.pipeline import Pipeline
from rag_ingest.report import IngestReport
from rag_ingest.runners.local import run
from rag_ingest.types import Engine, Failure, Figure, Page, PageMarkdown, Span, TextBox
from tests.eval.conftest import HashEmbedder

NO_CROPS, NO_BOXES = FigureOptions(keep="none"), BoxOptions(find=False)
FILES, COLUMN = FigureOptions(), FigureOptions(keep="column")
BOXES = BoxOptions()

Wanted = tuple[FigureOptions, BoxOptions]


@dataclass
class Copyist:
    """Its pages have a figure each, but for the second; with `own` it gives a box for each line."""

    own: bool = False
    pages: list[int] = field(default_factory=list)
    name, needs_image, batch_size = "copyist", True, 2

    @property
    def fingerprint(self) -> str:
        return f"copyist {self.own}"

    def recognize(self, pages: Sequence[Page]) -> list[PageMarkdown | Failure]:
        return [self._read(page) for page in pages]

    def _read(self, page: Page) -> PageMarkdown:
        self.pages.append(page.number)
        lines = [line for line in page.text_layer or () if line.text.strip()][:12]
        link = "![image](image_1.png)\n\n" if page.number != 2 else ""
        text, boxes = link, []
        for line in lines:
            boxes.append(TextBox(Span(len(text), len(text) + len(line.text)), line.bbox))
            text += line.text + "\n\n"
        figures = (Figure("image_1.png", (60.0, 60.0, 300.0, 200.0)),) if link else ()
        own = tuple(boxes) if self.own else ()
        return PageMarkdown(page.doc_id, page.number, text, self.name, self.fingerprint, figures=figures, boxes=own)

    def close(self) -> None:
        pass


@dataclass
class Remembering:
    """An engine that gives what another one read of a page before, where it was asked for it already."""

    inner: Engine
    asked: list[int] = field(default_factory=list)
    known: dict[int, PageMarkdown | Failure] = field(default_factory=dict)

    name = property(lambda self: self.inner.name)
    fingerprint = property(lambda self: self.inner.fingerprint)
    needs_image, batch_size = True, 2

    def recognize(self, pages: Sequence[Page]) -> list[PageMarkdown | Failure]:
        self.asked += [page.number for page in pages]
        new = [page for page in pages if page.number not in self.known]
        read = self.inner.recognize(new) if new else []
        self.known |= {page.number: result for page, result in zip(new, read, strict=True)}
        return [self.known[page.number] for page in pages]

    def close(self) -> None:
        pass


@dataclass
class Ran:
    """What a run did, and for what the models were asked."""

    report: IngestReport
    read: list[int]
    embedded: list[str]


def ingest(
    db: Path,
    files: Iterable[Path],
    figures: FigureOptions | None = None,
    boxes: BoxOptions | None = None,
    *,
    own: bool = False,
    engine: Engine | None = None,
    progress: Callable[[object], None] = lambda event: None,
) -> Ran:
    """By the `Copyist`, which is given small pages, where no other engine is named."""
    copyist, embedder = Copyist(own), HashEmbedder()
    load = LoadOptions(workers=1, longest_edge_px=1540 if engine else 400)
    config = Config(figures=figures or FigureOptions(), boxes=boxes or BoxOptions(), load=load)
    with Pipeline(config, engine=engine or copyist, embedder=embedder) as pipeline:
        report = run(pipeline, list(files), str(db), progress)
    return Ran(report, copyist.pages, embedder.embedded)


def all_of(db: Path, *aside: str) -> dict[str, Any]:
    """Every row, but for times, and every crop that lies in a file."""
    volatile = {"updated_at", "ingested_at", "seconds", *aside}
    found: dict[str, Any] = {}
    for name in ("documents", "pages", "chunks"):
        rows = lancedb.connect(db).open_table(name).to_arrow().to_pylist()
        kept = [{k: v for k, v in row.items() if k not in volatile} for row in rows]
        found[name] = sorted(kept, key=lambda row: json.dumps(row, default=str))
    files = sorted((db / "figures").rglob("*")) if (db / "figures").is_dir() else []
    return found | {"files": {str(file.relative_to(db)): file.read_bytes() for file in files if file.is_file()}}
