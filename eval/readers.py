"""Plain ways from a PDF to text, to compare with: they know neither the engines nor the documents of this project."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from eval.cache import replace_file
from rag_ingest.errors import MissingExtraError, RagIngestError

__all__ = ["READERS", "read_pages"]


class UnreadableError(RagIngestError):
    """A reader can't make anything of a PDF."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A PDF to the text of its pages.

    Attributes:
        read: the first page first.
        package: what does the work; its version is part of the cache's key.
        extra: of this project, that installs it.
    """

    read: Callable[[Path], list[str]]
    package: str
    extra: str


def _pypdfium2(file: Path) -> list[str]:
    """PDFium's text in the order of the file: what most ingestion starts from."""
    import pypdfium2

    with pypdfium2.PdfDocument(file) as document:
        return [page.get_textpage().get_text_range() for page in document]


def _pypdf_layout(file: Path) -> list[str]:
    """Text set on a grid as on the page, with spaces between columns: tables keep their rows."""
    import pypdf

    logging.getLogger("pypdf").setLevel(logging.ERROR)
    return [page.extract_text(extraction_mode="layout") for page in pypdf.PdfReader(file).pages]


def _pymupdf4llm(file: Path) -> list[str]:
    """PyMuPDF4LLM's Markdown."""
    to_markdown = import_module("pymupdf4llm").to_markdown
    return [page["text"] for page in to_markdown(str(file), page_chunks=True)]


READERS: Mapping[str, Reader] = {
    "pypdfium2": Reader(_pypdfium2, "pypdfium2", "eval"),
    "pypdf-layout": Reader(_pypdf_layout, "pypdf", "eval"),
    "pymupdf4llm": Reader(_pymupdf4llm, "pymupdf4llm", "peers"),
}


def read_pages(name: str, file: Path, cache: Path) -> tuple[str, ...]:
    """The text of a PDF's pages by one of `READERS`, kept by the file's content and the package's version.

    Raises:
        MissingExtraError: the package is not installed.
        UnreadableError: it can't read this file.
    """
    reader = READERS[name]
    try:
        key = f"{name}@{version(reader.package)}"
    except PackageNotFoundError as e:
        raise MissingExtraError(reader.package, reader.extra) from e
    try:
        content = file.read_bytes()
    except OSError as e:
        raise UnreadableError(f"{file} can't be read: {e.strerror}") from e
    kept = cache / key / f"{hashlib.sha256(content).hexdigest()}.json"
    if kept.is_file():
        with suppress(ValueError):  # damaged: read again
            return tuple(json.loads(kept.read_text(encoding="utf-8")))
    try:
        pages = reader.read(file)
    except Exception as e:  # a library of somebody else, on any file
        raise UnreadableError(f"{reader.package} can't read {file}: {type(e).__name__}: {e}") from e
    kept.parent.mkdir(parents=True, exist_ok=True)
    replace_file(kept, json.dumps(pages).encode("ascii"))
    return tuple(pages)
