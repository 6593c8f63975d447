"""Markdown -> Document, from one text or from a paper's pages."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from rag_ingest.parse.blocks import RawBlock, read_blocks
from rag_ingest.parse.captions import mark_captions
from rag_ingest.parse.furniture import find_furniture
from rag_ingest.parse.headings import PathTracker, is_reference_title
from rag_ingest.parse.joined_tables import TableJoiner
from rag_ingest.parse.joins import Joiner
from rag_ingest.parse.lines import Lines, read_lines
from rag_ingest.parse.sheets import read_sheets, strands
from rag_ingest.parse.weave import weave
from rag_ingest.types import Block, Document, PageMarkdown, PageSpan, SourceDocument, Span

_SEAM = "\n\n"
_NO_TITLE = re.compile(
    r"untitled|no title|title|unknown|none|null|microsoft word.*|powerpoint.*|slide 1|document\d*|"
    r".*\.(?:docx?|pdf|tex|dvi|ps|indd|qxd|rtf|odt|pptx?|eps)|[\W\d_]*|[\w.:/-]*\d[\w.:/-]*",
    re.IGNORECASE,
)


def parse_markdown(
    markdown: str,
    *,
    doc_id: str = "",
    source: str = "",
    title: str = "",
    page_spans: Sequence[PageSpan] = (),
    metadata: Mapping[str, Any] | None = None,
) -> Document:
    """Reads the blocks of one Markdown text.

    Spans are exact for any line end (LF, CRLF, lone CR) and any content: the text is kept as it is. An unclosed
    formula, fence or table ends at the earliest safe stop.

    Args:
        markdown: the text.
        doc_id: kept in the document.
        source: path or URL, kept in the document.
        title: kept when it looks like one, else the first level-1 heading, else the file's stem.
        page_spans: where pages lie; when none are given, lines `<!-- page N -->` delimit them.
        metadata: kept in the document; JSON values only.

    Returns:
        The document; its blocks hold every non-whitespace character of `markdown`.
    """
    lines = read_lines(markdown)
    blocks = read_blocks(lines)
    spans = tuple(page_spans) or _marked_pages(lines)
    return _document(markdown, blocks, spans, doc_id, source, title, metadata or {})


def assemble(document: SourceDocument, pages: Sequence[PageMarkdown]) -> Document:
    """Joins the pages of a paper, by a blank line, and reads their blocks.

    Each page is read by itself, so that an unclosed construct costs at most its own page. Line ends around a page
    are taken off; no page marker is added.

    Args:
        document: what the loader knows.
        pages: in page order; pages that failed are not among them.
    """
    sheets = read_sheets(pages)
    cuts = find_furniture(sheets)
    tables, paragraphs = TableJoiner(sheets), Joiner(sheets)
    flow = paragraphs.join(tables.join(strands(sheets, cuts)))
    woven = weave(sheets, flow, [*cuts, *tables.cuts, *paragraphs.cuts])
    made = _document(
        woven.markdown,
        woven.blocks,
        woven.page_spans,
        document.doc_id,
        document.source,
        document.title,
        document.metadata,
    )
    return replace(made, pieces=woven.pieces, removals=woven.removals)


def _document(
    markdown: str,
    raw: Sequence[RawBlock],
    pages: tuple[PageSpan, ...],
    doc_id: str,
    source: str,
    title: str,
    metadata: Mapping[str, Any],
) -> Document:
    blocks = tuple(_placed(mark_captions(markdown, raw), pages))
    return Document(
        doc_id=doc_id,
        source=source,
        title=_title(title, raw, source),
        markdown=markdown,
        page_spans=pages,
        blocks=blocks,
        metadata=metadata,
    )


def _placed(raw: Iterable[RawBlock], pages: tuple[PageSpan, ...]) -> Iterable[Block]:
    """Adds heading paths and pages; what stands under a reference heading is a reference."""
    tracker = PathTracker()
    path: tuple[str, ...] = ()
    references = False
    pages = tuple(page for page in pages if len(page.span))
    starts = [page.span.start for page in pages]
    ends = [page.span.end for page in pages]
    for block in raw:
        if block.kind == "heading":
            tracker.enter(block.level, block.title)
            path = tracker.path
            references = is_reference_title(block.title)
        elif references and block.kind in ("paragraph", "list"):
            block = replace(block, kind="reference")
        first, after = bisect_right(ends, block.start), bisect_left(starts, block.end)
        numbers = tuple(page.number for page in pages[first:after])
        yield Block(block.kind, Span(block.start, block.end), block.level, path, numbers, block.repaired)


def _marked_pages(lines: Lines) -> tuple[PageSpan, ...]:
    """From marker to marker, the marker's own line included."""
    at = sorted(lines.page_numbers)
    ends = [lines.starts[i] for i in at[1:]] + [len(lines.source)]
    return tuple(PageSpan(lines.page_numbers[i], Span(lines.starts[i], end)) for i, end in zip(at, ends, strict=False))


def _title(given: str, blocks: Sequence[RawBlock], source: str) -> str:
    given = " ".join(given.split())
    if given and not _NO_TITLE.fullmatch(given):
        return given
    first = next((block.title for block in blocks if block.level == 1), "")
    return first or PurePosixPath(unquote(urlsplit(source).path)).stem
