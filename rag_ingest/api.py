"""What the command line does, as functions: `ingest`, `search`, `ocr`, `split_markdown`, `remove`, `reembed`."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from os import PathLike
from typing import Literal

from rag_ingest import registry
from rag_ingest.config import Config
from rag_ingest.embed.bundled import bundled_token_counter
from rag_ingest.embed.rerank import CrossEncoderReranker
from rag_ingest.errors import ConfigError
from rag_ingest.parse.document import parse_markdown
from rag_ingest.pipeline import Paths, Pipeline
from rag_ingest.report import IngestReport, Waiting
from rag_ingest.runners.reembed import ReembedReport
from rag_ingest.runners.reembed import run as run_reembed
from rag_ingest.split import SplitOptions, split
from rag_ingest.stages import PageResult
from rag_ingest.store.expand import Expansion, Neighbours
from rag_ingest.store.knowledge_base import DocumentRecord, KnowledgeBase
from rag_ingest.store.lease import lease
from rag_ingest.store.phrases import without_quotes
from rag_ingest.store.status import Marks
from rag_ingest.store.where import parse_where
from rag_ingest.types import Chunk, Failure, SearchHit, SourceDocument, TokenCounter

SearchMode = Literal["hybrid", "vector", "text"]

EXPAND_TOKENS = 1024
"""Three or four such texts fill what is commonly handed to a language model."""

RERANK_DEPTH = 50
"""As many as each way of searching gives at least."""


def ingest(
    paths: Paths | str | PathLike[str],
    db: str | PathLike[str],
    *,
    config: Config | None = None,
    progress: Callable[[object], None] | None = None,
    sync: Sequence[str | PathLike[str]] = (),
) -> IngestReport:
    """Reads PDFs and images into a knowledge base; what is there already and unchanged is left alone.

    Args:
        paths: files, folders, globs and fsspec URLs.
        db: folder of the LanceDB database, made where it is missing.
        config: options of every stage.
        progress: called with each `Work`, `PageMarkdown`, `Failure` and `DocumentReport` as it comes.
        sync: folders; what came from a file in them that is gone is removed.

    Raises:
        ConfigError: a wrong option, engine or model, before the first page.
        StoreMismatchError: the database was written by another embedder.
    """
    config = config or Config()
    run = registry.resolve("runner", config.runner)
    with Pipeline(config) as pipeline:
        report: IngestReport = run(pipeline, _as_list(paths), str(db), progress or (lambda event: None), sync)
        return report


def remove(
    names: Sequence[str],
    db: str | PathLike[str],
    *,
    keep_pages: bool = False,
    dry_run: bool = False,
    progress: Callable[[object], None] | None = None,
) -> list[DocumentRecord]:
    """Removes documents with their chunks, pages and figures; returns the rows that they had.

    Where they had a fifth of a table, its files are written anew without them: what that leaves on the disk goes at
    once in a database of 32 MiB or more, else with the next run. Less than a fifth waits for `rag-ingest optimize`.

    Args:
        names: sources, folders, doc_ids or at least eight digits of one, or arXiv ids; see `store.naming`.
        db: folder of the LanceDB database.
        keep_pages: leave in the ledger what was read.
        dry_run: only look.
        progress: called with a `Waiting` where another process writes, and where upkeep takes long.

    Raises:
        ConfigError: a name stands for no document; nothing is removed then.
        StoreError: there is no knowledge base, or it can't be written.
    """
    with KnowledgeBase.open(str(db)) as known:
        gone = known.meant_by(names)
        if dry_run or not gone:
            records = known.documents_of(gone)
            return [records[source] for source in gone if source in records]

    def told(text: str) -> None:
        if progress:
            progress(Waiting(text))

    with lease(str(db), told=told), KnowledgeBase.open(str(db), told=told) as kb:
        removed = kb.remove(gone, keep_pages=keep_pages)
        kb.optimize(exclusive=True)
        return removed


def reembed(
    db: str | PathLike[str], *, config: Config | None = None, progress: Callable[[object], None] | None = None
) -> ReembedReport:
    """Makes another embedder that of a knowledge base: every document is split and embedded anew, no page is read.

    The old chunks answer until all new ones are there. A run that was killed goes on where it was.

    Args:
        db: folder of the LanceDB database.
        config: of the new embedder and the splitter.
        progress: called with the `DocumentReport` of each document, and with a `Waiting` where another process writes.

    Raises:
        ConfigError: a wrong option or model.
        StoreError: there is no knowledge base, or it can't be written.
    """
    with Pipeline(config or Config()) as pipeline:
        return run_reembed(pipeline, str(db), progress or (lambda event: None))


def marks_of(config: Config) -> Marks:
    """What a configuration would put down as read, split and embedded by; `KnowledgeBase.status` compares with it.

    Raises:
        ConfigError: a wrong option, engine or model.
    """
    with Pipeline(config) as pipeline:
        return Marks(pipeline.engine.name, pipeline.ocr_fingerprint, pipeline.split_fingerprint, pipeline.embedder.name)


def search(
    query: str,
    db: str | PathLike[str],
    *,
    mode: SearchMode = "hybrid",
    k: int = 10,
    where: str | None = None,
    config: Config | None = None,
    expand: Literal["section"] | None = None,
    expand_tokens: int = EXPAND_TOKENS,
    neighbours: int = 0,
    rerank: str | None = None,
    rerank_depth: int = RERANK_DEPTH,
) -> list[SearchHit]:
    """The `k` best chunks of a knowledge base, best first.

    With `expand="section"` each hit also has, in `expanded`, the largest section around it that fits `expand_tokens`,
    from the part right below its heading up to the whole document, or as many neighbours as fit where not even that
    part does; with `neighbours=n` the n chunks before and the n behind it. Of several hits in one such text only the
    best is kept, so that `k` hits are `k` texts; they are filled from all candidates of the search (50, or 3 k, of each
    mode; with `rerank` those that were reranked), and are fewer only where these don't suffice.

    Args:
        query: plain words. What stands in double quotes is a phrase, which every hit has word for word in its text or
            headings; in mode "vector" quotes mean nothing.
        db: folder of the LanceDB database.
        mode: "vector" (meaning), "text" (words, BM25) or "hybrid" (both, their scores combined).
        k: how many.
        where: a filter, for example `categories contains 'cs.CL' and year >= 2020`; see `store.where`.
        config: only where the embedder needs options that the database can't know (an API key, a device).
        expand: "section", or None for chunks alone.
        expand_tokens: of an expanded text, counted exactly; by the embedder's tokenizer, in mode "text", which loads no
            model, by that of all-MiniLM-L6-v2. A chunk that alone has more stays as it is.
        neighbours: chunks on each side to show with a hit; not together with `expand`.
        rerank: a cross-encoder, hub name or folder, that orders the first `rerank_depth` anew. `score` is its own then,
            and `metadata["first_score"]` what the search gave.
        rerank_depth: hits that it reads, at least `k`.

    Raises:
        StoreError: there is no knowledge base.
        StoreMismatchError: `config` names another embedder than the one that wrote it.
        ModelError: the embedder or reranker can't be had.
        ConfigError: the query is empty, the filter can't be read, or an option has a value that it can't have.
    """
    if not query.strip():
        raise ConfigError("the query is empty: write some words to look for")
    if rerank_depth < 1:
        raise ConfigError(f"rerank_depth = {rerank_depth}: must be at least 1")
    grow = _growth(expand, expand_tokens, neighbours)
    if where and where.strip():
        parse_where(where, lambda *_: [])  # before a model is loaded
    reranker = CrossEncoderReranker(rerank) if rerank else None
    meaning = without_quotes(query).strip() or query
    with KnowledgeBase.open(str(db)) as kb, ExitStack() as opened:
        if mode == "text":
            vector, grown = None, grow(bundled_token_counter)
        else:
            embedder = opened.enter_context(Pipeline(config or kb.config(Config()))).embedder
            kb.require_embedder(embedder.name, embedder.dimension)
            vector, grown = embedder.embed_queries([meaning])[0], grow(lambda: embedder.count_tokens)
        if reranker is None:
            return kb.search(query, vector, mode=mode, k=k, where=where, expansion=grown)
        reranker.load()
        hits = kb.search(query, vector, mode=mode, k=max(k, rerank_depth), where=where)
        hits = reranker.rerank(meaning, hits)
        return kb.expand(hits, grown, k=k) if grown else hits[:k]


def _growth(
    expand: str | None, expand_tokens: int, neighbours: int
) -> Callable[[Callable[[], TokenCounter]], Expansion | Neighbours | None]:
    """How hits grow, once it is known who counts tokens."""
    if expand not in (None, "section"):
        raise ConfigError(f"expand = {expand!r}: allowed are 'section' and None")
    if expand_tokens < 1:
        raise ConfigError(f"expand_tokens = {expand_tokens}: must be at least 1")
    if neighbours < 0:
        raise ConfigError(f"neighbours = {neighbours}: must be at least 0")
    if expand and neighbours:
        raise ConfigError("expand and neighbours both say what is shown around a hit: give one of them")
    if neighbours:
        return lambda counter: Neighbours(count=neighbours)
    return lambda counter: Expansion(max_tokens=expand_tokens, count_tokens=counter()) if expand else None


def ocr(
    paths: Paths | str | PathLike[str], *, engine: str | None = None, config: Config | None = None
) -> Iterator[tuple[SourceDocument, list[PageResult]] | Failure]:
    """Yields each document with what the engine read from its pages, in page order; no database is touched.

    A page that failed is a `Failure` in its place; a source that failed is a `Failure` of its own.

    Raises:
        ConfigError: a wrong option, engine or model, before the first page.
    """
    config = config or Config()
    with Pipeline(replace(config, engine=engine) if engine else config) as pipeline:
        yield from pipeline.pages(_as_list(paths))


def split_markdown(text: str, max_tokens: int = 256, count_tokens: TokenCounter | None = None) -> list[Chunk]:
    """Splits Markdown by headings, tables and LaTeX blocks within a token budget.

    What is embedded of a chunk is its context and text as they stand; `Pipeline.chunks` has every option, tables in
    words among them.

    Args:
        text: Markdown; `<!-- page N -->` markers give the chunks their pages.
        max_tokens: of context and text together.
        count_tokens: tokens of a text; by default the WordPiece tokenizer of all-MiniLM-L6-v2.

    Returns:
        Chunks in order; `chunk.text` is exactly `text[chunk.span.start:chunk.span.end]`.
    """
    doc_id = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    with _no_garbage():
        document = parse_markdown(text, doc_id=doc_id)
        return list(
            split(document, SplitOptions(table_text="source"), count_tokens or bundled_token_counter(), max_tokens)
        )


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Blocks and chunks are many small objects without cycles: looking for garbage among them takes a tenth longer."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _as_list(paths: Paths | str | PathLike[str]) -> Paths:
    return [paths] if isinstance(paths, str | PathLike) else paths
