"""Search hits: as a person sees them, and as rows of `search --json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.style import Style

from rag_ingest.citing import cite, file_link
from rag_ingest.console import err, out
from rag_ingest.store.node_metadata import figure_json
from rag_ingest.types import SearchHit, Span

__all__ = ["hit_json", "marked", "print_hits", "repeated"]


def print_hits(hits: Sequence[SearchHit]) -> None:
    """Search results for a person."""
    if not hits:
        err.print("nothing found")
    for rank, hit in enumerate(hits, 1):
        pages = ", ".join(map(str, hit.pages))
        place = f"page {pages}" if len(hit.pages) == 1 else f"pages {pages}" if pages else "page unknown"
        out.print(f"{rank}. {hit.title or hit.source}  ({place}, score {hit.score:.4f})", style="bold")
        if hit.headings:
            out.print("   " + " > ".join(hit.headings), style="cyan")
        _print_places(hit)
        out.print()
        if hit.expanded_span is None or hit.expanded_span.start == hit.span.start:
            for line in repeated(hit.context, hit.headings):
                out.print(f"   {line}", style="dim")
        if hit.expanded_span is None:
            out.print("\n".join(f"   {line}" for line in hit.text.strip().splitlines()))
        else:
            out.print("\n".join(marked(hit)))
        out.print()


def _print_places(hit: SearchHit) -> None:
    """Source and page, and where its figures lie; on a terminal that knows links, they open."""
    citation = cite(hit)
    page = f", page {citation.page}" if citation.page else ""
    out.print(f"   {hit.source}{page}", style=_dim(citation.link))
    for figure in hit.figures:
        where = figure.path or ("kept in the table `pages`" if figure.stored == "table" else "no crop")
        out.print(f"   figure on page {figure.page}: {where}", style=_dim(file_link(figure.path)))


def _dim(link: str) -> Style:
    return Style(dim=True, link=link or None)


def marked(hit: SearchHit) -> list[str]:
    """The lines of an expanded text, a bar before those of the chunk that was found."""
    at = hit.span.start - hit.expanded_span.start if hit.expanded_span else 0
    if not hit.expanded.startswith(hit.text, at):  # blocks were left out before it
        at = max(0, hit.expanded.find(hit.text))
    lines, start = [], 0
    for line in hit.expanded.splitlines(keepends=True):
        inside = line.strip() and start < at + len(hit.text) and start + len(line) > at
        lines.append(f" {'┃' if inside else ' '} {line}".rstrip())
        start += len(line)
    return lines


def repeated(context: str, headings: Sequence[str]) -> list[str]:
    """What a chunk repeats beside its heading path: caption and header of a table that was cut."""
    path = " > ".join(headings)
    return [line for line in context.splitlines() if line.strip() and line.strip() not in path]


def hit_json(hit: SearchHit) -> dict[str, Any]:
    """A row of `search --json`."""
    citation = cite(hit)
    expanded = {} if hit.expanded_span is None else _expanded_json(hit, hit.expanded_span)
    return {
        "chunk_id": hit.chunk_id,
        "doc_id": hit.doc_id,
        "source": hit.source,
        "title": hit.title,
        "text": hit.text,
        "context": hit.context,
        "headings": list(hit.headings),
        "pages": list(hit.pages),
        "score": hit.score,
        "span": [hit.span.start, hit.span.end],
        "bboxes": [[page, *box] for page, box in hit.bboxes],
        "figures": [figure_json(figure) for figure in hit.figures],
        "metadata": dict(hit.metadata),
        "link": citation.link,
        "label": citation.label,
        **expanded,
    }


def _expanded_json(hit: SearchHit, span: Span) -> dict[str, Any]:
    return {
        "expanded": hit.expanded,
        "expanded_span": [span.start, span.end],
        "expanded_pages": list(hit.expanded_pages),
    }
