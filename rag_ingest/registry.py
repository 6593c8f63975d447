"""Names and where their code lives: literal tables, read without importing anything heavy.

Installed packages add to them through the entry-point groups `rag_ingest.engines`, `rag_ingest.embedders`
and `rag_ingest.loaders`; a name that stands here can't be taken over.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from rag_ingest.errors import ConfigError

ENGINES: Mapping[str, str] = {
    "lightonocr": "rag_ingest.ocr.lightonocr:LightOnOCR",
    "server": "rag_ingest.ocr.server:ServerEngine",
    "layout": "rag_ingest.ocr.layout:LayoutEngine",
    "textlayer": "rag_ingest.ocr.textlayer:TextLayerEngine",
}

EMBEDDERS: Mapping[str, str] = {
    "sentence-transformers": "rag_ingest.embed.sentence_transformers:SentenceTransformersEmbedder",
    "http": "rag_ingest.embed.http:HttpEmbedder",
}

LOADERS: Mapping[str, str] = {
    "pdf": "rag_ingest.load.pdf:PdfLoader",
    "image": "rag_ingest.load.image:ImageLoader",
    "arxiv": "rag_ingest.load.arxiv:ArxivLoader",
}

RUNNERS: Mapping[str, str] = {
    "local": "rag_ingest.runners.local:run",
}

_TABLES = {"engine": ENGINES, "embedder": EMBEDDERS, "loader": LOADERS, "runner": RUNNERS}


def nearest(name: str, known: Mapping[str, object] | list[str]) -> str:
    """`; did you mean 'x'?` for the closest known name, else an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def names(kind: str) -> dict[str, str]:
    """Every known name of a kind ("engine", "embedder", "loader", "runner") with its `module:attr`."""
    installed = {e.name: e.value for e in entry_points(group=f"rag_ingest.{kind}s")}
    return {**installed, **_TABLES[kind]}


def resolve(kind: str, name: str) -> Any:
    """Imports what a name stands for.

    Raises:
        ConfigError: the name is unknown; the message lists the known ones and the nearest.
    """
    known = names(kind)
    if name not in known:
        listed = ", ".join(sorted(known))
        raise ConfigError(f"unknown {kind} {name!r}{nearest(name, known)} (known: {listed})")
    module, _, attribute = known[name].partition(":")
    return getattr(import_module(module), attribute)
