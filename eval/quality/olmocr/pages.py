"""The Markdown of each page: read by an engine of the package, or from a folder of files."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from eval.datasets.files import read_text
from eval.quality.olmocr.score import Dataset, Pages
from eval.settings import configured
from rag_ingest import Pipeline
from rag_ingest.errors import ConfigError
from rag_ingest.types import Failure

_NAME = re.compile(r"(.+)_pg(\d+)(?:_repeat\d+)?\.md")


def engine_pages(dataset: Dataset, engine: str, say: Callable[[str], None]) -> Pages:
    """Reads the PDFs; each page's Markdown is the engine's, before pages are joined to a document.

    Args:
        dataset: what to read.
        engine: a name of `rag_ingest.registry.ENGINES`.
        say: takes a line for each PDF, and for each page or file that failed.

    Raises:
        ConfigError: no such engine, or its set-up is wrong.
    """
    names = {str(path.resolve()): pdf for pdf, path in dataset.pdfs.items()}
    pages: dict[tuple[str, int], list[str]] = {}
    with Pipeline(configured(engine=engine)) as pipeline:
        for result in pipeline.pages(list(names)):
            if isinstance(result, Failure):
                say(f"failed: {result.source}: {result.reason}")
                continue
            source, found = result
            pdf = names[str(Path(source.source).resolve())]
            say(f"read {pdf}")
            for page in found:
                if isinstance(page, Failure):
                    say(f"failed: {pdf}, page {page.page}: {page.reason}")
                else:
                    pages[pdf, page.number] = [page.markdown]
    return pages


def _readings(name: str) -> Iterator[tuple[str, int]]:
    """What a file may hold: PDFs themselves can end in `_pg1`, so that `a_pg1.md` is page 1 of `a` or of `a_pg1`."""
    yield name.removesuffix(".md"), 1
    found = _NAME.fullmatch(name)
    if found:
        yield found[1], int(found[2])


def folder_pages(dataset: Dataset, folder: Path) -> Pages:
    """Files `NAME_pgPAGE_repeatN.md`, as olmOCR-bench lays them, or `NAME_pgPAGE.md`, or `NAME.md` for page 1.

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
    return pages
