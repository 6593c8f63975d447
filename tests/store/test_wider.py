"""What hybrid search reads for words: a chunk after the one before it, save pieces of tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rag_ingest.store.knowledge_base import DocumentChunks, DocumentRecord, KnowledgeBase
from rag_ingest.store.wider import wider_texts
from rag_ingest.types import Chunk, Span


def chunk(number: int, text: str, *kinds: str, context: str = "") -> Chunk:
    return Chunk(f"d-{number}", "d", text, context, Span(number, number), (), (), kinds, 1)  # type: ignore[arg-type]


CHUNKS = [
    chunk(0, "We bred larvae of the mosquito.", "paragraph", context="Methods"),
    chunk(1, "They were collected in tyre shops.", "paragraph", context="Methods"),
    chunk(2, "| lime | 3 |", "table", context="Doses"),
    chunk(3, "Lime killed most.", "paragraph"),
]


def test_a_chunk_is_read_after_the_text_before_it_and_a_piece_of_a_table_by_itself() -> None:
    assert list(wider_texts(CHUNKS)) == [
        "Methods\nWe bred larvae of the mosquito.",
        "We bred larvae of the mosquito.\nMethods\nThey were collected in tyre shops.",
        "Doses\n| lime | 3 |",
        "| lime | 3 |\nLime killed most.",
    ]
    assert list(wider_texts([])) == []
    stated = replace(CHUNKS[3], stated="Lime: most")
    assert list(wider_texts([CHUNKS[2], stated]))[1] == "| lime | 3 |\nLime: most"


@pytest.fixture
def kb(tmp_path: Path) -> KnowledgeBase:
    made = KnowledgeBase.open(str(tmp_path / "kb"), embedder_name="toy", dimension=8, create=True)
    vectors = np.eye(8, dtype=np.float32)[[0, 0, 1, 2]]
    made.replace_documents([DocumentChunks(DocumentRecord("/d.pdf", "d"), CHUNKS, vectors)])
    made.optimize()
    return made


def test_hybrid_search_finds_a_chunk_by_the_words_before_it_and_text_search_does_not(kb: KnowledgeBase) -> None:
    with kb:
        vector = np.eye(8, dtype=np.float32)[0]
        both = kb.search("mosquito shops", vector, mode="hybrid")
        assert [hit.chunk_id for hit in both[:2]] == ["d-1", "d-0"]
        assert [hit.chunk_id for hit in kb.search("mosquito", None, mode="text")] == ["d-0"]


def test_a_phrase_is_looked_for_in_the_chunk_itself(kb: KnowledgeBase) -> None:
    with kb:
        far = np.eye(8, dtype=np.float32)[7]
        assert kb.search('"larvae of the mosquito"', far, mode="hybrid")[0].chunk_id == "d-0"
