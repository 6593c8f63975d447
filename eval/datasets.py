"""The papers and their questions: the built-in corpus, and the real papers where they are.

Real data is looked for in `$RAG_INGEST_DATA`, else in `../shared/data` beside the repository.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag_ingest.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
STRATA = ("prose", "table", "formula")


@dataclass(frozen=True, slots=True)
class Question:
    """A question and where its answer stands.

    Attributes:
        doc: name of the paper, a key of `Dataset.papers`.
        stratum: one of `STRATA`.
        page: 1-based page of the evidence.
        evidence: `{text}`, `{caption, row, column, value, cells}` or `{tex, lead}`.
    """

    id: str
    doc: str
    question: str
    answer: str
    stratum: str
    page: int
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Papers with questions.

    Attributes:
        papers: name to PDF.
        ground_truth: name to Markdown made from the paper's own source; empty when there is none.
        questions: every `doc` is a key of `papers`.
    """

    name: str
    papers: Mapping[str, Path]
    ground_truth: Mapping[str, Path]
    questions: tuple[Question, ...]

    def only(self, docs: tuple[str, ...]) -> Dataset:
        """The same with these papers alone.

        Raises:
            ConfigError: one of them is unknown.
        """
        unknown = sorted(set(docs) - set(self.papers))
        if unknown:
            raise ConfigError(f"docs: {', '.join(unknown)} not in dataset {self.name!r}")
        return Dataset(
            self.name,
            {name: self.papers[name] for name in docs},
            {name: path for name, path in self.ground_truth.items() if name in docs},
            tuple(q for q in self.questions if q.doc in docs),
        )


def data_folder() -> Path:
    """Where real data is looked for."""
    return Path(os.environ.get("RAG_INGEST_DATA", ROOT.parent / "shared" / "data"))


def builtin() -> Dataset:
    """The three fictional papers of `eval/corpus`."""
    corpus = ROOT / "eval" / "corpus"
    return _dataset("builtin", {p.stem: p for p in sorted(corpus.glob("*.pdf"))}, {}, corpus / "questions.jsonl")


def papers() -> Dataset:
    """The real papers with their questions.

    Raises:
        ConfigError: they are not there.
    """
    data = data_folder()
    if not (data / "papers").is_dir():
        raise ConfigError(f"no real papers in {data}: set RAG_INGEST_DATA to the folder that holds papers/")
    pdfs = {p.parent.name: p for p in sorted(data.glob("papers/*/paper.pdf"))}
    truth = {p.stem: p for p in sorted(data.glob("gt-markdown/*.md"))}
    return _dataset("papers", pdfs, truth, data / "questions.jsonl")


DATASETS: Mapping[str, Callable[[], Dataset]] = {"builtin": builtin, "papers": papers}


def load_dataset(name: str) -> Dataset:
    """A dataset by name.

    Raises:
        ConfigError: no such dataset, its data is missing, or a question is malformed.
    """
    if name not in DATASETS:
        raise ConfigError(f"unknown dataset {name!r} (known: {', '.join(DATASETS)})")
    return DATASETS[name]()


def _dataset(name: str, pdfs: Mapping[str, Path], truth: Mapping[str, Path], questions: Path) -> Dataset:
    rows: list[Question] = []
    for number, line in enumerate(questions.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = Question(**json.loads(line))
        except (TypeError, ValueError) as e:
            raise ConfigError(f"{questions}:{number} is no question: {e}") from e
        if row.doc not in pdfs or row.stratum not in STRATA:
            raise ConfigError(f"{questions}:{number}: unknown paper {row.doc!r} or stratum {row.stratum!r}")
        rows.append(row)
    return Dataset(name, pdfs, truth, tuple(rows))
