"""What `rag-ingest ocr` writes: Markdown with page markers, to stdout, a file, or a folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from rag_ingest.config import Config
from rag_ingest.console import OcrProgress, print_failures
from rag_ingest.errors import ConfigError
from rag_ingest.load.discover import find_sources
from rag_ingest.load.media import holds_others
from rag_ingest.pipeline import Pipeline
from rag_ingest.report import EngineChosen
from rag_ingest.stages import PageResult
from rag_ingest.types import Failure, PageMarkdown, Source


def markdown_with_markers(results: Sequence[PageResult], figures: str = "") -> str:
    """Joins pages, each behind its `<!-- page N -->`; a failed page keeps its marker and says why it is empty.

    Args:
        results: of one document, in page order.
        figures: folder of its crops, as the Markdown's image links name it; empty leaves the links as they are.
    """
    parts = []
    for result in results:
        if isinstance(result, PageMarkdown):
            text = _with_links(result, figures) if figures else result.markdown
            parts.append(f"<!-- page {result.number} -->\n\n{text.strip()}\n")
        else:
            reason = result.reason.replace("--", "- -")
            parts.append(f"<!-- page {result.page} -->\n\n<!-- failed: {reason} -->\n")
    return "\n".join(parts)


def _with_links(page: PageMarkdown, folder: str) -> str:
    """Image links of figures that have a crop lead to it; two of one name are taken in turn."""
    text, at = page.markdown, 0
    for number, figure in enumerate(page.figures, 1):
        link = f"]({figure.placeholder})"
        found = text.find(link, at)
        if found < 0:
            continue
        target = f"]({folder}/{_crop_name(page, number)})" if figure.image else link
        text = text[:found] + target + text[found + len(link) :]
        at = found + len(target)
    return text


def _crop_name(page: PageMarkdown, number: int) -> str:
    return f"page-{page.number:04}-{number}{PurePosixPath(page.figures[number - 1].path).suffix}"


def _write_figures(results: Sequence[PageResult], folder: Path) -> None:
    for page in results:
        for number, figure in enumerate(page.figures if isinstance(page, PageMarkdown) else (), 1):
            if isinstance(page, PageMarkdown) and figure.image:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / _crop_name(page, number)).write_bytes(figure.image)


def _write_document(target: Path, results: Sequence[PageResult], figures: bool) -> None:
    crops = target.with_suffix(".figures")
    try:
        if figures:
            _write_figures(results, crops)
        text = markdown_with_markers(results, quote(crops.name) if figures else "")
        target.write_text(text, encoding="utf-8")
    except OSError as e:
        raise ConfigError(f"{target} can't be written: {e.strerror}") from e


def write_markdown(paths: Sequence[str], output: Path | None, config: Config, *, figures: bool = False) -> bool:
    """Runs the engine over `paths` and writes each document; True when nothing failed.

    With `figures`, crops of `paper.md` go into `paper.figures` beside it, and its image links lead there.

    Raises:
        ConfigError: nothing to read, or several documents for one output file.
    """
    found = list(find_sources(paths))
    sources = _sources(found)
    countless = any(map(holds_others, sources))
    several = countless or len(sources) > 1
    to_file = _prepare(output, several, figures)
    config = replace(config, figures=replace(config.figures, keep="files" if figures else "none"))
    failures: list[Failure] = []
    taken: set[str] = set()
    with Pipeline(config) as pipeline, OcrProgress(0 if countless else len(found)) as progress:
        progress(EngineChosen(pipeline.engine.name, pipeline.engine_reason))
        for item in pipeline.pages(found):
            if isinstance(item, Failure):
                failures.append(item)
                progress.document(item.source, [])
                continue
            document, results = item
            failures.extend(r for r in results if isinstance(r, Failure))
            progress.document(document.source, results)
            if output is None:
                _print_document(document.source if several else "", results)
            else:
                target = output if to_file else output / _free_name(document.source, taken)
                _write_document(target, results, figures)
    print_failures(failures)
    return not failures


def _sources(found: Sequence[Source | Failure]) -> list[Source]:
    sources = [item for item in found if isinstance(item, Source)]
    if not sources:
        reasons = (f"{item.source}: {item.reason}" for item in found if isinstance(item, Failure))
        raise ConfigError(f"nothing to read: {'; '.join(reasons)}")
    return sources


def _prepare(output: Path | None, several: bool, figures: bool) -> bool:
    """Whether all goes into one file. Before the first page: what can't be written is said at once."""
    if output is None:
        if figures:
            raise ConfigError("crops of figures need a place: give -o FILE or -o DIR")
        return False
    to_file = not output.is_dir() and output.suffix.lower() in (".md", ".markdown", ".txt")
    if to_file and several:
        raise ConfigError(f"several documents can't go into one file: give a folder instead of {output}")
    folder = output.parent if to_file else output
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise ConfigError(f"{folder} can't be made a folder for the output: {e.strerror}") from e
    return to_file


def _print_document(source: str, results: Sequence[PageResult]) -> None:
    """To stdout; `source` where there are several documents, else empty."""
    text = markdown_with_markers(results)
    sys.stdout.write(f"<!-- source: {source} -->\n\n{text}\n" if source else text)
    sys.stdout.flush()


def _free_name(source: str, taken: set[str]) -> str:
    """`paper.md`; `paper-2.md` where another folder holds a paper of the same name."""
    stem = PurePosixPath(source.replace("\\", "/")).stem or "document"
    name, n = f"{stem}.md", 1
    while name in taken:
        n += 1
        name = f"{stem}-{n}.md"
    taken.add(name)
    return name
