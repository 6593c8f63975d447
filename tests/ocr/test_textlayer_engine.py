"""The plain baseline: the text layer as it stands."""

from __future__ import annotations

from rag_ingest.ocr.textlayer import TextLayerEngine, TextLayerOptions
from rag_ingest.types import Engine, Page, PageMarkdown, TextLine


def page(lines: tuple[TextLine, ...] | None, number: int = 1) -> Page:
    return Page("d" * 64, number, None, lines, (600.0, 800.0))


def read(*pages: Page) -> list[PageMarkdown]:
    results = TextLayerEngine(TextLayerOptions()).recognize(pages)
    assert all(isinstance(r, PageMarkdown) for r in results)
    return [r for r in results if isinstance(r, PageMarkdown)]


def test_lines_in_content_order_and_nothing_else():
    lines = tuple(TextLine(t, (0, 0, 10, 10)) for t in ("# not escaped", "costs $5 < $6", "1. *stays*", "hyphen-"))
    [result] = read(page(lines))
    assert result.markdown == "# not escaped\ncosts $5 < $6\n1. *stays*\nhyphen-"
    assert result.checks == {"text_layer": "present"}
    assert result.figures == ()


def test_pages_without_text_are_empty_and_say_why():
    results = read(page(None), page((), 2), page((TextLine("  ", (0, 0, 1, 1)),), 3))
    assert [(r.number, r.markdown.strip(), r.checks["text_layer"]) for r in results] == [
        (1, "", "none"), (2, "", "empty"), (3, "", "empty"),
    ]  # fmt: skip


def test_it_is_an_engine_that_needs_no_image():
    engine = TextLayerEngine()
    assert isinstance(engine, Engine)
    assert not engine.needs_image
    assert engine.fingerprint == TextLayerEngine(TextLayerOptions()).fingerprint
    engine.close()
    engine.close()
