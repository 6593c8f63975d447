"""Options that several commands share, and how they print JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rag_ingest.store.knowledge_base import KnowledgeBase
    from rag_ingest.store.run_configs import RunConfig

__all__ = [
    "EXIT_ERROR",
    "EXIT_FAILURES",
    "EXIT_USAGE",
    "ConfigOption",
    "DbOption",
    "EngineOption",
    "JsonOption",
    "PasswordOption",
    "PathsArgument",
    "SetOption",
    "print_json",
    "tree_of",
]

EXIT_ERROR, EXIT_USAGE, EXIT_FAILURES = 1, 2, 3


def _place(given: str) -> str:
    """A URI as it stands, a folder without what its name has too much: a slash at its end, a `~`."""
    return given if "://" in given else str(Path(given).expanduser())


PathsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...", help="Files, folders, globs or URLs (s3://, https://, file://).", show_default=False
    ),
]
EngineOption = Annotated[
    str | None, typer.Option("--engine", metavar="NAME", help="auto, lightonocr, server, layout or textlayer.")
]
PasswordOption = Annotated[
    str | None,
    typer.Option("--password", help="Password of encrypted PDFs.", envvar="RAG_INGEST_PASSWORD", show_envvar=True),
]

DbOption = Annotated[
    str,
    typer.Option(
        "--db",
        metavar="DIR",
        help="Folder of the knowledge base, or a URI (s3://, gs://, az://).",
        show_default=False,
        callback=_place,
    ),
]
ConfigOption = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="TOML file with options.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One option, e.g. split.max_tokens=200. Repeatable."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout and nothing else.")]


def print_json(value: Any) -> None:
    """One value, on a line of its own, on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def tree_of(run: RunConfig | None, kb: KnowledgeBase) -> dict[str, Any]:
    """The options of an earlier run, if any, for `load_config`; the embedder is always that of the knowledge base."""
    from rag_ingest.config import Config
    from rag_ingest.store.settings import with_settings

    return {**(asdict(with_settings(Config(), run.config)) if run else {}), **kb.settings}
