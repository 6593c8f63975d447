"""Builders of small PDFs, a dump of three of them with its loader, and a look at this process's children."""

from __future__ import annotations

import os
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import typst

from rag_ingest.load.arxiv import ArxivLoader
from rag_ingest.load.arxiv_options import ArxivOptions
from rag_ingest.load.options import LoadOptions
from rag_ingest.load.pdf import PdfLoader
from rag_ingest.types import Page, Source
from tests.load.dumps import NAMES, regular, special, tar_of

PdfBuilder = Callable[..., bytes]


def build_pdf(
    contents: Sequence[bytes],
    *,
    page: str = "/MediaBox [0 0 300 400]",
    resources: str = "",
    extra: Sequence[bytes] = (),
    info: str = "",
) -> bytes:
    """A PDF, a page for each content stream; `extra` objects follow from number 4 + 2 pages, Helvetica is /F0."""
    count = len(contents)
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(count))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {count}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    fonts = "/Font<</F0 3 0 R>>"
    for i, content in enumerate(contents):
        head = f"<</Type/Page/Parent 2 0 R/Contents {5 + 2 * i} 0 R{page}/Resources<<{fonts}{resources}>>>>"
        objects.append(head.encode())
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
    objects += extra
    if info:
        objects.append(f"<<{info}>>".encode())
    data = b"%PDF-1.7\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R" % (size, table, size)
    return data + (f"/Info {size - 1} 0 R" if info else "").encode() + b">>\nstartxref\n%d\n%%%%EOF\n" % start


def text_at(x: float, y: float, text: str, size: float = 12) -> bytes:
    """Shows a text with its baseline at (x, y)."""
    return f"BT /F0 {size} Tf {x} {y} Td ({text}) Tj ET\n".encode("latin-1")


@pytest.fixture(scope="session")
def pdf() -> PdfBuilder:
    return build_pdf


@pytest.fixture(scope="session")
def at() -> Callable[..., bytes]:
    return text_at


@pytest.fixture(scope="session")
def plain_pdf() -> bytes:
    """Seven pages, each with its own number on it."""
    return build_pdf([text_at(50, 300, f"Page number {n}") for n in range(1, 8)])


@pytest.fixture(scope="session")
def form_bomb() -> bytes:
    """Forms that draw forms, ten times each, twelve levels deep: 10**12 lines from about 2 kB."""
    levels = 12
    first = 6
    forms = []
    for level in range(levels):
        last = level == levels - 1
        body = b"0 0 m 9 9 l S" if last else b"/X Do " * 10
        below = b"" if last else b"/Resources<</XObject<</X %d 0 R>>>>" % (first + level + 1)
        forms.append(
            b"<</Type/XObject/Subtype/Form/BBox[0 0 300 400]%s/Length %d>>stream\n%s\nendstream"
            % (below, len(body), body)
        )
    return build_pdf([b"/X Do"], resources=f"/XObject<</X {first} 0 R>>", extra=forms)


@pytest.fixture(scope="session")
def memory_bomb() -> bytes:
    """A content stream of a few kB that unpacks, twice, to 300 MB."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b" " * 2**20) for _ in range(300)) + packer.flush()
    twice = zlib.compress(packed, 9)
    head = b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>stream\n%s\nendstream" % (len(twice), twice)
    return build_pdf([b""], extra=[head]).replace(b"/Contents 5 0 R", b"/Contents 6 0 R")


@pytest.fixture(scope="session")
def typeset(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """Typst source -> PDF."""

    def compile_typst(source: str) -> bytes:
        file = tmp_path_factory.mktemp("typst") / "main.typ"
        file.write_text(source)
        compiled = typst.compile(str(file))
        assert isinstance(compiled, bytes)
        return compiled

    return compile_typst


@pytest.fixture(scope="module")
def loader() -> Iterator[PdfLoader]:
    with PdfLoader(LoadOptions(workers=1, longest_edge_px=800)) as one:
        yield one


@pytest.fixture
def read(loader: PdfLoader, tmp_path: Path) -> Callable[..., list[Page]]:
    """Every page of a PDF given as bytes; none may fail."""

    def read_bytes(data: bytes, *, image: bool = False) -> list[Page]:
        file = tmp_path / "read.pdf"
        file.write_bytes(data)
        document = loader.open(Source(str(file), "pdf"))
        pages = list(loader.pages(document, range(1, document.page_count + 1), image=image))
        assert all(isinstance(page, Page) for page in pages), pages
        return [page for page in pages if isinstance(page, Page)]

    return read_bytes


def child_ids(parent: int) -> set[int]:
    """Processes whose parent is this one."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if fields[0] != "Z" and int(fields[1]) == parent:
            found.add(int(stat.parent.name))
    return found


@pytest.fixture
def children() -> Callable[[], set[int]]:
    """Living child processes of this test process that were not there when the test began."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("looks at processes in /proc")
    before = child_ids(os.getpid())
    return lambda: child_ids(os.getpid()) - before


@pytest.fixture(scope="session")
def children_of() -> Callable[[int], set[int]]:
    if not Path("/proc/self/stat").exists():
        pytest.skip("looks at processes in /proc")
    return child_ids


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], object]], bool]:
    """Waits, 15 s at most, until a condition holds."""

    def wait(condition: Callable[[], object]) -> bool:
        end = time.monotonic() + 15
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.05)
        return bool(condition())

    return wait


@pytest.fixture(scope="module")
def contents(pdf, at) -> dict[str, bytes]:
    """A small PDF for each name."""
    return {name: pdf([at(50, 300, f"{name} page {n}") for n in (1, 2)], info="/Title(In the file)") for name in NAMES}


@pytest.fixture
def dump(tmp_path, contents):
    """`arXiv_pdf_2301_001.tar` with three papers."""
    file = tmp_path / "arXiv_pdf_2301_001.tar"
    file.write_bytes(tar_of([special("2301", tarfile.DIRTYPE), *(regular(n, c) for n, c in contents.items())]))
    return file


@pytest.fixture(scope="module")
def inner():
    with PdfLoader(LoadOptions(workers=1)) as one:
        yield one


@pytest.fixture
def make(inner, tmp_path):
    """Loaders with options, whose temporary files must be gone when they are closed."""
    made = []

    def build(**options) -> ArxivLoader:
        made.append(ArxivLoader(ArxivOptions(cache=str(tmp_path / "cache"), **options), inner))
        return made[-1]

    yield build
    for loader in made:
        loader.close()
        loader.close()
