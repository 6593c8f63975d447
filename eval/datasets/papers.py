"""The built-in corpus, and the real papers where they are."""

from __future__ import annotations

from eval.datasets.files import ROOT, data_folder
from eval.datasets.interface import STRATA, Dataset
from eval.datasets.questions import read_questions
from rag_ingest.errors import ConfigError


def builtin() -> Dataset:
    """The fictional papers of `eval/corpus`, some of them as scans."""
    corpus = ROOT / "eval" / "corpus"
    pdfs = {p.stem: p for p in sorted(corpus.glob("*/*.pdf"), key=lambda p: p.stem)}
    truth = {p.stem: p for p in sorted(corpus.glob("truth/*.md"))}
    return Dataset("builtin", pdfs, truth, read_questions(corpus / "questions.jsonl", pdfs, STRATA))


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
    return Dataset("papers", pdfs, truth, read_questions(data / "questions.jsonl", pdfs, STRATA))
