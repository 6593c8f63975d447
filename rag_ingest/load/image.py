"""Image files -> pages."""

from __future__ import annotations

from rag_ingest.load.loader import WorkerLoader


class ImageLoader(WorkerLoader):
    """Reads PNG, JPEG, WebP and TIFF with Pillow, in worker processes; each frame of a TIFF is a page.

    The image is turned upright by its EXIF orientation, put on white where it is transparent, and shrunk to
    `LoadOptions.longest_edge_px`, never enlarged. Its size in points follows from its DPI, 200 where it names none.
    There is no text layer (`Page.text_layer` is None).
    """

    media = "image"
