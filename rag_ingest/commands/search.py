"""`rag-ingest search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rag_ingest.commands.options import ConfigOption, DbOption, JsonOption, SetOption, print_json
from rag_ingest.errors import ConfigError

__all__ = ["search"]


def search(
    query: Annotated[
        str, typer.Argument(help='Plain words; "exact words" in double quotes are in every hit.', show_default=False)
    ],
    db: DbOption,
    mode: Annotated[str, typer.Option("--mode", help="hybrid, vector or text.")] = "hybrid",
    k: Annotated[int, typer.Option("-k", min=1, help="How many chunks.")] = 5,
    where: Annotated[
        str | None,
        typer.Option("--where", metavar="EXPR", help="Filter, e.g. \"categories contains 'cs.CL' and year >= 2020\"."),
    ] = None,
    expand: Annotated[
        str | None,
        typer.Option("--expand", metavar="section", help="Show the section around each chunk; one chunk a section."),
    ] = None,
    expand_tokens: Annotated[
        int | None, typer.Option("--expand-tokens", min=1, help="Budget of an expanded text.", show_default="1024")
    ] = None,
    neighbours: Annotated[
        int, typer.Option("--neighbours", metavar="N", min=0, help="Show N chunks before and behind each.")
    ] = 0,
    rerank: Annotated[
        str | None,
        typer.Option("--rerank", metavar="MODEL", help="Cross-encoder, hub name or folder, that has the last word."),
    ] = None,
    rerank_depth: Annotated[
        int | None, typer.Option("--rerank-depth", metavar="N", min=1, help="Hits that it reads.", show_default="50")
    ] = None,
    figures: Annotated[
        Path | None, typer.Option("--figures", metavar="DIR", help="Copy the crops of the hits' figures there.")
    ] = None,
    config: ConfigOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search a knowledge base: the best chunks with their headings and pages, or the texts around them."""
    from rag_ingest.api import EXPAND_TOKENS, RERANK_DEPTH
    from rag_ingest.api import search as run
    from rag_ingest.commands.crops import with_crops
    from rag_ingest.config import load_config
    from rag_ingest.hits import hit_json, print_hits
    from rag_ingest.store.knowledge_base import KnowledgeBase

    _check(mode, expand, expand_tokens, neighbours, rerank, rerank_depth)
    options = None
    if config or settings:
        with KnowledgeBase.open(str(db)) as kb:
            options = load_config(config, settings or [], base=kb.settings)
    hits = run(
        query,
        db,
        mode=mode,  # type: ignore[arg-type]  # checked, as is `expand`
        k=k,
        where=where,
        config=options,
        expand=expand,  # type: ignore[arg-type]
        expand_tokens=expand_tokens or EXPAND_TOKENS,
        neighbours=neighbours,
        rerank=rerank,
        rerank_depth=rerank_depth or RERANK_DEPTH,
    )
    if figures is not None:
        hits = with_crops(hits, str(db), figures)
    if as_json:
        for hit in hits:
            print_json(hit_json(hit))
    else:
        print_hits(hits)


def _check(
    mode: str, expand: str | None, expand_tokens: int | None, neighbours: int, rerank: str | None, depth: int | None
) -> None:
    """Raises `ConfigError` for options that are not known, or don't go together."""
    if mode not in ("hybrid", "vector", "text"):
        raise ConfigError(f"--mode {mode!r} is not one of hybrid, vector, text")
    if expand not in (None, "section"):
        raise ConfigError(f"--expand {expand!r} is not known: allowed is section")
    if expand_tokens is not None and expand is None:
        raise ConfigError("--expand-tokens needs --expand section")
    if expand and neighbours:
        raise ConfigError("--expand and --neighbours both say what is shown around a chunk: give one of them")
    if depth is not None and not rerank:
        raise ConfigError("--rerank-depth needs --rerank MODEL")
