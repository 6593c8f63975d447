"""Conditions on abstracts, which stand in `documents`, once a paper, and not with each of its chunks."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rag_ingest.store.trouble import never_stranded

if TYPE_CHECKING:
    from lancedb.table import Table

__all__ = ["Asked", "contents_with"]

Asked = Callable[[str], bool]
"""Whether an abstract is meant."""

_KEY = '"abstract"'


@never_stranded
def contents_with(documents: Table, holds: Asked, part: str) -> Sequence[str]:
    """`doc_id` of every content that has an abstract which is meant.

    Args:
        documents: the table; its metadata is read, where what is looked for may be.
        holds: decides.
        part: is in every abstract that is meant, in any case; what is plain ASCII is looked for in native code.
    """
    from lancedb.expr import col, lit

    where = col("metadata").contains(lit(_KEY))
    if part.isascii():
        where = where & col("metadata").lower().contains(lit(json.dumps(part)[1:-1].lower()))
    found = set()
    for batch in documents.search().where(where).select(["doc_id", "metadata"]).limit(None).to_batches():
        for doc_id, metadata in zip(batch["doc_id"].to_pylist(), batch["metadata"].to_pylist(), strict=True):
            abstract = json.loads(metadata).get("abstract")
            if isinstance(abstract, str) and holds(abstract):
                found.add(doc_id)
    return sorted(found)
