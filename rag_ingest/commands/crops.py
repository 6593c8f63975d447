"""Crops of the figures that hits show, written into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rag_ingest.console import err
from rag_ingest.errors import ConfigError, StoreError
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.types import PlacedFigure, SearchHit

__all__ = ["with_crops"]

_SUFFIXES = {b"\x89PNG": ".png", b"RIFF": ".webp", b"\xff\xd8\xff": ".jpeg"}
"""How files of the formats that `figures.format` knows begin."""


def with_crops(hits: Sequence[SearchHit], db: str, folder: Path) -> list[SearchHit]:
    """Copies crops out of the knowledge base; the hits come back with the paths of the copies.

    Raises:
        ConfigError: the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with KnowledgeBase.open(db) as kb:
            return [
                replace(hit, figures=tuple(_copied(kb, hit.doc_id, figure, folder) for figure in hit.figures))
                for hit in hits
            ]
    except OSError as e:
        raise ConfigError(f"crops can't be written to {folder}: {e.strerror}") from e


def _copied(kb: KnowledgeBase, doc_id: str, figure: PlacedFigure, folder: Path) -> PlacedFigure:
    try:
        image = kb.figure_image(doc_id, figure)
    except StoreError as e:  # one whose file is gone hides no hit
        err.print(str(e))
        return figure
    if not image:
        return figure
    suffix = next((suffix for begin, suffix in _SUFFIXES.items() if image.startswith(begin)), "")
    target = folder.absolute() / f"{doc_id[:16]}-{figure.page:04}-{figure.number}{suffix}"
    target.write_bytes(image)
    return replace(figure, path=str(target))
