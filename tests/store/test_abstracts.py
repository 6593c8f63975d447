"""Filters on abstracts, which no chunk has: against Python over all documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest import search
from rag_ingest.errors import ConfigError
from rag_ingest.store.knowledge_base import DocumentChunks, DocumentRecord, KnowledgeBase
from rag_ingest.store.where import parse_where
from rag_ingest.types import Chunk, Span

ABSTRACTS: list[object] = [
    'We train Transformers on 100% "clean" text.',
    "Schrödinger's cat: α-decay, ÉTUDE",
    "a\\b \\u00e9 'quoted' \"abstract\": x",
    "We train transformers.",
    "",
    None,
    ["not", "a", "text"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("abstracts") / "kb"
    made = []
    for number, abstract in enumerate(ABSTRACTS):
        doc_id = f"d{number}"
        record = DocumentRecord(f"/{number}.pdf", doc_id, metadata={"abstract": abstract, "other": "transformers"})
        chunks = [Chunk(f"{doc_id}-{n}", doc_id, "words", "", Span(n, n + 1), (), (), (), 1) for n in range(2)]
        made.append(DocumentChunks(record, chunks, np.ones((2, 4), np.float32)))
    with KnowledgeBase.open(folder, embedder_name="toy", dimension=4, create=True) as kb:
        kb.replace_documents(made)
    return folder


@pytest.fixture(scope="module")
def kb(folder: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.open(folder) as opened:
        yield opened


def found(kb: KnowledgeBase, where: str) -> set[str]:
    hits = kb.search("", np.ones(4, np.float32), mode="vector", k=100, where=where)
    assert len({hit.chunk_id for hit in hits}) == 2 * len({hit.doc_id for hit in hits})
    return {hit.doc_id for hit in hits}


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def meant(part: str, *, whole: bool = False) -> set[str]:
    texts = {f"d{n}": text for n, text in enumerate(ABSTRACTS) if isinstance(text, str)}
    return {name for name, text in texts.items() if (part == text if whole else part.lower() in text.lower())}


parts = st.sampled_from([text for text in ABSTRACTS if isinstance(text, str)]).flatmap(
    lambda text: st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(
        lambda ends: text[min(ends) : max(ends)]
    )
)


@settings(max_examples=60, deadline=None)
@given(part=parts | st.text(st.characters(codec="utf-8"), max_size=6), upper=st.booleans())
def test_as_python_finds_them(kb: KnowledgeBase, part: str, upper: bool) -> None:
    everyone = {f"d{n}" for n in range(len(ABSTRACTS))}
    asked = quoted(part.upper() if upper and part.isascii() else part)
    assert found(kb, f"abstract contains {asked}") == meant(part)
    assert found(kb, f"abstract not contains {asked}") == everyone - meant(part)
    assert found(kb, f"abstract = {quoted(part)}") == meant(part, whole=True)
    assert found(kb, f"abstract in ({quoted(part)}, 'We train transformers.')") == meant(part, whole=True) | {"d3"}


def test_together_with_other_conditions(kb: KnowledgeBase) -> None:
    assert found(kb, "ABSTRACT CONTAINS 'transformers' and doc_id != 'd0'") == {"d3"}
    assert found(kb, "not (abstract contains 'transformers' or abstract contains 'cat')") == {"d2", "d4", "d5", "d6"}


@pytest.mark.parametrize("where", ["abstract > 'x'", "abstract = 3", "abstract contains 3", "abstrct contains 'x'"])
def test_what_can_not_be_asked_is_said_before_a_model_is_loaded(folder: Path, where: str) -> None:
    with pytest.raises(ConfigError, match="abstract"):
        search("words", folder, where=where)


def test_without_documents_it_can_not_be_asked() -> None:
    with pytest.raises(ConfigError, match="search of a knowledge base"):
        parse_where("abstract = 'x'")
