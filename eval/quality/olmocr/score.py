"""Cases of olmOCR-bench against the Markdown of pages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.datasets.files import data_folder
from eval.quality.katex import Katex, load_katex
from eval.quality.olmocr.cases import TYPES, BaselineCase, Case, MathCase, OrderCase, TableCase, TextCase, read_cases
from eval.quality.olmocr.math import check_math
from eval.quality.olmocr.table import check_table
from eval.quality.olmocr.text import check_baseline, check_order, check_text
from eval.statistics import bootstrap
from rag_ingest.errors import ConfigError

Pages = Mapping[tuple[str, int], Sequence[str]]
"""(path of a PDF below `pdfs/`, 1-based page) to its Markdown, several where the page was read several times."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Cases by the JSONL file that they come from, and the PDFs that they are about, by path below `pdfs/`."""

    cases: Mapping[str, tuple[Case, ...]]
    pdfs: Mapping[str, Path]

    def all_cases(self) -> list[tuple[str, Case]]:
        """File and case; a PDF without a baseline case gets one for its first page, in a file of that name."""
        listed = [(file, case) for file, cases in self.cases.items() for case in cases]
        has = {case.pdf for _, case in listed if case.type == "baseline"}
        return listed + [
            ("baseline", BaselineCase(pdf=pdf, page=1, id=f"{pdf}_baseline", type="baseline"))
            for pdf in self.pdfs
            if pdf not in has
        ]

    def without(self, files: Collection[str]) -> Dataset:
        """Less the tests of some files; their PDFs and the baseline cases of these stay.

        Raises:
            ConfigError: there is no such file of tests.
        """
        unknown = sorted(set(files) - set(self.cases))
        if unknown:
            raise ConfigError(f"no file of tests {unknown[0]!r} (there are: {', '.join(self.cases)})")
        return replace(self, cases={file: cases for file, cases in self.cases.items() if file not in files})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case.

    Attributes:
        file: that it comes from.
        score: share of the page's readings that pass, 0.0 to 1.0.
        why: of the first reading that fails; empty when all pass.
    """

    file: str
    case: Case
    score: float
    why: str


def sample() -> Path:
    """Where olmOCR-bench's sample lies among the real data.

    Raises:
        ConfigError: it is not there; the message says what belongs where.
    """
    folder = data_folder() / "olmocr" / "sample_data"
    if not folder.is_dir():
        raise ConfigError(
            f"no olmOCR-bench sample in {folder}: let $RAG_INGEST_DATA name a folder that holds olmocr/sample_data/ "
            "with pdfs/ and dataset.jsonl (allenai/olmocr, olmocr/bench/sample_data), or name a DATASET_FOLDER"
        )
    return folder


def load_dataset(folder: Path) -> Dataset:
    """Reads a folder with `pdfs/` and JSONL files.

    Raises:
        ConfigError: it is no such folder, a line is no case, an id stands twice, or a PDF is missing.
    """
    if not (folder / "pdfs").is_dir():
        raise ConfigError(f"{folder} is no olmOCR-bench: it has no folder pdfs/")
    pdfs = {path.relative_to(folder / "pdfs").as_posix(): path for path in sorted((folder / "pdfs").rglob("*.pdf"))}
    cases = {path.name: tuple(read_cases(path)) for path in sorted(folder.glob("*.jsonl"))}
    cases = {name: listed for name, listed in cases.items() if listed}
    if not cases:
        raise ConfigError(f"{folder} is no olmOCR-bench: it has no .jsonl file with tests")
    seen: set[str] = set()
    for case in (case for listed in cases.values() for case in listed):
        if case.id in seen:
            raise ConfigError(f"{folder}: two tests have the id {case.id!r}")
        if case.pdf not in pdfs:
            raise ConfigError(f"{folder}: test {case.id!r} is about pdfs/{case.pdf}, which is not there")
        seen.add(case.id)
    return Dataset(cases, pdfs)


def run_cases(dataset: Dataset, pages: Pages, katex: Katex | None = None) -> list[Outcome]:
    """Every case against its page; a page without any Markdown fails its cases."""
    outcomes = []
    for file, case in dataset.all_cases():
        readings = pages.get((case.pdf, case.page), ())
        reasons = [_check(case, markdown, katex) for markdown in readings]
        score = reasons.count("") / len(reasons) if reasons else 0.0
        outcomes.append(Outcome(file, case, score, next(filter(None, reasons), "" if reasons else "page not read")))
    return outcomes


def _check(case: Case, markdown: str, katex: Katex | None) -> str:
    if isinstance(case, MathCase):
        return check_math(case, markdown, katex)
    check: Callable[[Any, str], str] = _CHECKS[type(case)]
    return check(case, markdown)


_CHECKS: Mapping[type[Case], Callable[[Any, str], str]] = {
    TextCase: check_text,
    OrderCase: check_order,
    TableCase: check_table,
    BaselineCase: check_baseline,
}


def summarise(outcomes: Sequence[Outcome], seed: int = 0) -> dict[str, Any]:
    """Pass rates over all tests, by type and by file, with 95 % bootstrap intervals over PDFs.

    Returns:
        "pass_rate", "low", "high", "n", "passed": over all tests; "by_type" and "by_file": name to the same;
        "overall": mean of the files' pass rates, baseline cases as a file of their own, as olmOCR-bench publishes it;
        "failures": {"id", "pdf", "page", "type", "why"} of each test that did not pass in full.
    """
    types = {name: _summary([o for o in outcomes if o.case.type == name], seed) for name in TYPES}
    files = {file: _summary([o for o in outcomes if o.file == file], seed) for file in _in_order(outcomes)}
    failures = [
        {"id": o.case.id, "pdf": o.case.pdf, "page": o.case.page, "type": o.case.type, "why": o.why}
        for o in outcomes
        if o.score < 1
    ]
    return {
        **_summary(outcomes, seed),
        "by_type": {name: found for name, found in types.items() if found["n"]},
        "by_file": files,
        "overall": sum(found["pass_rate"] for found in files.values()) / len(files) if files else None,
        "failures": failures,
    }


def _in_order(outcomes: Iterable[Outcome]) -> list[str]:
    return list(dict.fromkeys(outcome.file for outcome in outcomes))


def _summary(outcomes: Sequence[Outcome], seed: int) -> dict[str, Any]:
    counted = {"n": len(outcomes), "passed": sum(outcome.score > 0.5 for outcome in outcomes)}
    if not outcomes:
        return {"pass_rate": None, "low": None, "high": None, **counted}
    interval = bootstrap([o.score for o in outcomes], [o.case.pdf for o in outcomes], seed=seed)
    return {"pass_rate": interval.mean, "low": interval.low, "high": interval.high, **counted}


def score(dataset: Dataset, pages: Pages, seed: int = 0) -> dict[str, Any]:
    """`summarise`, with "math": how formulas were compared (KaTeX and its version, or why by TeX tokens)."""
    katex = load_katex()
    if isinstance(katex, Katex):
        return {**summarise(run_cases(dataset, pages, katex), seed), "math": f"MathML of KaTeX {katex.version}"}
    return {**summarise(run_cases(dataset, pages), seed), "math": f"TeX tokens ({katex})"}
