"""PDFs -> pages."""

from __future__ import annotations

from rag_ingest.load.loader import WorkerLoader


class PdfLoader(WorkerLoader):
    """Reads PDFs with PDFium, in worker processes only; see `load.pdf_file` for what happens there.

    A page comes with its text layer as lines and words, and rendered as RGB with its longest edge at
    `LoadOptions.longest_edge_px`, rotation and crop box applied to both.
    """

    media = "pdf"
