"""Papers for tests: a page a string."""

from __future__ import annotations

from rag_ingest.parse import assemble, restore_pages
from rag_ingest.types import Document, PageMarkdown, SourceDocument


def paper(*pages: str, title: str = "", metadata: dict[str, object] | None = None) -> Document:
    """The document of these pages; every page can be had back from it."""
    made = [PageMarkdown("d", n, text, "engine", "fingerprint") for n, text in enumerate(pages, 1)]
    document = assemble(SourceDocument("d", "/a/paper-7.pdf", len(pages), title, metadata or {}), made)
    assert restore_pages(document) == dict(enumerate(pages, 1))
    return document


def blocks(document: Document, kind: str) -> list[str]:
    """Texts of the blocks of one kind."""
    return [document.markdown[b.span.start : b.span.end] for b in document.blocks if b.kind == kind]


def removed(document: Document, reason: str) -> list[str]:
    """Texts that were left out for one reason."""
    return [r.text for r in document.removals if r.reason == reason]
