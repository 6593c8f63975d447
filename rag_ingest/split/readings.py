"""What is known of a chunk's pages and figures, put into the chunk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from rag_ingest.types import Chunk, Document, PlacedFigure, Span

_WORST = ("empty", "prompt-echo", "loop", "truncated", "wrong-script", "contradicted", "doubtful", "blank", "ok")
"""Verdicts of `ocr.checks`, worst first; one that is not among them is kept where nothing else is known."""


def with_readings(document: Document, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """The chunks with their figures, and with the verdicts and witness scores of their pages; see `types.Chunk`."""
    if not document.figures and not document.page_checks:
        yield from chunks
        return
    for chunk in chunks:
        figures = tuple(figure for figure in document.figures if _shows(chunk.span, figure))
        told = _worst([document.page_checks[page] for page in chunk.pages if page in document.page_checks])
        yield replace(chunk, figures=figures, metadata={**chunk.metadata, **told}) if figures or told else chunk


def _shows(span: Span, figure: PlacedFigure) -> bool:
    return any(part.start < span.end and span.start < part.end for part in (figure.span, figure.caption_span) if part)


def _worst(checks: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    worst: dict[str, Any] = {}
    for name, value in ((name, value) for page in checks for name, value in page.items()):
        if name not in worst:
            worst[name] = value
        elif name == "verdict":
            worst[name] = min(worst[name], value, key=_rank)
        else:
            worst[name] = min(worst[name], value)
    return worst


def _rank(verdict: str) -> int:
    return _WORST.index(verdict) if verdict in _WORST else len(_WORST)
