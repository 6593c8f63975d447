"""From PDFs to ranked passages, one way an arm: engine x splitter x embedder x mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TypeAlias

from eval.cache import CachedEngine, VectorCache
from eval.datasets import Dataset
from eval.metrics import Passage
from eval.suite import GROUND_TRUTH, Arm
from rag_ingest import Config, Pipeline, split_markdown
from rag_ingest.errors import ConfigError
from rag_ingest.types import Chunk, Embedder, Failure

Ranker: TypeAlias = Callable[[Sequence[str]], Iterator[list[Passage]]]
"""Questions to, for each in order, every passage of the arm, best first."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A paper as an engine read it.

    Attributes:
        doc: name of the paper.
        markdown: all of it.
        chunks: cuts it by this project's splitter, as `ingest` does.
    """

    doc: str
    markdown: str
    chunks: Callable[[], list[Chunk]]


@dataclass(frozen=True, slots=True)
class Built:
    """An arm, ready to be asked.

    Attributes:
        passages: in document order.
        failures: sources and pages that were lost on the way.
        rank: by the arm's mode.
        seconds: wall time by stage; near zero where the cache answered.
    """

    arm: Arm
    passages: tuple[Passage, ...]
    failures: tuple[Failure, ...]
    rank: Ranker
    seconds: Mapping[str, float]


def build(arm: Arm, dataset: Dataset, embedder: Embedder, cache: Path) -> Built:
    """Reads, splits and embeds the papers of a dataset the way of one arm.

    Args:
        arm: how.
        dataset: what.
        embedder: the arm's, open for as long as questions are asked.
        cache: folder for pages and vectors.

    Raises:
        ConfigError: an unknown engine, or ground truth is asked of a dataset that has none.
    """
    started = perf_counter()
    passages: list[Passage] = []
    failures: list[Failure] = []
    for reading in _read(arm, dataset, embedder, cache):
        if isinstance(reading, Failure):
            failures.append(reading)
            continue
        texts = SPLITTERS[arm.splitter](arm, reading, embedder)
        passages.extend(Passage(reading.doc, text, embedder.count_tokens(text)) for text in texts)
    split = perf_counter()
    rank = MODES[arm.mode](passages, embedder, cache)
    seconds = {"read_and_split": split - started, "embed": perf_counter() - split}
    return Built(arm, tuple(passages), tuple(failures), rank, seconds)


def _read(arm: Arm, dataset: Dataset, embedder: Embedder, cache: Path) -> Iterator[Reading | Failure]:
    if arm.engine == GROUND_TRUTH:
        yield from _ground_truth(arm, dataset, embedder)
        return
    names = {str(path.resolve()): doc for doc, path in dataset.papers.items()}
    config = Config(engine=arm.engine, embedder=arm.embedder)
    with Pipeline(config) as inner:
        engine = CachedEngine(inner.engine, cache / "pages")
        with Pipeline(config, engine=engine) as pipeline:
            for item in pipeline.documents([str(path) for path in dataset.papers.values()]):
                if isinstance(item, Failure):
                    yield item
                    continue
                doc = names[str(Path(item.source).resolve())]
                yield Reading(doc, item.markdown, lambda document=item: pipeline.chunks(document))  # type: ignore[misc]


def _ground_truth(arm: Arm, dataset: Dataset, embedder: Embedder) -> Iterator[Reading]:
    missing = sorted(set(dataset.papers) - set(dataset.ground_truth))
    if missing:
        raise ConfigError(f"arm {arm.name!r}: no ground truth for {', '.join(missing)}")
    for doc in dataset.papers:
        text = dataset.ground_truth[doc].read_text(encoding="utf-8")
        yield Reading(
            doc,
            text,
            lambda text=text: split_markdown(text, embedder.max_tokens, embedder.count_tokens),  # type: ignore[misc]
        )


def _structure(arm: Arm, reading: Reading, embedder: Embedder) -> list[str]:
    return [chunk.embed_text for chunk in reading.chunks()]


def _sentence(arm: Arm, reading: Reading, embedder: Embedder) -> list[str]:
    """LlamaIndex's SentenceSplitter with the embedder's own token counts and budget."""
    from llama_index.core.node_parser import SentenceSplitter

    splitter = SentenceSplitter(
        chunk_size=embedder.max_tokens,
        chunk_overlap=arm.overlap_tokens,
        tokenizer=lambda text: range(embedder.count_tokens(text)),
    )
    return splitter.split_text(reading.markdown)


def _vector(passages: Sequence[Passage], embedder: Embedder, cache: Path) -> Ranker:
    """Exact cosine over all passages; ties keep document order."""
    import numpy as np

    matrix = VectorCache(embedder, cache / "vectors").embed_documents([passage.text for passage in passages])

    def rank(questions: Sequence[str]) -> Iterator[list[Passage]]:
        for vector in embedder.embed_queries(questions):
            yield [passages[i] for i in np.argsort(-(matrix @ vector), kind="stable")]

    return rank


SPLITTERS: Mapping[str, Callable[[Arm, Reading, Embedder], list[str]]] = {
    "structure": _structure,
    "sentence": _sentence,
}
MODES: Mapping[str, Callable[[Sequence[Passage], Embedder, Path], Ranker]] = {"vector": _vector}
