"""A document's pages, back from the document."""

from __future__ import annotations

from rag_ingest.types import Document


def restore_pages(document: Document) -> dict[int, str]:
    """Every page's Markdown as the engine gave it, character for character, by page number.

    Args:
        document: from `assemble`; one that was parsed from a single text has no pieces and gives empty pages.
    """
    parts: dict[int, list[tuple[int, str]]] = {page.number: [] for page in document.page_spans}
    for piece in document.pieces:
        text = document.markdown[piece.start : piece.start + len(piece.page_span)]
        parts[piece.page].append((piece.page_span.start, text))
    for removal in document.removals:
        parts[removal.page].append((removal.page_span.start, removal.text))
    return {number: "".join(text for _, text in sorted(found)) for number, found in parts.items()}
