"""Vectors from any server with an OpenAI-compatible `/embeddings` endpoint (vLLM, TEI, llama.cpp, hosted ones)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from rag_ingest.embed.model_files import load_tokenizer, without_surrogates
from rag_ingest.errors import ConfigError, EmbedError, ModelError
from rag_ingest.http import EndpointOptions, HttpClient
from rag_ingest.types import TokenCounter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["HttpEmbedOptions", "HttpEmbedder"]

_HINT = "start it, or embed in this process: embedder = 'sentence-transformers'"
_SPECIAL_TOKENS = 2  # [CLS] and [SEP], <s> and </s>: no common template for one text adds more


@dataclass(frozen=True, kw_only=True)
class HttpEmbedOptions(EndpointOptions):
    """Options of the `http` embedder, beside those of every endpoint.

    Attributes:
        dimension: length of a vector; 0 asks the server once, with a short text.
        max_tokens: of one text as the server accepts it, special tokens and prompt included.
        batch_size: texts in one request.
        tokenizer: what the served model counts with: a `tokenizer.json`, a folder that holds one, or a hub name.
        document_prompt: put before every text that is stored.
        query_prompt: put before every query.
    """

    url: str = "http://127.0.0.1:8001/v1"
    max_in_flight: int = 8
    timeout_s: float = 60.0
    dimension: int = 0
    max_tokens: int = 512
    batch_size: int = 32
    tokenizer: str = ""
    document_prompt: str = ""
    query_prompt: str = ""

    _section = "embed_http"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_range("dimension", 0, 65_536)
        self._check_range("max_tokens", 8, 1_048_576)
        self._check_range("batch_size", 1, 4096)


class _Vector(BaseModel):
    index: int
    embedding: list[float]


class _Embeddings(BaseModel):
    data: list[_Vector]


class HttpEmbedder:
    """`types.Embedder` over `/embeddings`.

    Args:
        options: the server and the model.
        count_tokens: the served model's own count, when no tokenizer file is at hand; it takes the place of
            `options.tokenizer`.

    Raises:
        ConfigError: no model is named, or nothing counts tokens; an estimate would let texts be cut unseen.
        ModelError: the tokenizer can't be read.
    """

    def __init__(self, options: HttpEmbedOptions, count_tokens: TokenCounter | None = None) -> None:
        if not options.model:
            raise ConfigError("embed_http.model is not set: name the model that the server serves")
        if count_tokens is None and not options.tokenizer:
            raise ConfigError(
                "embed_http.tokenizer is not set: name the served model's tokenizer (hub name, folder or "
                "tokenizer.json), so that no text exceeds what the model reads"
            )
        self.options = options
        if count_tokens is None:
            self._count, special = _tokenizer(options.tokenizer)
        else:
            self._count, special = count_tokens, _SPECIAL_TOKENS
        prompt = self._count(options.document_prompt) if options.document_prompt else 0
        self._max_tokens = options.max_tokens - special - prompt
        if self._max_tokens < 1:
            raise ConfigError(f"embed_http.max_tokens = {options.max_tokens} leaves nothing beside the document prompt")
        self._dimension = options.dimension
        self._client = HttpClient(options, error=EmbedError)

    @property
    def name(self) -> str:
        """The served model's name, and a hash of the document prompt when there is one."""
        prompt = self.options.document_prompt
        return self.options.model + (f"+prompt:{hashlib.sha256(prompt.encode()).hexdigest()[:8]}" if prompt else "")

    @property
    def dimension(self) -> int:
        """Length of a vector; the first call may ask the server."""
        if not self._dimension:
            self._embed(["dimension"])
        return self._dimension

    @property
    def max_tokens(self) -> int:
        """Tokens of text that fit one vector, special tokens and document prompt taken off."""
        return self._max_tokens

    def check(self) -> None:
        """Asks the server what it serves. Raises `ConfigError` when it can't be used."""
        self._client.check(_HINT)

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32[len(texts), dimension], unit length, same order.

        Raises:
            EmbedError: the server fails, or answers with a wrong number or length of vectors.
        """
        return self._embed([self.options.document_prompt + text for text in texts])

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32[len(texts), dimension], unit length, same order; raises as `embed_documents` does."""
        return self._embed([self.options.query_prompt + text for text in texts])

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` alone, without special tokens."""
        return self._count(text)

    def close(self) -> None:
        """Closes the connections; a second call does nothing."""
        self._client.close()

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        import numpy as np

        if not texts:
            return np.empty((0, self.dimension), np.float32)
        size = self.options.batch_size
        batches = [texts[start : start + size] for start in range(0, len(texts), size)]
        return np.concatenate(self._client.map(self._request, batches))

    async def _request(self, texts: list[str]) -> NDArray[np.float32]:
        import numpy as np

        sent = [without_surrogates(text) for text in texts]
        body = {"model": self.options.model, "input": sent, "encoding_format": "float"}
        reply = await self._client.post("/embeddings", json.dumps(body).encode(), _Embeddings)
        rows = sorted(reply.data, key=lambda row: row.index)
        numbers = [row.index for row in rows]
        if numbers != list(range(len(texts))):
            numbered = f", numbered {', '.join(map(str, numbers[:8]))}" if numbers else ""
            raise EmbedError(f"{self._client.url}/embeddings: {len(rows)} vectors for {len(texts)} texts{numbered}")
        self._dimension = self._dimension or len(rows[0].embedding)
        wrong = {len(row.embedding) for row in rows} - {self._dimension}
        if wrong:
            raise EmbedError(
                f"{self._client.url}/embeddings: vectors of {min(wrong)} numbers, not {self._dimension}: "
                "serve the model that the database was written with, or correct embed_http.dimension"
            )
        vectors = np.array([row.embedding for row in rows], np.float64)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths).all() and (lengths > 0).all()):
            raise EmbedError(f"{self._client.url}/embeddings: a vector of length zero, or not finite")
        unit: NDArray[np.float32] = (vectors / lengths).astype(np.float32)
        return unit


def _tokenizer(where: str) -> tuple[TokenCounter, int]:
    """Counts a text's tokens; and how many special tokens one text gets."""
    tokenizer = load_tokenizer(_tokenizer_file(where))

    def count(text: str) -> int:
        return len(tokenizer.encode(without_surrogates(text), add_special_tokens=False).ids)

    return count, tokenizer.num_special_tokens_to_add(is_pair=False)


def _tokenizer_file(where: str) -> Path:
    path = Path(where).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        if not (path / "tokenizer.json").is_file():
            raise ModelError(f"folder {path} has no tokenizer.json")
        return path / "tokenizer.json"
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(hf_hub_download(where, "tokenizer.json"))
    except (HFValidationError, HfHubHTTPError, OSError) as e:
        reason = str(e).splitlines()[0]
        raise ModelError(f"tokenizer {where!r} is no file, no folder, and not to be had from the hub: {reason}") from e
