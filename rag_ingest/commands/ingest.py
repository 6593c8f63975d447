"""`rag-ingest ingest` and `rag-ingest retry`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag_ingest.commands.options import (
    EXIT_ERROR,
    EXIT_FAILURES,
    ConfigOption,
    DbOption,
    EngineOption,
    JsonOption,
    PasswordOption,
    PathsArgument,
    SetOption,
    print_json,
)
from rag_ingest.errors import ConfigError

if TYPE_CHECKING:
    from rag_ingest.config import Config

__all__ = ["ingest", "password_setting", "retry"]


def ingest(
    paths: PathsArgument,
    db: DbOption,
    config: ConfigOption = None,
    engine: EngineOption = None,
    settings: SetOption = None,
    runner: Annotated[str | None, typer.Option("--runner", metavar="NAME", help="Where it runs: local.")] = None,
    sync: Annotated[
        bool, typer.Option("--sync", help="Also remove what came from files in these folders that are gone.")
    ] = False,
    password: PasswordOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read PDFs and images into a knowledge base; what is in it and unchanged is left alone."""
    from rag_ingest.config import load_config

    options = load_config(config, [*(settings or []), *password_setting(password)], engine=engine, runner=runner)
    folders = [path for path in paths if Path(path).is_dir()]
    if sync and not folders:
        raise ConfigError("--sync needs a folder among the paths: what is gone from it is removed")
    _ingest(paths, db, options, as_json, folders if sync else ())


def retry(
    db: DbOption,
    config: ConfigOption = None,
    engine: EngineOption = None,
    settings: SetOption = None,
    password: PasswordOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read failed pages and sources again, by the engine and embedder of before; what was read stays."""
    from rag_ingest.config import load_config
    from rag_ingest.store.knowledge_base import KnowledgeBase

    with KnowledgeBase.open(db) as kb:
        sources = list(dict.fromkeys(failure.source for failure in kb.failures()))
        used = {found.engine for source in sources if (found := kb.document_for(source)) and found.engine}
        base = dict(kb.settings)
    if not sources:
        typer.echo("nothing failed", err=True)
        return
    if len(used) == 1:
        base["engine"] = used.pop()
    options = load_config(config, [*(settings or []), *password_setting(password)], base=base, engine=engine)
    _ingest(sources, db, options, as_json)


def _ingest(paths: list[str], db: str, options: Config, as_json: bool, sync: Sequence[str] = ()) -> None:
    from rag_ingest.console import IngestProgress, print_ingest_report
    from rag_ingest.load.discover import find_sources
    from rag_ingest.load.media import holds_others
    from rag_ingest.types import Source

    found = list(find_sources(paths))
    if not any(isinstance(item, Source) for item in found):
        raise ConfigError(
            "nothing to ingest: " + "; ".join(f"{i.source}: {i.reason}" for i in found if not isinstance(i, Source))
        )
    from rag_ingest.api import ingest as run

    dumps = any(isinstance(item, Source) and holds_others(item) for item in found)
    with IngestProgress(0 if dumps else len(found)) as progress:
        report = run(found, db, config=options, progress=progress, sync=sync)
    if as_json:
        print_json(report.as_json())
    print_ingest_report(report)
    if report.interrupted:
        raise typer.Exit(EXIT_ERROR)
    if report.failures:
        raise typer.Exit(EXIT_FAILURES)


def password_setting(password: str | None) -> list[str]:
    """As a `--set` of the loader."""
    return [f"load.password={json.dumps(password)}"] if password else []
