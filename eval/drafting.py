"""`python -m eval.drafting`: how many tokens a pass gives when the text layer drafts what the model will write.

No model runs: the target is ground-truth Markdown, page by page (`eval.drafting_targets`), in Qwen's tokens, and a
draft is accepted as far as it agrees with the target. A pass gives what was accepted and one token more, as under
greedy decoding. Of the package's inside, this uses the drafter, and the witness to cut pages and judge layers.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from eval.datasets.files import data_folder
from eval.drafting_cases import Case, Paper, Qwen, ohr_manuals, ohr_papers, papers
from eval.progress import showing, track
from rag_ingest.ocr.decode_draft import DraftOptions, TextLayerDrafter
from rag_ingest.types import TextLine

LENGTHS = (4, 8, 16, 32)
USUAL = 16
"""Tokens of a draft at most, where nothing else is said."""

NGRAMS = (3, 2, 1)
"""Tokens that the crude look-up compares, the longest first."""


class Drafter(Protocol):
    """Anything that guesses what follows."""

    def propose(self, written: Sequence[int], most: int) -> list[int]:
        """Up to so many tokens."""


@dataclass(frozen=True, slots=True)
class Run:
    """What the simulation of one target gave; `written` is always the target."""

    doc: str
    kind: str
    written: tuple[int, ...]
    passes: int
    drafted: int
    seconds: float


class NGramDrafter:
    """The first crude look-up: what followed the first place where the last tokens stand in the draft."""

    def __init__(self, draft: Sequence[int], sizes: Sequence[int] = NGRAMS) -> None:
        self._draft, self._sizes = list(draft), sizes
        self._places: dict[tuple[int, ...], int] = {}
        for n in sizes:
            for at in range(len(draft) - n + 1):
                self._places.setdefault(tuple(draft[at : at + n]), at + n)

    def propose(self, written: Sequence[int], most: int) -> list[int]:
        """Up to so many tokens."""
        for n in self._sizes:
            at = self._places.get(tuple(written[-n:])) if len(written) >= n else None
            if at is not None:
                return self._draft[at : at + most]
        return []


def simulate(drafter: Drafter, target: Sequence[int], most: int, doc: str = "", kind: str = "") -> Run:
    """Decodes a known target with drafts that are verified.

    Args:
        drafter: made for this target.
        target: what a model would write.
        most: tokens of a draft at most.
        doc: for the result.
        kind: for the result.
    """
    written: list[int] = []
    passes = drafted = 0
    start = time.process_time()
    while len(written) < len(target):
        draft = drafter.propose(written, most)[:most]
        passes += 1
        drafted += len(draft)
        accepted = 0
        for guess, token in zip(draft, target[len(written) :], strict=False):
            if guess != token:
                break
            accepted += 1
        written += draft[:accepted]
        if len(written) < len(target):
            written.append(target[len(written)])
    return Run(doc, kind, tuple(written), passes, drafted, time.process_time() - start)


Maker = Callable[[Case], Drafter]


def variants(qwen: Qwen) -> Mapping[str, Maker]:
    """Page-level drafters, each with one thing more than the one before."""

    def crude(joint: str) -> Maker:
        return lambda case: NGramDrafter(qwen.encode(_text(case.layer, joint)))

    def own(options: DraftOptions) -> Maker:
        return lambda case: TextLayerDrafter(case.layer, qwen.encode, qwen.decode, options)

    bare = DraftOptions(join=False, learn=False, spell=False, own_output=False, adaptive=False)
    return {
        "n-grams of the page's lines": crude("\n"),
        "n-grams, lines joined by spaces": crude(" "),
        "resynchronised by letters": own(bare),
        "+ paragraphs, hyphens, cells": own(replace(bare, join=True)),
        "+ what stands between lines is learned": own(replace(bare, join=True, learn=True)),
        "+ what was written before": own(replace(bare, join=True, learn=True, own_output=True)),
        "+ spellings": own(DraftOptions(adaptive=False)),
        ADAPTIVE: own(DraftOptions()),
        "the same without a text layer": lambda case: TextLayerDrafter(None, qwen.encode, qwen.decode),
    }


ADAPTIVE = "+ length by what was accepted"
FIXED = "+ spellings"
CRUDE = "n-grams of the page's lines"


def by_document(documents: Iterable[Paper], qwen: Qwen, most: int) -> list[Run]:
    """The first crude simulation: a document's whole layer drafts its whole Markdown."""
    runs = []
    for paper in documents:
        target = [token for case in paper.cases for token in case.target]
        drafter = NGramDrafter(qwen.encode("\n".join(_text(layer, "\n") for layer in paper.layers)))
        runs.append(simulate(drafter, target, most, paper.name))
    return runs


def by_page(cases: Sequence[Case], maker: Maker, most: int, what: str) -> list[Run]:
    """Every page by itself."""
    return [
        simulate(maker(case), case.target, most, case.doc, case.kind)
        for case in track(cases, f"{what}, {most}", len(cases), "pages")
    ]


def report(qwen: Qwen, every: int) -> Iterator[str]:
    """The tables, line by line; of `every` n-th page, whole documents apart."""
    data = data_folder()
    found = {
        "papers": list(papers(data, qwen)),
        "OHR papers": list(ohr_papers(data, qwen)),
        "OHR manuals": list(ohr_manuals(data, qwen)),
    }
    cases = {name: [case for paper in group for case in paper.cases][::every] for name, group in found.items()}
    for name, group in found.items():
        pages, tokens = len(cases[name]), sum(len(case.target) for case in cases[name])
        lost = statistics.mean(paper.left_out for paper in group) if group else 0.0
        yield f"- {name}: {len(group)} documents, {pages} pages, {tokens:,} tokens; left out {100 * lost:.1f} %"
    yield "\n" + _head("drafter", *(f"{name}{what}" for name in found for what in ("", ", median")), "drafted a pass")
    crude = {name: by_document(group, qwen, USUAL) for name, group in found.items()}
    yield _line("n-grams of the whole document", list(crude.values()))
    makers = variants(qwen)
    usual: dict[str, list[Run]] = {}
    for what, maker in makers.items():
        groups = [by_page(cases[name], maker, USUAL, what) for name in found]
        yield _line(what, groups)
        usual[what] = groups[0]
    longest: dict[str, list[Run]] = {}
    yield from _by_length(cases["papers"], makers, usual, longest)
    yield from _by_kind(usual[CRUDE], usual[ADAPTIVE], longest[ADAPTIVE])
    yield from _by_paper(crude["papers"], usual[ADAPTIVE], longest[ADAPTIVE])
    a_pass = 1e6 * sum(run.seconds for run in usual[ADAPTIVE]) / sum(run.passes for run in usual[ADAPTIVE])
    yield f"\nThe drafter takes {a_pass:.0f} µs of processor a pass."


def _by_length(
    cases: Sequence[Case], makers: Mapping[str, Maker], usual: Mapping[str, list[Run]], longest: dict[str, list[Run]]
) -> Iterator[str]:
    """By the limit of a draft; the runs with the highest are kept in `longest`."""
    yield "\n" + _head("most tokens of a draft", *(f"{k}{what}" for k in LENGTHS for what in ("", ", drafted")))
    for what in (CRUDE, FIXED, ADAPTIVE):
        cells = []
        for most in LENGTHS:
            longest[what] = usual[what] if most == USUAL else by_page(cases, makers[what], most, what)
            cells += [f"{rate(longest[what]):.2f}", f"{drafted(longest[what]):.1f}"]
        yield _row(what, *cells)


def _by_kind(crude: Sequence[Run], usual: Sequence[Run], longest: Sequence[Run]) -> Iterator[str]:
    heads = ("pages", "tokens", f"crude, {USUAL}", f"{USUAL}", "drafted", f"{LENGTHS[-1]}")
    yield "\n" + _head("kind of page, papers", *heads)
    for kind in sorted({run.kind for run in usual}):
        some, ours, long = ([run for run in runs if run.kind == kind] for runs in (crude, usual, longest))
        tokens = sum(len(run.written) for run in ours)
        rates = (f"{rate(some):.2f}", f"{rate(ours):.2f}", f"{drafted(ours):.1f}", f"{rate(long):.2f}")
        yield _row(kind, str(len(ours)), f"{tokens:,}", *rates)


def _by_paper(crude: Sequence[Run], usual: Sequence[Run], longest: Sequence[Run]) -> Iterator[str]:
    yield "\n" + _head("paper", "crude, document", f"{USUAL}", f"{LENGTHS[-1]}")
    rates_of = [_rates(runs) for runs in (crude, usual, longest)]
    for doc in rates_of[-1]:
        yield _row(doc, *(f"{rates_by[doc]:.2f}" for rates_by in rates_of))
    for name, middle in (("mean", statistics.mean), ("median", statistics.median)):
        yield _row(name, *(f"{middle(rates_by.values()):.2f}" for rates_by in rates_of))


def rate(runs: Sequence[Run]) -> float:
    """Tokens a pass over all of them."""
    return sum(len(run.written) for run in runs) / max(1, sum(run.passes for run in runs))


def drafted(runs: Sequence[Run]) -> float:
    """Drafted tokens a pass."""
    return sum(run.drafted for run in runs) / max(1, sum(run.passes for run in runs))


def _text(layer: Sequence[TextLine], joint: str) -> str:
    return joint.join(line.text for line in layer)


def _rates(runs: Sequence[Run]) -> dict[str, float]:
    """Tokens a pass of each document."""
    docs: dict[str, list[Run]] = {}
    for run in runs:
        docs.setdefault(run.doc, []).append(run)
    return {doc: rate(some) for doc, some in docs.items()}


def _line(what: str, groups: Sequence[Sequence[Run]]) -> str:
    cells = []
    for runs in groups:
        cells += [f"{rate(runs):.2f}", f"{statistics.median(_rates(runs).values() or [0.0]):.2f}"]
    return _row(what, *cells, f"{drafted(groups[0]):.1f}")


def _head(*cells: str) -> str:
    return f"{_row(*cells)}\n|{'---|' * len(cells)}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m eval.drafting", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--every", type=int, default=1, help="take every n-th page only")
    every: int = parser.parse_args().every
    with showing():
        for line in report(Qwen(), every):
            print(line, flush=True)


if __name__ == "__main__":
    main()
