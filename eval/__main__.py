"""`python -m eval run SUITE.toml --out DIR` and `python -m eval misses DIR --arm NAME`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Does structured Markdown retrieve better?")


@app.command()
def run(
    suite: Annotated[Path, typer.Argument(help="what to compare, TOML; see eval/suites")],
    out: Annotated[Path, typer.Option(help="folder for report.html, results.json, rows.jsonl and misses.jsonl")],
) -> None:
    """Runs a suite; pages and vectors are kept in OUT/cache."""
    from eval.report import summary, write
    from eval.runner import run as run_suite
    from eval.suite import load_suite
    from rag_ingest.errors import ConfigError, ModelError, RagIngestError

    try:
        results, rows = run_suite(load_suite(suite), out / "cache", lambda line: print(line, file=sys.stderr))
        write(results, rows, out)
    except (ConfigError, ModelError) as e:
        print(f"error: {e}", file=sys.stderr)
        raise typer.Exit(2) from e
    except RagIngestError as e:
        print(f"error: {e}", file=sys.stderr)
        raise typer.Exit(1) from e
    print(summary(results))
    print(f"wrote {out / 'report.html'}", file=sys.stderr)
    if any(arm["failures"] for arm in results["arms"]):
        raise typer.Exit(3)


@app.command()
def misses(
    out: Annotated[Path, typer.Argument(help="folder that a run wrote")],
    arm: Annotated[str, typer.Option(help="name of one of its arms")],
) -> None:
    """Prints each question that an arm missed at the primary budget, with what it found instead."""
    from eval.misses import describe
    from rag_ingest.errors import ConfigError

    try:
        for line in describe(out, arm):
            print(line)
    except ConfigError as e:
        print(f"error: {e}", file=sys.stderr)
        raise typer.Exit(2) from e


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    app()
