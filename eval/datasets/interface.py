"""What every dataset gives: documents, questions with gold evidence, strata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rag_ingest.errors import ConfigError

STRATA = ("prose", "table", "formula")
"""Kinds of evidence; a dataset may have others."""

GROUND_TRUTH = "ground-truth"
"""Name of the ready Markdown that the evidence agrees with: made from the paper's own source, or checked by people."""

RESERVED = frozenset({"all", "prose and table"})
"""Names of groups of strata, see `eval.comparison.groups`; a single stratum may be "all"."""

Pages = tuple[str, ...]
"""Markdown of a document's pages, the first page first; one item when pages aren't told apart."""


@dataclass(frozen=True, slots=True)
class Gold:
    """One place that answers a question.

    Attributes:
        doc: name of the document.
        evidence: what stands there; the kinds are those of `eval.relevance.Judge`.
        pages: 1-based; empty when unknown.
    """

    doc: str
    evidence: Mapping[str, Any]
    pages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A question and where its answer stands.

    Attributes:
        doc: name of the document, one of `Dataset.docs`.
        stratum: one of `Dataset.strata`.
        page: 1-based page of the evidence, the first of them; 0 when unknown.
        evidence: `{text}`, `{caption, row, column, value, cells}`, `{tex, lead}`, `{section}` or `{document}`.
        more_pages: further pages of the same evidence.
        also: further places that answer it, in this document or another; any one is enough.
    """

    id: str
    doc: str
    question: str
    answer: str
    stratum: str
    page: int
    evidence: Mapping[str, Any]
    more_pages: tuple[int, ...] = ()
    also: tuple[Gold, ...] = ()

    @property
    def golds(self) -> tuple[Gold, ...]:
        """Every place that answers it, the main one first."""
        pages = (self.page, *self.more_pages) if self.page else self.more_pages
        return (Gold(self.doc, self.evidence, pages), *self.also)

    def within(self, docs: frozenset[str]) -> Question | None:
        """The same with its places in these documents alone; None when there is no such place."""
        left = [gold for gold in self.golds if gold.doc in docs]
        if not left:
            return None
        main, pages = left[0], left[0].pages or (0,)
        return replace(
            self, doc=main.doc, evidence=main.evidence, page=pages[0], more_pages=pages[1:], also=tuple(left[1:])
        )


@dataclass(frozen=True, slots=True)
class Dataset:
    """Documents with questions.

    Attributes:
        papers: name to PDF; a document that is given as ready text alone is missing here.
        ground_truth: name to a Markdown file made from the document's own source; empty when there is none, or when
            `markdown` holds it.
        questions: every `doc` is one of `docs`, every stratum one of `strata`.
        markdown: name of a source of ready Markdown (a parser, or `GROUND_TRUTH`) to document to its pages.
        strata: what questions are told apart by, in the order of reporting.

    Raises:
        ConfigError: two questions have the same id, one is about a document or stratum that there isn't, or a stratum
            is called as several together are.
    """

    name: str
    papers: Mapping[str, Path]
    ground_truth: Mapping[str, Path]
    questions: tuple[Question, ...]
    markdown: Mapping[str, Mapping[str, Pages]] = field(default_factory=dict)
    strata: tuple[str, ...] = STRATA

    def __post_init__(self) -> None:
        known, seen = frozenset(self.docs), set[str]()
        taken = sorted(RESERVED & set(self.strata))
        if taken and len(self.strata) > 1:
            raise ConfigError(
                f"dataset {self.name!r}: a stratum can't be called {taken[0]!r}, which is a name for several together; "
                f"a question without 'stratum' counts as 'all': give all of them one, or none"
            )
        for question in self.questions:
            strange = sorted({gold.doc for gold in question.golds} - known)
            if strange:
                raise ConfigError(f"dataset {self.name!r}, question {question.id!r}: unknown paper {strange[0]!r}")
            if question.stratum not in self.strata:
                raise ConfigError(
                    f"dataset {self.name!r}, question {question.id!r}: unknown stratum {question.stratum!r} "
                    f"(strata: {', '.join(self.strata)})"
                )
            if question.id in seen:
                raise ConfigError(f"dataset {self.name!r}: two questions with the id {question.id!r}")
            seen.add(question.id)

    @property
    def docs(self) -> tuple[str, ...]:
        """Names of all documents, those with a PDF first."""
        ready = (doc for texts in self.markdown.values() for doc in texts)
        return tuple(dict.fromkeys([*self.papers, *self.ground_truth, *ready]))

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources of ready Markdown, `GROUND_TRUTH` first where there is one."""
        names = [GROUND_TRUTH] if self.ground_truth else []
        return tuple(dict.fromkeys([*names, *sorted(self.markdown, key=lambda name: name != GROUND_TRUTH)]))

    def texts(self, source: str) -> Mapping[str, Pages]:
        """Document to the pages of its ready Markdown; a file of `ground_truth` is one page.

        Args:
            source: one of `sources`.

        Raises:
            ConfigError: no such source, or a file can't be read.
        """
        if source in self.markdown:
            return self.markdown[source]
        if source not in self.sources:
            known = ", ".join(self.sources) or "none"
            raise ConfigError(f"dataset {self.name!r} has no Markdown from {source!r} (sources: {known})")
        try:
            return {doc: (path.read_text(encoding="utf-8"),) for doc, path in self.ground_truth.items()}
        except (OSError, UnicodeDecodeError) as e:
            raise ConfigError(f"dataset {self.name!r}: ground truth can't be read: {e}") from e

    def only(self, docs: tuple[str, ...]) -> Dataset:
        """The same with these documents alone.

        Raises:
            ConfigError: one of them is unknown, or no question is about them.
        """
        unknown = sorted(set(docs) - set(self.docs))
        if unknown:
            raise ConfigError(f"docs: {', '.join(unknown)} not in dataset {self.name!r}")
        kept = [question.within(frozenset(docs)) for question in self.questions]
        if not any(kept):
            raise ConfigError(f"docs: no question of dataset {self.name!r} is about {', '.join(docs)}")
        return replace(
            self,
            papers={name: self.papers[name] for name in docs if name in self.papers},
            ground_truth={name: path for name, path in self.ground_truth.items() if name in docs},
            questions=tuple(question for question in kept if question),
            markdown={
                source: {doc: pages for doc, pages in texts.items() if doc in docs}
                for source, texts in self.markdown.items()
            },
        )
