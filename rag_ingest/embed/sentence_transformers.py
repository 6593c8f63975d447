"""Vectors from a sentence-transformers model in this process: the bundled one, a local folder or a hub name."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rag_ingest.embed.bundled import BUNDLED_MODEL
from rag_ingest.embed.loading import ModelFiles, choose_device, choose_dtype, load, locate
from rag_ingest.embed.model_files import ModelShape, load_tokenizer, read_shape, without_surrogates
from rag_ingest.errors import ConfigError, EmbedError, ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

__all__ = ["EmbedOptions", "SentenceTransformersEmbedder"]

_DTYPES = ("auto", "float32", "float16", "bfloat16")
_BATCH = {"cpu": 32, "accelerator": 256}

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class EmbedOptions:
    """Options of the `sentence-transformers` embedder.

    Attributes:
        model: "all-minilm-l6-v2" (comes with the package), a model folder, or a hub name.
        revision: branch, tag or commit of a hub name; empty takes its main branch.
        device: "auto" (CUDA, then MPS, then CPU), "cpu", "mps", "cuda" or "cuda:N".
        dtype: "auto" (float16 on CUDA, else float32), "float32", "float16" or "bfloat16".
        batch_size: texts at a time; 0 takes 32 on a CPU and 256 on an accelerator.
        document_prompt: put before every text that is stored; empty takes the model's own.
        query_prompt: put before every query; empty takes the model's own.
        max_tokens: of one text as the model sees it, special tokens and prompt included; 0 takes the model's own limit.
    """

    model: str = BUNDLED_MODEL
    revision: str = ""
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 0
    document_prompt: str = ""
    query_prompt: str = ""
    max_tokens: int = 0

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise ConfigError(f"embed.model is empty: name a model, for example {BUNDLED_MODEL!r}")
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", self.device):
            raise ConfigError(f"embed.device = {self.device!r}: must be auto, cpu, mps, cuda or cuda:N")
        if self.dtype not in _DTYPES:
            raise ConfigError(f"embed.dtype = {self.dtype!r}: must be one of {', '.join(_DTYPES)}")
        if not 0 <= self.batch_size <= 4096:
            raise ConfigError(f"embed.batch_size = {self.batch_size}: must be in 0..4096")
        if self.max_tokens and not 16 <= self.max_tokens <= 1_048_576:
            raise ConfigError(f"embed.max_tokens = {self.max_tokens}: must be 0 or in 16..1048576")


class SentenceTransformersEmbedder:
    """Implements `types.Embedder`; name, shape and token counts come from the model's files, weights at first use.

    Vectors of one text agree within 1e-5 whatever else is in the batch (float32). Only safetensors are loaded, and no
    code that comes with a model is run.

    Args:
        options: `EmbedOptions`.
    """

    def __init__(self, options: EmbedOptions | None = None) -> None:
        self.options = options or EmbedOptions()
        self.truncated = 0
        self._loaded: SentenceTransformer | None = None

    @cached_property
    def name(self) -> str:
        """`name@hash` for the bundled model and for folders, `owner/name@commit` else; a document prompt adds to it.

        Raises:
            ModelError: there is no such model, or it can't be had.
        """
        prompt = self.options.document_prompt
        suffix = f"+prompt:{hashlib.sha256(prompt.encode()).hexdigest()[:8]}" if prompt else ""
        return self._files.identity + suffix

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._shape.dimension

    @cached_property
    def max_tokens(self) -> int:
        """Tokens of text that fit one vector, special tokens and document prompt taken off.

        Raises:
            ConfigError: the option asks for more than the model takes, or leaves no room.
        """
        special = self._tokenizer.num_special_tokens_to_add(False)
        room = self._sequence_tokens - special - self.count_tokens(self._document_prompt)
        if room < 1:
            raise ConfigError(f"embed.max_tokens = {self._sequence_tokens} leaves no room for text after the prompt")
        return room

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` alone, without special tokens, however long it is; doesn't load the model."""
        return len(self._tokenizer.encode(without_surrogates(text), add_special_tokens=False).ids)

    def check(self) -> None:
        """Raises `ModelError` or `ConfigError` if this can't work, without loading weights."""
        _ = self.name, self.max_tokens
        if self.options.device not in ("auto", "cpu"):
            choose_device(self.options.device)

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32[len(texts), dimension], unit length, same order; a text over the limit is cut by the model.

        Raises:
            EmbedError: out of memory, or a vector without length.
        """
        if texts:
            self._count_truncated(texts)
        return self._embed(texts, self._document_prompt)

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32[len(texts), dimension], unit length, same order.

        Raises:
            EmbedError: out of memory, or a vector without length.
        """
        return self._embed(texts, self.options.query_prompt or self._shape.query_prompt)

    def close(self) -> None:
        """Frees the weights; they are loaded again when they are needed again."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None and loaded.device.type == "cuda":
            import torch

            del loaded
            torch.cuda.empty_cache()

    def _embed(self, texts: Sequence[str], prompt: str) -> NDArray[np.float32]:
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        model = self._model()
        kind = "cpu" if model.device.type == "cpu" else "accelerator"
        size = self.options.batch_size or _BATCH[kind]
        try:
            raw = model.encode(  # sorts by length and restores the order
                [without_surrogates(text) for text in texts],
                prompt=prompt,
                batch_size=size,
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        except RuntimeError as e:
            if "out of memory" not in str(e).lower():
                raise
            raise EmbedError(f"out of memory with {size} texts at a time; set embed.batch_size lower") from e
        vectors = np.asarray(raw, dtype=np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        bad = np.flatnonzero(~(lengths[:, 0] > 0) | ~np.isfinite(lengths[:, 0]))
        if bad.size:
            raise EmbedError(f"{self.name} gave a vector without length for {texts[bad[0]][:60]!r}; set embed.dtype")
        unit: NDArray[np.float32] = vectors / lengths
        return unit

    def _count_truncated(self, texts: Sequence[str]) -> None:
        """The splitter keeps within the limit; whoever embeds other texts should know what is lost."""
        long = [text for text in texts if len(text) > self.max_tokens]  # a token has a character at least
        over = [n for n in map(self.count_tokens, long) if n > self.max_tokens]
        if over and not self.truncated:
            log.warning(
                "%d texts have more than %d tokens (the longest %d); what is over is not embedded",
                len(over),
                self.max_tokens,
                max(over),
            )
        self.truncated += len(over)

    @cached_property
    def _files(self) -> ModelFiles:
        return locate(self.options.model, self.options.revision)

    @cached_property
    def _shape(self) -> ModelShape:
        return read_shape(self._files.folder)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return load_tokenizer(self._files.folder / "tokenizer.json")

    @property
    def _document_prompt(self) -> str:
        return self.options.document_prompt or self._shape.document_prompt

    @property
    def _sequence_tokens(self) -> int:
        if self.options.max_tokens > self._shape.max_tokens:
            raise ConfigError(
                f"embed.max_tokens = {self.options.max_tokens}: {self.options.model} takes {self._shape.max_tokens}"
            )
        return self.options.max_tokens or self._shape.max_tokens

    def _model(self) -> SentenceTransformer:
        if self._loaded is None:
            device = choose_device(self.options.device)
            dtype = choose_dtype(self.options.dtype, device)
            self._loaded = load(self._files.folder, device, dtype, self._sequence_tokens)
            found = self._loaded.get_embedding_dimension()
            if found != self.dimension:
                raise ModelError(f"{self.name} gives vectors of {found} where its files say {self.dimension}")
        return self._loaded
