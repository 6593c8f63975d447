"""One PDF, opened with PDFium. Runs in a worker process only: PDFium is not thread-safe and hostile files crash it."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from rag_ingest.errors import EncryptedSourceError, LoadError, UnsupportedSourceError
from rag_ingest.load.options import MIN_SIDE_PX
from rag_ingest.load.textlayer import Frame, group_lines, plain_text, read_glyphs

_METADATA = ("Author", "Subject", "Keywords", "Creator", "Producer", "CreationDate")
_WHITE = 0xFFFFFFFF


class PdfFile:
    """An open PDF; see `worker.OpenFile`."""

    def __init__(self, path: str, password: str | None) -> None:
        self._document = _open(path, password)
        with contextlib.suppress(pdfium.PdfiumError):  # without form fields there is nothing to draw
            self._document.init_forms()

    def info(self) -> dict[str, Any]:
        """Page count, title, and what the file says about itself; the size is the first page's.

        Raises:
            LoadError: no page can be found.
        """
        count = len(self._document)
        if count < 1:
            raise LoadError("the PDF has no pages")
        told = {key: _clean(value) for key, value in self._document.get_metadata_dict().items()}
        metadata: dict[str, Any] = {key.lower(): told[key] for key in _METADATA if told.get(key)}
        with contextlib.suppress(pdfium.PdfiumError):
            metadata["page_size_pt"] = [round(side, 2) for side in self._document.get_page_size(0)]
        return {"page_count": count, "title": told.get("Title", ""), "metadata": metadata}

    def page(self, number: int, longest_edge_px: int, *, image: bool) -> tuple[dict[str, Any], bytes | memoryview]:
        """Text layer and, where asked for, RGB rows of `stride` bytes.

        Raises:
            LoadError: the page is damaged or too narrow to be rendered.
        """
        try:
            page = self._document.get_page(number - 1)
        except pdfium.PdfiumError as error:
            raise LoadError("page is damaged and can't be read") from error
        with contextlib.closing(page):
            frame = _frame(page)
            width, height = frame.size_pt
            if not (width > 0 and height > 0):
                raise LoadError(f"page has no area: {width:g} x {height:g} pt")
            fields: dict[str, Any] = {"size_pt": [round(width, 2), round(height, 2)], "rotation": frame.turns * 90}
            fields["text_layer"] = _text_layer(page, frame)
            if not image:
                return fields, b""
            size_px = _size_px(width, height, longest_edge_px)
            fields["size_px"] = size_px
            pixels, fields["stride"] = self._render(page, *size_px)
            return fields, pixels

    def _render(self, page: Any, width: int, height: int) -> tuple[bytes, int]:
        bitmap = raw.FPDFBitmap_CreateEx(width, height, raw.FPDFBitmap_BGR, None, 0)
        if not bitmap:
            raise MemoryError
        try:
            flags = raw.FPDF_ANNOT | raw.FPDF_REVERSE_BYTE_ORDER
            raw.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, _WHITE)
            raw.FPDF_RenderPageBitmap(bitmap, page.raw, 0, 0, width, height, 0, flags)
            if self._document.formenv:
                raw.FPDF_FFLDraw(self._document.formenv.raw, bitmap, page.raw, 0, 0, width, height, 0, flags)
            stride = raw.FPDFBitmap_GetStride(bitmap)
            return ctypes.string_at(raw.FPDFBitmap_GetBuffer(bitmap), stride * height), stride
        finally:
            raw.FPDFBitmap_Destroy(bitmap)

    def close(self) -> None:
        """Closes the document."""
        self._document.close()


def _open(path: str, password: str | None) -> Any:
    try:
        return pdfium.PdfDocument(path, password=password)
    except pdfium.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            wanted = "wrong password; give the right one with --password" if password else None
            raise EncryptedSourceError(wanted or "password needed; give --password") from error
        if error.err_code == raw.FPDF_ERR_SECURITY:
            raise EncryptedSourceError("encrypted in a way that PDFium does not know") from error
        if error.err_code == raw.FPDF_ERR_SUCCESS:  # PDFium's way to say that it opened and is empty
            raise LoadError("the PDF has no pages") from error
        raise UnsupportedSourceError("not a PDF, or damaged beyond repair") from error


def _frame(page: Any) -> Frame:
    box = raw.FS_RECTF()
    if not raw.FPDF_GetPageBoundingBox(page.raw, ctypes.byref(box)):
        raise LoadError("page is damaged: its size can't be read")
    return Frame((box.left, box.bottom, box.right, box.top), raw.FPDFPage_GetRotation(page.raw) % 4)


def _size_px(width: float, height: float, longest_edge_px: int) -> tuple[int, int]:
    scale = longest_edge_px / max(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if min(size) < MIN_SIDE_PX:
        raise LoadError(
            f"page of {width:g} x {height:g} pt would be {size[0]} x {size[1]} px: a side under {MIN_SIDE_PX} px"
        )
    return size


def _text_layer(page: Any, frame: Frame) -> list[Any]:
    with _textpage(page) as textpage:
        return group_lines(read_glyphs(textpage, frame))


@contextlib.contextmanager
def _textpage(page: Any) -> Iterator[Any]:
    textpage = raw.FPDFText_LoadPage(page.raw)
    if not textpage:
        raise LoadError("page's text layer can't be read")
    try:
        yield textpage
    finally:
        raw.FPDFText_ClosePage(textpage)


def _clean(value: str) -> str:
    return " ".join("".join(plain_text(ord(char)) for char in value).split())
