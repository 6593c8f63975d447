"""`python -m eval.boxes`: whether the boxes that text gets from the text layer stand where the text does.

First beside the boxes that the engine `layout` works with, on the real papers; a block that it read wrongly has a wrong
box there too. Then by the words that the text layer holds inside the boxes, which need no engine: for the same papers,
and for people's own Markdown of OHR-Bench's documents, as a model that gives no boxes would write it. Of the package's
inside, this uses the places themselves and no more.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from eval.boxed_words import GOOD, Tally, percent
from eval.cache import CachedEngine, reading_code
from eval.datasets import GROUND_TRUTH, Dataset
from eval.datasets.files import data_folder
from eval.datasets.ohr_bench import ohr_bench
from eval.datasets.papers import papers
from eval.progress import showing, track
from rag_ingest import Config, Pipeline
from rag_ingest.ocr.places import BoxOptions, placed
from rag_ingest.ocr.witness import page_words, usable
from rag_ingest.registry import resolve
from rag_ingest.types import BBox, Document, Engine, Failure, Page, PageMarkdown, Source, Span, TextBox, Word

MARKS = {"#": "heading", "<table": "table", "$$": "formula", "- ": "list item"}
"""How a block of the layout engine begins; others are text."""


@dataclass
class Watched:
    """An engine whose pages get their boxes from the text layer alone, and which keeps what it saw."""

    inner: Engine
    words: dict[tuple[str, int], Sequence[Word]] = field(default_factory=dict)
    pairs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    times_ms: list[float] = field(default_factory=list)

    name = "watched"
    batch_size = 1

    @property
    def needs_image(self) -> bool:
        """The inner engine's own."""
        return self.inner.needs_image

    @property
    def fingerprint(self) -> str:
        """The inner engine's own."""
        return self.inner.fingerprint

    def close(self) -> None:
        """Nothing: the owner of the inner engine closes it."""

    def recognize(self, pages: Sequence[Page]) -> list[PageMarkdown | Failure]:
        """As the inner engine reads them; pages without a usable text layer have no boxes."""
        return [
            self._placed(page, read) if isinstance(read, PageMarkdown) else read
            for page, read in zip(pages, self.inner.recognize(pages), strict=True)
        ]

    def _placed(self, page: Page, read: PageMarkdown) -> PageMarkdown:
        bare = replace(read, boxes=(), figures=())
        words = page_words(page)
        if usable(words):
            return bare
        start = time.perf_counter()
        found = placed(page, bare, BoxOptions())
        self.times_ms.append(1000 * (time.perf_counter() - start))
        self.words[page.doc_id, page.number] = words
        for kind, block in blocks_of(read):
            self.pairs[kind].append(beside(block, found.boxes))
        return found


class Truth:
    """Reads people's own Markdown of known files."""

    name = fingerprint = "truth"
    needs_image = False
    batch_size = 1

    def __init__(self, dataset: Dataset) -> None:
        digests = {doc: hashlib.sha256(path.read_bytes()).hexdigest() for doc, path in dataset.papers.items()}
        self._pages = {digest: dataset.markdown[GROUND_TRUTH][doc] for doc, digest in digests.items()}

    def recognize(self, pages: Sequence[Page]) -> list[PageMarkdown | Failure]:
        """Same length and order; a page that people left out is empty."""
        return [PageMarkdown(page.doc_id, page.number, self._text(page), self.name, self.name) for page in pages]

    def _text(self, page: Page) -> str:
        known = self._pages[page.doc_id]
        return known[page.number - 1] if page.number <= len(known) else ""

    def close(self) -> None:
        """Nothing is held."""


def blocks_of(read: PageMarkdown) -> Iterator[tuple[str, TextBox]]:
    """Kind and box of each block of text that the layout engine wrote; figures have none."""
    for box in read.boxes:
        if not read.markdown.startswith("![", box.span.start):
            marked = (kind for mark, kind in MARKS.items() if read.markdown.startswith(mark, box.span.start))
            yield next(marked, "text"), box


def lines_in(boxes: Iterable[TextBox], span: Span) -> list[BBox]:
    """Boxes of which more than half of the text is the span's."""
    return [
        box.bbox for box in boxes if 2 * (min(box.span.end, span.end) - max(box.span.start, span.start)) > len(box.span)
    ]


def beside(block: TextBox, lines: Iterable[TextBox]) -> float:
    """Intersection over union of a block and its lines; -1.0 where it has none."""
    return overlap(block.bbox, around(lines_in(lines, block.span)))


def around(boxes: Sequence[BBox]) -> BBox | None:
    """The smallest box around all."""
    if not boxes:
        return None
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def overlap(one: BBox, other: BBox | None) -> float:
    """Intersection over union; -1.0 where there is no other."""
    if other is None:
        return -1.0
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)


def tallies(documents: Iterable[Document], pipeline: Pipeline, watched: Watched) -> dict[str, Tally]:
    """By kind of block, and for chunks; what touches a page whose text layer is of no use is left out."""
    found: dict[str, Tally] = defaultdict(Tally)
    for document in documents:
        pages = {number: words for (doc, number), words in watched.words.items() if doc == document.doc_id}
        for block in document.blocks:
            if block.kind != "figure" and set(block.pages) <= set(pages):
                own = [(b.page, b.bbox) for b in document.boxes if _touch(b.span, block.span)]
                found[block.kind].add(document.markdown[block.span.start : block.span.end], own, pages)
        for chunk in pipeline.chunks(document):
            if set(chunk.pages) <= set(pages):
                found["chunks"].add(chunk.text, chunk.bboxes, pages)
                found["chunks: boxes"].count += len(chunk.bboxes)
    return found


def _touch(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def head(*names: str) -> str:
    """The first two lines of a Markdown table."""
    return f"| {' | '.join(names)} |\n|{'---|' * len(names)}"


def engine_table(pairs: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """Boxes from the text layer beside the layout engine's own."""
    yield head("block of the engine", "blocks", "found", "IoU, median", f"IoU ≥ {GOOD}", "of all")
    rows = {**dict(sorted(pairs.items())), "all": [value for values in pairs.values() for value in values]}
    for kind, values in rows.items():
        found = [value for value in values if value >= 0]
        good = sum(value >= GOOD for value in found)
        shares = [percent(len(found) / len(values)), f"{statistics.median(found or [0.0]):.3f}"]
        shares += [percent(good / max(1, len(found))), percent(good / len(values))]
        yield f"| {kind} | {len(values)} | {' | '.join(shares)} |"


def word_table(found: Mapping[str, Tally]) -> Iterator[str]:
    """Words inside the boxes, by kind of block, then for chunks."""
    yield head("text", "number", "with boxes", "coverage, mean", f"≥ {GOOD}", "purity, mean", f"≥ {GOOD}")
    chunks, boxes = found["chunks"], found["chunks: boxes"].count
    for kind in sorted(set(found) - {"chunks", "chunks: boxes"}):
        yield found[kind].row(kind)
    yield chunks.row("chunks")
    yield f"\n{boxes / max(1, chunks.boxed):.2f} boxes a chunk that has any"


def measured(dataset: Dataset, engine: Engine, most: int) -> tuple[Watched, dict[str, Tally]]:
    """What the engine's pages get, and how the words inside agree."""
    watched = Watched(engine)
    chosen = dict(sorted(dataset.papers.items())[:most])
    with Pipeline(Config(boxes=BoxOptions(find=False)), engine=watched) as pipeline:
        found = pipeline.documents([str(path) for path in chosen.values()])
        documents = (one for one in found if isinstance(one, Document))
        return watched, tallies(track(documents, dataset.name, len(chosen), "documents"), pipeline, watched)


def scanned(dataset: Dataset, engine: Engine, most: int) -> Iterator[str]:
    """Boxes from reading the image alone, second pages, beside the engine's own from the text layer."""
    pairs: dict[str, list[float]] = defaultdict(list)
    times_s = []
    with resolve("loader", "pdf")() as loader:
        chosen = sorted(dataset.papers.items())[:most]
        for _, path in track(chosen, "reading images", len(chosen), "pages"):
            document = loader.open(Source(str(path), "pdf"))
            for page in loader.pages(document, range(2, min(2, document.page_count) + 1)):
                [read] = engine.recognize([page]) if isinstance(page, Page) else [None]
                if not isinstance(page, Page) or not isinstance(read, PageMarkdown) or usable(page_words(page)):
                    continue
                start = time.perf_counter()
                bare = replace(read, boxes=(), figures=())
                found = placed(replace(page, text_layer=None), bare, BoxOptions(scans="rapidocr"))
                times_s.append(time.perf_counter() - start)
                for kind, block in blocks_of(read):
                    pairs[kind].append(beside(block, found.boxes))
    yield from engine_table(pairs)
    yield f"\n{statistics.median(times_s):.0f} s a page (median of {len(times_s)})"


def report(cache: Path, most: int, scans: int) -> Iterator[str]:
    """The tables, line by line."""
    inner = resolve("engine", "layout")()
    cached = CachedEngine(inner, cache / "pages", reading_code())
    if scans:
        yield from scanned(papers(), cached, scans)
        inner.close()
        return
    watched, found = measured(papers(), cached, most)
    inner.close()
    yield f"Papers as `layout` wrote them, {len(watched.words)} pages:\n"
    yield from engine_table(watched.pairs)
    yield ""
    yield from word_table(found)
    yield f"{statistics.median(watched.times_ms):.0f} ms a page (median; slowest {max(watched.times_ms):.0f})\n"
    manuals = ohr_bench(data_folder() / "ohr-bench")
    watched, found = measured(manuals, Truth(manuals), most)
    yield f"OHR-Bench as people wrote it, {len(watched.words)} pages:\n"
    yield from word_table(found)
    yield f"{statistics.median(watched.times_ms):.0f} ms a page (median; slowest {max(watched.times_ms):.0f})"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m eval.boxes", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cache", type=Path, default=Path("out/boxes"), help="folder for pages as they were read")
    parser.add_argument("--most", type=int, default=10**9, help="documents of each collection")
    parser.add_argument("--scans", type=int, default=0, help="read so many pages' images instead")
    options = parser.parse_args()
    with showing() as say:
        for line in report(options.cache, options.most, options.scans):
            print(line, flush=True)
        say(f"pages are kept in {options.cache}")


if __name__ == "__main__":
    main()
