"""How far places were looked for, in rows of `pages` and, for all pages of a document, of `documents`.

Rows of versions that did not put it down have null there. What such a page shows is believed: crops that it names are
as the options have them by default; text has boxes where it has any, and none are to be had in its text layer where
it has none.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rag_ingest.store.schema import PLACING_COLUMNS
from rag_ingest.types import Placing

if TYPE_CHECKING:
    from lancedb.table import Table

__all__ = ["placing_columns", "placings"]

FEW = 1_000
"""So many keys are looked up by Arrow, which looks all of them over for each batch of rows."""

_BATCH_ROWS = 10_000
"""Pages with their boxes: some megabytes. Each batch looks all keys over."""

_IN_TABLE = "column png 3"
"""By default."""


def placing_columns(row: Mapping[str, Any]) -> dict[str, str]:
    """`boxes_by` and `crops_by` of a page, from a row of `pages` with its figures and boxes."""
    boxes, crops = row.get("boxes_by"), row.get("crops_by")
    if boxes is None or crops is None:
        found = row.get("boxes")
        shown = _shown(None if found is None else len(found), row["figures"])
        boxes, crops = shown.boxes, shown.crops
    return {"boxes_by": boxes, "crops_by": crops}


def placings(table: Table, keys: Collection[str]) -> Iterator[tuple[str, Placing]]:
    """(`doc_id:fingerprint`, placing) of every page that was read and whose key is among these; one pass.

    Args:
        table: `pages`, with all its columns.
        keys: which.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    few = pa.array(sorted(keys), pa.string()) if len(keys) <= FEW else None
    columns = ["doc_id", "fingerprint", "figures", "boxes", *PLACING_COLUMNS]
    query = table.search().where("state IN ('done', 'skipped')").select(columns).limit(None)
    for batch in query.to_batches(_BATCH_ROWS):
        key = pc.binary_join_element_wise(batch["doc_id"], batch["fingerprint"], ":")
        one_of = pc.is_in(key, few) if few is not None else None
        key, rows = (key, batch) if one_of is None else (key.filter(one_of), batch.filter(one_of))
        count = pc.list_value_length(rows["boxes"])
        lists = (a.to_pylist() for a in (key, rows["boxes_by"], rows["crops_by"], count, rows["figures"]))
        for name, boxes_by, crops_by, boxes, figures in zip(*lists, strict=True):
            if name not in keys:
                continue
            known = boxes_by is not None and crops_by is not None
            yield name, Placing(boxes_by, crops_by) if known else _shown(boxes, figures)


def _shown(boxes: int | None, figures: str) -> Placing:
    """Of a page with so many boxes, None where there was no column for them, and these figures."""
    by = "" if boxes is None else "all" if boxes else "layer"
    placed = [figure for figure in json.loads(figures) if figure["bbox"]] if figures != "[]" else []
    if not placed:
        return Placing(by, "-")
    path = next((figure["path"] for figure in placed if figure.get("path")), "")
    if path:
        return Placing(by, f"files {path.rpartition('.')[2]} 3")
    return Placing(by, _IN_TABLE if any(figure.get("in_table") for figure in placed) else "")
