"""The `pages` table: what was read from which page by which engine fingerprint, and what failed.

A row is keyed by (document, page, fingerprint). Its state is "pending" (to be read), "done", "skipped" (no ink: nothing
to read) or "failed". A page that is done stays done: a later failure does not take its Markdown away. Writing the same
result again changes nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from rag_ingest.store.page_rows import CROPS, DONE, page_of, page_row, same_page, waiting_row
from rag_ingest.store.placed import placings
from rag_ingest.store.schema import DocumentRecord, pages_schema, source_key
from rag_ingest.store.tables import NARROW_BATCH_ROWS, doc_ids_of, fetch, known_columns, never_alone, upsert
from rag_ingest.store.trouble import never_stranded
from rag_ingest.types import Failure, PageMarkdown, Placing

if TYPE_CHECKING:
    from lancedb.table import Table

__all__ = ["Ledger", "PageCounts"]


@dataclass(frozen=True)
class PageCounts:
    """Pages of the documents as they stand, and the reasons of those that failed."""

    by_state: Mapping[str, int]
    failures: tuple[Failure, ...]


class Ledger:
    """Reads and writes the `pages` table."""

    def __init__(self, table: Table, alone: Callable[[], bool] = never_alone) -> None:
        self.table = table
        self._alone = alone  # whether the caller holds the lease
        columns = known_columns(table, pages_schema())
        self._columns = [name for name in columns if name != CROPS]  # see there

    def done(self, doc_id: str, fingerprint: str) -> dict[int, PageMarkdown]:
        """Pages that were read, by number."""
        from lancedb.expr import col, lit

        where = (
            (col("doc_id") == lit(doc_id)) & (col("fingerprint") == lit(fingerprint)) & col("state").isin(list(DONE))
        )
        pages = [page_of(row) for row in fetch(self.table, where, self._columns)]
        return {page.number: page for page in sorted(pages, key=lambda page: page.number)}

    def write(
        self,
        results: Sequence[PageMarkdown | Failure],
        *,
        sources: Mapping[str, str],
        fingerprint: str,
        engine: str,
        pending: Iterable[tuple[str, int]] = (),
    ) -> int:
        """Records results in one commit; returns how many rows changed.

        Args:
            results: pages carry their own engine and fingerprint.
            sources: of the documents, by doc_id.
            fingerprint: of failures and of pages that wait.
            engine: likewise.
            pending: (doc_id, page) of pages that are going to be read; one that has a row already is left alone.

        Raises:
            StoreError: a failure does not say which page of which document.
        """
        import pyarrow as pa

        rows = [page_row(result, source_key(sources[result.doc_id]), fingerprint, engine) for result in results]
        rows += [waiting_row(*each, source_key(sources[each[0]]), fingerprint, engine) for each in pending]
        known = self._known(rows)
        stored = set(known)
        changed: dict[str, dict[str, Any]] = {}
        for row in rows:
            before = known.get(row["id"])
            if before is not None:
                read = before["state"] in DONE and (row["state"] not in DONE or same_page(before, row))
                if read or row["state"] == "pending":
                    continue
                row["attempts"] = before["attempts"] + (0 if before["state"] in DONE else row["attempts"])
            known[row["id"]] = changed[row["id"]] = row
        if changed:
            self._keep_crops(changed, results)
            table = pa.Table.from_pylist(list(changed.values()), schema=pages_schema())
            upsert(self.table, "id", table, append=stored.isdisjoint(changed) and self._alone())
        return len(changed)

    def _keep_crops(self, rows: Mapping[str, dict[str, Any]], results: Iterable[PageMarkdown | Failure]) -> None:
        """Crops in the table, of pages whose other places were made again, come without their bytes and stay."""
        from lancedb.expr import col

        kept = [
            f"{page.doc_id}:{page.number}:{page.fingerprint}"
            for page in results
            if isinstance(page, PageMarkdown) and any(f.in_table and not f.image for f in page.figures)
        ]
        for found in fetch(self.table, col("id").isin(kept), ["id", CROPS]) if kept else ():
            if (row := rows.get(found["id"])) is not None:
                both = zip_longest(row[CROPS] or (), found[CROPS] or (), fillvalue=b"")
                row[CROPS] = [new or old for new, old in both]

    def doc_ids_of(self, sources: Iterable[str]) -> set[str]:
        """Contents that were read from these sources, earlier ones too."""
        return doc_ids_of(self.table, sources)

    def remove(self, doc_ids: Iterable[str]) -> None:
        """Deletes every page of these documents, whatever read it."""
        from lancedb.expr import col

        wanted = sorted(doc_ids)
        if wanted:
            self.table.delete(col("doc_id").isin(wanted))

    def _known(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        from lancedb.expr import col

        rows = list(rows)
        if not rows:
            return {}
        where = col("doc_id").isin(sorted({row["doc_id"] for row in rows})) & col("fingerprint").isin(
            sorted({row["fingerprint"] for row in rows})
        )
        return {row["id"]: row for row in fetch(self.table, where, self._columns)}

    def figure_image(self, doc_id: str, page: int, fingerprint: str, number: int) -> bytes:
        """The crop of a page's figure, counted from 1, where it is kept in this table; else empty."""
        from lancedb.expr import col, lit

        rows = fetch(self.table, col("id") == lit(f"{doc_id}:{page}:{fingerprint}"), [CROPS])
        images = rows[0][CROPS] if rows else None
        return bytes(images[number - 1]) if images and 0 < number <= len(images) else b""

    def figure_path(self, doc_id: str, page: int, fingerprint: str, number: int) -> str:
        """Where its file is, relative to the knowledge base; empty where there is none."""
        from lancedb.expr import col, lit

        rows = fetch(self.table, col("id") == lit(f"{doc_id}:{page}:{fingerprint}"), ["figures"])
        figures = json.loads(rows[0]["figures"]) if rows else []
        return str(figures[number - 1].get("path", "")) if 0 < number <= len(figures) else ""

    def failed(self) -> tuple[set[str], set[str]]:
        """(contents, sources) of pages that failed, whether they still belong to a document or not."""
        from lancedb.expr import col, lit

        rows = fetch(self.table, col("state") == lit("failed"), ["doc_id", "source"])
        return {row["doc_id"] for row in rows}, {row["source"] for row in rows}

    @never_stranded
    def counts(self, documents: Sequence[DocumentRecord], *, failed_only: bool = False) -> PageCounts:
        """Counts the pages that belong to `documents`, and those of sources that no row speaks for yet.

        Pages that another engine read before, or an earlier content of a source, are a cache and not counted.

        Args:
            documents: all there are, or all those of what `failed` tells.
            failed_only: look at no others.
        """
        import pyarrow as pa
        import pyarrow.compute as pc
        from lancedb.expr import col, lit

        current = pa.array([f"{d.doc_id}:{d.ocr_fingerprint}" for d in documents], pa.string())
        unfinished = pa.array([d.doc_id for d in documents if not d.ocr_fingerprint], pa.string())
        sources = pa.array([d.source for d in documents], pa.string())
        by_state = {"done": 0, "failed": 0}
        failures: list[Failure] = []
        columns = ["doc_id", "fingerprint", "source", "state", "page", "stage", "error"]
        query = self.table.search().select(columns).limit(None)
        query = query.where(col("state") == lit("failed")) if failed_only else query
        for batch in query.to_batches(NARROW_BATCH_ROWS):  # each looks all `documents` over
            key = pc.binary_join_element_wise(batch["doc_id"], batch["fingerprint"], ":")
            owned = pc.or_(pc.is_in(key, current), pc.is_in(batch["doc_id"], unfinished))
            counted = batch.filter(pc.or_(owned, pc.invert(pc.is_in(batch["source"], sources))))
            for item in counted["state"].value_counts().to_pylist():
                by_state[item["values"]] = by_state.get(item["values"], 0) + item["counts"]
            failed = counted.filter(pc.equal(counted["state"], "failed"))
            failures += [
                Failure(row["source"], row["page"], row["stage"], row["error"], row["doc_id"])
                for row in failed.to_pylist()
            ]
        return PageCounts(by_state, tuple(failures))

    @never_stranded
    def count_unplaced(self, documents: Iterable[DocumentRecord], placing: Placing) -> Counter[str]:
        """Pages of these documents whose boxes or crops don't serve `placing`, by `doc_id:fingerprint`."""
        keys = {f"{d.doc_id}:{d.ocr_fingerprint}" for d in documents}
        found = placings(self.table, keys) if keys else ()
        return Counter(key for key, page in found if not page.serves(placing))
