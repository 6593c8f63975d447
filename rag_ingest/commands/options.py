"""Options that several commands share, and how they print JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["ConfigOption", "DbOption", "JsonOption", "SetOption", "print_json"]

DbOption = Annotated[
    Path, typer.Option("--db", metavar="DIR", help="Folder of the knowledge base.", show_default=False)
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
