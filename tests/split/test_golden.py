"""Golden cases as Markdown that a person can read: `NAME.md` goes in, `NAME.chunks.md` shows where it was cut.

A rule `~~~~ n | tokens | kinds | headings` stands before each chunk; lines `> …` under it are the chunk's context.
Tokens are words here. RAG_INGEST_UPDATE_GOLDEN=1 writes the files anew: read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rag_ingest.parse import parse_markdown
from rag_ingest.split import SplitOptions, split
from rag_ingest.types import Chunk

GOLDEN = Path(__file__).parent / "golden"
BUDGETS = {"paper": 60, "tables": 32, "prose": 30, "lists_and_code": 25, "headings": 40, "formulas": 30}


def shown(chunks: list[Chunk]) -> str:
    out = []
    for i, c in enumerate(chunks, 1):
        over = f" | OVERSIZE {c.metadata['oversize']}" if c.metadata else ""
        out.append(f"~~~~ {i} | {c.token_count} | {' '.join(c.kinds)} | {' > '.join(c.headings)}{over}")
        out += [f"> {line}" for line in c.context.splitlines()]
        out += [c.text, ""]
    return "\n".join(out)


@pytest.mark.parametrize("name", sorted(BUDGETS))
def test_golden(name: str) -> None:
    document = parse_markdown((GOLDEN / f"{name}.md").read_text(encoding="utf-8"))
    found = shown(list(split(document, SplitOptions(), lambda text: len(text.split()), BUDGETS[name])))
    expected = GOLDEN / f"{name}.chunks.md"
    if os.environ.get("RAG_INGEST_UPDATE_GOLDEN"):
        expected.write_text(found, encoding="utf-8")
    assert found == expected.read_text(encoding="utf-8")


def test_every_golden_file_is_used() -> None:
    assert {p.name.removesuffix(".md").removesuffix(".chunks") for p in GOLDEN.glob("*.md")} == set(BUDGETS)
