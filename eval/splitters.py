"""A document into passages: this project's splitter, and LlamaIndex's, each within the embedder's token budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from eval.suite import Arm
from rag_ingest import Pipeline
from rag_ingest.config import load_config
from rag_ingest.store.wider import wider_texts
from rag_ingest.types import Document, Embedder

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
    """

    text: str
    indexed: str
    wider: str = ""


Splitter: TypeAlias = Callable[[Arm, Document, Embedder], Iterator[Cut]]


def _structure(arm: Arm, document: Document, embedder: Embedder) -> Iterator[Cut]:
    config = load_config(base={"embedder": arm.embedder, "split": arm.split})
    pipeline = Pipeline(config, embedder=embedder)  # not closed: all that it holds is the embedder, which stays open
    chunks = list(pipeline.chunks(document))
    for chunk, wider in zip(chunks, wider_texts(chunks), strict=True):
        yield Cut(chunk.full_text, chunk.embed_text, wider)


def _sentence(arm: Arm, document: Document, embedder: Embedder) -> Iterator[Cut]:
    """LlamaIndex's SentenceSplitter."""
    for text in _sentence_splitter(arm, embedder).split_text(document.markdown):
        yield Cut(text, text)


def _markdown_sentence(arm: Arm, document: Document, embedder: Embedder) -> Iterator[Cut]:
    """LlamaIndex's MarkdownNodeParser, then its SentenceSplitter, as an IngestionPipeline runs them.

    With `header_path` the node's metadata counts and stands before each text, as LlamaIndex does by default.
    """
    from llama_index.core.node_parser import MarkdownNodeParser
    from llama_index.core.schema import Document as LlamaDocument
    from llama_index.core.schema import MetadataMode

    sections = MarkdownNodeParser(include_metadata=arm.header_path).get_nodes_from_documents(
        [LlamaDocument(text=document.markdown)]
    )
    for section in sections:
        if not arm.header_path:
            section.metadata = {}
    for node in _sentence_splitter(arm, embedder).get_nodes_from_documents(sections):  # type: ignore[arg-type]
        yield Cut(node.get_content(MetadataMode.LLM), node.get_content(MetadataMode.EMBED))


def _sentence_splitter(arm: Arm, embedder: Embedder) -> SentenceSplitter:
    """With the embedder's own token counts."""
    from llama_index.core.node_parser import SentenceSplitter

    return SentenceSplitter(
        chunk_size=min(arm.max_tokens or embedder.max_tokens, embedder.max_tokens),
        chunk_overlap=arm.overlap_tokens,
        tokenizer=lambda text: range(embedder.count_tokens(text)),
    )


SPLITTERS: Mapping[str, Splitter] = {
    "structure": _structure,
    "sentence": _sentence,
    "markdown+sentence": _markdown_sentence,
}
