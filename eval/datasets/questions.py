"""Questions as JSON lines, the format of this project and of people's own sets.

    {"id": "a#1", "doc": "a", "question": "…", "answer": "…", "stratum": "prose", "page": 3, "evidence": {"text": "…"}}

`page` may be a number, a list of numbers, or missing; `answer` and `stratum` ("all") may be missing; `also` holds
further places that answer it, each `{"doc", "evidence", "page"}`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from eval.datasets.files import read_jsonl, value
from eval.datasets.interface import Gold, Question
from eval.relevance import Judge
from rag_ingest.errors import ConfigError

ONE_STRATUM = "all"
"""Stratum of questions that don't name one."""

_KEYS = {"id", "doc", "question", "answer", "stratum", "page", "evidence", "also"}


def read_questions(file: Path, docs: Collection[str], strata: tuple[str, ...] = ()) -> tuple[Question, ...]:
    """Questions of a file, in its order.

    Args:
        file: JSON lines.
        docs: names of the documents that there are.
        strata: those that are allowed; any when empty.

    Raises:
        ConfigError: a line is no question, or names a document or stratum that there isn't; with file and line.
    """
    questions: list[Question] = []
    seen: dict[str, str] = {}
    for where, row in read_jsonl(file, "questions"):
        question = _question(row, docs, where)
        if strata and question.stratum not in strata:
            raise ConfigError(f"{where}: unknown stratum {question.stratum!r} (strata: {', '.join(strata)})")
        if question.id in seen:
            raise ConfigError(f"{where}: id {question.id!r} is also that of {seen[question.id]}")
        seen[question.id] = where
        questions.append(question)
    if not questions:
        raise ConfigError(f"{file} has no questions: write one a line, with id, doc, question and evidence")
    return tuple(questions)


def strata_of(questions: tuple[Question, ...], first: tuple[str, ...]) -> tuple[str, ...]:
    """The strata that occur: those of `first` in that order, then others in theirs."""
    found = dict.fromkeys(question.stratum for question in questions)
    return tuple(sorted(found, key=lambda name: first.index(name) if name in first else len(first)))


def gold(row: Mapping[str, Any], docs: Collection[str], where: str) -> Gold:
    """A place, checked: its document is there and its evidence can be judged.

    Args:
        row: `doc`, `evidence`, and `page` where it is known.
        docs: names of the documents that there are.
        where: `file:line`, for the message.

    Raises:
        ConfigError: it isn't so.
    """
    doc, evidence = value(row, "doc", str, where), value(row, "evidence", dict, where)
    if doc not in docs:
        raise ConfigError(f"{where}: unknown paper {doc!r} ({len(docs)} known: {', '.join(sorted(docs)[:5])}, …)")
    try:
        Judge(evidence)
    except ValueError as e:
        raise ConfigError(f"{where}: {e}") from e
    return Gold(doc, evidence, _pages(row.get("page"), where))


def _question(row: Mapping[str, Any], docs: Collection[str], where: str) -> Question:
    unknown = sorted(row.keys() - _KEYS)
    if unknown:
        raise ConfigError(f"{where} is no question: unknown key {unknown[0]!r} (keys: {', '.join(sorted(_KEYS))})")
    main = gold(row, docs, where)
    pages = main.pages or (0,)
    return Question(
        id=value(row, "id", str, where),
        doc=main.doc,
        question=value(row, "question", str, where),
        answer=value(row, "answer", str, where, ""),
        stratum=value(row, "stratum", str, where, ONE_STRATUM),
        page=pages[0],
        evidence=main.evidence,
        more_pages=pages[1:],
        also=tuple(gold(place, docs, where) for place in value(row, "also", list, where, [])),
    )


def _pages(found: Any, where: str) -> tuple[int, ...]:
    pages = found if isinstance(found, list) else [] if found is None else [found]
    if not all(isinstance(page, int) and not isinstance(page, bool) and page >= 1 for page in pages):
        raise ConfigError(f"{where}: 'page' must be a number from 1 or a list of them, not {found!r}")
    return tuple(pages)
