"""An OHR-Bench folder: the same documents as ground truth and as parsers wrote them, and questions with evidence.

The layout is that of github.com/opendatalab/OHR-Bench: `qas.json` (or `data/qas_v2.json`), a folder a source
(`gt`, `MinerU`, …; upstream below `data/retrieval_base`) with `DOMAIN/DOCUMENT.json`, each a list of
`{"page_idx", "text"}`, and `pdfs/DOMAIN/DOCUMENT.pdf` where they are. Pages are counted from 0 there, also in
`evidence_page_no`, and from 1 here. Evidence is text, also that of tables (cells between `&`) and equations.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.datasets.files import read_json, value
from eval.datasets.interface import GROUND_TRUTH, STRATA, Dataset, Pages, Question
from eval.datasets.questions import gold, strata_of
from rag_ingest.errors import ConfigError

TRUTH_FOLDER = "gt"
"""Upstream's name of the source that people checked."""

OUR_STRATA = {"text": "prose", "equation": "formula"}
"""`evidence_source` to stratum, where this project has a name of its own."""


def ohr_bench(folder: Path) -> Dataset:
    """Reads an OHR-Bench folder; PDFs that PROVENANCE.json notes as another version are left out.

    Raises:
        ConfigError: questions or ground truth are missing, or an item is malformed; with file and item.
    """
    base = _first(folder, ("", "data/retrieval_base", "retrieval_base"), TRUTH_FOLDER)
    names = [path.name for path in sorted(base.iterdir()) if path.name != "pdfs" and any(path.glob("*/*.json"))]
    markdown = {GROUND_TRUTH if name == TRUTH_FOLDER else name: _source(base / name) for name in names}
    truth = markdown[GROUND_TRUTH]
    file = next((folder / name for name in ("qas.json", "data/qas_v2.json", "data/qas.json", "qas_v2.json")
                 if (folder / name).is_file()), folder / "qas.json")  # fmt: skip
    rows = read_json(file, "an OHR-Bench folder has qas.json")
    if not isinstance(rows, list) or not rows:
        raise ConfigError(f"{file} must be a list of questions")
    asked = [_question(row, truth, f"{file}, item {number}") for number, row in enumerate(rows, 1)]
    questions = tuple(question for question in asked if question)
    if not questions:
        raise ConfigError(f"{file}: no question is about a document of {base / TRUTH_FOLDER}")
    return Dataset("ohr-bench", _pdfs(folder / "pdfs", truth), {}, questions, markdown, strata_of(questions, STRATA))


def _first(folder: Path, places: tuple[str, ...], name: str) -> Path:
    for place in places:
        if any((folder / place / name).glob("*/*.json")):
            return folder / place
    raise ConfigError(f"{folder} is no OHR-Bench folder: no {name}/DOMAIN/DOCUMENT.json in it")


def _source(folder: Path) -> Mapping[str, Pages]:
    """Document (`DOMAIN/NAME`) to its pages; a page that the parser left out is empty."""
    found: dict[str, Pages] = {}
    for file in sorted(folder.glob("*/*.json")):
        rows = read_json(file, "an OHR-Bench source")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ConfigError(f"{file} must be a list of pages, each with page_idx and text")
        pages = {
            value(row, "page_idx", int, f"{file}, item {number}"): value(row, "text", str, f"{file}, item {number}")
            for number, row in enumerate(rows, 1)
        }
        found[f"{file.parent.name}/{file.stem}"] = tuple(pages.get(i, "") for i in range(max(pages, default=-1) + 1))
    return found


def _pdfs(folder: Path, docs: Mapping[str, Pages]) -> Mapping[str, Path]:
    provenance = folder / "PROVENANCE.json"
    notes = read_json(provenance, "OHR-Bench's PDFs") if provenance.is_file() else {}
    found = {f"{file.parent.name}/{file.stem}": file for file in sorted(folder.glob("*/*.pdf"))}
    return {doc: file for doc, file in found.items() if doc in docs and "version_note" not in notes.get(doc, {})}


def _question(row: Any, truth: Mapping[str, Pages], where: str) -> Question | None:
    """None when the document is of a domain that this folder lacks."""
    if not isinstance(row, dict):
        raise ConfigError(f"{where} is no question but {type(row).__name__}")
    doc = value(row, "doc_name", str, where)
    if doc.partition("/")[0] not in {name.partition("/")[0] for name in truth}:
        return None
    evidence = "\n".join(_listed(row, "evidence_context", where))
    numbers = [number + 1 for number in _listed(row, "evidence_page_no", where)]
    place = gold({"doc": doc, "evidence": {"text": evidence}, "page": numbers}, truth, where)
    source = value(row, "evidence_source", str, where)
    return Question(
        id=value(row, "ID", str, where),
        doc=doc,
        question=value(row, "questions", str, where),
        answer=value(row, "answers", str, where),
        stratum=OUR_STRATA.get(source, source),
        page=place.pages[0],
        evidence=place.evidence,
        more_pages=place.pages[1:],
    )


def _listed(row: Mapping[str, Any], key: str, where: str) -> list[Any]:
    """One item or several, as upstream has both."""
    found = row.get(key)
    items = found if isinstance(found, list) else [found]
    kind = int if key.endswith("_no") else str
    if not items or not all(isinstance(item, kind) for item in items):
        raise ConfigError(f"{where}: {key!r} must be {kind.__name__} or a list of them, not {found!r}")
    return items
