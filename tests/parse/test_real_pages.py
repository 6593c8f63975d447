"""Every promise of `assemble` on pages that two recognisers made of real papers and manuals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag_ingest.parse import assemble
from rag_ingest.types import PageMarkdown, SourceDocument
from tests.invariants.test_document_invariants import check_document


@pytest.mark.real
@pytest.mark.parametrize("engine", ["gt", "MinerU"])
def test_real_pages_keep_every_promise(real_data: Path, engine: str) -> None:
    files = sorted((real_data / "ohr-bench" / engine).rglob("*.json"))
    if not files:
        pytest.skip(f"no pages below {real_data / 'ohr-bench' / engine}")
    for file in files:
        pages = {page["page_idx"] + 1: page["text"] for page in json.loads(file.read_text(encoding="utf-8"))}
        made = [PageMarkdown("d", n, text, engine, "print") for n, text in pages.items()]
        check_document(assemble(SourceDocument("d", str(file), len(pages)), made), pages)
