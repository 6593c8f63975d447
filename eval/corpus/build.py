"""Compiles the built-in papers: the same sources give the same bytes.

    python eval/corpus/build.py [--check]

Only the fonts inside the typst wheel are used and the creation time is fixed, so the PDFs do not depend on the
machine. `--check` compares with the committed files instead of writing them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

CORPUS = Path(__file__).resolve().parent
PAPERS = ("bus-holding", "starter-kinetics", "tide-gauges")
CREATED_UNIX_S = 1_735_689_600
"""2025-01-01T00:00:00Z, the creation time written into every PDF."""


def compile_paper(name: str) -> bytes:
    """The PDF of one paper.

    Args:
        name: one of `PAPERS`.

    Raises:
        typst.TypstError: the source does not compile.
    """
    import typst

    compiler = typst.Compiler(root=CORPUS, ignore_system_fonts=True)
    pdf = compiler.compile(CORPUS / f"{name}.typ", format="pdf", timestamp=CREATED_UNIX_S)
    if not isinstance(pdf, bytes):
        raise TypeError(f"{name}: expected the bytes of one PDF, got {type(pdf).__name__}")
    return pdf


def main() -> int:
    """Writes every PDF beside its source, or checks it; 1 when a checked file differs."""
    parser = argparse.ArgumentParser(description="Compile the built-in papers.")
    parser.add_argument("--check", action="store_true", help="compare with the committed PDFs, write nothing")
    check = parser.parse_args().check
    stale = []
    for name in PAPERS:
        path, pdf = CORPUS / f"{name}.pdf", compile_paper(name)
        if not check:
            path.write_bytes(pdf)
        elif not path.is_file() or path.read_bytes() != pdf:
            stale.append(path.name)
    for name in stale:
        print(f"{name} differs from its source: run python eval/corpus/build.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
