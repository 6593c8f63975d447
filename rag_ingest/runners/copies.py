"""The row of a source whose content another one has: what was made of the content is shared, all else its own."""

from __future__ import annotations

from dataclasses import replace

from rag_ingest.load.arxiv_ids import id_of_member
from rag_ingest.load.arxiv_paper import has_record
from rag_ingest.parse.document import file_stem, given_title
from rag_ingest.runners.planning import row_of
from rag_ingest.stages import Work
from rag_ingest.store.schema import DocumentRecord
from rag_ingest.store.versions import shared

__all__ = ["row_of_copy"]

_READ = ("authors", "abstract")
"""What the text itself may tell (see `parse.document`)."""


def row_of_copy(work: Work, owner: DocumentRecord) -> DocumentRecord:
    """A source's row; of the same paper, what was known before and is not told this time stays."""
    told, known = work.document.metadata, dict(owner.metadata)
    if known.get("arxiv_id") != told.get("arxiv_id"):
        known = {name: known[name] for name in _READ if name in known}
    elif (name := id_of_member(owner.source)) and name.version:  # that of the other's name, not of arXiv's record
        known.pop("version", None)
    document = replace(work.document, metadata={**known, **told}, title=_title(work, owner))
    return shared(row_of(replace(work, document=document)), owner)


def _title(work: Work, owner: DocumentRecord) -> str:
    """arXiv's, or that of the text; where there is none, the name of its own file."""
    document = work.document
    if has_record(document.metadata) and (title := given_title(document.title, document.source)):
        return title
    return owner.title if owner.title != file_stem(owner.source) else file_stem(document.source)
