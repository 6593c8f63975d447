"""The store by itself: how fast it answers beside bare LanceDB, how large it grows, how good its vector index is.

    python -m eval.store build DIR [--rows 100000]      a knowledge base of made-up documents (`eval.store_rows`)
    python -m eval.store latency DIR [--queries 60]     milliseconds a search, ours and LanceDB's in turn
    python -m eval.store recall DIR [--queries 60]      of the vector index, for probes and refinement
    python -m eval.store size [--rows 4000] [--times 20]   bytes after every re-ingest with all chunks changed

`eval/store.md` has the figures.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("LANCEDB_LOG", "error")

import lancedb
import numpy as np
from lancedb.query import MatchQuery
from lancedb.rerankers import RRFReranker

from eval.store_rows import Passages, documents, near, passages
from rag_ingest.store.knowledge_base import KnowledgeBase
from rag_ingest.store.lease import lease
from rag_ingest.store.search import DEPTH, NPROBES, REFINE_FACTOR
from rag_ingest.store.upkeep import folder_bytes

GROUP = 125
"""Documents a commit: 5,000 chunks."""

WARM_UP = 3

K = 10

HIT_COLUMNS = [
    *("id", "doc_id", "source", "title", "text", "context", "headings", "pages", "span_start", "span_end"),
    *("bboxes", "figures", "category_lines", "verdict", "year", "version"),
    *("witness_recall", "witness_precision", "witness_order", "witness_numbers"),
    *("arxiv_id", "authors", "license", "doi", "published"),
]
"""What a `SearchHit` is made of."""


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("build", "latency", "recall", "size"):
        command = commands.add_parser(name)
        if name != "size":
            command.add_argument("dir")
        command.add_argument("--rows", type=int, default=4_000 if name == "size" else 100_000)
        command.add_argument("--queries", type=int, default=60)
        command.add_argument("--times", type=int, default=20)
    options = parser.parse_args()
    known = passages()
    if options.command == "build":
        ingest(known, options.dir, options.rows, seed=7)
    elif options.command == "latency":
        latency(known, options.dir, options.queries)
    elif options.command == "recall":
        recall(known, options.dir, options.queries)
    else:
        size(known, options.rows, options.times)


def ingest(known: Passages, db: str, rows: int, seed: int) -> None:
    """As a run does: in groups, then upkeep, under the lease."""
    dimension = known.vectors.shape[1]
    with lease(db), KnowledgeBase.open(db, embedder_name=known.embedder, dimension=dimension, create=True) as kb:
        made = documents(known, rows, seed=seed)
        while group := list(itertools.islice(made, GROUP)):
            kb.replace_documents(group)
        kb.optimize(exclusive=True)


def questions(known: Passages, count: int) -> list[tuple[str, Any]]:
    """(eight words of the corpus, a vector near a real one), the same each time."""
    rng = np.random.default_rng(99)
    texts = [" ".join(known.sentences[i].split()[:8]) for i in rng.integers(len(known.sentences), size=count)]
    return list(zip(texts, near(known, count, rng), strict=True))


def latency(known: Passages, db: str, count: int) -> None:
    """Each question is put to all, so that a busy moment hits all.

    The first one reads the words' postings for those that follow: each question begins with another one.
    """
    kb = KnowledgeBase.open(db)
    bare = lancedb.connect(db).open_table("chunks")
    fusion = RRFReranker(K=60)

    def hybrid(text: str, vector: Any, limit: int, columns: Sequence[str]) -> list[Any]:
        query = bare.search(query_type="hybrid", vector_column_name="vector", fts_columns="wider_text")
        query = query.vector(vector).text(text).distance_type("cosine").nprobes(NPROBES).refine_factor(REFINE_FACTOR)
        return list(query.rerank(fusion).limit(limit).select(list(columns)).to_list())[:K]

    def as_it_comes(text: str, vector: Any) -> list[Any]:
        query = bare.search(query_type="hybrid", vector_column_name="vector", fts_columns="wider_text")
        return list(query.vector(vector).text(text).distance_type("cosine").limit(K).to_list())

    def vectors(vector: Any, limit: int, columns: Sequence[str]) -> list[Any]:
        query = bare.search(vector, vector_column_name="vector").distance_type("cosine").nprobes(NPROBES)
        return list(query.refine_factor(REFINE_FACTOR).limit(limit).select([*columns, "_distance"]).to_list())[:K]

    def words(text: str, limit: int, columns: Sequence[str]) -> list[Any]:
        query = bare.search(MatchQuery(text, "search_text"), query_type="fts")
        return list(query.limit(limit).select([*columns, "_score"]).to_list())[:K]

    few = ["id", "source", "text"]
    arms: dict[str, Callable[[str, Any], object]] = {
        "hybrid, rag_ingest": lambda text, vector: kb.search(text, vector, k=K),
        f"hybrid, LanceDB, {DEPTH} candidates": lambda text, vector: hybrid(text, vector, DEPTH, HIT_COLUMNS),
        f"hybrid, LanceDB, {K} candidates": lambda text, vector: hybrid(text, vector, K, HIT_COLUMNS),
        f"hybrid, LanceDB as it comes, {K} candidates, all columns": lambda text, vector: as_it_comes(text, vector),
        f"hybrid, LanceDB, {DEPTH} candidates, id, source and text": lambda t, v: hybrid(t, v, DEPTH, few),
        f"hybrid, LanceDB, {K} candidates, id, source and text": lambda t, v: hybrid(t, v, K, few),
        "vector, rag_ingest": lambda text, vector: kb.search(text, vector, mode="vector", k=K),
        f"vector, LanceDB, {DEPTH} candidates": lambda text, vector: vectors(vector, DEPTH, HIT_COLUMNS),
        f"vector, LanceDB, {K} candidates": lambda text, vector: vectors(vector, K, HIT_COLUMNS),
        "text, rag_ingest": lambda text, vector: kb.search(text, None, mode="text", k=K),
        f"text, LanceDB, {DEPTH} candidates": lambda text, vector: words(text, DEPTH, HIT_COLUMNS),
        f"text, LanceDB, {K} candidates": lambda text, vector: words(text, K, HIT_COLUMNS),
        "hybrid, rag_ingest, year = 2001": lambda text, vector: kb.search(text, vector, k=K, where="year = 2001"),
        "hybrid, rag_ingest, source contains '/13/'": lambda text, vector: kb.search(
            text, vector, k=K, where="source contains '/13/'"
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in arms}
    for number, (text, vector) in enumerate(questions(known, count + WARM_UP)):
        for name in np.roll(list(arms), number):
            start = time.perf_counter()
            arms[name](text, vector)
            times[name].append(1000 * (time.perf_counter() - start))
    print(f"{kb.chunks.count_rows()} chunks, {count} questions, milliseconds: p50, p95, least")
    for name, took in times.items():
        took = took[WARM_UP:]
        print(f"{statistics.median(took):7.1f} {np.percentile(took, 95):7.1f} {min(took):7.1f}  {name}")


def recall(known: Passages, db: str, count: int) -> None:
    """Against a scan of all vectors."""
    table = lancedb.connect(db).open_table("chunks")
    kinds = {index.columns[0]: index.index_type for index in table.list_indices()}
    rows = table.search().select(["id", "vector"]).limit(None).to_arrow()
    ids = np.array(rows["id"].to_pylist())
    stored = rows["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(len(ids), -1)
    asked = [vector for _, vector in questions(known, count)]
    exact = [ids[np.argsort(-(stored @ vector))[:DEPTH]] for vector in asked]
    print(f"{len(ids)} vectors of {stored.shape[1]} numbers, {kinds.get('vector', 'no index')}, {DEPTH} asked for")
    print("nprobes refine recall@10 recall@50  p50 ms")
    for probes, refine in itertools.product((1, 5, 20, NPROBES), (1, REFINE_FACTOR, 4, 10)):
        near_ones, all_ones, times = [], [], []
        for vector, best in zip(asked, exact, strict=True):
            start = time.perf_counter()
            query = table.search(vector, vector_column_name="vector").distance_type("cosine").nprobes(probes)
            found = query.refine_factor(refine).limit(DEPTH).select(["id", "_distance"]).to_arrow()["id"].to_pylist()
            times.append(1000 * (time.perf_counter() - start))
            near_ones.append(len(set(found[:K]) & set(best[:K])) / K)
            all_ones.append(len(set(found) & set(best)) / DEPTH)
        print(
            f"{probes:7} {refine:6} {np.mean(near_ones):9.3f} {np.mean(all_ones):9.3f} {statistics.median(times):7.1f}"
        )


def size(known: Passages, rows: int, times: int) -> None:
    """After every run as it ends, and after `rag-ingest optimize` at last."""
    with tempfile.TemporaryDirectory() as folder:
        db = str(Path(folder) / "kb")
        first = 0
        for number in range(times + 1):
            start = time.perf_counter()
            ingest(known, db, rows, seed=number)
            after = folder_bytes(db)
            first = first or after
            print(
                f"run {number:2}: {after / 2**20:7.1f} MiB, {after / first:.2f} of the first, "
                f"{time.perf_counter() - start:.1f} s",
                flush=True,
            )
        with lease(db), KnowledgeBase.open(db) as kb:
            kb.optimize(exclusive=True, thorough=True)
        after = folder_bytes(db)
        print(f"optimized: {after / 2**20:.1f} MiB, {after / first:.2f} of the first")


if __name__ == "__main__":
    main()
