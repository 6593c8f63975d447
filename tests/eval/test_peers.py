"""Splitters of other projects: a table's text and every heading come through."""

from __future__ import annotations

import pytest

from eval.peers import docling_hybrid

TEXT = """# Title

Words of the first paragraph.

## Section

| Model | BLEU |
|-------|------|
| ours  | 28.4 |
| base  | 27.3 |

$$E = mc^2$$
"""


def count(text: str) -> int:
    return len(text.split())


def test_doclings_chunks_have_headings_tables_and_formulas() -> None:
    pytest.importorskip("docling_core.transforms.chunker.hybrid_chunker", reason="needs docling-core[chunking]")
    together = "\n".join(docling_hybrid(TEXT, 60, count))
    for part in ("Title", "Section", "first paragraph", "ours, BLEU = 28.4", "E = mc^2"):
        assert part in together
