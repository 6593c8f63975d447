"""From PDFs to ranked passages, one way an arm: engine x splitter x embedder x mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from eval.datasets import Dataset
from eval.metrics import Passage
from eval.progress import track
from eval.rerank import reranked
from eval.retrieval import MODES, Ranker
from eval.sources import documents
from eval.splitters import cuts
from eval.suite import Arm
from rag_ingest.types import Embedder, Failure


@dataclass(frozen=True, slots=True)
class Built:
    """An arm, ready to be asked.

    Attributes:
        passages: in document order.
        failures: sources and pages that were lost on the way.
        rank: by the arm's mode.
        seconds: wall time by stage; near zero where the cache answered.
        documents: paper to its Markdown as the splitter saw it; a paper that was lost is missing.
    """

    arm: Arm
    passages: tuple[Passage, ...]
    failures: tuple[Failure, ...]
    rank: Ranker
    seconds: Mapping[str, float]
    documents: Mapping[str, str]


def build(arm: Arm, dataset: Dataset, embedder: Embedder, cache: Path) -> Built:
    """Reads, splits and embeds the papers of a dataset the way of one arm.

    Args:
        arm: how.
        dataset: what.
        embedder: the arm's, open for as long as questions are asked.
        cache: folder for pages and vectors.

    Raises:
        ConfigError: an unknown engine, or Markdown is asked of a dataset that has none.
        ModelError: the reranker can't be opened.
    """
    started = perf_counter()
    passages: list[Passage] = []
    failures: list[Failure] = []
    markdown: dict[str, str] = {}
    found = documents(arm, dataset, cache)
    for item in track(found, f"{arm.name}: reading", len(dataset.docs), "documents"):
        if isinstance(item, Failure):
            failures.append(item)
            continue
        doc, document = item
        markdown[doc] = document.markdown
        for cut in cuts(arm, document, embedder):
            tokens = embedder.count_tokens(cut.text)
            passages.append(Passage(doc, cut.text, tokens, cut.indexed, cut.wider, cut.pages))
    split = perf_counter()
    rank = MODES[arm.mode](passages, embedder, cache)
    if arm.rerank:
        rank = reranked(rank, arm.rerank, arm.rerank_depth)
    seconds = {"read_and_split": split - started, "embed": perf_counter() - split}
    return Built(arm, tuple(passages), tuple(failures), rank, seconds, markdown)
