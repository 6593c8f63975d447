"""An embedder that costs nothing, for what does not depend on meaning."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray


@dataclass
class HashEmbedder:
    """Deterministic unit vectors from a hash; counts the texts that it had to embed."""

    name: str = "hash@1"
    dimension: int = 8
    max_tokens: int = 100
    embedded: list[str] = field(default_factory=list)

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += texts
        raw = [np.frombuffer(hashlib.sha256(t.encode()).digest()[:8], dtype=np.uint8) for t in texts]
        vectors = np.stack(raw).astype(np.float32) + 1
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.embed_documents(texts)

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def close(self) -> None:
        """Nothing to free."""


@pytest.fixture
def hash_embedder() -> Callable[..., HashEmbedder]:
    """Makes one; its name may be given."""
    return HashEmbedder
