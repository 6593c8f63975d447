"""Two folders of Markdown files, output and truth, compared file by file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rag_ingest.errors import ConfigError

COLUMNS = {
    "edit_similarity": "text",
    "text_kept": "kept",
    "reading_order": "order",
    "teds": "TEDS",
    "teds_structure": "structure",
    "extra_tables": "extra",
    "formula_exact": "formulas =",
    "formula_similarity": "formulas ~",
    "formula_rendered": "rendered",
}
"""Measure to the head of its column."""

_WIDTH = 11


def read_folder(folder: Path) -> dict[str, str]:
    """Path below the folder, without `.md`, to Markdown.

    Raises:
        ConfigError: no folder, or no Markdown in it; a file is not UTF-8.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder")
    files = sorted(folder.rglob("*.md"))
    if not files:
        raise ConfigError(f"{folder} has no .md file")
    texts = {}
    for path in files:
        try:
            texts[path.relative_to(folder).with_suffix("").as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as e:
            raise ConfigError(f"{path} is not UTF-8: {e}") from e
    return texts


def unmatched(output: Mapping[str, str], truth: Mapping[str, str]) -> Iterator[str]:
    """What to say about names that only one side has."""
    missing, unknown = sorted(set(truth) - set(output)), sorted(set(output) - set(truth))
    if missing:
        yield f"no output, counted as empty: {', '.join(missing)}"
    if unknown:
        yield f"no truth, left out: {', '.join(unknown)}"


def table(measured: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Lines of a table: each document, then the mean and its interval; then what could not be measured, and why.

    Args:
        measured: what `arm_quality` returns.
    """
    documents = list(next(iter(measured.values()))["by_document"])
    width = max(8, *map(len, documents))
    yield _line("document", list(COLUMNS.values()), width)
    for doc in documents:
        yield _line(doc, [_number(measured[name]["by_document"][doc]) for name in COLUMNS], width)
    for key in ("mean", "low", "high"):
        yield _line(key, [_number(measured[name][key]) for name in COLUMNS], width)
    yield _line("items", [str(measured[name]["items"]) for name in COLUMNS], width)
    for name, head in COLUMNS.items():
        if "reason" in measured[name]:
            yield f"{head}: not measured, {measured[name]['reason']}"


def _line(name: str, values: list[str], width: int) -> str:
    return f"{name:{width}}" + "".join(f"{value:>{_WIDTH}}" for value in values)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
