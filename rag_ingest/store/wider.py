"""What hybrid search looks for words in: a chunk together with the one before it.

A short passage often leaves out what it is about: the sentence before it said so. Its vector stays its own, because a
vector of twice the text says half as much about either half. Measured: eval/README.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rag_ingest.types import Chunk

__all__ = ["wider_texts"]


def wider_texts(chunks: Sequence[Chunk]) -> Iterator[str]:
    """For each chunk its `embed_text` after the text of the chunk before it.

    A piece of a table stays by itself: its caption and header stand in its context, and the rows before it only blur
    which rows it holds.

    Args:
        chunks: of one document, in order.
    """
    before = ""
    for chunk in chunks:
        yield f"{before}\n{chunk.embed_text}" if before and "table" not in chunk.kinds else chunk.embed_text
        before = chunk.text
