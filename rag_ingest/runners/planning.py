"""What is left to do for a document, by what the knowledge base has of it."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from pathlib import Path

from rag_ingest.errors import LoadError
from rag_ingest.load.arxiv_dumps import member_sha256
from rag_ingest.load.arxiv_paper import is_told_more
from rag_ingest.load.fetch import content_id
from rag_ingest.load.member_uri import file_of, split_member
from rag_ingest.ocr.placing import needs_image
from rag_ingest.runners.vanished import has_vanished
from rag_ingest.stages import Work, all_pages
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.schema import DocumentRecord, source_key
from rag_ingest.store.versions import Versions
from rag_ingest.types import Placing, Source, SourceDocument

__all__ = ["Planner", "row_of"]


class Planner:
    """Skips what is in the knowledge base already, and takes pages from the ledger.

    It is asked in the thread that reads ahead, and told in the one that writes.

    Args:
        kb: only read.
        marks: OCR fingerprint, split fingerprint, embedder: of this run.
        placing: what it wants of boxes and crops.
    """

    def __init__(self, kb: KnowledgeBase, marks: tuple[str, str, str], placing: Placing) -> None:
        self._kb = kb
        self._marks = marks
        self._placing = placing
        self._under_way: dict[str, DocumentRecord] = {}  # by doc_id: what stands for it, until it is written
        self._giving_way: dict[str, DocumentRecord] = {}  # by source: what may be read after all, until it is settled
        self._lock = threading.Lock()
        self._done = {_mark(source, stamp) for source, stamp in kb.stamped(*marks, placing) if stamp}

    def is_known(self, source: Source) -> bool:
        """Whether a source was done in full and its file has not been written since: it need not be opened."""
        return bool(source.stamp) and _mark(source_key(source.uri), source.stamp) in self._done

    def __call__(self, document: SourceDocument) -> Work:
        """Of several sources with one content the first is read; the others only get their row.

        So do documents that give way to another of their work, be it that one is only under way.
        """
        source, doc_id = document.source, document.doc_id
        current = self._kb.is_current(source, doc_id, *self._marks, retry_failed=True, placing=self._placing)
        if current and not self._is_told_more(document):
            return Work(document, (), skip="unchanged")
        row = row_of(Work(document, ()))
        if self._gives_way(row):
            with self._lock:
                self._giving_way[source] = row
            return Work(document, (), skip="superseded")
        with self._lock:
            first = self._under_way.get(doc_id)
        if first is not None:
            return Work(document, (), skip="duplicate", same_as=first.source)
        owners = [o for o in self._kb.owners(doc_id, *self._marks, self._placing) if o.source != source_key(source)]
        owners = [o for o in owners if not is_told_more(o.metadata, document.metadata, same_file=False)]
        if (owner := next((o for o in owners if _still_has(o.source, doc_id)), None)) is not None:
            return Work(document, (), skip="duplicate", same_as=owner.source)
        if (owner := next((o for o in owners if has_vanished(file_of(o.source))), None)) is not None:
            return Work(document, (), skip="moved", same_as=owner.source)
        with self._lock:
            self._under_way[doc_id] = row
        return self._with_pages(Work(document, all_pages(document).todo))

    def _with_pages(self, work: Work) -> Work:
        """What the ledger has is not read again; what has not the places that are wanted is loaded again for them."""
        known = self._kb.done_pages(work.document.doc_id, self._marks[0])
        again = {n: page for n, page in known.items() if n in work.todo and not page.placing.serves(self._placing)}
        return replace(
            work,
            todo=tuple(n for n in work.todo if n not in known),
            done={n: page for n, page in known.items() if n not in again},
            again=again,
            pictured=frozenset(n for n, page in again.items() if needs_image(page, self._placing)),
        )

    def _gives_way(self, row: DocumentRecord) -> bool:
        """Whether another document of its work is there, or under way, and found instead."""
        if not row.work:
            return False
        with self._lock:
            held = (*self._under_way.values(), *self._giving_way.values())
            under_way = [other for other in held if other.work == row.work]
        found = Versions(under_way).superseder(row) or self._kb.versions([row.work]).superseder(row)
        return found is not None

    def _is_told_more(self, document: SourceDocument) -> bool:
        """Whether its chunks lack what is known of the paper by now; they are made again from the ledger."""
        if "arxiv_id" not in document.metadata:
            return False
        found = self._kb.document_for(document.source)
        return found is not None and is_told_more(found.metadata, document.metadata)

    def settled(self, source: str) -> None:
        """Whether a document gives way is known by now; one that doesn't will be asked about again."""
        with self._lock:
            self._giving_way.pop(source, None)

    def written(self, doc_id: str) -> None:
        """A document is in the knowledge base now, or has failed: later ones of its content find it there, or try."""
        with self._lock:
            self._under_way.pop(doc_id, None)


def _mark(source: str, stamp: str) -> bytes:
    """Few bytes: there may be millions."""
    return hashlib.blake2b(f"{source}\0{stamp}".encode("utf-8", "surrogatepass"), digest_size=12).digest()


def row_of(work: Work) -> DocumentRecord:
    """A document's row, but for what is made of its content."""
    document = work.document
    paper, version = document.metadata.get("arxiv_id"), document.metadata.get("version")
    return DocumentRecord(
        source=document.source,
        doc_id=document.doc_id,
        title=document.title,
        page_count=document.page_count,
        metadata=dict(document.metadata),
        work=f"arXiv:{paper}" if isinstance(paper, str) else "",
        version=version if isinstance(version, int) else 0,
        stamp=work.stamp,
    )


def _still_has(source: str, doc_id: str) -> bool:
    """Whether a local file, or a paper in a local dump, has this content now; a remote one is believed to."""
    if "://" in source:
        return True
    try:
        if split_member(source):
            return member_sha256(source) == doc_id
        return content_id(Path(source)) == doc_id
    except (OSError, LoadError):
        return False
