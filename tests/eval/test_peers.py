"""Splitters of other projects: a table's text and every heading come through."""

from __future__ import annotations

from typing import Any

import pytest

from eval.peers import chonkie, docling_hybrid, semchunk

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


def characters(text: str) -> int:
    return -(-len(text) // 4)


@pytest.mark.parametrize("split", [chonkie, semchunk])
def test_a_word_beyond_the_limit_is_cut_and_nothing_is_lost(split: Any) -> None:
    text = f"{TEXT}\n{'x' * 999} and the rest of it."
    pieces = list(split(text, 20, characters))
    assert max(map(characters, pieces)) <= 20
    assert "".join("".join(pieces).split()) == "".join(text.split())
