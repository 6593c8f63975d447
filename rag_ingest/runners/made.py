"""A document's pages -> its chunks and vectors, whichever table they are for."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag_ingest.errors import reason_of
from rag_ingest.parse.document import assemble
from rag_ingest.pipeline import Pipeline
from rag_ingest.types import Chunk, Document, Failure, PageMarkdown, SourceDocument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Made", "made_of"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Made:
    """A document with its chunks and their vectors, (number of chunks, dimension)."""

    document: Document
    chunks: Sequence[Chunk]
    vectors: NDArray[np.float32]


def made_of(
    pipeline: Pipeline,
    source: SourceDocument,
    pages: Sequence[PageMarkdown],
    known: Mapping[str, NDArray[np.float32]] | None = None,
) -> Made | Failure:
    """Parses, splits and embeds; whatever goes wrong is a `Failure` of the document in that stage.

    Args:
        pipeline: its parts.
        source: the document.
        pages: what was read of it.
        known: vectors of its chunks by id, by the same embedder and splitter options.
    """
    stage = "parse"
    try:
        document = assemble(source, pages)
        stage = "split"
        chunks = pipeline.chunks(document)
        stage = "embed"
        return Made(document, chunks, _vectors(pipeline, chunks, known or {}))
    except Exception as e:
        log.debug("%s failed in %s", source.source, stage, exc_info=True)
        return Failure(source.source, None, stage, reason_of(e), source.doc_id)


def _vectors(
    pipeline: Pipeline, chunks: Sequence[Chunk], known: Mapping[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """A chunk's id is made of its text and context: what has the same one has the same vector."""
    import numpy as np

    fresh = [chunk for chunk in chunks if chunk.chunk_id not in known]
    if len(fresh) == len(chunks):
        return pipeline.embed(chunks)
    made = dict(zip((chunk.chunk_id for chunk in fresh), pipeline.embed(fresh) if fresh else (), strict=True))
    vectors = {**known, **made}
    return np.stack([vectors[chunk.chunk_id] for chunk in chunks])
