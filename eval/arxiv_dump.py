"""How fast an arXiv dump is listed, joined and opened: `python -m eval.arxiv_dump`. Recorded in arxiv_dump.md.

The dump is made of the built-in corpus' papers, each member with other bytes behind its end mark; the metadata are
made-up lines of the length of arXiv's own (1.6 kB on average).
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import random
import resource
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any, TypeVar

from rag_ingest import Pipeline
from rag_ingest.config import load_config
from rag_ingest.types import Container, Loader, Source

DEMO = Path(__file__).parent / "corpus" / "demo"
LINE_BYTES = 1600
CATEGORIES = ["cs.CL cs.LG", "hep-ph", "math.AG", "astro-ph.GA gr-qc", "stat.ML cs.LG"]
LICENSES = ["http://arxiv.org/licenses/nonexclusive-distrib/1.0/", "http://creativecommons.org/licenses/by/4.0/"]

T = TypeVar("T")


def write_dump(file: Path, count: int) -> None:
    """`count` members `2301/2301.NNNNN.pdf`, and the manifest beside it."""
    papers = [paper.read_bytes() for paper in sorted(DEMO.glob("*.pdf"))]
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as tar:
        for n, paper in enumerate(islice(cycle(papers), count), 1):
            content = paper + b"%% %d\n" % n
            info = tarfile.TarInfo(f"2301/2301.{n:05}.pdf")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    with file.open("rb") as written:
        md5 = hashlib.file_digest(written, "md5").hexdigest()
    entry = f"<filename>pdf/{file.name}</filename><md5sum>{md5}</md5sum><size>{file.stat().st_size}</size>"
    file.with_name("arXiv_pdf_manifest.xml").write_text(f"<arXivPDF><file>{entry}</file></arXivPDF>\n")


def write_metadata(file: Path, count: int) -> None:
    """`count` lines, the dump's papers spread among them."""
    rng = random.Random(0)
    with file.open("w") as out:
        for n in range(count):
            month, number = divmod(n, 20_000)
            year, month = divmod(month, 12)
            record: dict[str, Any] = {
                "id": f"{23 + year:02}{month + 1:02}.{number + 1:05}",
                "title": f"On thing {n}",
                "categories": rng.choice(CATEGORIES),
                "license": rng.choice(LICENSES),
                "versions": [{"version": "v1", "created": f"Mon, 2 Jan 20{23 + year} 19:18:42 GMT"}],
                "authors_parsed": [["Author", f"A. {n}", ""], ["Böhm", "B.", ""]],
            }
            record["abstract"] = "w " * ((LINE_BYTES - len(json.dumps(record))) // 2)
            out.write(json.dumps(record) + "\n")


def timed(what: Callable[[], T]) -> tuple[T, float]:
    """(result, seconds)."""
    started = time.perf_counter()
    return what(), time.perf_counter() - started


def peak_mb() -> float:
    """The most memory that this process held so far; workers not counted."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def papers_of(loader: Loader, dump: Path) -> list[Source]:
    """A dump's papers; none may fail."""
    assert isinstance(loader, Container)
    found = list(loader.sources(Source(str(dump), "arxiv")))
    assert all(isinstance(item, Source) for item in found), found
    return [item for item in found if isinstance(item, Source)]


def measure(folder: Path, members: int, lines: int) -> Iterator[tuple[str, str]]:
    """Yields (what, figure)."""
    dump, metadata = folder / "arXiv_pdf_2301_001.tar", folder / "metadata.json"
    write_dump(dump, members)
    write_metadata(metadata, lines)
    yield "dump", f"{members:,} members, {dump.stat().st_size / 2**20:,.0f} MB"
    yield "metadata", f"{lines:,} lines, {metadata.stat().st_size / 2**20:,.0f} MB"
    settings = ["load.workers=1", f"arxiv.cache={folder / 'cache'}"]
    joined = [*settings, f"arxiv.metadata={metadata}", "arxiv.check_md5=false"]
    before = peak_mb()
    with Pipeline(load_config(settings=[*settings, "arxiv.check_md5=false"])) as pipeline:
        loader = pipeline.loader("arxiv")
        papers, seconds = timed(lambda: papers_of(loader, dump))
        yield "list, by headers", f"{seconds:.3f} s, {1e6 * seconds / members:.0f} µs a member"
    with Pipeline(load_config(settings=settings)) as pipeline:
        loader = pipeline.loader("arxiv")
        _, seconds = timed(lambda: papers_of(loader, dump))
        yield "md5 of the whole dump", f"{seconds:.2f} s"
    with Pipeline(load_config(settings=joined)) as pipeline:
        loader = pipeline.loader("arxiv")
        _, seconds = timed(lambda: loader.open(papers[0]))
        yield "index of the metadata, once", f"{seconds:.1f} s, {1e6 * seconds / lines:.0f} s a million lines"
    index_bytes = sum(f.stat().st_size for f in (folder / "cache").glob("*.sqlite") if f.stem != "arxiv-md5")
    yield "size of the index", f"{index_bytes / lines:.0f} bytes a line"
    with Pipeline(load_config(settings=[*joined, "arxiv.categories=cs.*", "arxiv.licenses=by"])) as pipeline:
        loader = pipeline.loader("arxiv")
        chosen, seconds = timed(lambda: papers_of(loader, dump))
        per_member = 1e6 * seconds / members
        yield "choose by category and licence", f"{seconds:.3f} s, {per_member:.0f} µs a member; {len(chosen):,} chosen"
    yield "memory so far, beyond the start's", f"{peak_mb() - before:.0f} MB (start: {before:.0f} MB)"
    yield from _opened(joined, papers, folder)
    yield "memory in the end, beyond the start's", f"{peak_mb() - before:.0f} MB"


def _opened(settings: list[str], papers: list[Source], folder: Path) -> Iterator[tuple[str, str]]:
    with Pipeline(load_config(settings=settings)) as pipeline:
        loader, pdf = pipeline.loader("arxiv"), pipeline.loader("pdf")
        loader.open(papers[-1])  # starts the worker
        documents, seconds = timed(lambda: [loader.open(paper) for paper in papers])
        assert all(document.metadata["authors"] for document in documents)
        yield "open from the dump, metadata joined", f"{1e3 * seconds / len(papers):.2f} ms a paper"
        files = []
        for n, paper in enumerate(islice(cycle(sorted(DEMO.glob("*.pdf"))), len(papers))):
            files.append(folder / f"{n}.pdf")
            files[-1].write_bytes(paper.read_bytes() + b"%% file %d\n" % n)
        _, seconds = timed(lambda: [pdf.open(Source(str(file), "pdf")) for file in files])
        yield "for comparison: open the same as single files", f"{1e3 * seconds / len(files):.2f} ms a paper"


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=2000, help="papers in the dump")
    parser.add_argument("--lines", type=int, default=200_000, help="of metadata")
    given = parser.parse_args()
    print("| what | figure |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for what, figure in measure(Path(folder), given.members, given.lines):
            print(f"| {what} | {figure} |", flush=True)
    print(f"| load of the machine, {os.cpu_count()} cores | {os.getloadavg()[0]:.1f} |")


if __name__ == "__main__":
    main()
