"""The Markdown of each page: read by an engine of the package, or from a folder of files."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.cache import CachedEngine, reading_code
from eval.datasets.files import read_text
from eval.progress import track
from eval.quality.olmocr.score import Dataset, Pages
from rag_ingest import Config, Pipeline
from rag_ingest.errors import ConfigError
from rag_ingest.types import Failure

_NAME = re.compile(r"(.+)_pg(\d+)(?:_repeat\d+)?\.md")


@dataclass(frozen=True, slots=True)
class Reading:
    """The Markdown of a dataset's pages, and where it comes from.

    Attributes:
        engine: that was asked, or `folder:PATH`.
        writers: pages by the engine that wrote them: another one than `engine` is its fallback.
        lost: a line for each page or file that failed.
    """

    engine: str
    pages: Pages
    writers: Mapping[str, int]
    lost: tuple[str, ...] = ()

    def origin(self) -> dict[str, Any]:
        """The keys "writers" and "lost", for JSON."""
        return {"writers": dict(self.writers), "lost": list(self.lost)}


def engine_pages(dataset: Dataset, config: Config, cache: Path, say: Callable[[str], None]) -> Reading:
    """Reads the PDFs; each page's Markdown is the engine's, before pages are joined to a document.

    Args:
        dataset: what to read.
        config: the engine, its options, and how pages are rendered.
        cache: folder for pages as they were read; what is there already is not read again.
        say: takes a line about the engine, and one for each page or file that failed.

    Raises:
        ConfigError: no such engine, or its set-up is wrong.
    """
    names = {str(path.resolve()): pdf for pdf, path in dataset.pdfs.items()}
    pages: dict[tuple[str, int], list[str]] = {}
    writers: Counter[str] = Counter()
    lost: list[str] = []
    with ExitStack() as stack:
        inner = stack.enter_context(Pipeline(config))
        cached = CachedEngine(inner.engine, cache, f"{inner.ocr_fingerprint} {reading_code()}")
        pipeline = stack.enter_context(Pipeline(config, engine=cached))
        say(f"engine {cached.name}: {inner.engine_reason}")
        for result in track(pipeline.pages(list(names)), "reading", len(names), "PDFs"):
            if isinstance(result, Failure):
                lost.append(f"{result.source}: {result.reason}")
                say(f"failed: {lost[-1]}")
                continue
            source, found = result
            pdf = names[str(Path(source.source).resolve())]
            for page in found:
                if isinstance(page, Failure):
                    lost.append(f"{pdf}, page {page.page}: {page.reason}")
                    say(f"failed: {lost[-1]}")
                else:
                    pages[pdf, page.number] = [page.markdown]
                    writers[page.engine] += 1
    return Reading(cached.name, pages, writers, tuple(lost))


def _readings(name: str) -> Iterator[tuple[str, int]]:
    """What a file may hold: PDFs themselves can end in `_pg1`, so that `a_pg1.md` is page 1 of `a` or of `a_pg1`."""
    yield name.removesuffix(".md"), 1
    found = _NAME.fullmatch(name)
    if found:
        yield found[1], int(found[2])


def folder_pages(dataset: Dataset, folder: Path) -> Reading:
    """Ready output: `NAME_pgPAGE_repeatN.md`, as olmOCR-bench lays it, `NAME_pgPAGE.md`, or `NAME.md` for page 1.

    Raises:
        ConfigError: the folder has no file for any of the PDFs, or one can't be read.
    """
    stems = {pdf.removesuffix(".pdf"): pdf for pdf in dataset.pdfs}
    pages: dict[tuple[str, int], list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("*.md")):
        name = path.relative_to(folder).as_posix()
        for stem, number in _readings(name):
            if stem in stems:
                pages[stems[stem], number].append(read_text(path, "ready output"))
                break
    if not pages:
        raise ConfigError(
            f"{folder} has no Markdown for these PDFs: expected files such as {min(stems)}_pg1_repeat1.md"
        )
    source = f"folder:{folder}"
    return Reading(source, pages, {source: len(pages)})
