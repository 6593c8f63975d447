"""`python -m eval`: runs suites and looks at what they found. Tables go to stdout, progress and errors to stderr.

Exit codes: 0 done, 1 anything else (a gate's condition is not met), 2 wrong suite, set-up or arguments, 3 done with
failures recorded, 130 interrupted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from rag_ingest.errors import ConfigError, ModelError, RagIngestError

if TYPE_CHECKING:
    from eval.quality.olmocr.pages import Reading
    from eval.quality.olmocr.score import Dataset


class Commands(TyperGroup):
    """Turns the package's own errors into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that was asked for."""
        try:
            return super().invoke(ctx)
        except RagIngestError as e:
            print(f"error: {e}", file=sys.stderr)
            raise typer.Exit(2 if isinstance(e, ConfigError | ModelError) else 1) from e
        except BrokenPipeError:
            raise
        except OSError as e:
            print(f"error: {e.strerror or e}{f': {e.filename}' if e.filename else ''}", file=sys.stderr)
            raise typer.Exit(1) from e
        except KeyboardInterrupt:
            print("interrupted: pages and vectors are kept, the same command goes on from there", file=sys.stderr)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Does structured Markdown retrieve better?",
)

OutOption = Annotated[
    Path, typer.Option(help="folder for report.html, results.json, rows.parquet, misses.jsonl and the cache")
]


@app.command()
def run(
    suite: Annotated[Path, typer.Argument(help="what to compare, TOML; see eval/suites")],
    out: OutOption,
) -> None:
    """Runs a suite; pages and vectors are kept in OUT/cache."""
    from eval.summary import summary

    results = _run(suite, out)
    print(summary(results))
    print(f"wrote {out / 'report.html'}", file=sys.stderr)
    if any(arm["failures"] for arm in results["arms"]):
        raise typer.Exit(3)


def _run(suite: Path, out: Path) -> Mapping[str, Any]:
    """Runs a suite and writes everything into `out`."""
    from eval.progress import showing
    from eval.records import prepare
    from eval.report import write
    from eval.runner import run as run_suite
    from eval.suite import load_suite

    loaded = load_suite(suite)
    prepare(out)
    with showing() as log:
        results, rows = run_suite(loaded, out / "cache", log, suite.parent)
    write(results, rows, out)
    return results


@app.command()
def misses(
    out: Annotated[Path, typer.Argument(help="folder that a run wrote")],
    arm: Annotated[str, typer.Option(help="name of one of its arms")],
) -> None:
    """Prints each question that an arm missed at the primary budget, why, and what it found instead."""
    from eval.misses import describe

    for line in describe(out, arm):
        print(line)


@app.command()
def compare(
    own: Annotated[str, typer.Argument(metavar="A", help="folder that a run wrote, or FOLDER:ARM")],
    base: Annotated[str, typer.Argument(metavar="B", help="what it is held against, likewise")],
    measure: Annotated[str, typer.Option(help="recall at the primary budget unless given, e.g. ndcg@10")] = "",
) -> None:
    """Prints A less B on their common questions, by group; arms of the same name unless both are named."""
    from eval.versus import parse, versus

    for line in versus(parse(own), parse(base), measure):
        print(line)


@app.command()
def gate(
    what: Annotated[Path, typer.Argument(metavar="SUITE_OR_DIR", help="a suite to run, or a folder that a run wrote")],
    least: Annotated[list[str], typer.Option("--min", metavar="MEASURE=NUMBER", help="e.g. recall@1024=0.70")],
    arm: Annotated[list[str] | None, typer.Option(help="must meet it; all but the baseline unless given")] = None,
    group: Annotated[str, typer.Option(help="of questions")] = "all",
    out: OutOption = Path("out"),
) -> None:
    """Ends with 1 when an arm falls short of a condition, else with 3 when documents failed; a line for each."""
    from eval.gate import check, check_names, parse
    from eval.measures import all_measures
    from eval.records import load
    from eval.suite import load_suite

    conditions = [parse(text) for text in least]
    if what.is_dir():
        results: Mapping[str, Any] = load(what).results
    else:
        suite = load_suite(what)
        measures = [measure.name for measure in all_measures(suite.budgets, suite.primary_budget, lcs=suite.lcs)]
        check_names(conditions, arm or [], measures=measures, known_arms=[found.name for found in suite.arms])
        results = _run(what, out)
    outcomes = check(results, conditions, arm or [], group)
    for skipped in results["skipped"]:
        print(f"not judged: {skipped['name']}: {skipped['reason']}", file=sys.stderr)
    for outcome in outcomes:
        print(outcome.line)
    if not all(outcome.met for outcome in outcomes):
        raise typer.Exit(1)
    if any(found["failures"] for found in results["arms"]):
        raise typer.Exit(3)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="PDF_FOLDER", help="your papers, at any depth")],
    out: Annotated[
        Path | None, typer.Option(help="folder for questions and suite; PDF_FOLDER-eval unless given")
    ] = None,
    sources: Annotated[Path | None, typer.Option(help="where their TeX or JATS lies, if not beside them")] = None,
    most: Annotated[
        int, typer.Option("--max", min=0, help="questions in all; 0 for no limit but six a kind and paper")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="of the choice among them")] = 0,
) -> None:
    """Makes a label-free dataset from your own papers, and a suite to run on it."""
    from eval.init.make import make
    from eval.init.write import BIASES, counts, write

    target = out or Path(f"{folder.resolve().name}-eval")
    made = make(folder, sources, most, seed, lambda line: print(line, file=sys.stderr))
    write(made, folder, target, seed)
    for bias in BIASES:
        print(f"mind: {bias}", file=sys.stderr)
    print(f"{len(made.rows)} questions ({counts(made)}) about {len(made.pdfs)} papers in {target}")
    print(f"next: python -m eval run {quote(str(target / 'suite.toml'))} --out results")
    if made.lost:
        raise typer.Exit(3)


@app.command()
def quality(
    output: Annotated[Path, typer.Argument(metavar="OUTPUT_FOLDER", help="Markdown files that an engine wrote")],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH_FOLDER", help="files of the same names, as they should be")],
    as_json: Annotated[bool, typer.Option("--json", help="prints all that was measured as JSON")] = False,
    seed: Annotated[int, typer.Option(min=0, help="of the bootstrap")] = 0,
) -> None:
    """Compares Markdown with ground truth: text, reading order, tables, formulas."""
    from eval.quality import arm_quality
    from eval.quality.folders import read_folder, table, unmatched

    read, known = read_folder(output), read_folder(truth)
    measured = arm_quality(read, known, seed)
    for line in unmatched(read, known):
        print(line, file=sys.stderr)
    print(json.dumps(measured, indent=1) if as_json else "\n".join(table(measured)))


@app.command()
def ocr(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATASET_FOLDER",
            show_default=False,
            help="pdfs/ and .jsonl files with tests; $RAG_INGEST_DATA/olmocr/sample_data unless given",
        ),
    ] = None,
    engine: Annotated[str, typer.Option(help="reads the PDFs: lightonocr, server, layout, textlayer, auto")] = "",
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="TOML file with its options")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="one option, e.g. layout.ocr=always: RapidOCR for every page"),
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="ready output instead: NAME_pgPAGE_repeatN.md")] = None,
    without: Annotated[list[str] | None, typer.Option(metavar="FILE", help="of tests to leave out, *.jsonl")] = None,
    failures: Annotated[bool, typer.Option(help="lists the tests that failed, and why")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="prints all that was found as one JSON object")] = False,
    out: Annotated[Path, typer.Option(help="folder; pages that were read are kept in its cache/")] = Path("out"),
    seed: Annotated[int, typer.Option(min=0, help="of the bootstrap")] = 0,
) -> None:
    """Runs olmOCR-bench's tests on what an engine reads, or on ready Markdown. Pass rates by type of test.

    Formulas are compared by the MathML of KaTeX, reduced to what is drawn; olmOCR-bench renders them in a browser.
    """
    from eval.quality.olmocr.lines import lines
    from eval.quality.olmocr.score import load_dataset, sample, score

    if bool(engine) == bool(markdown):
        raise ConfigError("name either --engine or --markdown")
    if markdown and (config or settings):
        raise ConfigError("--config and --set are for --engine: ready output has no options")
    dataset = load_dataset(folder or sample()).without(without or [])
    if markdown:
        from eval.quality.olmocr.pages import folder_pages

        reading = folder_pages(dataset, markdown)
    else:
        reading = _read(dataset, engine, config, settings or (), out)
    found = {"engine": reading.engine, **score(dataset, reading.pages, seed), **reading.origin()}
    print(json.dumps(found, indent=1) if as_json else "\n".join(lines(found, failures=failures)))
    if reading.lost:
        raise typer.Exit(3)


def _read(dataset: Dataset, engine: str, config: Path | None, settings: Sequence[str], out: Path) -> Reading:
    """The pages of olmOCR-bench as an engine reads them; they are kept in `out`."""
    from eval.progress import showing
    from eval.quality.olmocr.pages import engine_pages
    from eval.records import prepare
    from eval.settings import VARIABLE
    from rag_ingest.config import load_config

    options = load_config(config or os.environ.get(VARIABLE) or None, settings, engine=engine)
    prepare(out)
    with showing() as say:
        return engine_pages(dataset, options, out / "cache" / "pages", say)


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    app()
