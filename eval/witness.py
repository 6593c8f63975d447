"""`python -m eval.witness`: how well the text layer tells a faithful page from a faulty one.

Clean pages are the real papers as the engine `layout` wrote them, from the same text layer; so noise of another
recogniser is not in them. That is why people's own Markdown of OHR-Bench's manuals, and what olmOCR wrote of the sample
of olmOCR-bench, are looked at beside them, as they are.
Limits are chosen on half of the papers, every second one, and judged on the other half. Faults are planted by
`eval.corruptions`. Of the package's inside, this uses the witness itself and no more.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from eval.cache import CachedEngine
from eval.corruptions import CORRUPTIONS, Corruption
from eval.datasets import GROUND_TRUTH, Dataset
from eval.datasets.files import data_folder
from eval.datasets.ohr_bench import ohr_bench
from eval.datasets.papers import papers
from eval.progress import showing, track
from eval.quality.olmocr.pages import folder_pages
from eval.quality.olmocr.score import load_dataset, sample
from rag_ingest.ocr.witness import LIMITS, MOST, Witness, compare, page_words, usable
from rag_ingest.registry import resolve
from rag_ingest.types import Page, PageMarkdown, Source, Word

SEED = 1
MOST_FALSE_ALARMS = 0.02
SIZES = (250, 500)
"""Counted words of a page: up to, up to, above."""

LEFT_OUT = {("celerite", 45), ("PMC6150305", 4)}
"""Not clean, as a look at the page showed: `layout` took references for a figure's text; and a page whose file holds
its text up to three times, some points apart, so that neither side is right."""

SCORES = ("recall", "precision", "order", "numbers")


@dataclass(frozen=True, slots=True)
class Case:
    """One page whose text layer can be used."""

    doc: str
    number: int
    markdown: str
    words: Sequence[Word]


def cases(dataset: Dataset, cache: Path, refused: Counter[str]) -> Iterator[Case]:
    """Pages with Markdown: people's where the dataset has it, else the layout engine's.

    Args:
        dataset: documents without a PDF are left out.
        cache: keeps what the engine read.
        refused: counts pages whose text layer is of no use, by reason.
    """
    truth = dataset.markdown.get(GROUND_TRUTH)
    inner = resolve("engine", "layout")()
    engine = CachedEngine(inner, cache / "pages")
    for doc, path in track(sorted(dataset.papers.items()), dataset.name, len(dataset.papers), "documents"):
        for page, words in _usable_pages(path, refused, image=truth is None):
            markdown = _read(engine, page) if truth is None else _given(truth[doc], page.number)
            if markdown.strip():
                yield Case(doc, page.number, markdown, words)
    inner.close()


def _usable_pages(path: Path, refused: Counter[str], *, image: bool) -> Iterator[tuple[Page, Sequence[Word]]]:
    """Pages of a PDF whose text layer is of use, with its words."""
    with resolve("loader", "pdf")() as loader:
        document = loader.open(Source(str(path), "pdf"))
        for page in loader.pages(document, range(1, document.page_count + 1), image=image):
            if not isinstance(page, Page):
                continue
            words = page_words(page)
            reason = usable(words)
            if reason:
                refused[reason] += 1
            else:
                yield page, words


def olmocr_cases(refused: Counter[str]) -> Iterator[Case]:
    """Pages of olmOCR-bench's sample as olmOCR wrote them, empty ones too.

    Args:
        refused: counts pages whose text layer is of no use, by reason.
    """
    dataset = load_dataset(sample())
    written = folder_pages(dataset, sample() / "olmocr_pipeline").pages
    for pdf, path in dataset.pdfs.items():
        for page, words in _usable_pages(path, refused, image=False):
            for markdown in written.get((pdf, page.number), ()):
                yield Case(pdf, page.number, markdown, words)


def _read(engine: CachedEngine, page: Page) -> str:
    [result] = engine.recognize([page])
    return result.markdown if isinstance(result, PageMarkdown) else ""


def _given(pages: Sequence[str], number: int) -> str:
    return pages[number - 1] if number <= len(pages) else ""


def choose_limits(clean: Sequence[Witness], most: float = MOST_FALSE_ALARMS) -> dict[str, float]:
    """The highest limits under which at most that share of clean pages falls, all scores at the same rank."""
    best = dict.fromkeys(SCORES, 0.0)
    for rank in range(len(clean)):
        limits = {name: int(100 * sorted(getattr(w, name) for w in clean)[rank]) / 100 for name in SCORES}
        if rate(clean, limits) > most:
            break
        best = limits
    return best


def choose_counts(clean: Sequence[Witness], most: float = MOST_FALSE_ALARMS) -> dict[str, int]:
    """The lowest counts over which, each alone, at most a quarter of that share of clean pages lies."""
    rank = int(most * len(clean) / 4)
    return {name: sorted((getattr(page, name) for page in clean), reverse=True)[rank] for name in MOST}


def rate(
    pages: Sequence[Witness], limits: Mapping[str, float], most: Mapping[str, int] = MappingProxyType({})
) -> float:
    """Share of pages with a score under its limit, or a count over its own."""
    return sum(bool(page.below(limits, most)) for page in pages) / max(1, len(pages))


def planted(clean: Sequence[Case], corruption: Corruption) -> list[Witness]:
    """The witness of every page that the corruption can harm, with its fault."""
    texts = [case.markdown for case in clean]
    found = []
    for case in clean:
        faulty = corruption(case.markdown, texts, random.Random(f"{SEED} {case.doc} {case.number}"))
        if faulty is not None:
            found.append(compare(faulty, case.words))
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _row(name: str, pages: Sequence[Witness]) -> str:
    """Detection over all pages, by size of the page, and by each score alone."""
    edges = (0, *SIZES, 10**9)
    by_size = [[page for page in pages if low < page.words <= high] for low, high in itertools.pairwise(edges)]
    cells = [name, str(len(pages)), _percent(rate(pages, LIMITS, MOST))]
    cells += [_percent(rate(part, LIMITS, MOST)) if part else "–" for part in by_size]
    cells += [_percent(rate(pages, {score: LIMITS[score]})) for score in SCORES]
    cells += [_percent(rate(pages, {}, {count: MOST[count]})) for count in MOST]
    return f"| {' | '.join(cells)} |"


def _head() -> str:
    sizes = [f"≤ {SIZES[0]} words", f"≤ {SIZES[1]}", f"> {SIZES[1]}"]
    cells = ["fault", "pages", "found", *sizes, *SCORES, *MOST]
    return f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}"


def report(cache: Path) -> Iterator[str]:
    """The tables, line by line."""
    refused: dict[str, Counter[str]] = {"papers": Counter(), "manuals": Counter(), "olmOCR's": Counter()}
    clean = [case for case in cases(papers(), cache, refused["papers"]) if (case.doc, case.number) not in LEFT_OUT]
    manuals = list(cases(ohr_bench(data_folder() / "ohr-bench"), cache, refused["manuals"]))
    olmocr = [(case, compare(case.markdown, case.words)) for case in olmocr_cases(refused["olmOCR's"])]
    tuning_docs = set(sorted({case.doc for case in clean})[::2])
    tuning = [compare(case.markdown, case.words) for case in clean if case.doc in tuning_docs]
    held = [case for case in clean if case.doc not in tuning_docs]
    chosen = choose_limits(tuning)
    yield f"Limits chosen on {len(tuning)} pages of {len(tuning_docs)} papers: {_named(chosen)}"
    yield f"Counts chosen there: {_named(choose_counts(tuning))}"
    yield f"In use: {_named(LIMITS)}; at most {_named(MOST)}"
    yield "Layers not used: " + "; ".join(f"{name}: {dict(found) or 'none'}" for name, found in refused.items())
    yield f"\n{_head()}"
    yield _row("none (false alarms), tuning half", tuning)
    yield _row("none (false alarms), other half", [compare(case.markdown, case.words) for case in held])
    for name, corruption in track(CORRUPTIONS.items(), "planting faults", len(CORRUPTIONS), "kinds"):
        yield _row(name, planted(held, corruption))
    yield f"\n{_head().replace('fault', 'manual, as people wrote it', 1)}"
    for doc in sorted({case.doc for case in manuals}):
        yield _row(doc, [compare(case.markdown, case.words) for case in manuals if case.doc == doc])
    yield f"\n{_head().replace('fault', 'another recogniser', 1)}"
    yield _row("olmOCR, in the sample of olmOCR-bench", [found for _, found in olmocr])
    for case, found in olmocr:
        if crossed := found.below(LIMITS, MOST):
            yield f"- {case.doc} p. {case.number}: {', '.join(crossed)}"
    yield f"\n{_speed(clean)}"


def _named(limits: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {limit:g}" for name, limit in limits.items())


def _speed(clean: Sequence[Case]) -> str:
    near = sorted(clean, key=lambda case: abs(len(case.words) - 1000))[:20]
    times_ms = []
    for case in near:
        start = time.perf_counter()
        compare(case.markdown, case.words)
        times_ms.append(1000 * (time.perf_counter() - start))
    return f"{statistics.median(times_ms):.0f} ms a page of about 1,000 words (median of {len(near)})"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m eval.witness", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cache", type=Path, default=Path("out/witness"), help="folder for pages as they were read")
    cache: Path = parser.parse_args().cache
    with showing() as say:
        for line in report(cache):
            print(line, flush=True)
        say(f"pages are kept in {cache}")


if __name__ == "__main__":
    main()
