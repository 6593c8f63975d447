"""Which PDFs there are, what they are called, and where each one's TeX or JATS lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from eval.init.jats import is_jats
from eval.init.tex_files import find_root
from rag_ingest.errors import ConfigError


def find_pdfs(folder: Path) -> Mapping[str, Path]:
    """Name to PDF, below a folder, in order.

    A paper is called by its file's stem; where two share one, by its folder; where that is no name of its own either,
    by its path.

    Raises:
        ConfigError: no such folder, or no PDF in it.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder: name one that holds PDFs")
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() == ".pdf" and file.is_file())
    if not files:
        raise ConfigError(f"no PDFs in {folder} or below: name the folder that holds your papers")
    stems = Counter(file.stem for file in files)
    homes = Counter(file.parent.name for file in files if stems[file.stem] > 1)
    names = {}
    for file in files:
        home = file.parent.name
        own_home = homes[home] == 1 and home not in stems and file.parent != folder
        path = file.relative_to(folder).with_suffix("").as_posix()
        names[file.stem if stems[file.stem] == 1 else home if own_home else path] = file
    return names


def find_source(name: str, pdf: Path, sources: Path | None, lone: bool) -> Path | None:
    """The paper's JATS file or the root of its TeX; None when neither is there.

    Looked for as `STEM.tex`, `STEM.xml`, `STEM.nxml`, `STEM.jats.xml` or a folder `STEM/`, beside the PDF and in
    `sources` (there also by the folder that holds the PDF); and anywhere in the PDF's own folder when it has no other
    PDF.

    Args:
        name: of the paper.
        pdf: its file.
        sources: another folder to look in.
        lone: no other PDF stands in the PDF's folder.
    """
    for place in _places(name, pdf, sources, lone):
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        xml = [file for file in files if file.suffix.lower() in (".xml", ".nxml") and file.is_file() and is_jats(file)]
        root = find_root([file for file in files if file.suffix.lower() in (".tex", ".ltx") and file.is_file()])
        if xml or root:
            return xml[0] if xml else root
    return None


def _places(name: str, pdf: Path, sources: Path | None, lone: bool) -> Iterator[Path]:
    folders = [(pdf.parent, pdf.stem)]
    if sources:
        folders += [(sources, pdf.stem), (sources, pdf.parent.name), (sources, name)]
    for folder, stem in folders:
        for suffix in (".xml", ".nxml", ".jats.xml", ".tex", ""):
            place = folder / f"{stem}{suffix}"
            if place.exists():
                yield place
    if lone:
        yield pdf.parent
