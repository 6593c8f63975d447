"""Makes the PDFs of the built-in papers from their Markdown: the same sources give the same bytes.

    python -m eval.corpus.build [--check] [NAME …]

Only the fonts inside the typst wheel are used and the creation time is fixed, so the PDFs do not depend on the
machine. A scan is made from such a PDF by drawing its pages, turning, blurring and soiling them, and has no text; its
bytes may differ with another version of Pillow or PDFium. `--check` compares with the committed files instead of
writing them, scans by their looks.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from eval.corpus.typeset import to_typst_source

CORPUS = Path(__file__).resolve().parent
CREATED_UNIX_S = 1_735_689_600
"""2025-01-01T00:00:00Z, the creation time written into every PDF."""

SCAN_DPI = 150
SKEW_DEG = 0.7
"""Greatest turn of a scanned page; each page has its own."""

BLUR_PX = 0.6
NOISE_LEVELS = 7.0
JPEG_QUALITY = 38
SAME_LOOK_LEVELS = 3.0
"""Mean difference of grey levels below which two scans are the same."""


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper of the corpus.

    Attributes:
        folder: "demo", "papers" or "scans", below `eval/corpus`.
        look: a key of `looks` in `template.typ`.
        first: name of the journal, heads the first page.
        odd: running title.
        even: running authors.
    """

    name: str
    folder: str
    look: str
    first: str
    odd: str
    even: str

    @property
    def pdf(self) -> Path:
        """Where the committed PDF is."""
        return CORPUS / self.folder / f"{self.name}.pdf"

    @property
    def truth(self) -> Path:
        """The Markdown that the PDF is made from."""
        return CORPUS / "truth" / f"{self.name}.md"

    @property
    def scanned(self) -> bool:
        """Whether the PDF holds images alone."""
        return self.folder == "scans"


def _papers() -> Mapping[str, Paper]:
    given = tomllib.loads((CORPUS / "papers.toml").read_text(encoding="utf-8"))
    return {name: Paper(name=name, **fields) for name, fields in sorted(given.items())}


PAPERS = _papers()
"""Name to paper, as `papers.toml` says."""


def make_pdf(name: str) -> bytes:
    """The PDF of one paper, as it is committed.

    Args:
        name: one of `PAPERS`.

    Raises:
        ValueError: the Markdown holds what `typeset` or `tex` does not know.
        typst.TypstError: the source does not compile.
    """
    pdf = compile_paper(name)
    return scan(pdf, seed=zlib.crc32(name.encode())) if PAPERS[name].scanned else pdf


def compile_paper(name: str) -> bytes:
    """The PDF of one paper with its text, also when it is committed as a scan.

    Raises:
        ValueError, typst.TypstError: as `make_pdf`.
    """
    import typst

    paper = PAPERS[name]
    options = ", ".join(f"{key}: {json.dumps(getattr(paper, key))}" for key in ("name", "first", "odd", "even", "look"))
    source = to_typst_source(paper.truth.read_text(encoding="utf-8"), name, options)
    compiler = typst.Compiler(root=CORPUS, ignore_system_fonts=True)
    pdf = compiler.compile(source.encode(), format="pdf", timestamp=CREATED_UNIX_S)
    if not isinstance(pdf, bytes):
        raise TypeError(f"{name}: expected the bytes of one PDF, got {type(pdf).__name__}")
    return pdf


def scan(pdf: bytes, seed: int) -> bytes:
    """The same pages as a cheap scanner gives them: grey JPEG images, askew, blurred, noisy, without text.

    Args:
        pdf: a PDF with text.
        seed: fixes skew and noise.
    """
    rng = np.random.default_rng(seed)
    pages = [_soiled(image, rng) for image in images(pdf)]
    out = io.BytesIO()
    stamp: dict[str, Any] = {key: time.gmtime(CREATED_UNIX_S) for key in ("creationDate", "modDate")}
    pages[0].save(
        out, "PDF", save_all=True, append_images=pages[1:], resolution=SCAN_DPI, quality=JPEG_QUALITY, **stamp
    )
    return out.getvalue()


def images(pdf: bytes) -> Iterator[Image.Image]:
    """Each page in grey levels, at `SCAN_DPI`."""
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    try:
        for page in document:
            yield page.render(scale=SCAN_DPI / 72, grayscale=True).to_pil().convert("L")
    finally:
        document.close()


def _soiled(page: Image.Image, rng: np.random.Generator) -> Image.Image:
    turned = page.rotate(rng.uniform(-SKEW_DEG, SKEW_DEG), Image.Resampling.BICUBIC, fillcolor=255)
    grey = np.asarray(turned.filter(ImageFilter.GaussianBlur(BLUR_PX)), dtype=np.float64)
    shade = np.linspace(0, rng.uniform(8, 18), grey.shape[1])[None, :]
    grey = 20 + grey * (225 / 255) - shade + rng.normal(0, NOISE_LEVELS, grey.shape)
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


def same(made: bytes, committed: Path) -> bool:
    """Whether a committed PDF is the one just made: by its bytes, or for a scan by its looks."""
    if not committed.is_file():
        return False
    if committed.read_bytes() == made:
        return True
    if committed.parent.name != "scans":
        return False
    pairs = zip(images(made), images(committed.read_bytes()), strict=True)
    return all(np.abs(np.asarray(a, float) - np.asarray(b, float)).mean() < SAME_LOOK_LEVELS for a, b in pairs)


def main() -> int:
    """Writes the PDFs, or checks them; 1 when a checked file differs."""
    parser = argparse.ArgumentParser(description="Make the PDFs of the built-in papers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="papers; all without any")
    parser.add_argument("--check", action="store_true", help="compare with the committed PDFs, write nothing")
    args = parser.parse_args()
    stale = []
    for name in args.names or PAPERS:
        pdf, path = make_pdf(name), PAPERS[name].pdf
        if not args.check:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(pdf)
        elif not same(pdf, path):
            stale.append(name)
    for name in stale:
        print(f"{name}.pdf differs from its source: run python -m eval.corpus.build", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
