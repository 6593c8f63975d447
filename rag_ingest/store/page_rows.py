"""A page as a row of `pages`: what was read, failed, or waits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rag_ingest.errors import StoreError
from rag_ingest.store.placed import placing_columns
from rag_ingest.store.placing import box_of, sides_of
from rag_ingest.store.schema import PLACING_COLUMNS, storable
from rag_ingest.types import Failure, Figure, PageMarkdown, Span, TextBox

__all__ = ["CROPS", "DONE", "page_of", "page_row", "same_page", "waiting_row"]

DONE = ("done", "skipped")
"""States in which nothing is left to do; a page without ink is skipped."""

CROPS = "figure_images"
"""A column: large, and asked for one by one."""

_VOLATILE = {"seconds", "attempts", "updated_at", "source", CROPS}


def same_page(before: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether two rows say the same of a page."""
    return all(before.get(name) == value for name, value in row.items() if name not in _VOLATILE)


def page_row(result: PageMarkdown | Failure, source: str, fingerprint: str, engine: str) -> dict[str, Any]:
    """Of what was read, or of what failed; the last two are the failure's.

    Raises:
        StoreError: it does not say which page of which document.
    """
    number = result.page if isinstance(result, Failure) else result.number
    if not number or not result.doc_id:
        raise StoreError(f"{source}: a page result without document or page number can't be recorded: {result}")
    shared: dict[str, Any] = {
        "doc_id": result.doc_id,
        "page": number,
        "source": source,
        "attempts": 1 if isinstance(result, Failure) else max(1, len(result.checks.get("attempts", ()))),
        "updated_at": datetime.now(UTC),
    }
    own = _failed(result, fingerprint, engine) if isinstance(result, Failure) else _done(result)
    return {"id": f"{result.doc_id}:{number}:{own['fingerprint']}", **shared, **own}


def _failed(failure: Failure, fingerprint: str, engine: str) -> dict[str, Any]:
    return _unread(fingerprint, engine) | {
        "state": "failed",
        "finish_reason": "error",
        "stage": failure.stage,
        "error": storable(failure.reason),
    }


def waiting_row(doc_id: str, page: int, source: str, fingerprint: str, engine: str) -> dict[str, Any]:
    """Of a page that is going to be read."""
    own = {"id": f"{doc_id}:{page}:{fingerprint}", "doc_id": doc_id, "page": page, "source": source}
    return {**_unread(fingerprint, engine), **own, "attempts": 0, "updated_at": datetime.now(UTC)}


def _unread(fingerprint: str, engine: str) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint,
        "engine": engine,
        "state": "pending",
        "markdown": "",
        "finish_reason": "",
        "checks": "{}",
        "figures": "[]",
        "boxes": [],
        CROPS: None,
        **dict.fromkeys(PLACING_COLUMNS, ""),
        "seconds": 0.0,
        "stage": "",
        "error": "",
    }


def _done(page: PageMarkdown) -> dict[str, Any]:
    figures = [
        {
            "placeholder": storable(f.placeholder),
            "bbox": f.bbox,
            "path": f.path,
            "in_table": bool(f.image) or f.in_table,
        }
        for f in page.figures
    ]
    return {
        "fingerprint": page.fingerprint,
        "engine": page.engine,
        "state": "skipped" if page.checks.get("verdict") == "blank" and not page.markdown else "done",
        "markdown": storable(page.markdown),
        "finish_reason": page.finish_reason,
        "checks": json.dumps(dict(page.checks), sort_keys=True),
        "figures": json.dumps(figures),
        "boxes": [{"start": b.span.start, "end": b.span.end, **sides_of(b.bbox)} for b in page.boxes],
        CROPS: [f.image for f in page.figures] if any(f.image for f in page.figures) else None,
        "boxes_by": page.boxes_by,
        "crops_by": page.crops_by,
        "seconds": page.seconds,
        "stage": "",
        "error": "",
    }


def page_of(row: Mapping[str, Any]) -> PageMarkdown:
    """What was read, but for the bytes of crops."""
    figures = [
        Figure(
            f["placeholder"],
            tuple(f["bbox"]) if f["bbox"] is not None else None,
            path=f.get("path", ""),
            in_table=f.get("in_table", False),
        )
        for f in json.loads(row["figures"])
    ]
    return PageMarkdown(
        doc_id=row["doc_id"],
        number=row["page"],
        markdown=row["markdown"],
        engine=row["engine"],
        fingerprint=row["fingerprint"],
        finish_reason=row["finish_reason"],
        checks=json.loads(row["checks"]),
        figures=tuple(figures),
        seconds=row["seconds"],
        boxes=tuple(TextBox(Span(b["start"], b["end"]), box_of(b)) for b in row["boxes"] or ()),
        **placing_columns(row),
    )
