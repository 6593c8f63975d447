"""Markdown -> Document, from one text or from a paper's pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from rag_ingest.parse.blocks import RawBlock, read_blocks
from rag_ingest.parse.captions import mark_captions
from rag_ingest.parse.figures import page_checks, placed_figures
from rag_ingest.parse.floats import is_back_matter, mark_floats
from rag_ingest.parse.front import FRONT_BLOCKS, abstract_of, authors_of, plain_title
from rag_ingest.parse.furniture import find_furniture
from rag_ingest.parse.headings import PathTracker
from rag_ingest.parse.joined_tables import TableJoiner
from rag_ingest.parse.joins import ParagraphJoiner
from rag_ingest.parse.levels import Heading, outline
from rag_ingest.parse.lines import Lines, read_lines
from rag_ingest.parse.notes import mark_notes
from rag_ingest.parse.numbering import is_section_title
from rag_ingest.parse.places import placed_boxes
from rag_ingest.parse.roles import mark_roles
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
    return _document(markdown, blocks, spans, doc_id, source, title, metadata or {}, paper=False)


def assemble(document: SourceDocument, pages: Sequence[PageMarkdown]) -> Document:
    """Joins the pages of a paper to the text as a reader would have it.

    Each page is read by itself, so that an unclosed construct costs at most its own page. Then running headers,
    footers and page numbers are left out, paragraphs and tables that a page broke are joined, and all else follows by
    a blank line. `restore_pages` undoes it. No page marker is added.

    Args:
        document: what the loader knows.
        pages: in page order; pages that failed are not among them.

    Returns:
        The document. Its metadata has the loader's, and "authors" and "abstract" where the front page tells them.
    """
    sheets = read_sheets(pages)
    cuts = find_furniture(sheets)
    tables, paragraphs = TableJoiner(sheets), ParagraphJoiner(sheets)
    flow = paragraphs.join(tables.join(mark_notes(sheets, strands(sheets, cuts))))
    woven = weave(sheets, flow, [*cuts, *tables.cuts, *paragraphs.cuts])
    made = _document(
        woven.markdown,
        woven.blocks,
        woven.page_spans,
        document.doc_id,
        document.source,
        document.title,
        document.metadata,
        paper=True,
    )
    made = replace(made, pieces=woven.pieces, removals=woven.removals, page_checks=page_checks(pages))
    return replace(made, figures=placed_figures(made, pages), boxes=placed_boxes(pages, woven.pieces))


def _document(
    markdown: str,
    raw: Sequence[RawBlock],
    pages: tuple[PageSpan, ...],
    doc_id: str,
    source: str,
    title: str,
    metadata: Mapping[str, Any],
    *,
    paper: bool,
) -> Document:
    blocks, floating = mark_floats(markdown, mark_roles(markdown, mark_captions(markdown, raw)))
    headings = [block for block in blocks if block.kind == "heading"]
    settled = outline([Heading(block.level, block.title) for block in headings], paper=paper)
    root = None if settled.title is None else headings[settled.title]
    return Document(
        doc_id=doc_id,
        source=source,
        title=_title(title, root, markdown, blocks, source, paper),
        markdown=markdown,
        page_spans=pages,
        blocks=tuple(_placed(blocks, settled.levels, pages, floating)),
        metadata=_with_front(metadata, root, markdown, blocks) if paper else metadata,
    )


def _placed(
    raw: Iterable[RawBlock], levels: Sequence[int], pages: Sequence[PageSpan], floating: frozenset[int]
) -> Iterator[Block]:
    """Adds heading paths and pages; `levels` are those of the headings, in order.

    A table or figure that stands behind the paper's last section has no heading of its own above it.
    """
    tracker = PathTracker()
    path: tuple[str, ...] = ()
    above_floats: tuple[str, ...] = ()
    level_of = iter(levels)
    pages = [page for page in pages if len(page.span)]
    first = 0
    touched = 0, 0
    numbers: tuple[int, ...] = ()
    for i, block in enumerate(raw):
        level = 0
        if block.kind == "heading":
            level = next(level_of)
            tracker.enter(level, block.title)
            path = tracker.path
            above_floats = path[:-1] if is_back_matter(block.title) else path
        while first < len(pages) and pages[first].span.end <= block.start:
            first += 1
        after = first
        while after < len(pages) and pages[after].span.start < block.end:
            after += 1
        if (first, after) != touched:
            touched = first, after
            numbers = tuple([page.number for page in pages[first:after]])
        above = above_floats if i in floating else path
        yield Block(block.kind, Span(block.start, block.end), level, above, numbers, block.repaired)


def _with_front(
    metadata: Mapping[str, Any], root: RawBlock | None, markdown: str, blocks: Sequence[RawBlock]
) -> Mapping[str, Any]:
    """Adds authors and abstract, where the front of the paper tells them and the loader didn't."""
    behind = blocks.index(root) + 1 if root else 0
    front = blocks[behind : behind + FRONT_BLOCKS]
    abstract = abstract_of(markdown, front)
    authors = authors_of(markdown, front) if abstract or root else ""
    found = {"authors": authors, "abstract": abstract}
    return {**metadata, **{key: text for key, text in found.items() if text and not metadata.get(key)}}


def _marked_pages(lines: Lines) -> tuple[PageSpan, ...]:
    """From marker to marker, the marker's own line included."""
    at = sorted(lines.page_numbers)
    ends = [lines.starts[i] for i in at[1:]] + [len(lines.source)]
    return tuple(PageSpan(lines.page_numbers[i], Span(lines.starts[i], end)) for i, end in zip(at, ends, strict=False))


def file_stem(source: str) -> str:
    """The title of a document whose file and text tell none."""
    return PurePosixPath(unquote(urlsplit(source).path)).stem


def given_title(title: str, source: str) -> str:
    """A title that a loader gave, on one line; empty where it doesn't look like one."""
    title = " ".join(title.split())
    return "" if title == file_stem(source) or _NO_TITLE.fullmatch(title) else title


def _title(
    given: str, root: RawBlock | None, markdown: str, blocks: Sequence[RawBlock], source: str, paper: bool
) -> str:
    if told := given_title(given, source):
        return told
    first = root.title if root else ""
    if not first and paper:
        first = plain_title(markdown, blocks[:FRONT_BLOCKS])
    first = first or next((b.title for b in blocks if b.level == 1 and not (paper and is_section_title(b.title))), "")
    return first or file_stem(source)
