"""`rag-ingest ingest`."""

from __future__ import annotations

import json
import os
import shlex
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
from rag_ingest.types import Failure, Source

if TYPE_CHECKING:
    from rag_ingest.config import Config
    from rag_ingest.report import IngestReport

__all__ = ["ingest", "password_setting", "run_found", "tell"]

_MAGIC = frozenset("*?[")


def ingest(
    paths: PathsArgument,
    db: DbOption,
    config: ConfigOption = None,
    engine: EngineOption = None,
    settings: SetOption = None,
    runner: Annotated[str | None, typer.Option("--runner", metavar="NAME", help="Where it runs: local.")] = None,
    sync: Annotated[
        bool, typer.Option("--sync", help="Also remove what is gone from these folders, or from dumps in them.")
    ] = False,
    password: PasswordOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read PDFs and images into a knowledge base; what is in it and unchanged is left alone.

    Pages that were read before get the boxes and crops that [boxes] and [figures] ask for by now, without being read.
    What these no longer ask for stays.
    """
    from rag_ingest.config import load_config

    options = load_config(config, [*(settings or []), *password_setting(password)], engine=engine, runner=runner)
    folders = _folders(paths, db) if sync else []
    empty = [folder for folder in folders if os.access(folder, os.R_OK | os.X_OK)]  # where no source is found at all
    tell(run_found(_found([paths], _if_meant(empty, db))[0], db, options, folders), as_json)


def _folders(paths: Sequence[str], db: str) -> list[str]:
    """Those that are synced."""
    from rag_ingest.runners.vanished import has_vanished

    local = [path for path in paths if "://" not in path and not _MAGIC.intersection(path)]
    folders = [path for path in local if _is_folder(path)]
    gone = [path for path in local if has_vanished(str(Path(path).expanduser()))]
    if folders:
        return folders + gone  # what is gone is left alone, and that is said
    if gone:
        raise ConfigError(f"no such folder: {', '.join(gone)}{_if_meant(gone, db)}")
    raise ConfigError("--sync needs a folder among the paths (a URL is none): what is gone from it is removed")


def _is_folder(path: str) -> bool:
    try:
        return Path(path).expanduser().is_dir()
    except OSError:  # it can't be looked at
        return False


def _if_meant(folders: Sequence[str], db: str) -> str:
    """What to do where --sync does nothing, because a disk may be missing."""
    if not folders:
        return ""
    given = " ".join(shlex.quote(folder) for folder in folders)
    return f"; nothing was removed: if that is meant, rag-ingest remove {given} --db {shlex.quote(db)}"


def _found(groups: Sequence[Sequence[str]], what_then: str = "") -> list[list[Source | Failure]]:
    """What each group of paths leads to; that nothing is at any of them is a usage error, which says `what_then`."""
    from rag_ingest.load.discover import find_sources

    found = [list(find_sources(paths)) for paths in groups]
    flat = [item for items in found for item in items]
    if not any(isinstance(item, Source) for item in flat):
        reasons = [f"{item.source}: {item.reason}" for item in flat if isinstance(item, Failure)]
        raise ConfigError("nothing to ingest: " + "; ".join(reasons) + what_then)
    return found


def run_found(found: Sequence[Source | Failure], db: str, options: Config, sync: Sequence[str] = ()) -> IngestReport:
    """`api.ingest` with its progress on stderr."""
    from rag_ingest.api import ingest as run
    from rag_ingest.console import IngestProgress
    from rag_ingest.load.media import holds_others

    dumps = any(isinstance(item, Source) and holds_others(item) for item in found)
    with IngestProgress(0 if dumps else len(found)) as progress:
        return run(found, db, config=options, progress=progress, sync=sync)


def tell(report: IngestReport, as_json: bool, hint: str = "") -> None:
    """The report, then the exit code that it stands for."""
    from rag_ingest.console import print_ingest_report

    if as_json:
        print_json(report.as_json())
    print_ingest_report(report)
    if hint:
        typer.echo(hint, err=True)
    if report.interrupted:
        raise typer.Exit(EXIT_ERROR)
    if report.failures:
        raise typer.Exit(EXIT_FAILURES)


def password_setting(password: str | None) -> list[str]:
    """As a `--set` of the loader."""
    return [f"load.password={json.dumps(password)}"] if password else []
