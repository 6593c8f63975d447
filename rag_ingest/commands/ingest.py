"""`rag-ingest ingest` and `rag-ingest retry`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from rag_ingest.types import Failure, Source

if TYPE_CHECKING:
    from rag_ingest.config import Config
    from rag_ingest.report import IngestReport
    from rag_ingest.store.knowledge_base import KnowledgeBase

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
    _tell(_run(_found([paths])[0], db, options, folders if sync else ()), as_json)


def retry(
    db: DbOption,
    config: ConfigOption = None,
    engine: EngineOption = None,
    settings: SetOption = None,
    password: PasswordOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read failed pages and sources again, by the configuration of before; what was read stays."""
    from rag_ingest.config import load_config
    from rag_ingest.report import IngestReport
    from rag_ingest.store.knowledge_base import KnowledgeBase

    with KnowledgeBase.open(db) as kb:
        groups = _by_configuration(kb)
    if not groups:
        typer.echo("nothing failed", err=True)
        if as_json:
            print_json(IngestReport(db).as_json())
        return
    over = [*(settings or []), *password_setting(password)]
    options = [load_config(config, over, base=base, engine=engine) for base, _ in groups]
    found = _found([sources for _, sources in groups])
    report = _run(found[0], db, options[0])
    for theirs, their_options in zip(found[1:], options[1:], strict=True):
        if not report.interrupted:
            report.include(_run(theirs, db, their_options))
    _tell(report, as_json)


def _by_configuration(kb: KnowledgeBase) -> list[tuple[dict[str, Any], list[str]]]:
    """(a tree for `load_config`, sources that failed by it); the embedder is always that of the knowledge base."""
    from rag_ingest.config import Config
    from rag_ingest.store.run_configs import RunConfigs, config_of
    from rag_ingest.store.settings import with_settings

    runs = RunConfigs(kb.uri).all()
    groups: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for source in dict.fromkeys(failure.source for failure in kb.failures()):
        document = kb.document_for(source)
        run = config_of(document, runs)
        if run is not None:
            base = {**asdict(with_settings(Config(), run.config)), **kb.settings}
        else:
            base = {**kb.settings, **({"engine": document.engine} if document and document.engine else {})}
        groups.setdefault(json.dumps(base, sort_keys=True, default=str), (base, []))[1].append(source)
    return list(groups.values())


def _found(groups: Sequence[Sequence[str]]) -> list[list[Source | Failure]]:
    """What each group of paths leads to; that nothing is at any of them is a usage error."""
    from rag_ingest.load.discover import find_sources

    found = [list(find_sources(paths)) for paths in groups]
    flat = [item for items in found for item in items]
    if not any(isinstance(item, Source) for item in flat):
        reasons = [f"{item.source}: {item.reason}" for item in flat if isinstance(item, Failure)]
        raise ConfigError("nothing to ingest: " + "; ".join(reasons))
    return found


def _run(found: Sequence[Source | Failure], db: str, options: Config, sync: Sequence[str] = ()) -> IngestReport:
    from rag_ingest.api import ingest as run
    from rag_ingest.console import IngestProgress
    from rag_ingest.load.media import holds_others

    dumps = any(isinstance(item, Source) and holds_others(item) for item in found)
    with IngestProgress(0 if dumps else len(found)) as progress:
        return run(found, db, config=options, progress=progress, sync=sync)


def _tell(report: IngestReport, as_json: bool) -> None:
    from rag_ingest.console import print_ingest_report

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
