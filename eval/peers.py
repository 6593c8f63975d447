"""Splitters of other projects, each filled to the same token limit and counted by the same tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from markdown_it import MarkdownIt

from eval.quality.content import Rows, pipe_rows, top_level
from eval.quality.raw_tables import html_tables
from rag_ingest.errors import MissingExtraError

Counter = Callable[[str], int]

_MARKDOWN = MarkdownIt("commonmark").enable("table")

_CHONKIE_LEVELS: tuple[dict[str, Any], ...] = (
    {"delimiters": [f"\n{'#' * level} " for level in range(1, 7)], "include_delim": "next"},
    {"delimiters": ["\n\n", "\n", "\r\n", "\r"]},
    {"delimiters": [". ", "! ", "? "]},
    {"whitespace": True},
)
"""Its Markdown recipe, which is downloaded otherwise: headings, paragraphs and lines, sentences, words.

Its last level, characters, wants a tokenizer that encodes; a word beyond the limit is halved instead.
"""


def chonkie(text: str, limit: int, count_tokens: Counter) -> Iterator[str]:
    """Chonkie's RecursiveChunker with its rules for Markdown.

    Raises:
        MissingExtraError: not installed.
    """
    module = _module("chonkie")
    rules = module.RecursiveRules(levels=[module.RecursiveLevel(**level) for level in _CHONKIE_LEVELS])
    for chunk in module.RecursiveChunker(tokenizer=count_tokens, chunk_size=limit, rules=rules).chunk(text):
        yield from _halves(chunk.text, limit, count_tokens)


def _halves(text: str, limit: int, count_tokens: Counter) -> Iterator[str]:
    if len(text) < 2 or count_tokens(text) <= limit:
        yield text
        return
    middle = len(text) // 2
    yield from _halves(text[:middle], limit, count_tokens)
    yield from _halves(text[middle:], limit, count_tokens)


def semchunk(text: str, limit: int, count_tokens: Counter) -> Iterator[str]:
    """Semchunk.

    Raises:
        MissingExtraError: not installed.
    """
    yield from _module("semchunk").chunkerify(count_tokens, limit)(text)


def docling_hybrid(text: str, limit: int, count_tokens: Counter) -> Iterator[str]:
    """Docling's HybridChunker, headings and captions before each piece, as it is embedded there.

    docling-core alone reads no Markdown: blocks as markdown-it-py finds them are put into its document.

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
    for chunk in hybrid.chunk(_docling_document(text)):
        yield hybrid.contextualize(chunk)


def _docling_document(text: str) -> Any:
    core = _module("docling_core.types.doc.document", "docling")
    label = _module("docling_core.types.doc.labels", "docling").DocItemLabel
    made = core.DoclingDocument(name="document")
    for block in top_level(_MARKDOWN.parse(text)):
        source = "\n".join(token.content for token in block if token.content).strip()
        kind = block[0].type
        tables: list[Rows] = [table.rows for table in html_tables(source)] if kind == "html_block" else []
        if kind == "heading_open":
            made.add_heading(source, level=int(block[0].tag[1:]))
        elif kind == "table_open" or tables:
            for rows in tables or [pipe_rows(block)]:
                made.add_table(_docling_table(core, rows, heads=1 if kind == "table_open" else 0))
        elif source:
            made.add_text(_label(label, kind, source), source)
    return made


def _label(label: Any, kind: str, source: str) -> Any:
    if kind in ("fence", "code_block"):
        return label.CODE
    return label.FORMULA if source.startswith("$$") and source.endswith("$$") else label.TEXT


def _docling_table(core: Any, rows: Rows, heads: int) -> Any:
    cells: list[Any] = []
    taken: set[tuple[int, int]] = set()
    for y, row in enumerate(rows):
        x = 0
        for cell in row:
            while (y, x) in taken:
                x += 1
            taken |= {(y + i, x + j) for i in range(cell.rowspan) for j in range(cell.colspan)}
            cells.append(
                core.TableCell(
                    text=" ".join(cell.source.split()),
                    row_span=cell.rowspan,
                    col_span=cell.colspan,
                    start_row_offset_idx=y,
                    end_row_offset_idx=y + cell.rowspan,
                    start_col_offset_idx=x,
                    end_col_offset_idx=x + cell.colspan,
                    column_header=y < heads or cell.heading,
                )
            )
            x += cell.colspan
    height, width = (max((place[axis] for place in taken), default=-1) + 1 for axis in (0, 1))
    return core.TableData(table_cells=cells, num_rows=height, num_cols=width)


def _module(name: str, extra: str = "peers") -> Any:
    try:
        return import_module(name)
    except ImportError as e:
        raise MissingExtraError(name.partition(".")[0], extra) from e
