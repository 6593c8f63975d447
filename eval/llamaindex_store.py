"""The store as LlamaIndex uses it, against LlamaIndex's own: adding all nodes, then one more, and what a filter costs.

    python -m eval.llamaindex_store [--rows 20000]

Both stores get the same nodes: 120 words drawn by Zipf's law, 384 random numbers as embedding, six metadata keys.
`eval/llamaindex_store.md` has the figures.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores import FilterOperator, MetadataFilter, MetadataFilters
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode

from rag_ingest.llamaindex import LanceDBKnowledgeBase

DIMENSION, WORDS, VOCABULARY, CHUNKS_OF_A_PAPER, REPEATS = 384, 120, 20_000, 40, 5

BATCH, STORES = 2_048, 3
"""`VectorStoreIndex` adds so many at a time, an `IngestionPipeline` all; each way is taken with so many new stores."""

KEYWORDS: dict[str, dict[str, Any]] = {"theirs": {"query_type": "fts"}, "ours": {}}
"""Of a text query."""

FILTERS = {
    "none": None,
    "year == 2015": MetadataFilter(key="year", value=2015),
    "year != 2015": MetadataFilter(key="year", value=2015, operator=FilterOperator.NE),
    "year >= 2010": MetadataFilter(key="year", value=2010, operator=FilterOperator.GTE),
    "title text_match 'paper 12'": MetadataFilter(key="title", value="paper 12", operator=FilterOperator.TEXT_MATCH),
    "serial >= half of the rows": MetadataFilter(key="serial", value=0, operator=FilterOperator.GTE),
}


def main() -> None:
    """Prints seconds of adding, the median of three, and milliseconds of all else, the median of five."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    rows = parser.parse_args().rows
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    nodes = make_nodes(rows + 3 * REPEATS)
    with tempfile.TemporaryDirectory() as folder:
        for at_once in (rows, BATCH):
            stores = loads(Path(folder) / str(at_once), nodes[:rows], at_once)
        theirs, ours = stores
        for name, store in (("theirs", theirs), ("ours", ours)):
            growth(name, store, nodes[rows:], KEYWORDS[name])
        opened = LanceDBKnowledgeBase(uri=theirs.uri, table_name="vectors")
        for name, one in FILTERS.items():
            filters = MetadataFilters(filters=[one]) if one else None
            if one and one.key == "serial":
                filters = MetadataFilters(filters=[one.model_copy(update={"value": rows // 2})])
            for kind, store in (("ours", ours), ("their table in ours", opened)):
                print(f"filter {name}, {kind}: {median(partial(asked, store, filters)):.0f} ms")


def make_nodes(count: int) -> list[TextNode]:
    """The same ones each time."""
    rng = np.random.default_rng(7)
    words = rng.zipf(1.3, (count, WORDS)) % VOCABULARY
    vectors = rng.standard_normal((count, DIMENSION)).astype(np.float32)
    return [_node(n, words[n], vectors[n]) for n in range(count)]


def _node(n: int, words: Sequence[int], vector: Any) -> TextNode:
    paper = n // CHUNKS_OF_A_PAPER
    node = TextNode(
        id_=f"node-{n}",
        text=" ".join(f"w{word}" for word in words) + f" only{n}",
        metadata={
            "title": f"A paper {paper} of some length",
            "source": f"/papers/{paper:06}.pdf",
            "year": 1995 + paper % 30,
            "headings": f"Introduction > Part {n % 9}",
            "page": n % CHUNKS_OF_A_PAPER,
            "serial": n,
        },
        embedding=vector.tolist(),
    )
    node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=f"paper-{paper}")
    return node


def their_store(folder: Path) -> Any:
    """LlamaIndex's `LanceDBVectorStore`."""
    from llama_index.vector_stores.lancedb import LanceDBVectorStore

    return LanceDBVectorStore(uri=str(folder))


def loads(folder: Path, nodes: Sequence[TextNode], at_once: int) -> tuple[Any, LanceDBKnowledgeBase]:
    """Adds all nodes to new stores, in turn; returns the last two, theirs and ours."""
    adding: dict[str, list[float]] = {"theirs": [], "ours": []}
    asking: dict[str, list[float]] = {"theirs": [], "ours": []}
    query = VectorStoreQuery(query_str="only7", mode=VectorStoreQueryMode.TEXT_SEARCH, similarity_top_k=1)
    for n in range(STORES):
        theirs = their_store(folder / f"theirs-{n}")
        ours = LanceDBKnowledgeBase(uri=str(folder / f"ours-{n}"))
        for name, store in (("theirs", theirs), ("ours", ours)):
            adding[name].append(timed(partial(_add, store, nodes, at_once)) / 1000)
            asking[name].append(timed(partial(_answered, store, query, KEYWORDS[name], "node-7")) / 1000)
    for name, times in adding.items():
        first = f"first text query {_spread(asking[name], 2)} s"
        print(f"{name}: {len(nodes)} nodes, {at_once} at a time: {_spread(times, 2)} s; {first}")
    return theirs, ours


def _add(store: Any, nodes: Sequence[TextNode], at_once: int) -> None:
    for at in range(0, len(nodes), at_once):
        store.add(nodes[at : at + at_once])


def _spread(times: Sequence[float], digits: int = 0) -> str:
    return f"median {statistics.median(times):.{digits}f}, {min(times):.{digits}f} to {max(times):.{digits}f}"


def growth(name: str, store: Any, fresh: Sequence[TextNode], keywords: dict[str, Any]) -> None:
    """One node more, and the question that it alone answers."""
    adding, first, again = [], [], []
    for node in fresh:
        word = node.get_content().split()[-1]
        query = VectorStoreQuery(query_str=word, mode=VectorStoreQueryMode.TEXT_SEARCH, similarity_top_k=1)
        adding.append(timed(partial(store.add, [node])))
        first.append(timed(partial(_answered, store, query, keywords, node.node_id)))
        again.append(timed(partial(_answered, store, query, keywords, node.node_id)))
    for what, times in (("add one node", adding), ("first text query after it", first), ("second", again)):
        print(f"{name}: {what}: {_spread(times)} ms")


def _answered(store: Any, query: VectorStoreQuery, keywords: dict[str, Any], expected: str) -> None:
    found = store.query(query, **keywords).ids
    if found != [expected]:
        raise SystemExit(f"{found}: expected {expected}")


def asked(store: LanceDBKnowledgeBase, filters: MetadataFilters | None) -> None:
    """The five nearest that pass."""
    query = VectorStoreQuery(query_embedding=[1.0] * DIMENSION, similarity_top_k=5, filters=filters)
    if len(store.query(query).ids or []) != 5:
        raise SystemExit(f"{filters}: expected five nodes")


def median(call: Callable[[], None]) -> float:
    """Milliseconds."""
    return statistics.median(timed(call) for _ in range(REPEATS))


def timed(call: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    main()
