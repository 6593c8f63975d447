"""Reads a knowledge base over and over until a file appears; prints how often, and what went wrong: `DB STOP`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from rag_ingest.store.knowledge_base import KnowledgeBase


def main(db: str, stop: Path) -> None:
    errors: list[str] = []
    rounds = mixed = 0
    with KnowledgeBase.open(db) as kb:
        sys.stdout.write("reading\n")
        sys.stdout.flush()
        while not stop.exists():
            try:
                for mode in ("hybrid", "vector", "text"):
                    hits = kb.search("word", np.ones(16, np.float32), mode=mode, k=10)
                    mixed += len(hits) != 10
                kb.status()
                kb.documents()
                kb.done_pages("a", "f")
            except Exception as e:
                errors.append(f"{type(e).__name__}: {e}"[:300])
            rounds += 1
    sys.stdout.write(json.dumps({"rounds": rounds, "mixed": mixed, "errors": errors}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
