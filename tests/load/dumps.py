"""Small dumps of arXiv's shape: tars, their manifest, and metadata lines."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rag_ingest.load.discover import find_sources
from rag_ingest.types import Failure, Source

NAMES = ["2301/2301.00001.pdf", "2301/2301.00002.pdf", "0001/astro-ph0001001.pdf"]


def regular(name: str, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    """A file."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """A link, a device, a folder."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def tar_of(members: Iterable[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar, as GNU tar writes arXiv's."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def write_manifest(folder: Path, *tars: Path, **wrong: Any) -> Path:
    """The manifest of these tars, in arXiv's words; `wrong` replaces fields of each."""
    entries = []
    for tar in tars:
        content = tar.read_bytes()
        fields = {
            "content_md5sum": "cacbfede21d5dfef26f367ec99384546",
            "filename": f"pdf/{tar.name}",
            "first_item": "2301.00001",
            "last_item": "2301.00003",
            "md5sum": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            "num_items": "3",
            "seq_num": "1",
            "size": str(len(content)),
            "timestamp": "2023-02-01 00:33:58",
            "yymm": "2301",
            **wrong,
        }
        entries.append("<file>\n" + "".join(f"  <{k}>{v}</{k}>\n" for k, v in fields.items()) + "</file>\n")
    file = folder / "arXiv_pdf_manifest.xml"
    head = "<?xml version='1.0' standalone='yes'?>\n<arXivPDF timestamp=\"Wed Feb  1 01:02:12 2023\">\n"
    file.write_text(head + "".join(entries) + "</arXivPDF>\n")
    return file


def record(paper: str, **fields: Any) -> dict[str, Any]:
    """A line of `arxiv-metadata-oai-snapshot.json`, all of its keys in its order."""
    return {
        "id": paper,
        "submitter": "Ann Author",
        "authors": "A. Author, B. Böhm Jr. and C. van Dam",
        "title": "Of things that\n  are long",
        "comments": "12 pages",
        "journal-ref": "J. Thing 1 (2023) 2-3",
        "doi": "10.1000/182",
        "report-no": None,
        "categories": "cs.CL cs.LG stat.ML",
        "license": "http://creativecommons.org/licenses/by/4.0/",
        "abstract": "  We look at things\nand find $x^2$.\n",
        "versions": [
            {"version": "v1", "created": "Fri, 30 Dec 2022 19:18:42 GMT"},
            {"version": "v2", "created": "Tue, 24 Jan 2023 20:10:27 GMT"},
        ],
        "update_date": "2023-01-25",
        "authors_parsed": [["Author", "A.", ""], ["Böhm", "B.", "Jr."], ["van Dam", "C.", ""]],
        **fields,
    }


def write_metadata(file: Path, *records: dict[str, Any]) -> Path:
    """JSON lines."""
    file.write_text("".join(json.dumps(one) + "\n" for one in records))
    return file


def found(loader, *paths):
    """(sources, failures) of these paths."""
    items = [one for source in find_sources(paths) for one in loader.sources(source)]
    return [i for i in items if isinstance(i, Source)], [i for i in items if isinstance(i, Failure)]


def names(sources):
    return [source.uri.rpartition("!/")[2] for source in sources]
