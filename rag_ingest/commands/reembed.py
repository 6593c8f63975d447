"""`rag-ingest reembed` and `rag-ingest optimize`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from rag_ingest.commands.options import (
    EXIT_FAILURES,
    ConfigOption,
    DbOption,
    JsonOption,
    SetOption,
    print_json,
)

__all__ = ["optimize", "reembed"]


def reembed(db: DbOption, config: ConfigOption = None, settings: SetOption = None, as_json: JsonOption = False) -> None:
    """Split and embed every document anew, by another embedder, without reading a page again.

    All other options are those of the last ingest, where none are given here.
    """
    from rag_ingest.api import reembed as run
    from rag_ingest.config import EMBEDDER_SECTIONS, Config, load_config
    from rag_ingest.console import IngestProgress, print_failures
    from rag_ingest.report import failure_json
    from rag_ingest.store.knowledge_base import KnowledgeBase
    from rag_ingest.store.run_configs import RunConfigs
    from rag_ingest.store.settings import with_settings

    with KnowledgeBase.open(db) as kb:
        count, runs = len(kb.documents(metadata=False)), RunConfigs(kb.uri).all()
    before = asdict(with_settings(Config(), runs[0].config)) if runs else {}
    base = {name: value for name, value in before.items() if name not in EMBEDDER_SECTIONS}
    options = load_config(config, settings or [], base=base)
    with IngestProgress(count) as progress:
        report = run(db, config=options, progress=progress)
    if as_json:
        names = ("db", "before", "embedder", "documents", "kept", "chunks", "seconds")
        found = {name: getattr(report, name) for name in names}
        print_json({**found, "failures": [failure_json(failure) for failure in report.failures]})
    elif report.before == report.embedder and not report.documents:
        typer.echo(f"{db} holds vectors of {report.embedder} already", err=True)
    else:
        typer.echo(
            f"{report.documents + report.kept} documents by {report.embedder}, {report.chunks} chunks embedded in "
            f"{report.seconds:.1f} s",
            err=True,
        )
    if report.failures:
        typer.echo("the old chunks stay until every document succeeds: run the same again, or remove these", err=True)
        print_failures(report.failures)
        raise typer.Exit(EXIT_FAILURES)


def optimize(
    db: DbOption,
    reindex: Annotated[
        bool, typer.Option("--reindex", help="Make all indexes anew, as when a file of one is damaged.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compact a knowledge base, bring its indexes up to date, and remove what was superseded from the disk."""
    from rag_ingest.store.knowledge_base import KnowledgeBase
    from rag_ingest.store.lease import lease
    from rag_ingest.store.upkeep import folder_bytes

    KnowledgeBase.open(db).close()  # a folder that is none is not to get a lease

    def told(message: str) -> None:
        typer.echo(message, err=True)

    with lease(db, told=told), KnowledgeBase.open(db, told=told) as kb:
        before = folder_bytes(kb.uri)
        kb.optimize(exclusive=True, thorough=True, reindex=reindex)
        after = folder_bytes(kb.uri)
    if as_json:  # under a URI nothing is known of files
        print_json({"bytes_before": before or None, "bytes_after": after or None})
    elif not before:
        typer.echo("optimized", err=True)
    else:
        typer.echo(f"{before / 2**20:.1f} MiB before, {after / 2**20:.1f} MiB after", err=True)
