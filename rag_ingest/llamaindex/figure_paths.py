"""The figures in a node's metadata: their paths are absolute outside a knowledge base, and relative to it inside."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from llama_index.core.schema import BaseNode

from rag_ingest.llamaindex.columns import known_columns
from rag_ingest.types import PlacedFigure, Span

__all__ = ["figures_of", "with_figure_paths"]


def with_figure_paths(node: BaseNode, path_of: Callable[[str], str]) -> BaseNode:
    """The node with other paths; metadata that is somebody else's, under the same name, stays as it is."""
    text = node.metadata.get("figures")
    try:
        figures = json.loads(text) if isinstance(text, str) else None
        moved = [{**figure, "path": path_of(figure["path"])} for figure in figures or ()]
    except (AttributeError, KeyError, TypeError, ValueError):
        return node
    if not moved or moved == figures:
        return node
    return node.model_copy(update={"metadata": {**node.metadata, "figures": json.dumps(moved, ensure_ascii=False)}})


def figures_of(node: BaseNode) -> Iterator[PlacedFigure]:
    """What `store.node_metadata` wrote of the figures that a node shows, as far as a crop can be found by it."""
    for row in known_columns({"figures": node.metadata.get("figures")})["figures"]:
        yield PlacedFigure(
            page=row["page"],
            number=row["number"],
            span=Span(0, 0),
            placeholder=row["placeholder"],
            caption=row["caption"],
            path=row["path"],
            in_table=row["in_table"],
        )
