"""Pages on their way into the ledger: crops are written soon and are not carried on."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag_ingest.runners import page_log
from rag_ingest.runners.page_log import PageLog
from rag_ingest.stages import PageResult, Work, all_pages
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.types import Figure, PageMarkdown, PlacedFigure, SourceDocument, Span

DOC = "d" * 64
CROP = b"a crop of 100 bytes".ljust(100)


def page(number: int) -> PageMarkdown:
    path = f"figures/dd/{DOC}/f/{number:04}-1.png" if number % 2 else ""  # else it is kept in the table
    return PageMarkdown(DOC, number, "text", "e", "f", figures=(Figure("image_1.png", image=CROP, path=path),))


def test_crops_are_written_when_there_are_many_bytes_and_do_not_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_log, "CROPS_BYTES", 250)
    monkeypatch.setattr(page_log, "SECONDS", 3600.0)
    document = SourceDocument(DOC, "/a.pdf", 7)
    stream: list[Work | PageResult] = [Work(document, all_pages(document).todo), *map(page, range(1, 8))]
    with KnowledgeBase.open(tmp_path / "kb", embedder_name="toy@1", dimension=4, create=True) as kb:
        written = []
        for item in PageLog(kb, "f", "e").through(stream, lambda item: None):
            written.append(len(kb.done_pages(DOC, "f")))
            if isinstance(item, PageMarkdown):
                assert [figure.image for figure in item.figures] == [b""]
        assert written == [0, 0, 0, 3, 3, 3, 6, 6]
        pages = kb.done_pages(DOC, "f")
        assert len(pages) == 7
        for number in (1, 2):
            figure = PlacedFigure(number, 1, Span(0, 0), "image_1.png", path=pages[number].figures[0].path)
            expected = CROP if figure.path else b""  # no row of `documents` yet that names the reading
            assert kb.figure_image(DOC, figure) == expected
            assert kb._ledger.figure_image(DOC, number, "f", 1) == (b"" if figure.path else CROP)
