"""A document into passages: by this project's splitter, LlamaIndex's or a peer's, each within a token budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from eval.peers import chonkie, docling_hybrid, semchunk
from eval.suite import Arm
from rag_ingest import Pipeline
from rag_ingest.config import load_config
from rag_ingest.errors import ConfigError
from rag_ingest.types import Chunk, Document, Embedder

if TYPE_CHECKING:
    from llama_index.core.node_parser import SentenceSplitter

HEADER_PATH = "header_path: "
"""What LlamaIndex writes before a MarkdownNodeParser node's text, for the embedder and for the reader."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece of a document.

    Attributes:
        text: what a reader is shown: judged, and paid for from the token budget.
        indexed: what the vector and the words are made of.
        wider: what the words of a hybrid search are made of, where that is not `indexed`.
        pages: 1-based; empty when unknown.
    """

    text: str
    indexed: str
    wider: str = ""
    pages: tuple[int, ...] = ()


TextSplitter: TypeAlias = Callable[[Arm, str, Embedder], Iterator[Cut]]


def cuts(arm: Arm, document: Document, embedder: Embedder) -> Iterator[Cut]:
    """The passages of a document, in order.

    Raises:
        MissingExtraError: the package of a peer is not installed.
    """
    if arm.splitter == "structure":
        yield from _structure(arm, document, embedder)
        return
    split = TEXT_SPLITTERS[arm.splitter]
    if not arm.by_page:
        yield from split(arm, document.markdown, embedder)
        return
    for page in document.page_spans:
        for cut in split(arm, document.markdown[page.span.start : page.span.end], embedder):
            yield replace(cut, pages=(page.number,))


def _structure(arm: Arm, document: Document, embedder: Embedder) -> Iterator[Cut]:
    config = load_config(base={"embedder": arm.embedder, "split": arm.split})
    pipeline = Pipeline(config, embedder=embedder)  # not closed: all that it holds is the embedder, which stays open
    chunks = list(pipeline.chunks(document))
    for chunk, wider in zip(chunks, wider_texts(chunks), strict=True):
        yield Cut(chunk.full_text, chunk.embed_text, wider if arm.wider else "", chunk.pages)


def wider_texts(chunks: Sequence[Chunk]) -> Iterator[str]:
    """What hybrid search looks for words in, as `rag_ingest.store.wider` has it."""
    before = ""
    for chunk in chunks:
        alone = not before or "table" in chunk.kinds
        yield chunk.embed_text if alone else f"{before}\n{chunk.embed_text}"
        before = chunk.text


def _sentence(arm: Arm, text: str, embedder: Embedder) -> Iterator[Cut]:
    """LlamaIndex's SentenceSplitter."""
    for piece in _sentence_splitter(arm, embedder).split_text(text):
        yield Cut(piece, piece)


def _markdown_sentence(arm: Arm, text: str, embedder: Embedder) -> Iterator[Cut]:
    """LlamaIndex's MarkdownNodeParser, then its SentenceSplitter, as an IngestionPipeline runs them.

    With `header_path` the node's metadata counts and stands before each text, as LlamaIndex does by default.
    """
    from llama_index.core.node_parser import MarkdownNodeParser
    from llama_index.core.schema import Document as LlamaDocument
    from llama_index.core.schema import MetadataMode

    sections = MarkdownNodeParser(include_metadata=arm.header_path).get_nodes_from_documents([LlamaDocument(text=text)])
    for section in sections:
        if not arm.header_path:
            section.metadata = {}
    splitter = _sentence_splitter(arm, embedder)
    try:
        nodes = splitter.get_nodes_from_documents(sections)  # type: ignore[arg-type]
    except ValueError as e:  # a header path that leaves no room
        raise ConfigError(f"arm {arm.name!r}: {splitter.chunk_size} tokens a piece are too few: {e}") from e
    for node in nodes:
        yield Cut(node.get_content(MetadataMode.LLM), node.get_content(MetadataMode.EMBED))


def _sentence_splitter(arm: Arm, embedder: Embedder) -> SentenceSplitter:
    """With the embedder's own token counts."""
    from llama_index.core.node_parser import SentenceSplitter

    limit = arm.token_limit(embedder)
    if arm.overlap_tokens >= limit:
        raise ConfigError(
            f"arm {arm.name!r}: overlap_tokens {arm.overlap_tokens} must be less than the {limit} of a piece"
        )
    return SentenceSplitter(
        chunk_size=limit,
        chunk_overlap=arm.overlap_tokens,
        tokenizer=lambda text: range(embedder.count_tokens(text)),
    )


def _peer(pieces: Callable[[str, int, Callable[[str], int]], Iterator[str]]) -> TextSplitter:
    def split(arm: Arm, text: str, embedder: Embedder) -> Iterator[Cut]:
        for piece in pieces(text, arm.token_limit(embedder), embedder.count_tokens):
            yield Cut(piece, piece)

    return split


TEXT_SPLITTERS: Mapping[str, TextSplitter] = {
    "sentence": _sentence,
    "markdown+sentence": _markdown_sentence,
    "docling-hybrid": _peer(docling_hybrid),
    "chonkie": _peer(chonkie),
    "semchunk": _peer(semchunk),
}
"""All but this project's: they know text alone."""
