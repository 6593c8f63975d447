"""`rag-ingest ingest`, which says at every moment what it is doing: `FILE ARGUMENTS…`; run by `eval.kill`.

What it does stands in the file's first byte: "s"tarting, "r"endering, "o"cr, "w"riting pages, "c"ommitting documents,
"u"pkeep, "e"mbedding.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable
from typing import Any

from rag_ingest import Pipeline
from rag_ingest.store.knowledge_base import KnowledgeBase

PHASES = {
    "w": (KnowledgeBase, "write_pages"),
    "c": (KnowledgeBase, "replace_documents"),
    "u": (KnowledgeBase, "optimize"),
    "e": (Pipeline, "embed"),
}


def said(file: int, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, with its phase in the file while it runs; the phase around it comes back after it."""

    def call(*args: Any, **kwargs: Any) -> Any:
        before = os.pread(file, 1, 0)
        os.pwrite(file, phase.encode(), 0)
        try:
            return function(*args, **kwargs)
        finally:
            os.pwrite(file, before, 0)

    return call


def main() -> None:
    """Runs the command."""
    file = os.open(sys.argv[1], os.O_RDWR)
    for phase, (owner, name) in PHASES.items():
        setattr(owner, name, said(file, phase, getattr(owner, name)))
    cached: Any = vars(Pipeline)["engine"]
    make = cached.func

    def engine(pipeline: Pipeline) -> Any:
        made = make(pipeline)
        made.recognize = said(file, "o", made.recognize)
        os.pwrite(file, b"r", 0)  # between pages the engine waits for the next one
        return made

    cached.func = engine
    sys.argv = ["rag-ingest", "ingest", *sys.argv[2:]]
    runpy.run_module("rag_ingest.cli", run_name="__main__")


if __name__ == "__main__":
    main()
