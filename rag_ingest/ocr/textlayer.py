"""The PDF's own text as it stands: the baseline that the harness compares with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rag_ingest.types import Failure, Page, PageMarkdown

_VERSION = "1"
"""Raise when the same page would come out differently."""


@dataclass(frozen=True, kw_only=True)
class TextLayerOptions:
    """There is nothing to set."""


class TextLayerEngine:
    """Lines in content order, joined by newlines; no Markdown is made of them, none is escaped."""

    name = "textlayer"
    needs_image = False
    batch_size = 64

    def __init__(self, options: TextLayerOptions | None = None) -> None:
        self.options = options or TextLayerOptions()

    @property
    def fingerprint(self) -> str:
        """Changes with this module's version alone."""
        return f"textlayer-{_VERSION}"

    def recognize(self, pages: Sequence[Page]) -> list[PageMarkdown | Failure]:
        """One `PageMarkdown` a page; `checks["text_layer"]` says "present", "empty" or "none"."""
        return [self._page(page) for page in pages]

    def _page(self, page: Page) -> PageMarkdown:
        start = time.perf_counter()
        text = "\n".join(line.text for line in page.text_layer or ())
        state = "none" if page.text_layer is None else "present" if text.strip() else "empty"
        return PageMarkdown(
            doc_id=page.doc_id,
            number=page.number,
            markdown=text,
            engine=self.name,
            fingerprint=self.fingerprint,
            checks={"text_layer": state},
            seconds=time.perf_counter() - start,
        )

    def close(self) -> None:
        """Holds nothing."""
