"""Makes a dataset from a folder of PDFs: finds sources, asks, samples, writes."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.datasets.interface import STRATA
from eval.init.ask import Asked, Corpus, questions
from eval.init.find import find_pdfs, find_source
from eval.init.jats import read_jats
from eval.init.layer import layer_source, page_of
from eval.init.source import Source
from eval.init.tex import read_tex_source
from eval.settings import configured
from rag_ingest import Pipeline
from rag_ingest.errors import ConfigError
from rag_ingest.types import Failure, PageMarkdown

PER_PAPER = 6
"""Questions of a stratum that one paper may give, so that a long one doesn't outweigh the rest."""


@dataclass(frozen=True, slots=True)
class Made:
    """What came out.

    Attributes:
        pdfs: name to PDF, of the papers that could be read.
        kinds: name to what its questions were made from.
        rows: lines of `questions.jsonl`.
        lost: PDFs that could not be read or are copies, with the reason.
    """

    pdfs: Mapping[str, Path]
    kinds: Mapping[str, str]
    rows: tuple[Mapping[str, object], ...]
    lost: Mapping[str, str]


def make(folder: Path, sources: Path | None, most: int, seed: int, log: Callable[[str], None]) -> Made:
    """Reads every paper of a folder and asks.

    Args:
        folder: of PDFs, at any depth.
        sources: where TeX or JATS lies, besides beside the PDFs.
        most: questions in all; 0 for as many as the rules give.
        seed: of the choice among them; a paper's questions don't depend on how many others there are, but on their
            words.
        log: told what goes on, a line at a time.

    Raises:
        ConfigError: no PDFs, none that can be read, or none that gives a question.
    """
    if sources is not None and not sources.is_dir():
        raise ConfigError(f"--sources {sources} is no folder: name one that holds TeX or JATS")
    pdfs, copies = _once(find_pdfs(folder), log)
    pages, lost = _pages(pdfs, log)
    lost |= copies
    if not pages:
        raise ConfigError(f"none of the {len(pdfs)} PDFs in {folder} can be read: {next(iter(lost.values()))}")
    read = {name: _source(name, pdfs, pages[name], sources, log) for name in pages}
    corpus = Corpus(read)
    asked = {name: questions(source, corpus) for name, source in read.items()}
    chosen = {name: _chosen(name, found, seed) for name, found in asked.items()}
    rows = [row for name, found in chosen.items() for row in _rows(name, found, pages[name])]
    if not rows:
        raise ConfigError(f"no question could be made from {folder}: too little text; add TeX or JATS with --sources")
    kinds = {name: source.kind for name, source in read.items()}
    return Made({name: pdfs[name] for name in pages}, kinds, tuple(_sample(rows, most, seed)), lost)


def _once(pdfs: Mapping[str, Path], log: Callable[[str], None]) -> tuple[dict[str, Path], dict[str, str]]:
    """(name to PDF, name to why it is left out): a copy would hold the same evidence, and count as a wrong paper."""
    kept: dict[str, Path] = {}
    copies: dict[str, str] = {}
    first: dict[str, str] = {}
    for name, pdf in pdfs.items():
        content = hashlib.sha256(pdf.read_bytes()).hexdigest()
        if first.setdefault(content, name) == name:
            kept[name] = pdf
            continue
        copies[name] = f"a copy of {first[content]}"
        log(f"{name}: left out, {copies[name]}")
    return kept, copies


def _pages(pdfs: Mapping[str, Path], log: Callable[[str], None]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """(name to the text layer of its pages, name to why it can't be read)."""
    names = {str(path.resolve()): name for name, path in pdfs.items()}
    pages: dict[str, list[str]] = {}
    lost: dict[str, str] = {}
    with Pipeline(configured(engine="textlayer")) as pipeline:
        for number, item in enumerate(pipeline.pages([str(path.resolve()) for path in pdfs.values()]), 1):
            failed = item if isinstance(item, Failure) else None
            name = names[str(Path(failed.source if failed else item[0].source).resolve())]  # type: ignore[index]
            if failed:
                lost[name] = failed.reason
                log(f"{number}/{len(pdfs)} {name}: left out, {failed.reason}")
                continue
            results = item[1]  # type: ignore[index]
            pages[name] = [page.markdown if isinstance(page, PageMarkdown) else "" for page in results]
            log(f"{number}/{len(pdfs)} {name}: {len(results)} pages")
    return {name: pages[name] for name in pdfs if name in pages}, lost


def _source(
    name: str, pdfs: Mapping[str, Path], pages: Sequence[str], sources: Path | None, log: Callable[[str], None]
) -> Source:
    """TeX or JATS where it can be read, else the text layer."""
    pdf = pdfs[name]
    found = find_source(name, pdf, sources, lone=sum(other.parent == pdf.parent for other in pdfs.values()) == 1)
    source = layer_source(pages)
    if found:
        try:
            source = read_jats(found) if found.suffix.lower() in (".xml", ".nxml") else read_tex_source(found)
        except (ValueError, OSError) as e:
            log(f"{name}: {found.name} can't be read ({e}); its text layer is used")
    log(
        f"{name}: {source.kind}, {len(source.paragraphs)} paragraphs, {len(source.tables)} tables, "
        f"{len(source.formulas)} formulas"
    )
    return source


def _chosen(name: str, found: Mapping[str, list[Asked]], seed: int) -> list[Asked]:
    """Up to `PER_PAPER` of each stratum, in the paper's order."""
    chosen: list[Asked] = []
    for stratum in STRATA:
        all_of_it = found[stratum]
        picked = random.Random(f"{seed}:{name}:{stratum}").sample(range(len(all_of_it)), min(PER_PAPER, len(all_of_it)))
        chosen += [all_of_it[i] for i in sorted(picked)]
    return chosen


def _rows(name: str, asked: Sequence[Asked], pages: Sequence[str]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for number, one in enumerate(asked, 1):
        page = page_of(one.evidence, pages)
        place = {"page": page} if page else {}
        rows.append({"id": f"{name}#{number}", "doc": name, "question": one.question, "answer": one.answer,
                     "stratum": one.stratum, **place, "evidence": one.evidence})  # fmt: skip
    return rows


def _sample(rows: Sequence[Mapping[str, object]], most: int, seed: int) -> list[Mapping[str, object]]:
    """At most so many, as equally over the strata as they allow, in the order of the papers."""
    if not most or len(rows) <= most:
        return list(rows)
    left = {stratum: [i for i, row in enumerate(rows) if row["stratum"] == stratum] for stratum in STRATA}
    for stratum, places in left.items():
        random.Random(f"{seed}:{stratum}").shuffle(places)
    picked: list[int] = []
    while len(picked) < most:
        for places in left.values():
            if places and len(picked) < most:
                picked.append(places.pop())
    return [rows[i] for i in sorted(picked)]
