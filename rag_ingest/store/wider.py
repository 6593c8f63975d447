"""What hybrid search looks for words in: a chunk together with the one before it.

A short passage often leaves out what it is about: the sentence before it said so. Its vector stays its own, because a
vector of twice the text says half as much about either half. Measured: eval/README.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from rag_ingest.types import Chunk

__all__ = ["widened", "wider_texts"]


def widened(own: str, before: str, kinds: Collection[str]) -> str:
    """A chunk's own text after the text of the chunk before it.

    A piece of a table stays by itself: its caption and header stand in its context, and the rows before it only blur
    which rows it holds.

    Args:
        own: what is embedded of the chunk.
        before: text of the chunk before it; empty for the first.
        kinds: of the chunk's blocks.
    """
    return f"{before}\n{own}" if before and "table" not in kinds else own


def wider_texts(chunks: Sequence[Chunk]) -> Iterator[str]:
    """For each chunk its `embed_text`, widened.

    Args:
        chunks: of one document, in order.
    """
    before = ""
    for chunk in chunks:
        yield widened(chunk.embed_text, before, chunk.kinds)
        before = chunk.text
