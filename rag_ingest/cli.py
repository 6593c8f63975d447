"""`rag-ingest`: the command line. Results go to stdout; progress, summaries and errors to stderr.

Exit codes: 0 all done, 2 usage or configuration, 3 finished with failures recorded, 1 anything else.
Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from rag_ingest import __version__
from rag_ingest.commands.options import ConfigOption, DbOption, JsonOption, SetOption, print_json
from rag_ingest.commands.search import search
from rag_ingest.errors import ConfigError, ModelError, NoKnowledgeBaseError, RagIngestError, StoreMismatchError

if TYPE_CHECKING:
    from rag_ingest.config import Config

EXIT_ERROR, EXIT_USAGE, EXIT_FAILURES = 1, 2, 3


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


@app.command()
def ingest(
    paths: PathsArgument,
    db: DbOption,
    config: ConfigOption = None,
    engine: EngineOption = None,
    settings: SetOption = None,
    runner: Annotated[str | None, typer.Option("--runner", metavar="NAME", help="Where it runs: local.")] = None,
    password: PasswordOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read PDFs and images into a knowledge base; what is in it and unchanged is left alone."""
    from rag_ingest.config import load_config

    options = load_config(config, [*(settings or []), *_password(password)], engine=engine, runner=runner)
    _ingest(paths, db, options, as_json)


def _ingest(paths: list[str], db: Path, options: Config, as_json: bool) -> None:
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
        report = run(found, db, config=options, progress=progress)
    if as_json:
        print_json(report.as_json())
    print_ingest_report(report)
    if report.interrupted:
        raise typer.Exit(EXIT_ERROR)
    if report.failures:
        raise typer.Exit(EXIT_FAILURES)


@app.command()
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

    with KnowledgeBase.open(str(db)) as kb:
        sources = list(dict.fromkeys(failure.source for failure in kb.failures()))
        used = {found.engine for source in sources if (found := kb.document_for(source)) and found.engine}
        base = dict(kb.settings)
    if not sources:
        typer.echo("nothing failed", err=True)
        return
    if len(used) == 1:
        base["engine"] = used.pop()
    options = load_config(config, [*(settings or []), *_password(password)], base=base, engine=engine)
    _ingest(sources, db, options, as_json)


app.command()(search)


@app.command()
def ocr(
    paths: PathsArgument,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR|FILE", help="Where to write; stdout without it.")
    ] = None,
    engine: EngineOption = None,
    config: ConfigOption = None,
    settings: SetOption = None,
    password: PasswordOption = None,
) -> None:
    """Turn pages into Markdown, with `<!-- page N -->` before each page; no database is touched."""
    from rag_ingest.config import load_config
    from rag_ingest.ocr_output import write_markdown

    options = load_config(config, [*(settings or []), *_password(password)], engine=engine)
    if not write_markdown(paths, output, options):
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
def status(db: DbOption, as_json: JsonOption = False) -> None:
    """What is in a knowledge base: documents, pages by state, chunks, failures with reasons, engines."""
    from rag_ingest.console import print_status, status_json
    from rag_ingest.store.knowledge_base import KnowledgeBase

    with KnowledgeBase.open(str(db)) as kb:
        found = kb.status()
    if as_json:
        print_json(status_json(found))
    else:
        print_status(found, str(db))


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


def _password(password: str | None) -> list[str]:
    return [f"load.password={json.dumps(password)}"] if password else []


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
