"""The promises of splitting on real documents, read well (`gt`) and less well (`MinerU`)."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from rag_ingest.embed.bundled import bundled_token_counter
from rag_ingest.parse import assemble
from rag_ingest.split import SplitOptions, split
from rag_ingest.types import PageMarkdown, SourceDocument

BUDGET = 254


def document_of(file: Path):
    rows = json.loads(file.read_text(encoding="utf-8"))
    pages = [PageMarkdown(file.stem, row["page_idx"] + 1, row["text"], "given", "given") for row in rows]
    pages.sort(key=lambda page: page.number)
    return assemble(SourceDocument(file.stem, str(file), len(pages)), pages)


@pytest.mark.real
@pytest.mark.parametrize("reader", ["gt", "MinerU"])
@pytest.mark.parametrize("kind", ["paper", "manual"])
def test_real_documents_keep_every_promise(real_data: Path, reader: str, kind: str) -> None:
    files = sorted((real_data / "ohr-bench" / reader / kind).glob("*.json"))
    assert files
    count = bundled_token_counter()
    for file in files:
        document = document_of(file)
        text = document.markdown
        chunks = list(split(document, SplitOptions(), count, BUDGET))
        assert all(chunk.text == text[chunk.span.start : chunk.span.end] for chunk in chunks)
        assert all(a.span.end <= b.span.start for a, b in pairwise(chunks))
        bounds = [0, *(at for c in chunks for at in (c.span.start, c.span.end)), len(text)]
        assert not "".join(text[a:b] for a, b in zip(bounds[::2], bounds[1::2], strict=True)).strip()
        for chunk in chunks:
            assert chunk.token_count == count(chunk.full_text)
            assert (chunk.token_count > BUDGET) == ("oversize" in chunk.metadata)
            assert count(chunk.embed_text) <= max(BUDGET, chunk.token_count)
        holders = [(c.span.start, c.span.end) for c in chunks]
        for block in document.blocks:
            if block.kind in ("table", "formula", "code") and count(text[block.span.start : block.span.end]) <= BUDGET:
                inside = any(a <= block.span.start and block.span.end <= b for a, b in holders)
                assert inside, text[block.span.start : block.span.end]
