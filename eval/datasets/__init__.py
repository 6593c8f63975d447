"""Documents, questions with their evidence, and strata: the built-in corpus, real papers, and formats people have.

A suite names a dataset as `builtin`, `papers` or `ohr-bench`, or as a format and where it lies: `beir:PATH`,
`ohr-bench:PATH`, `open-rag-bench:PATH`, `jsonl:PATH`. A relative path is looked for from the suite file's folder
first, then from the working directory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from eval.datasets.beir import beir
from eval.datasets.files import ROOT, data_folder
from eval.datasets.interface import GROUND_TRUTH, STRATA, Dataset, Gold, Pages, Question
from eval.datasets.ohr_bench import ohr_bench
from eval.datasets.open_rag_bench import open_rag_bench
from eval.datasets.own import own
from eval.datasets.papers import builtin, papers
from rag_ingest.errors import ConfigError

__all__ = [
    "DATASETS",
    "FORMATS",
    "GROUND_TRUTH",
    "ROOT",
    "STRATA",
    "Dataset",
    "Gold",
    "Pages",
    "Question",
    "data_folder",
    "load_dataset",
]

DATASETS: Mapping[str, Callable[[], Dataset]] = {
    "builtin": builtin,
    "papers": papers,
    "ohr-bench": lambda: ohr_bench(data_folder() / "ohr-bench"),
}
"""Datasets that have a name."""

FORMATS: Mapping[str, Callable[[Path], Dataset]] = {
    "beir": beir,
    "ohr-bench": ohr_bench,
    "open-rag-bench": open_rag_bench,
    "jsonl": own,
}
"""Formats that are named with a path."""


def load_dataset(name: str, folder: Path = Path()) -> Dataset:
    """A dataset by name, or by format and path.

    Args:
        name: a key of `DATASETS`, or `FORMAT:PATH` with a key of `FORMATS`.
        folder: where a relative path is looked for before the working directory: the suite file's.

    Raises:
        ConfigError: no such dataset, its data is missing, or a question is malformed.
    """
    if name in DATASETS:
        return DATASETS[name]()
    kind, _, path = name.partition(":")
    if kind not in FORMATS or not path:
        formats = ", ".join(f"{known}:PATH" for known in FORMATS)
        raise ConfigError(f"unknown dataset {name!r} (known: {', '.join(DATASETS)}, {formats})")
    places = [folder / path, Path(path)]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        tried = ", ".join(dict.fromkeys(str(place.absolute()) for place in places))
        raise ConfigError(f"dataset {name!r}: no such file or folder (looked for {tried})")
    return FORMATS[kind](found)
