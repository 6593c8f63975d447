"""An Open RAG Bench folder: arXiv papers as sections, questions with the section that answers them.

The format is that of github.com/vectara/open-rag-bench (`convert_processed_to_dataset.py`): `corpus/PAPER.json` with
`title` and `sections`, each `{"section_id", "text", "tables"}` where the text holds `![table_0](table_0)` in the
place of a table; `queries.json` (id to `{"query", "type", "source"}`), `qrels.json` (id to `{"doc_id",
"section_id"}`), `answers.json` (id to text). Gold is a section: a passage counts that lies mostly in it, or holds
most of it (`eval.evidence.Section`). Strata are the `source` of a query: text, text-table, text-image, …
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.datasets.files import read_json, value
from eval.datasets.interface import GROUND_TRUTH, Dataset, Pages, Question
from eval.datasets.questions import gold, strata_of
from rag_ingest.errors import ConfigError

_PLACEHOLDER = re.compile(r"!\[([^\]]*)\]\(\1\)")

STRATA = ("text", "text-table", "text-image", "text-table-image")
"""Upstream's `source`, in the order of reporting."""


def open_rag_bench(folder: Path) -> Dataset:
    """Reads an Open RAG Bench folder, or the folder above its `pdf/arxiv`; `pdfs/PAPER.pdf` are used where they are.

    Raises:
        ConfigError: a file is missing, or an entry is malformed or names what isn't there; with file and entry.
    """
    base = folder / "pdf" / "arxiv" if (folder / "pdf" / "arxiv").is_dir() else folder
    queries, qrels, answers = (_mapping(base / f"{name}.json") for name in ("queries", "qrels", "answers"))
    corpus = {file.stem: _sections(file) for file in sorted((base / "corpus").glob("*.json"))}
    if not corpus:
        raise ConfigError(f"{base} is no Open RAG Bench folder: no corpus/PAPER.json in it")
    questions = tuple(
        _question(query, queries, found, answers, corpus, f"{base / 'qrels.json'}, entry {query!r}")
        for query, found in qrels.items()
    )
    pdfs = {file.stem: file for file in sorted((base / "pdfs").glob("*.pdf")) if file.stem in corpus}
    texts: Mapping[str, Pages] = {doc: ("\n\n".join(sections),) for doc, sections in corpus.items()}
    strata = strata_of(questions, STRATA)
    return Dataset("open-rag-bench", pdfs, {}, questions, {GROUND_TRUTH: texts}, strata)


def _mapping(file: Path) -> Mapping[str, Any]:
    found = read_json(file, "an Open RAG Bench folder has queries.json, qrels.json and answers.json")
    if not isinstance(found, dict) or not found:
        raise ConfigError(f"{file} must be an object, query id to entry")
    return found


def _sections(file: Path) -> list[str]:
    """Text of each section with its tables in place and its pictures gone; the title belongs to the first."""
    paper = read_json(file, "a paper of Open RAG Bench")
    if not isinstance(paper, dict):
        raise ConfigError(f"{file} is no paper but {type(paper).__name__}")
    texts = [
        _with_tables(row, f"{file}, section {i}") for i, row in enumerate(value(paper, "sections", list, str(file)))
    ]
    title = value(paper, "title", str, str(file), "")
    heading = title if title.startswith("#") else f"# {title}" if title else ""
    return [f"{heading}\n\n{texts[0]}".strip(), *texts[1:]] if texts else []


def _with_tables(row: Any, where: str) -> str:
    if not isinstance(row, dict):
        raise ConfigError(f"{where} is no section but {type(row).__name__}")
    tables = value(row, "tables", dict, where, {})
    return _PLACEHOLDER.sub(lambda m: f"\n\n{tables.get(m[1], '')}\n\n", value(row, "text", str, where))


def _question(
    query: str,
    queries: Mapping[str, Any],
    found: Any,
    answers: Mapping[str, Any],
    corpus: Mapping[str, list[str]],
    where: str,
) -> Question:
    asked = queries.get(query)
    if not isinstance(found, dict) or not isinstance(asked, dict):
        raise ConfigError(f"{where}: needs an object here and one of the same id in queries.json")
    doc, number = value(found, "doc_id", str, where), value(found, "section_id", int, where)
    if doc in corpus and not 0 <= number < len(corpus[doc]):
        raise ConfigError(f"{where}: {doc!r} has {len(corpus[doc])} sections, no section {number}")
    section = corpus[doc][number] if doc in corpus else "?"
    place = gold({"doc": doc, "evidence": {"section": section}}, corpus, where)
    return Question(
        id=query,
        doc=doc,
        question=value(asked, "query", str, where),
        answer=value(answers, query, str, where, ""),
        stratum=value(asked, "source", str, where, "text"),
        page=0,
        evidence=place.evidence,
    )
