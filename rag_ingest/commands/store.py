"""`rag-ingest status` and `rag-ingest remove`."""

from __future__ import annotations

from typing import Annotated

import typer

from rag_ingest.commands.options import ConfigOption, DbOption, EngineOption, JsonOption, SetOption, print_json

__all__ = ["remove", "status"]


def status(
    db: DbOption,
    config: ConfigOption = None,
    engine: EngineOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is in a knowledge base: documents, pages by state, failures with reasons, engines, and what is stale.

    Stale is what ingesting again would redo: by the configuration given here, else by that of the last run.
    """
    from rag_ingest.api import marks_of
    from rag_ingest.config import load_config
    from rag_ingest.console import print_status, status_json
    from rag_ingest.store.knowledge_base import KnowledgeBase

    with KnowledgeBase.open(str(db)) as kb:
        marks = None
        if config or engine or settings:
            marks = marks_of(load_config(config, settings or [], base=kb.settings, engine=engine))
        found = kb.status(marks)
    if as_json:
        print_json(status_json(found))
    else:
        print_status(found, str(db))


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
