"""From PDFs to ranked passages, one way an arm: engine x splitter x embedder x mode."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from eval.cache import CachedEngine
from eval.datasets import Dataset
from eval.metrics import Passage
from eval.progress import track
from eval.retrieval import MODES, Ranker
from eval.splitters import SPLITTERS
from eval.suite import GROUND_TRUTH, Arm
from rag_ingest import Config, Pipeline
from rag_ingest.errors import ConfigError
from rag_ingest.types import Document, Embedder, Failure, PageMarkdown, SourceDocument


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
        ConfigError: an unknown engine, or ground truth is asked of a dataset that has none.
    """
    started = perf_counter()
    passages: list[Passage] = []
    failures: list[Failure] = []
    documents: dict[str, str] = {}
    names = {str(path.resolve()): doc for doc, path in _sources(arm, dataset).items()}
    for document in track(_read(arm, dataset, cache), f"{arm.name}: reading", len(dataset.papers), "papers"):
        if isinstance(document, Failure):
            failures.append(document)
            continue
        doc = names[str(Path(document.source).resolve())]
        documents[doc] = document.markdown
        for cut in SPLITTERS[arm.splitter](arm, document, embedder):
            passages.append(Passage(doc, cut.text, embedder.count_tokens(cut.text), cut.indexed, cut.wider))
    split = perf_counter()
    rank = MODES[arm.mode](passages, embedder, cache)
    seconds = {"read_and_split": split - started, "embed": perf_counter() - split}
    return Built(arm, tuple(passages), tuple(failures), rank, seconds, documents)


def _sources(arm: Arm, dataset: Dataset) -> Mapping[str, Path]:
    """Paper to the file that the arm reads."""
    if arm.engine != GROUND_TRUTH:
        return dataset.papers
    missing = sorted(set(dataset.papers) - set(dataset.ground_truth))
    if missing:
        raise ConfigError(f"arm {arm.name!r}: no ground truth for {', '.join(missing)}")
    return {doc: dataset.ground_truth[doc] for doc in dataset.papers}


def _read(arm: Arm, dataset: Dataset, cache: Path) -> Iterator[Document | Failure]:
    sources = [str(path) for path in _sources(arm, dataset).values()]
    if arm.engine == GROUND_TRUTH:
        yield from _GroundTruth().documents(sources)
        return
    config = Config(engine=arm.engine)
    with Pipeline(config) as inner, Pipeline(config, engine=CachedEngine(inner.engine, cache / "pages")) as pipeline:
        yield from pipeline.documents(sources)


class _GroundTruth(Pipeline):
    """Markdown files in the place of PDFs: each is read as a paper of one page, by nobody."""

    def pages(self, paths: object) -> Iterator[tuple[SourceDocument, list[PageMarkdown | Failure]] | Failure]:
        """The file as it stands."""
        assert isinstance(paths, list)
        for path in paths:
            text = Path(path).read_text(encoding="utf-8")
            doc_id = hashlib.sha256(text.encode()).hexdigest()
            yield SourceDocument(doc_id, path, 1), [PageMarkdown(doc_id, 1, text, GROUND_TRUTH, GROUND_TRUTH)]
