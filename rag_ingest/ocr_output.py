"""What `rag-ingest ocr` writes: Markdown with page markers, to stdout, a file, or a folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from rag_ingest.config import Config
from rag_ingest.console import OcrProgress, print_failures
from rag_ingest.errors import ConfigError
from rag_ingest.load.discover import find_sources
from rag_ingest.load.media import holds_others
from rag_ingest.pipeline import Pipeline
from rag_ingest.report import EngineChosen
from rag_ingest.stages import PageResult
from rag_ingest.types import Failure, PageMarkdown, Source


def markdown_with_markers(results: Sequence[PageResult]) -> str:
    """Joins pages, each behind its `<!-- page N -->`; a failed page keeps its marker and says why it is empty."""
    parts = []
    for result in results:
        if isinstance(result, PageMarkdown):
            parts.append(f"<!-- page {result.number} -->\n\n{result.markdown.strip()}\n")
        else:
            reason = result.reason.replace("--", "- -")
            parts.append(f"<!-- page {result.page} -->\n\n<!-- failed: {reason} -->\n")
    return "\n".join(parts)


def write_markdown(paths: Sequence[str], output: Path | None, config: Config) -> bool:
    """Runs the engine over `paths` and writes each document; True when nothing failed.

    Raises:
        ConfigError: nothing to read, or several documents for one output file.
    """
    found = list(find_sources(paths))
    sources = [item for item in found if isinstance(item, Source)]
    if not sources:
        raise ConfigError(
            "nothing to read: " + "; ".join(f"{i.source}: {i.reason}" for i in found if isinstance(i, Failure))
        )
    to_file = output is not None and not output.is_dir() and output.suffix.lower() in (".md", ".markdown", ".txt")
    several = len(sources) > 1 or any(map(holds_others, sources))
    if to_file and several:
        raise ConfigError(f"several documents can't go into one file: give a folder instead of {output}")
    if output is not None:
        _prepare(output.parent if to_file else output)
    failures: list[Failure] = []
    taken: set[str] = set()
    with Pipeline(config) as pipeline, OcrProgress(0 if any(map(holds_others, sources)) else len(found)) as progress:
        progress(EngineChosen(pipeline.engine.name, pipeline.engine_reason))
        for item in pipeline.pages(found):
            if isinstance(item, Failure):
                failures.append(item)
                progress.document(item.source, [])
                continue
            document, results = item
            failures.extend(r for r in results if isinstance(r, Failure))
            progress.document(document.source, results)
            text = markdown_with_markers(results)
            if output is None:
                header = f"<!-- source: {document.source} -->\n\n" if several else ""
                sys.stdout.write(header + text + ("\n" if several else ""))
                sys.stdout.flush()
            else:
                target = output if to_file else output / _free_name(document.source, taken)
                try:
                    target.write_text(text, encoding="utf-8")
                except OSError as e:
                    raise ConfigError(f"{target} can't be written: {e.strerror}") from e
    print_failures(failures)
    return not failures


def _prepare(folder: Path) -> None:
    """Before the first page: what can't be written is said at once."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise ConfigError(f"{folder} can't be made a folder for the output: {e.strerror}") from e


def _free_name(source: str, taken: set[str]) -> str:
    """`paper.md`; `paper-2.md` where another folder holds a paper of the same name."""
    stem = PurePosixPath(source.replace("\\", "/")).stem or "document"
    name, n = f"{stem}.md", 1
    while name in taken:
        n += 1
        name = f"{stem}-{n}.md"
    taken.add(name)
    return name
