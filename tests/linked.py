"""Chunks that a test has changed, linked anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag_ingest.split.links import Place, links
from rag_ingest.types import Chunk, Document


def linked(chunks: Sequence[Chunk], document: Document) -> list[Chunk]:
    """The same with the links that they have in the document; all of its chunks, in order."""
    found = links([Place(chunk.chunk_id, chunk.span) for chunk in chunks], document)
    return [replace(chunk, **fresh._asdict()) for chunk, fresh in zip(chunks, found, strict=True)]
