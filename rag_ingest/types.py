"""The values that flow between the stages, in flow order, and the Protocols of the seams.

    source -load-> Page -ocr-> PageMarkdown -parse-> Document -split-> Chunk -embed-> vector -store-> LanceDB

Everything here is frozen. Bad data is a value (`Failure`); bad set-up raises (see `errors`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

BBox: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom; the unit and origin stand where it is used."""

TokenCounter: TypeAlias = Callable[[str], int]
"""Tokens of a text, special tokens not counted."""

BlockKind = Literal[
    "heading", "paragraph", "list", "table", "formula", "code",
    "figure", "caption", "footnote", "reference", "acknowledgement", "quote", "html",
]  # fmt: skip
FinishReason = Literal["stop", "length", "error"]


@dataclass(frozen=True, slots=True)
class Source:
    """One file as it was found: not opened yet.

    Attributes:
        uri: absolute path, or URL as given.
        media: which loader reads it, a key of `registry.LOADERS`.
        stamp: size and time of change of the file, and the place in it, as they were found; empty where unknown.
    """

    uri: str
    media: str
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A source that opened: what is known before any page is read.

    Attributes:
        doc_id: sha256 of the content, 64 hex digits.
        source: absolute path, or URL as given.
        page_count: pages in the file.
        title: from the file's own metadata, else empty.
        metadata: whatever the loader knows (author, page labels, arXiv fields); JSON values only.
    """

    doc_id: str
    source: str
    page_count: int
    title: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text layer; bbox in page points, origin top-left.

    Attributes:
        visible: False when the file draws it in no colour (render mode 3), as an OCR layer under a scan is.
    """

    text: str
    bbox: BBox
    visible: bool = True


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of a text layer; bbox in page points, origin top-left.

    Attributes:
        size_pt: median font size of its characters, 0 when unknown.
        bold: most of its characters are set in a bold face.
        words: the line's words, left to right; empty when the loader has no word boxes.
    """

    text: str
    bbox: BBox
    size_pt: float = 0.0
    bold: bool = False
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page, rendered.

    Attributes:
        doc_id: of the document it belongs to.
        number: 1-based.
        image: RGB, or None when the engine asked for none.
        text_layer: lines in content order; None when the file has no such thing (images), () when it is empty.
        size_pt: (width, height) in points as displayed, rotation applied.
        rotation: degrees clockwise that the file asks to be turned by; already applied to image and boxes.
    """

    doc_id: str
    number: int
    image: Image | None
    text_layer: tuple[TextLine, ...] | None
    size_pt: tuple[float, float]
    rotation: int = 0


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure on a page.

    Attributes:
        placeholder: the target of its image link in the page's Markdown.
        bbox: in page points, origin top-left; None when the engine gives none, or one that can't be right.
        image: the crop of the page, as an image file's bytes; empty where none was made, or where it lies elsewhere.
        path: of the crop's file, relative to the knowledge base; empty where there is none.
        in_table: the crop goes, or went, into the knowledge base's table `pages`.
    """

    placeholder: str
    bbox: BBox | None = None
    image: bytes = b""
    path: str = ""
    in_table: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open character offsets into a text: a document's Markdown, where nothing else is said."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"span {self.start}:{self.end} is not 0 <= start <= end")

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class TextBox:
    """Where a stretch of a page's Markdown stands on the page.

    Attributes:
        span: offsets into the page's Markdown.
        bbox: in page points, origin top-left.
    """

    span: Span
    bbox: BBox


@dataclass(frozen=True, slots=True)
class Placing:
    """How far places were looked for on a page, or on every page of a document.

    Attributes:
        boxes: of text: "" not at all; "layer" in the text layer, which gave little; "all" where there is no more to be
            had: enough was found, the image was read for it, or there is no text.
        crops: how figures were cut out, for example "files png 3"; "" not at all; "-" where none has a box.
    """

    boxes: str = ""
    crops: str = ""

    def serves(self, wanted: Placing) -> bool:
        """Whether nothing is left to do for `wanted`; what is not wanted has no need to be gone."""
        ranks = ("", "layer", "all")
        found = ranks.index(self.boxes) >= ranks.index(wanted.boxes)
        return found and (wanted.crops in ("", self.crops) or self.crops == "-")

    @classmethod
    def of_all(cls, placings: Iterable[Placing]) -> Placing:
        """What every one of them serves, if they are of one document's pages."""
        boxes, crops = {"all"}, set[str]()
        for one in placings:
            boxes.add(one.boxes)
            crops.add(one.crops)
        crops.discard("-")
        least = next(rank for rank in ("", "layer", "all") if rank in boxes)
        return cls(least, "-" if not crops else crops.pop() if len(crops) == 1 else "")


UNPLACED: Final = Placing()
"""Where nothing was looked for; as something wanted, every page serves it."""


@dataclass(frozen=True, slots=True)
class PageMarkdown:
    """What an engine read from one page.

    Attributes:
        engine: its name in `registry.ENGINES`; that of the fallback where another one wrote the text.
        fingerprint: of everything that decides the output (see `Engine.fingerprint`), of the engine that was asked.
        finish_reason: "stop", or "length" when the token limit cut the page or a loop was stopped.
        checks: named findings about this page (JSON values), for example `{"route": "ocr"}`; `verdict` and
            `attempts` where an engine guards itself (see `ocr.checks`, `ocr.guarded`).
        seconds: the engine's wall time for this page.
        boxes: where its text stands, about a printed line each, in order of their spans, which don't overlap; empty
            where that is not known.
        boxes_by: see `Placing.boxes`.
        crops_by: see `Placing.crops`.
    """

    doc_id: str
    number: int
    markdown: str
    engine: str
    fingerprint: str
    finish_reason: FinishReason = "stop"
    checks: Mapping[str, Any] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    seconds: float = 0.0
    boxes: tuple[TextBox, ...] = ()
    boxes_by: str = ""
    crops_by: str = ""

    @property
    def placing(self) -> Placing:
        """How far places were looked for on it."""
        return Placing(self.boxes_by, self.crops_by)


@dataclass(frozen=True, slots=True)
class PageSpan:
    """Where one page's Markdown lies in `Document.markdown`."""

    number: int
    span: Span


@dataclass(frozen=True, slots=True)
class Block:
    """One top-level block of a document.

    Attributes:
        level: 1..6 for a heading, else 0.
        heading_path: headings above it, outermost first; for a heading, itself last.
        pages: 1-based page numbers that it touches; empty when pages are unknown.
        repaired: a formula, fence, table or comment that nothing closes; it was ended at the earliest safe stop.
    """

    kind: BlockKind
    span: Span
    level: int
    heading_path: tuple[str, ...]
    pages: tuple[int, ...]
    repaired: bool = False


RemovalReason = Literal["furniture", "hyphen", "seam", "space"]
"""Why characters of a page are not in the document's Markdown."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of one page's Markdown that stands in the document's, character for character.

    Attributes:
        page: 1-based.
        page_span: offsets into that page's Markdown.
        start: offset into `Document.markdown`.
    """

    page: int
    page_span: Span
    start: int


@dataclass(frozen=True, slots=True)
class Removal:
    """A stretch of one page's Markdown that was left out of the document's.

    Attributes:
        page: 1-based.
        page_span: offsets into that page's Markdown.
        text: what stands there.
        reason: a running header, footer or page number ("furniture"); the hyphen of a word that the page broke
            ("hyphen"); markup or a repeated header between two halves of one table ("seam"); white space around these
            or at the page's ends ("space").
    """

    page: int
    page_span: Span
    text: str
    reason: RemovalReason


@dataclass(frozen=True, slots=True)
class PageBox:
    """Where a stretch of a document's Markdown stands.

    Attributes:
        page: 1-based.
        bbox: in that page's points, origin top-left.
    """

    span: Span
    page: int
    bbox: BBox


@dataclass(frozen=True, slots=True)
class PlacedFigure:
    """A figure of a document.

    Attributes:
        page: 1-based.
        number: 1-based, of the figures on that page.
        span: of its image link.
        placeholder: the link's target, as the engine wrote it.
        bbox: in that page's points, origin top-left; None where unknown.
        caption: as it stands in the Markdown, on one line; empty where none was found.
        path: of its crop, relative to the knowledge base; empty where none lies in a file.
        caption_span: of the caption.
        in_table: its crop lies in the table `pages`; `KnowledgeBase.figure_image` gives it.
    """

    page: int
    number: int
    span: Span
    placeholder: str
    bbox: BBox | None = None
    caption: str = ""
    path: str = ""
    caption_span: Span | None = None
    in_table: bool = False

    @property
    def stored(self) -> Literal["", "file", "table"]:
        """Where its crop lies; empty where none was kept."""
        return "file" if self.path else "table" if self.in_table else ""


@dataclass(frozen=True, slots=True)
class Document:
    """One paper: its Markdown, and what stands where.

    Attributes:
        markdown: pages joined, without furniture; never altered after this point.
        page_spans: in order of the text; a failed page has none.
        blocks: in order; together they hold every non-whitespace character of `markdown`.
        pieces: where each part of `markdown` comes from, in order of the text; empty when it was given as one text.
        removals: what the joining left out, in page order; with `pieces` it gives every page's Markdown back.
        boxes: where the text stands, about a printed line each, in order of their spans; empty where unknown.
        figures: in order of their spans.
        page_checks: by page number, what is known about the reading of that page (see `PageMarkdown.checks`).
    """

    doc_id: str
    source: str
    title: str
    markdown: str
    page_spans: tuple[PageSpan, ...]
    blocks: tuple[Block, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    pieces: tuple[Piece, ...] = ()
    removals: tuple[Removal, ...] = ()
    boxes: tuple[PageBox, ...] = ()
    figures: tuple[PlacedFigure, ...] = ()
    page_checks: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document, as it is retrieved.

    Attributes:
        chunk_id: stable: the same document and span and context give the same id.
        text: exactly `document.markdown[span.start:span.end]`.
        context: what is added for reading on its own: heading path, repeated table header, caption.
        kinds: block kinds inside, in order of first appearance.
        token_count: of context and text, by the embedder's own tokenizer.
        bboxes: (page number, bbox in page points, origin top-left) where known: one a column that the chunk stands in.
        metadata: `oversize` holds the reason when the chunk exceeds the token budget; `verdict` and `witness_recall`,
            `witness_precision`, `witness_order` and `witness_numbers` the worst of its pages, where these are known.
        parent_id: of the smallest section that holds the whole chunk (see `split.links`).
        previous_id: of the chunk before it in the document, else empty.
        next_id: of the chunk behind it, else empty.
        gap: the white space between the chunk before it and this one, so that a run of chunks can be put together
            again; a blank line where blocks were left out.
        sections: (id, span) of every section that holds the whole chunk, from `parent_id` out to the document.
        stated: what is embedded in place of context and text: the same with tables in words; mostly empty.
        figures: whose image link or caption stands in the chunk.
    """

    chunk_id: str
    doc_id: str
    text: str
    context: str
    span: Span
    headings: tuple[str, ...]
    pages: tuple[int, ...]
    kinds: tuple[BlockKind, ...]
    token_count: int
    bboxes: tuple[tuple[int, BBox], ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    parent_id: str = ""
    previous_id: str = ""
    next_id: str = ""
    gap: str = ""
    sections: tuple[tuple[str, Span], ...] = ()
    stated: str = ""
    figures: tuple[PlacedFigure, ...] = ()

    @property
    def full_text(self) -> str:
        """Context and text: what is counted, and shown to a reader or a language model."""
        return f"{self.context}\n{self.text}" if self.context else self.text

    @property
    def embed_text(self) -> str:
        """What is embedded."""
        return self.stated or self.full_text


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that went wrong with one source or one page; the rest goes on.

    Attributes:
        source: path or URL.
        page: 1-based, or None when the whole source failed.
        stage: "load", "ocr", "parse", "split", "embed" or "store".
        reason: one line that says what and, where possible, what to do.
        doc_id: where the content could be read.
    """

    source: str
    page: int | None
    stage: str
    reason: str
    doc_id: str = ""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One search result; a higher score is better, comparable within one result list only.

    Attributes:
        expanded: the section, or the part of it, that the chunk stands in; empty where it was not asked for.
        expanded_span: of that text; longer than it where blocks were left out of the chunks.
        expanded_pages: of the chunks that it is made of.
        bboxes: (page number, bbox in page points, origin top-left) of the chunk, where known.
        figures: whose image link or caption stands in the chunk; their paths are absolute.
        metadata: what else is known of the chunk and its paper, such as `witness_recall` and `year`.
    """

    chunk_id: str
    doc_id: str
    source: str
    title: str
    text: str
    context: str
    headings: tuple[str, ...]
    pages: tuple[int, ...]
    score: float
    span: Span
    expanded: str = ""
    expanded_span: Span | None = None
    expanded_pages: tuple[int, ...] = ()
    bboxes: tuple[tuple[int, BBox], ...] = ()
    figures: tuple[PlacedFigure, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Loader(Protocol):
    """Reads one medium. Used as a context manager: leaving it ends its worker processes."""

    def open(self, source: Source) -> SourceDocument:
        """Opens a source and names its content. Raises `LoadError` when it can't be read."""

    def pages(
        self, document: SourceDocument, numbers: Sequence[int], *, image: bool = True
    ) -> Iterator[Page | Failure]:
        """Yields the pages asked for, in that order; a page that can't be read is a `Failure`."""

    def close(self) -> None:
        """Ends worker processes and removes temporary files."""


@runtime_checkable
class Container(Protocol):
    """A `Loader` of sources that hold others, such as dumps."""

    def sources(self, source: Source) -> Iterator[Source | Failure]:
        """The sources inside, which `open` takes; one that is inside already gives itself."""


@runtime_checkable
class Engine(Protocol):
    """Page in, Markdown out."""

    @property
    def name(self) -> str:
        """Its key in `registry.ENGINES`."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the output could: engine, model, revision, prompt, generation and rendering options."""

    @property
    def needs_image(self) -> bool:
        """False when the text layer alone is enough, so that nothing is rendered."""

    @property
    def batch_size(self) -> int:
        """How many pages it likes at a time."""

    def recognize(self, pages: Sequence[Page]) -> list[PageMarkdown | Failure]:
        """Same length and order as `pages`; a page that fails is a `Failure` and costs that page alone."""

    def close(self) -> None:
        """Frees what it holds; a second call does nothing."""


@runtime_checkable
class FlowingEngine(Engine, Protocol):
    """An engine that is at many pages at a time, so that one which takes long holds up no other."""

    def begin(self, page: Page) -> Future[PageMarkdown | Failure]:
        """Begins a page and does not wait; up to `batch_size` are read together. Cancelling it ends its work."""


@runtime_checkable
class Embedder(Protocol):
    """Text in, unit vectors out."""

    @property
    def name(self) -> str:
        """The model's identity as kept in a database: hub name and revision, or name and content hash."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """Tokens of text that fit one vector, special tokens and document prompt taken off."""

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32[len(texts), dimension], unit length, same order."""

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32[len(texts), dimension], unit length, same order."""

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` alone, without special tokens."""

    def close(self) -> None:
        """Frees what it holds."""
