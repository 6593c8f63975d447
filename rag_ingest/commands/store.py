"""`rag-ingest remove`."""

from __future__ import annotations

from typing import Annotated

import typer

from rag_ingest.commands.options import DbOption, JsonOption, print_json

__all__ = ["remove"]


def remove(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="DOC...",
            help="Sources as `status` and `search` show them, folders, doc_ids (or how they begin), or arXiv ids.",
            show_default=False,
        ),
    ],
    db: DbOption,
    keep_pages: Annotated[
        bool, typer.Option("--keep-pages", help="Keep what was read: the same file is not read again.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove documents with their chunks, pages and figures; the files that they came from are not touched."""
    from rag_ingest.api import remove as run
    from rag_ingest.report import Waiting

    def tell(event: object) -> None:
        if isinstance(event, Waiting):
            typer.echo(event.message, err=True)

    gone = run(names, db, keep_pages=keep_pages, dry_run=dry_run, progress=tell)
    if as_json:
        for record in gone:
            print_json({"source": record.source, "doc_id": record.doc_id, "title": record.title})
        return
    for record in gone:
        typer.echo(
            f"{'would remove' if dry_run else 'removed'} {record.source} ({record.chunk_count} chunks)", err=True
        )
