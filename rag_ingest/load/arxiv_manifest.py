"""`arXiv_pdf_manifest.xml`: the size and md5 of each dump, as arXiv made it."""

from __future__ import annotations

from dataclasses import dataclass
from xml.parsers import expat

from rag_ingest.errors import LoadError

NAME = "arXiv_pdf_manifest.xml"
_ENTRY = "file"
MAX_BYTES = 2**27
"""Of a manifest that is read; arXiv's own has some hundred bytes for each of its thousands of dumps."""
_MAX_TEXT = 4096


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One dump.

    Attributes:
        filename: without its folder.
        md5: of the tar, 32 hex digits, or empty.
        size: in bytes, or None.
        papers: how many PDFs are in it, or None.
    """

    filename: str
    md5: str
    size: int | None
    papers: int | None


def read_manifest(content: bytes) -> dict[str, ManifestEntry]:
    """Entries by file name.

    Raises:
        LoadError: it is no such manifest.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError as error:
        raise LoadError(f"it is no XML: {error}") from error
    entries = {entry.filename: entry for entry in map(_entry, reader.found) if entry.filename}
    if not entries:
        raise LoadError("it names no dump")
    return entries


def _entry(fields: dict[str, str]) -> ManifestEntry:
    filename = fields.get("filename", "").rpartition("/")[2]
    md5 = fields.get("md5sum", "").lower()
    return ManifestEntry(filename, md5, _count(fields.get("size")), _count(fields.get("num_items")))


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


class _Reader:
    """Collects the texts inside each `<file>`; entities and document types, which can blow up, are refused."""

    def __init__(self) -> None:
        self.found: list[dict[str, str]] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self._entry: dict[str, str] | None = None
        self._name = ""
        self._value = ""

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == _ENTRY:
            self._entry = {}
        self._name, self._value = name, ""

    def _text(self, text: str) -> None:
        if self._entry is not None:
            self._value = (self._value + text)[:_MAX_TEXT]

    def _end(self, name: str) -> None:
        if self._entry is None:
            return
        if name == _ENTRY:
            self.found.append(self._entry)
            self._entry = None
        elif name == self._name:
            self._entry[name] = self._value.strip()

    def _doctype(self, *_: object) -> None:
        raise LoadError("it declares a document type, which arXiv's never does")
