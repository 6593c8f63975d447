"""`rag-ingest`: the command line. Results go to stdout; progress, summaries and errors to stderr.

Exit codes: 0 all done, 2 usage or configuration, 3 finished with failures recorded, 1 anything else.
Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from rag_ingest import __version__
from rag_ingest.commands.ingest import ingest, password_setting
from rag_ingest.commands.options import (
    EXIT_ERROR,
    EXIT_FAILURES,
    EXIT_USAGE,
    ConfigOption,
    EngineOption,
    JsonOption,
    PasswordOption,
    PathsArgument,
    SetOption,
    print_json,
)
from rag_ingest.commands.reembed import optimize, reembed
from rag_ingest.commands.retry import retry
from rag_ingest.commands.search import search
from rag_ingest.commands.status import status
from rag_ingest.commands.store import remove
from rag_ingest.errors import ConfigError, ModelError, NoKnowledgeBaseError, RagIngestError, StoreMismatchError

# Typer carries its own click, and shows no name for the base of its usage errors.
_USAGE_ERRORS: type[Exception] = next(b for b in typer.BadParameter.__mro__ if b.__name__ == "ClickException")


class Commands(TyperGroup):
    """Turns the package's own errors into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that was asked for."""
        try:
            return super().invoke(ctx)
        except RagIngestError as e:
            usage = isinstance(e, ConfigError | ModelError | NoKnowledgeBaseError | StoreMismatchError)
            typer.echo(f"error: {e}", err=True)
            raise typer.Exit(EXIT_USAGE if usage else EXIT_ERROR) from e
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(EXIT_ERROR) from None
        except (BrokenPipeError, typer.Exit, typer.Abort, _USAGE_ERRORS):
            raise
        except Exception as e:
            logging.getLogger("rag_ingest").debug("", exc_info=True)
            typer.echo(f"error: {type(e).__name__}: {e} (rag-ingest -v … shows where)", err=True)
            raise typer.Exit(EXIT_ERROR) from e


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="PDFs and page images into a searchable LanceDB knowledge base, read by LightOnOCR-2-1B.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more on stderr, tracebacks included.")] = False,
) -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("rag_ingest").setLevel(logging.DEBUG if verbose else logging.WARNING)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal whose encoding lacks a letter gets its number
        sys.stdout.reconfigure(errors="backslashreplace")


app.command()(ingest)
app.command()(retry)
app.command()(search)
app.command()(status)
app.command()(remove)
app.command()(reembed)
app.command()(optimize)


@app.command()
def ocr(
    paths: PathsArgument,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR|FILE", help="Where to write; stdout without it.")
    ] = None,
    figures: Annotated[
        bool, typer.Option("--figures", help="Also cut out figures whose boxes the engine knows, into NAME.figures.")
    ] = False,
    engine: EngineOption = None,
    config: ConfigOption = None,
    settings: SetOption = None,
    password: PasswordOption = None,
) -> None:
    """Turn pages into Markdown, with `<!-- page N -->` before each page; no database is touched."""
    from rag_ingest.config import load_config
    from rag_ingest.ocr_output import write_markdown

    options = load_config(config, [*(settings or []), *password_setting(password)], engine=engine)
    if not write_markdown(paths, output, options, figures=figures):
        raise typer.Exit(EXIT_FAILURES)


@app.command()
def split(
    file: Annotated[str, typer.Argument(metavar="FILE.md", help="Markdown file, or - for stdin.", show_default=False)],
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=16, help="Of context and text together.")] = 256,
    as_json: JsonOption = False,
) -> None:
    """Split a Markdown file and show the chunks."""
    from rag_ingest.api import split_markdown
    from rag_ingest.console import chunk_json, print_chunks

    chunks = split_markdown(_read_text(file), max_tokens=max_tokens)
    if as_json:
        for chunk in chunks:
            print_json(chunk_json(chunk))
    else:
        print_chunks(chunks)


@app.command()
def doctor(
    config: ConfigOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check devices, packages and models, and say which engine `auto` would choose."""
    from rag_ingest.config import load_config
    from rag_ingest.doctor import examine, print_examination

    findings = examine(load_config(config, settings or []))
    if as_json:
        print_json(findings)
    else:
        print_examination(findings)
    if findings["problems"]:
        raise typer.Exit(EXIT_ERROR)


def _read_text(file: str) -> str:
    """The exact characters: no newline translation, so that spans fit the file."""
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8")
    except OSError as e:
        raise ConfigError(f"{file} can't be read: {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise ConfigError(f"{file} is not UTF-8 text (byte {e.start})") from e


def main() -> None:
    """Entry point of `rag-ingest`."""
    app()


if __name__ == "__main__":
    main()
