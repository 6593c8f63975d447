"""Ingests three contents of two sources; as a script, kills itself at a commit: `PATH COMMIT before|after`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from rag_ingest.store import chunks, documents, ledger
from rag_ingest.store.knowledge_base import DocumentRecord, KnowledgeBase
from rag_ingest.types import Chunk, PageMarkdown, Span


def write(path: str) -> None:
    with KnowledgeBase.open(path, embedder_name="toy", dimension=4, create=True) as kb:
        for source, doc_id in (("/a.pdf", "a1"), ("/b.pdf", "b"), ("/a.pdf", "a2")):
            if kb.is_current(source, doc_id, "o", "s", "toy") or (doc_id == "a1" and kb.document_for(source)):
                continue
            done = kb.done_pages(doc_id, "o")
            pages = [PageMarkdown(doc_id, n, f"# {doc_id} {n}", "e", "o") for n in (1, 2, 3) if n not in done]
            kb.write_pages(pages[:2], source=source, fingerprint="o", engine="e")
            kb.write_pages(pages[2:], source=source, fingerprint="o", engine="e")
            texts = [page.markdown for page in kb.done_pages(doc_id, "o").values()]
            kb.replace_document(
                DocumentRecord(
                    source, doc_id, engine="e", ocr_fingerprint="o", split_fingerprint="s", embedder="toy",
                    chunk_count=len(texts),
                ),
                [Chunk(f"{doc_id}-{n}", doc_id, t, "", Span(n, n), (), (n + 1,), (), 1) for n, t in enumerate(texts)],
                np.eye(4, dtype=np.float32)[: len(texts)],
            )  # fmt: skip


def deadly(upsert: Callable[..., None], fatal: int, when: str) -> Callable[..., None]:
    """The same function, but its process does not outlive the call number `fatal`."""

    def call(*args: Any, **kwargs: Any) -> None:
        deadly.commits += 1  # type: ignore[attr-defined]
        if deadly.commits == fatal and when == "before":  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGKILL)
        upsert(*args, **kwargs)
        if deadly.commits == fatal:  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGKILL)

    return call


if __name__ == "__main__":
    deadly.commits = 0  # type: ignore[attr-defined]
    for module in (chunks, documents, ledger):
        module.upsert = deadly(module.upsert, int(sys.argv[2]), sys.argv[3])  # type: ignore[attr-defined]
    write(sys.argv[1])
