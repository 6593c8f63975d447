"""Splitters of other projects, each filled to the same token limit and counted by the same tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from rag_ingest.errors import MissingExtraError
from rag_ingest.parse import parse_markdown
from rag_ingest.split.table_model import place
from rag_ingest.split.table_read import read_table
from rag_ingest.types import Block, Document

Counter = Callable[[str], int]

_CHONKIE_LEVELS: tuple[dict[str, Any], ...] = (
    {"delimiters": [f"\n{'#' * level} " for level in range(1, 7)], "include_delim": "next"},
    {"delimiters": ["\n\n", "\n", "\r\n", "\r"]},
    {"delimiters": [". ", "! ", "? "]},
    {"whitespace": True},
    {},
)
"""Its Markdown recipe, which is downloaded otherwise: headings, paragraphs and lines, sentences, words, characters."""


def chonkie(text: str, limit: int, count_tokens: Counter) -> Iterator[str]:
    """Chonkie's RecursiveChunker with its rules for Markdown.

    Raises:
        MissingExtraError: not installed.
    """
    module = _module("chonkie")
    rules = module.RecursiveRules(levels=[module.RecursiveLevel(**level) for level in _CHONKIE_LEVELS])
    for chunk in module.RecursiveChunker(tokenizer=count_tokens, chunk_size=limit, rules=rules).chunk(text):
        yield chunk.text


def semchunk(text: str, limit: int, count_tokens: Counter) -> Iterator[str]:
    """Semchunk.

    Raises:
        MissingExtraError: not installed.
    """
    yield from _module("semchunk").chunkerify(count_tokens, limit)(text)


def docling_hybrid(text: str, limit: int, count_tokens: Counter) -> Iterator[str]:
    """Docling's HybridChunker, headings and captions before each piece, as it is embedded there.

    docling-core alone reads no Markdown: this project's blocks are put into its document.

    Raises:
        MissingExtraError: docling-core is not installed, or without its extra `chunking`.
    """
    _module("semchunk", "docling")
    chunker = _module("docling_core.transforms.chunker.hybrid_chunker", "docling")
    base = _module("docling_core.transforms.chunker.tokenizer.base", "docling").BaseTokenizer

    class Tokenizer(base):  # type: ignore[misc, valid-type]
        def count_tokens(self, text: str) -> int:
            return count_tokens(text)

        def get_max_tokens(self) -> int:
            return limit

        def get_tokenizer(self) -> Counter:
            return count_tokens

    hybrid = chunker.HybridChunker(tokenizer=Tokenizer())
    for chunk in hybrid.chunk(_docling_document(parse_markdown(text))):
        yield hybrid.contextualize(chunk)


def _docling_document(document: Document) -> Any:
    core = _module("docling_core.types.doc.document", "docling")
    label = _module("docling_core.types.doc.labels", "docling").DocItemLabel
    made = core.DoclingDocument(name=document.title or "document")
    caption = None
    for block in document.blocks:
        text = document.markdown[block.span.start : block.span.end].strip()
        if block.kind == "heading":
            made.add_heading(text.lstrip("#").strip(), level=max(1, min(block.level, 100)))
        elif block.kind == "table":
            made.add_table(_docling_table(core, text), caption=caption)
        elif block.kind == "caption":
            caption = made.add_text(label.CAPTION, text)
            continue
        else:
            made.add_text(_label(label, block), text)
        caption = None
    return made


def _label(label: Any, block: Block) -> Any:
    return {"formula": label.FORMULA, "code": label.CODE, "footnote": label.FOOTNOTE}.get(block.kind, label.TEXT)


def _docling_table(core: Any, text: str) -> Any:
    table = read_table(text)
    grid: list[list[str]] = []
    above: dict[int, tuple[int, str]] = {}
    for row in (*table.header, *table.body):
        texts, above = place(row, above)
        grid.append(texts)
    width = max(map(len, grid), default=0)
    cells = [
        core.TableCell(
            text=cell,
            start_row_offset_idx=y,
            end_row_offset_idx=y + 1,
            start_col_offset_idx=x,
            end_col_offset_idx=x + 1,
            column_header=y < len(table.header),
        )
        for y, row in enumerate(grid)
        for x, cell in enumerate(row)
    ]
    return core.TableData(table_cells=cells, num_rows=len(grid), num_cols=width)


def _module(name: str, extra: str = "peers") -> Any:
    try:
        return import_module(name)
    except ImportError as e:
        raise MissingExtraError(name.partition(".")[0], extra) from e
