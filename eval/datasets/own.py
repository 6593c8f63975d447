"""Someone's own set: questions as JSON lines beside a folder of PDFs or Markdown.

`PATH` is the file, or a folder with `questions.jsonl`. Documents are the files below that folder: `NAME.pdf` is the
PDF of document NAME, `NAME.md` its ready Markdown (taken as ground truth). Where `dataset.json` stands beside the
questions, it names them instead, which keeps the papers where they are:

    {"documents": {"NAME": "relative/or/absolute.pdf"}, "markdown": {"NAME": "NAME.md"}}
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from eval.datasets.files import read_json, value
from eval.datasets.interface import STRATA, Dataset
from eval.datasets.questions import read_questions, strata_of
from rag_ingest.errors import ConfigError


def own(path: Path) -> Dataset:
    """Reads a set.

    Raises:
        ConfigError: no questions, no documents, or two with the same name; with file and line.
    """
    file = path / "questions.jsonl" if path.is_dir() else path
    listed = file.parent / "dataset.json"
    if listed.is_file():
        pdfs, markdown = _listed(listed)
    else:
        pdfs, markdown = _below(file.parent, ".pdf"), _below(file.parent, ".md")
    if not pdfs and not markdown:
        raise ConfigError(
            f"{file.parent} has no documents: put NAME.pdf or NAME.md there, or list them in dataset.json"
        )
    questions = read_questions(file, pdfs.keys() | markdown.keys())
    return Dataset(file.resolve().parent.name, pdfs, markdown, questions, strata=strata_of(questions, STRATA))


def _below(folder: Path, suffix: str) -> Mapping[str, Path]:
    found: dict[str, Path] = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() != suffix or not file.is_file() or file.name == "README.md":
            continue
        if file.stem in found:
            raise ConfigError(f"two documents are called {file.stem!r}: {found[file.stem]} and {file}")
        found[file.stem] = file
    return found


def _listed(file: Path) -> tuple[Mapping[str, Path], Mapping[str, Path]]:
    found = read_json(file, "a list of documents")
    if not isinstance(found, dict):
        raise ConfigError(f"{file} must be an object with 'documents'")
    tables = [value(found, key, dict, str(file), {}) for key in ("documents", "markdown")]
    for doc, path in [item for table in tables for item in table.items()]:
        if not isinstance(path, str) or not (file.parent / path).is_file():
            raise ConfigError(f"{file}: document {doc!r} is not at {path}: correct the path or take it out")
    pdfs, markdown = ({doc: file.parent / path for doc, path in table.items()} for table in tables)
    return pdfs, markdown
