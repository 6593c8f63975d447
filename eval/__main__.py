"""`python -m eval run SUITE.toml --out DIR`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Does structured Markdown retrieve better?")


@app.callback()
def _commands() -> None:
    """Keeps `run` a command of its own while it is the only one."""


@app.command()
def run(
    suite: Annotated[Path, typer.Argument(help="what to compare, TOML; see eval/suites")],
    out: Annotated[Path, typer.Option(help="folder for report.html, results.json and rows.jsonl")],
) -> None:
    """Runs a suite; pages and vectors are kept in OUT/cache."""
    from eval.report import write
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
    _print_summary(results)
    print(f"wrote {out / 'report.html'}", file=sys.stderr)
    if any(arm["failures"] for arm in results["arms"]):
        raise typer.Exit(3)


def _print_summary(results: dict[str, Any]) -> None:
    """Recall at the primary budget, a line an arm and group."""
    key = f"recall@{results['suite']['primary_budget']}"
    print(f"{'arm':28} {'group':8} {'n':>4} {key:>12} {'interval':>14} {'ceiling':>8}")
    for arm in results["arms"]:
        for name, group in arm["groups"].items():
            recall, ceiling = group[key], group["ceiling"]["mean"]
            interval = f"{recall['low']:.2f}..{recall['high']:.2f}"
            print(
                f"{arm['name']:28} {name:8} {group['questions']:4} {recall['mean']:12.3f} {interval:>14} {ceiling:8.3f}"
            )


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    app()
