"""How well an engine read a set of documents: each measure with its interval over documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eval.quality.content import read_content
from eval.quality.formulas import FormulaScore, compare_formulas
from eval.quality.katex import Katex, load_katex
from eval.quality.tables import TableScore, compare_tables
from eval.quality.text import TextScore, compare_text
from eval.statistics import bootstrap
from rag_ingest.errors import ConfigError

MEASURES = {
    "edit_similarity": "text, 1 - normalised edit distance, whatever the order of the blocks",
    "text_kept": "share of the truth's words that are there, in order within blocks; more text does not count",
    "reading_order": "order of the blocks that were found, 1 - normalised edit distance",
    "teds": "tables, structure and texts",
    "teds_structure": "tables, structure alone",
    "extra_tables": "tables of the output that the truth does not have, a document",
    "formula_exact": "share of display formulas whose TeX tokens are equal",
    "formula_similarity": "display formulas, 1 - normalised edit distance of TeX tokens",
    "formula_rendered": "share of display formulas that look equal, set by KaTeX",
}
"""Name to what it says. All but the count of extra tables lie in 0..1, more is better, identity gives 1."""


@dataclass(frozen=True, slots=True)
class DocumentQuality:
    """One document, output against truth.

    Attributes:
        text: None when the truth has no text.
        tables: a score for each table of the truth.
        extra_tables: how many more the output has.
        formulas: a score for each display formula of the truth.
    """

    text: TextScore | None
    tables: tuple[TableScore, ...]
    extra_tables: int
    formulas: tuple[FormulaScore, ...]

    def values(self) -> dict[str, list[float]]:
        """What each measure has of this document: one value, or one for each table or formula of the truth."""
        order = self.text.reading_order if self.text else None
        return {
            "edit_similarity": [self.text.edit_similarity] if self.text else [],
            "text_kept": [self.text.kept] if self.text else [],
            "reading_order": [] if order is None else [order],
            "teds": [table.teds for table in self.tables],
            "teds_structure": [table.structure for table in self.tables],
            "extra_tables": [float(self.extra_tables)],
            "formula_exact": [float(formula.exact) for formula in self.formulas],
            "formula_similarity": [formula.similarity for formula in self.formulas],
            "formula_rendered": [float(f.rendered) for f in self.formulas if f.rendered is not None],
        }


def document_quality(output: str, truth: str, katex: Katex | None = None) -> DocumentQuality:
    """Compares one document's Markdown with the truth's.

    Args:
        output: what an engine wrote; may be empty.
        truth: what it should have written.
        katex: sets formulas; without it `FormulaScore.rendered` is None.
    """
    read, known = read_content(output), read_content(truth)
    tables, extra = compare_tables(known.tables, read.tables)
    text = compare_text(known.blocks, read.words) if known.blocks else None
    return DocumentQuality(text, tuple(tables), extra, tuple(compare_formulas(known, read, katex)))


def arm_quality(documents: Mapping[str, str], truth: Mapping[str, str], seed: int = 0) -> dict[str, dict[str, Any]]:
    """Compares all documents that have a truth; a document that is missing counts as an empty text.

    Args:
        documents: name to Markdown, as an engine wrote it; names without a truth are left out.
        truth: name to Markdown.
        seed: of the bootstrap.

    Returns:
        For each name of `MEASURES` {"mean", "low", "high", "documents", "items", "by_document"}: the mean over items
        (documents, tables or formulas of the truth) with the 95 % bootstrap interval over documents, how many
        documents and items it rests on, and each document's mean. Where nothing can be measured the first three are
        None and "reason" says why; "formula_rendered" is None with the reason where KaTeX does not run.

    Raises:
        ConfigError: no document has a truth.
    """
    if not set(documents) & set(truth):
        raise ConfigError(f"no document has a truth: {_some(documents)} against {_some(truth)}")
    katex = load_katex()
    setter = katex if isinstance(katex, Katex) else None
    by_document = {
        doc: document_quality(documents.get(doc, ""), known, setter).values() for doc, known in truth.items()
    }
    missing = katex if isinstance(katex, str) else ""
    return {
        name: _summary({doc: values[name] for doc, values in by_document.items()}, seed, _reason(name, missing))
        for name in MEASURES
    }


def _reason(name: str, no_katex: str) -> str:
    if name == "formula_rendered":
        return no_katex or "no display formula of the truth that KaTeX can set"
    return f"the truth has no {'table' if 'teds' in name else 'display formula' if 'formula' in name else 'text'}"


def _summary(values: Mapping[str, list[float]], seed: int, reason: str) -> dict[str, Any]:
    pairs = [(doc, value) for doc, items in values.items() for value in items]
    counted = {
        "documents": sum(1 for items in values.values() if items),
        "items": len(pairs),
        "by_document": {doc: sum(items) / len(items) if items else None for doc, items in values.items()},
    }
    if not pairs:
        return {"mean": None, "low": None, "high": None, "reason": reason, **counted}
    interval = bootstrap([value for _, value in pairs], [doc for doc, _ in pairs], seed=seed)
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, **counted}


def _some(names: Mapping[str, str]) -> str:
    return ", ".join(sorted(names)[:3]) + (", …" if len(names) > 3 else "") or "(nothing)"
