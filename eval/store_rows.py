"""Documents as large as one likes, for measuring the store: real passages, mixed, with vectors near the real ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag_ingest import Config, Pipeline, split_markdown
from rag_ingest.store.chunks import DocumentChunks
from rag_ingest.store.schema import DocumentRecord
from rag_ingest.types import Chunk, Span

TRUTH = Path(__file__).parent / "corpus" / "truth"

CHUNKS_OF_A_DOCUMENT, SENTENCES, PAGE_CHUNKS = 40, 8, 4

NOISE = 0.7
"""Length of what is added to a vector of length 1: cosine 0.82 to where it came from, as of passages on one matter."""

OWN_WORDS = 20_000
"""Rare words, as names and numbers are, of which each passage has some."""


@dataclass(frozen=True)
class Passages:
    """Of the built-in corpus: texts, their sentences, and float32[n, dimension]."""

    texts: list[str]
    sentences: list[str]
    vectors: NDArray[np.float32]
    embedder: str


def passages(limit: int = 400) -> Passages:
    """Splits and embeds some of the corpus: nine a second and core."""
    texts: list[str] = []
    for file in sorted(TRUTH.glob("*.md")):
        texts += [chunk.text for chunk in split_markdown(file.read_text(encoding="utf-8"))]
    texts = [texts[int(i)] for i in np.linspace(0, len(texts) - 1, min(limit, len(texts)))]
    sentences = [s for text in texts for s in re.split(r"(?<=[.!?])\s+", text) if 30 < len(s) < 300]
    with Pipeline(Config()) as pipeline:
        vectors = pipeline.embedder.embed_documents(texts)
        return Passages(texts, sentences, vectors, pipeline.embedder.name)


def documents(
    known: Passages, rows: int, *, chunks_each: int = CHUNKS_OF_A_DOCUMENT, seed: int = 7
) -> Iterator[DocumentChunks]:
    """The same ones for the same arguments; those of another seed have other chunks under the same sources."""
    rng = np.random.default_rng(seed)
    for number in range(-(-rows // chunks_each)):
        count = min(chunks_each, rows - number * chunks_each)
        name = f"{number:064x}"
        texts = [_text(known, rng) for _ in range(count)]
        starts = np.cumsum([0, *(len(text) + 2 for text in texts)])
        chunks = [_chunk(name, n, text, int(starts[n]), seed) for n, text in enumerate(texts)]
        source = f"/papers/{number % 97:02}/{number:06}.pdf"
        record = DocumentRecord(
            source, name, title=f"A paper, number {number}", page_count=-(-count // PAGE_CHUNKS), engine="made",
            ocr_fingerprint="made", split_fingerprint=str(seed), embedder=known.embedder, chunk_count=count,
            metadata={"year": 1995 + number % 30, "arxiv_id": f"{number:04}.{number:05}", "categories": ["cs.IR"]},
        )  # fmt: skip
        yield DocumentChunks(record, chunks, near(known, count, rng))


def near(known: Passages, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """float32[count, dimension] of unit length, each near a real one."""
    dimension = known.vectors.shape[1]
    away = rng.standard_normal((count, dimension)).astype(np.float32)
    away *= NOISE / np.linalg.norm(away, axis=1, keepdims=True)
    found = known.vectors[rng.integers(len(known.vectors), size=count)] + away
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)


def _text(known: Passages, rng: np.random.Generator) -> str:
    picked = [known.sentences[i] for i in rng.integers(len(known.sentences), size=SENTENCES)]
    rare = " ".join(f"w{word}" for word in rng.zipf(1.3, 6) % OWN_WORDS)
    return " ".join(picked) + f" See {rare}."


def _chunk(name: str, number: int, text: str, start: int, seed: int) -> Chunk:
    page = 1 + number // PAGE_CHUNKS
    return Chunk(
        chunk_id=f"{name}-{seed}-{number:04}",
        doc_id=name,
        text=text,
        context=f"A paper > Part {number // 8}",
        span=Span(start, start + len(text)),
        headings=("A paper", f"Part {number // 8}"),
        pages=(page,),
        kinds=("paragraph",),
        token_count=len(text) // 4,
        bboxes=tuple((page, (72.0, 80.0 + 40 * n, 520.0, 110.0 + 40 * n)) for n in range(6)),
        metadata={"verdict": "ok", "witness_recall": 0.99},
    )
