"""Fills a knowledge base under a limit: `DB full BYTES` (no file may grow larger) or `DB nobody` (another user)."""

from __future__ import annotations

import os
import resource
import sys
import tempfile

import numpy as np

from rag_ingest.errors import StoreError
from rag_ingest.store.knowledge_base import DocumentRecord, KnowledgeBase
from rag_ingest.types import Chunk, PageMarkdown, Span


def fill(db: str, doc_id: str = "a", rows: int = 300) -> None:
    """A document of one page; its rows are the same each time."""
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((rows, 16)).astype(np.float32)
    chunks = [Chunk(f"{doc_id}-{n:04}", doc_id, f"word {n}", "", Span(n, n), (), (1,), (), 1) for n in range(rows)]
    with KnowledgeBase.open(db, embedder_name="toy", dimension=16, create=True) as kb:
        page = PageMarkdown(doc_id, 1, "# x " * 2000, "e", "f")
        kb.write_pages([page], source=f"/{doc_id}.pdf", fingerprint="f", engine="e")
        kb.replace_document(DocumentRecord(f"/{doc_id}.pdf", doc_id, chunk_count=rows), chunks, vectors)
        kb.optimize(thorough=True)


def main(db: str, limit: str, *rest: str) -> None:
    if limit == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(rest[0]), int(rest[0])))
    else:
        with tempfile.TemporaryDirectory() as folder:
            fill(folder)  # imports what the other user may not be able to
        os.setgid(65534)
        os.setuid(65534)
    try:
        fill(db, "b")
    except StoreError as e:
        sys.stdout.write(str(e))


if __name__ == "__main__":
    main(*sys.argv[1:])
