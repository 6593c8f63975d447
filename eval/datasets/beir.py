"""A BEIR folder: `corpus.jsonl`, `queries.jsonl`, `qrels/test.tsv`.

The format is that of github.com/beir-cellar/beir (`beir/datasets/data_loader.py`): a document has `_id`, `title` and
`text`, a query `_id` and `text`, and a line of the qrels names query, document and grade below a header. Gold is a
document and no place in it: any passage of a document with a grade of 1 or more counts. That says which arm finds
the right document, not which one finds the answer; two splitters differ little in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from eval.datasets.files import read_jsonl, read_text, value
from eval.datasets.interface import GROUND_TRUTH, Dataset, Gold, Pages, Question
from eval.datasets.questions import ONE_STRATUM
from rag_ingest.errors import ConfigError

_GRADE = re.compile(r"-?[0-9]+")
_ANYWHERE: Mapping[str, object] = {"document": True}


def beir(folder: Path) -> Dataset:
    """Reads a BEIR folder; queries that the qrels don't judge are left out, as BEIR does.

    Raises:
        ConfigError: a file is missing, a line is malformed, or the qrels name what isn't there; with file and line.
    """
    corpus = _corpus(folder / "corpus.jsonl")
    queries: dict[str, str] = {}
    for where, row in read_jsonl(folder / "queries.jsonl", "a BEIR folder has queries.jsonl"):
        query = value(row, "_id", str, where)
        if query in queries:
            raise ConfigError(f"{where}: _id {query!r} occurs twice")
        queries[query] = value(row, "text", str, where)
    questions = tuple(
        _question(query, queries[query], docs) for query, docs in _qrels(folder / "qrels", queries, corpus).items()
    )
    return Dataset(folder.resolve().name, {}, {}, questions, {GROUND_TRUTH: corpus}, (ONE_STRATUM,))


def _corpus(file: Path) -> Mapping[str, Pages]:
    corpus: dict[str, Pages] = {}
    for where, row in read_jsonl(file, "a BEIR folder has corpus.jsonl"):
        doc, title = value(row, "_id", str, where), value(row, "title", str, where, "")
        if doc in corpus:
            raise ConfigError(f"{where}: _id {doc!r} occurs twice")
        text = value(row, "text", str, where)
        corpus[doc] = (f"# {title}\n\n{text}" if title else text,)
    if not corpus:
        raise ConfigError(f"{file} has no documents")
    return corpus


def _qrels(folder: Path, queries: Mapping[str, str], corpus: Mapping[str, Pages]) -> Mapping[str, list[str]]:
    """Query to its documents of grade 1 or more, in the order of the file."""
    file = folder / "test.tsv"
    relevant: dict[str, list[str]] = {}
    lines = read_text(file, "a BEIR folder has qrels/test.tsv").split("\n")
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        cells = line.rstrip("\r").split("\t")
        if len(cells) != 3 or not _GRADE.fullmatch(cells[2]):
            raise ConfigError(f"{file}:{number}: expected query-id, corpus-id and score between tabs, got {line!r}")
        query, doc, grade = cells[0], cells[1], int(cells[2])
        if query not in queries or doc not in corpus:
            missing = f"query {query!r}" if query not in queries else f"document {doc!r}"
            raise ConfigError(f"{file}:{number}: unknown {missing}")
        if grade >= 1:
            relevant.setdefault(query, []).append(doc)
    if not relevant:
        raise ConfigError(f"{file} names no relevant document: the first line is a header, grades start at 1")
    return relevant


def _question(query: str, text: str, docs: list[str]) -> Question:
    others = tuple(Gold(doc, _ANYWHERE) for doc in docs[1:])
    return Question(query, docs[0], text, "", ONE_STRATUM, 0, _ANYWHERE, also=others)
