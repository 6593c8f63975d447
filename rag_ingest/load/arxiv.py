"""arXiv's dumps -> papers: `arXiv_pdf_YYMM_NNN.tar`, local or behind a URL, read without unpacking.

A dump is listed by its headers alone; a paper's bytes are read when it is opened, into a file that goes when its pages
are read. What arXiv knows of a paper is joined from its metadata, of which an index is kept.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rag_ingest.errors import LoadError
from rag_ingest.load.archive_file import pieces
from rag_ingest.load.arxiv_dumps import Manifests, find_member, listing_of
from rag_ingest.load.arxiv_ids import ArxivId, id_of_member
from rag_ingest.load.arxiv_metadata import MetadataIndex, cache_folder
from rag_ingest.load.arxiv_options import ArxivOptions
from rag_ingest.load.arxiv_paper import paper_fields, paper_title
from rag_ingest.load.arxiv_select import Selection
from rag_ingest.load.arxiv_tar import Listing, Member
from rag_ingest.load.member_copies import MemberCopies
from rag_ingest.load.member_uri import member_uri, split_member
from rag_ingest.load.pdf import PdfLoader
from rag_ingest.load.stamp import stamp_at
from rag_ingest.types import Failure, Loader, Page, Source, SourceDocument

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_CHANGED = "the dump has changed since the paper was opened; ingest it again"
_SHOWN = 3

log = logging.getLogger(__name__)


class ArxivLoader:
    """Gives the papers of a dump (`sources`), and reads each as the loader of PDFs does.

    `SourceDocument.source` of a paper is the dump and the member's name, `/dumps/arXiv_pdf_2301_001.tar!/2301/
    2301.00001.pdf`; its `doc_id` is that of the PDF; its `metadata` has the fields of `arxiv_paper.paper_fields`
    beside those of the PDF; its title is arXiv's where the metadata has the paper.

    Attributes:
        left_out: "papers" of dumps that the filters did not let through so far; those that are "unknown" have no arXiv
            id, or are not in the metadata.

    Args:
        options: what is joined and which papers are wanted.
        pdf: reads the PDFs; it is the caller's to close. By default one with default options, which `close` ends.
    """

    media: ClassVar[str] = "arxiv"
    reads_through: ClassVar[str] = "pdf"

    def __init__(self, options: ArxivOptions | None = None, pdf: Loader | None = None) -> None:
        self._options = options or ArxivOptions()
        self._pdf = pdf or PdfLoader()
        self._owns_pdf = pdf is None
        self._selection = Selection(self._options)
        self._manifests = Manifests(self._options)
        self._copies = MemberCopies()
        self._index: MetadataIndex | None = None
        self.left_out = Counter(papers=0, unknown=0)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def sources(self, source: Source) -> Iterator[Source | Failure]:
        """The papers of a dump that the options ask for, in the order of the dump; no paper is read.

        Of a name that stands in the dump twice the last is taken, as tar does; of a paper all versions, the latest
        first. A source that is one paper of a dump gives itself, whatever the filters say.

        Yields:
            A `Source` a paper; a `Failure` for each member that is refused, and for a dump that can't be read, that
            differs from its manifest, or from the place on where it is damaged.

        Raises:
            ConfigError: the metadata or the manifest of the options can't be read.
        """
        archive = source.uri
        if split_member(archive):
            yield source
            return
        try:
            self._manifests.check(archive)
            listing = listing_of(archive, self._options.max_member_mb)
        except LoadError as error:
            yield _failure(archive, error)
            return
        stamp, joined = stamp_at(archive), self._metadata_stamp()
        for refused in listing.refused.values():
            yield Failure(member_uri(archive, refused.name), None, "load", refused.reason)
        for member in self._wanted(archive, listing):
            place = f"{stamp}@{member.offset}{joined}" if stamp else ""
            yield Source(member_uri(archive, member.name), self.media, place)
        if listing.damage:
            yield Failure(archive, None, "load", listing.damage)
        elif not listing.members and not listing.refused:
            yield Failure(archive, None, "load", f"holds no PDF ({listing.others:,} other files)")

    def open(self, source: Source) -> SourceDocument:
        """Reads a paper from its dump and opens it.

        Raises:
            LoadError: there is no such paper, it is refused, or its PDF can't be opened (see `PdfLoader.open`).
            ConfigError: the metadata of the options can't be read.
        """
        opened = self._open(source.uri)
        name = id_of_member(source.uri)
        record = self._record(name) if name else None
        fields = paper_fields(name, record) if name else {}
        title = paper_title(record or {}) or opened.title
        return replace(opened, source=source.uri, title=title, metadata={**opened.metadata, **fields})

    def pages(
        self, document: SourceDocument, numbers: Sequence[int], *, image: bool = True
    ) -> Iterator[Page | Failure]:
        """Yields the pages asked for, in that order; see `PdfLoader.pages`."""
        uri = document.source
        try:
            with self._copies.use(uri, lambda: self._open(uri)) as opened:
                if opened.doc_id != document.doc_id:
                    raise LoadError(_CHANGED)
                for item in self._pdf.pages(opened, numbers, image=image):
                    yield item if isinstance(item, Page) else replace(item, source=uri)
        except LoadError as error:
            for number in numbers:
                yield replace(_failure(uri, error), page=number, doc_id=document.doc_id)

    def close(self) -> None:
        """Ends worker processes of its own and removes temporary files; a second call does nothing."""
        self._copies.close()
        if self._index is not None:
            self._index.close()
        if self._owns_pdf:
            self._pdf.close()

    def _open(self, uri: str) -> SourceDocument:
        archive, member = find_member(uri, self._options.max_member_mb)

        def opened(path: Path) -> SourceDocument:
            try:
                return self._pdf.open(Source(str(path), self.reads_through))
            except LoadError as error:
                raise type(error)(str(error).replace(str(path), uri)) from error

        return self._copies.add(uri, pieces(archive, member.offset, member.size), opened)

    def _metadata_stamp(self) -> str:
        """Papers that were read without this metadata file, or with an older one, have to be opened again."""
        file = self._options.metadata
        if not file:
            return ""
        state = stamp_at(str(Path(file).expanduser().absolute()))
        return f"+{hashlib.sha256(state.encode()).hexdigest()[:12]}"

    def _record(self, name: ArxivId) -> dict[str, Any] | None:
        if not self._options.metadata:
            return None
        with self._lock:
            if self._index is None:
                self._index = MetadataIndex(Path(self._options.metadata), cache_folder(self._options.cache))
        return self._index.record(name.paper)

    def _is_wanted(self, name: ArxivId | None) -> bool:
        """Whether the filters let a paper through; counts it otherwise."""
        record = self._record(name) if name else None
        if name and self._selection.wants(paper_fields(name, record)):
            return True
        self.left_out["papers"] += 1
        self.left_out["unknown"] += record is None and bool(name is None or self._options.metadata)
        return False

    def _wanted(self, archive: str, listing: Listing) -> list[Member]:
        papers: dict[str, list[Member]] = {}  # by paper, or by name where that tells no paper
        left_out = 0
        for member in listing.members.values():
            name = id_of_member(member.name)
            if self._selection.narrows and not self._is_wanted(name):
                left_out += 1
                continue
            papers.setdefault(name.paper if name else member.name, []).append(member)
        for versions in papers.values():
            if len(versions) > 1:
                versions.sort(key=lambda member: (self._version(member), member.name), reverse=True)
        _tell(archive, listing, len(papers), left_out, sum(map(len, papers.values())) - len(papers))
        return [member for versions in sorted(papers.values(), key=_place) for member in versions]

    def _version(self, member: Member) -> int:
        name = id_of_member(member.name)
        return int(paper_fields(name, self._record(name)).get("version", 0)) if name else 0


def _place(versions: Sequence[Member]) -> int:
    return versions[0].offset


def _tell(archive: str, listing: Listing, wanted: int, left_out: int, older: int) -> None:
    log.info(
        "%s: %s papers, %s not asked for, %s older versions, %s refused, %s other files",
        *(archive, wanted, left_out, older, len(listing.refused), listing.others),
    )
    if left_out and not wanted:
        log.warning("%s: none of its %s papers is what the filters of [arxiv] ask for", archive, f"{left_out:,}")
    if listing.superseded:
        shown = ", ".join(listing.superseded[:_SHOWN]) + (", …" if len(listing.superseded) > _SHOWN else "")
        log.warning("%s: stand in it more than once, the last is read: %s", archive, shown)


def _failure(uri: str, error: LoadError) -> Failure:
    return Failure(uri, None, "load", str(error).removeprefix(f"{uri}: "))
