"""What a person sees: progress and summaries on stderr, results on stdout; and the rows of `--json`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from shlex import quote
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from rag_ingest.report import DocumentReport, EngineChosen, IngestReport, Waiting, failure_json
from rag_ingest.stages import Work
from rag_ingest.types import Chunk, Failure, PageMarkdown

SHOWN_FAILURES = 20

err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
"""What is said comes from papers and file names: neither `[red]` nor `:x:` in it means anything."""


class _Progress:
    """A bar on a terminal, a line a document elsewhere; documents, pages, pages/s and time left.

    Args:
        documents: how many there are; 0 where that is not known, as of a dump.
    """

    def __init__(self, documents: int) -> None:
        self.total = documents
        self.documents = 0
        self.pages = 0
        self.page_total = 0
        self.started = time.perf_counter()
        texts = [TextColumn(what, markup=False) for what in ("{task.description}", "{task.fields[note]}")]
        columns = (SpinnerColumn(), texts[0], BarColumn(), texts[1])
        self.bar = Progress(*columns, TimeElapsedColumn(), console=err, transient=True, disable=not err.is_terminal)
        self.of = f"/{documents}" if documents else ""
        self.task = self.bar.add_task("starting", total=documents or None, note="")

    def __enter__(self) -> Any:
        self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.bar.stop()

    def show(self, description: str) -> None:
        """Redraws; the time left comes from the share of documents that are done."""
        elapsed = time.perf_counter() - self.started
        share = (self.documents + self._share_of_open_document()) / self.total if self.total else 0.0
        left = f", {_duration(elapsed / share - elapsed)} left" if share > 0.02 and share < 1 else ""
        note = f"{self.documents}{self.of} documents, {self.pages} pages, {self.pages / elapsed:.1f} pages/s{left}"
        self.bar.update(self.task, completed=share * self.total, description=description, note=note)

    def _share_of_open_document(self) -> float:
        return 0.0

    def __call__(self, event: object) -> None:
        """Takes one event."""
        if isinstance(event, EngineChosen):
            err.print(f"engine: {event.name} ({event.reason})")
        elif isinstance(event, Waiting):
            err.print(event.message)

    def line(self, text: str) -> None:
        """One line for a log file; a terminal has the bar."""
        if not err.is_terminal:
            err.print(f"[{self.documents}{self.of}] {text}")


class IngestProgress(_Progress):
    """Follows the events of `api.ingest`."""

    def __init__(self, documents: int) -> None:
        super().__init__(documents)
        self.open_pages = 0
        self.open_done = 0

    def __call__(self, event: object) -> None:
        """Takes one event."""
        super().__call__(event)
        if isinstance(event, DocumentReport):
            self.documents += event.outcome != "removed"  # nobody asked for that one
            self.open_pages = self.open_done = 0
            self.line(document_line(event))
            self.show("reading")
        elif isinstance(event, PageMarkdown) or (isinstance(event, Failure) and event.page is not None):
            self.pages += 1
            self.open_done += 1
            self.show("reading")
        elif isinstance(event, Work):
            self.open_pages, self.open_done = event.pages, 0
            self.show("reading")

    def _share_of_open_document(self) -> float:
        return 0.9 * self.open_done / self.open_pages if self.open_pages else 0.0


class OcrProgress(_Progress):
    """Counts the documents of `api.ocr`."""

    def document(self, source: str, results: Sequence[object]) -> None:
        """Takes one finished document."""
        self.documents += 1
        self.pages += len(results)
        self.line(f"{source}: {len(results)} pages")
        self.show("reading")


def document_line(report: DocumentReport) -> str:
    """One finished document in words."""
    if report.outcome in ("unchanged", "duplicate", "moved", "superseded", "removed"):
        return f"{report.source}: {report.outcome}"
    failed = f", {report.pages_failed} pages failed" if report.pages_failed else ""
    placed = f" ({report.pages_placed} placed again)" if report.pages_placed else ""
    cached = f" + {report.pages_cached} from the ledger{placed}" if report.pages_cached else ""
    return f"{report.source}: {report.outcome}, {report.pages_read} pages{cached}{failed}, {report.chunks} chunks"


def print_ingest_report(report: IngestReport) -> None:
    """The summary table, the failures, and what to do next; all on stderr."""
    documents = ", ".join(f"{n} {outcome}" for outcome, n in sorted(report.documents.items())) or "none"
    rate = f" ({report.pages_read / report.seconds:.1f} pages/s)" if report.seconds and report.pages_read else ""
    failed = f", {report.pages_failed} failed" if report.pages_failed else ""
    placed = f", {report.pages_placed} placed again" if report.pages_placed else ""
    cached = f", {report.pages_cached} from the ledger{placed}" if report.pages_cached else placed
    cut = f", {report.pages_cut} cut at the token limit" if report.pages_cut else ""
    empty = f", {report.pages_empty} without any text" if report.pages_empty else ""
    rows = [
        ("documents", documents),
        ("pages", f"{report.pages_read} read{cached}{failed}{cut}{empty}"),
        ("chunks", f"{report.chunks} written"),
    ]
    if report.left_out["papers"]:
        unknown = report.left_out["unknown"]
        lacking = f", {unknown:,} of them for lack of metadata" if unknown else ""
        rows.append(("left out", f"{report.left_out['papers']:,} papers of dumps by the filters of [arxiv]{lacking}"))
    if report.engine:  # else there was nothing to read
        rows += [("engine", f"{report.engine} ({report.engine_reason})"), ("embedder", report.embedder)]
    rows.append(("time", _duration(report.seconds) + rate))
    _print_rows(err, rows)
    print_failures(report.failures)
    if report.interrupted:
        err.print("interrupted: everything read so far is kept; the same command goes on from here")
    else:
        if report.failures:
            err.print(f"what failed, again: rag-ingest retry --db {quote(report.db)}")
        err.print(f'next: rag-ingest search "your question" --db {quote(report.db)}')


def _print_rows(console: Console, rows: Sequence[tuple[str, str]]) -> None:
    """Names and values; nothing is cut or broken, however narrow the terminal."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        for number, line in enumerate(value.split("\n")):
            console.print(f"{'' if number else name:<{width}}  {line}".rstrip())


def print_failures(failures: Sequence[Failure]) -> None:
    """What failed and why, on stderr."""
    if not failures:
        return
    err.print(f"{len(failures)} failed:")
    for failure in failures[:SHOWN_FAILURES]:
        page = f" page {failure.page}" if failure.page else ""
        where = "" if failure.reason.startswith(failure.source) and not page else f"{failure.source}{page}: "
        err.print(f"  {failure.stage}: {where}{failure.reason}")
    if len(failures) > SHOWN_FAILURES:
        err.print(f"  … and {len(failures) - SHOWN_FAILURES} more; see rag-ingest status")


def print_chunks(chunks: Sequence[Chunk]) -> None:
    """Chunks for a person: a rule with the facts, then the text."""
    for n, chunk in enumerate(chunks, 1):
        pages = f", pages {','.join(map(str, chunk.pages))}" if chunk.pages else ""
        oversize = f", oversize: {chunk.metadata['oversize']}" if "oversize" in chunk.metadata else ""
        facts = f"{n}: {chunk.token_count} tokens, {'+'.join(chunk.kinds)}{pages}{oversize}"
        out.print(f"──── {facts} " + "─" * max(0, 72 - len(facts)), style="bold")
        if chunk.context:
            out.print(chunk.context, style="cyan")
        out.print(chunk.text.strip("\n"))


def note(text: str) -> None:
    """One line beside the result; on stderr."""
    err.print(text)


def print_status(status: Any, db: str) -> None:
    """The state of a knowledge base for a person; on stdout."""
    engines = [f"{e['engine']} {e['fingerprint']} with {e['embedder']}: {e['documents']}" for e in status.engines]
    rows = [
        ("knowledge base", db),
        ("documents", str(status.documents)),
        ("pages", ", ".join(f"{n} {state}" for state, n in sorted(status.pages.items())) or "none"),
        ("chunks", str(status.chunks)),
        ("engines", "\n".join(engines) or "none"),
    ]
    if status.superseded:
        rows.append(("superseded", f"{status.superseded} earlier versions"))
    for why, n in Counter(stale["why"] for stale in status.stale).most_common():
        pages = sum(stale.get("pages", 0) for stale in status.stale if stale["why"] == why)
        of_them = f" with {pages} pages to place" if pages else ""
        rows.append(("stale", f"{n} documents{of_them}: {why}; ingest them again"))
    _print_rows(out, rows)
    for failure in status.failures:
        page = f" page {failure.page}" if failure.page else ""
        out.print(f"failed: {failure.stage}: {failure.source}{page}: {failure.reason}")


def status_json(status: Any) -> dict[str, Any]:
    """The object of `status --json`."""
    return {
        "documents": status.documents,
        "pages": dict(status.pages),
        "chunks": status.chunks,
        "failures": [failure_json(f) for f in status.failures],
        "engines": list(status.engines),
        "stale": [dict(stale) for stale in status.stale],
        "superseded": status.superseded,
    }


def chunk_json(chunk: Chunk) -> Mapping[str, Any]:
    """A row of `split --json`."""
    oversize = {"oversize": chunk.metadata["oversize"]} if "oversize" in chunk.metadata else {}
    return {
        "text": chunk.text,
        "context": chunk.context,
        "start": chunk.span.start,
        "end": chunk.span.end,
        "headings": list(chunk.headings),
        "pages": list(chunk.pages),
        "kinds": list(chunk.kinds),
        "token_count": chunk.token_count,
        **oversize,
    }


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{seconds:.1f} s" if seconds < 10 else f"{rest} s"
