"""A second look at search hits: a cross-encoder reads question and passage together and orders them anew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rag_ingest.embed.loading import HUB_NAME, choose_device, choose_dtype, snapshot
from rag_ingest.embed.model_files import without_surrogates
from rag_ingest.errors import ModelError, first_line
from rag_ingest.types import SearchHit

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

__all__ = ["CrossEncoderReranker"]

_HEADS = ("ForSequenceClassification", "ForCausalLM")
"""What sentence-transformers opens as a cross-encoder; to any other model it adds a head of random weights."""


class CrossEncoderReranker:
    """Scores passages for a question; weights are loaded at first use, from safetensors alone, and no code with them.

    Args:
        model: a folder, or a hub name, that sentence-transformers opens as a CrossEncoder.
        revision: branch, tag or commit of a hub name; empty takes its main branch.
        device: "auto" (CUDA, then MPS, then CPU), "cpu", "mps", "cuda" or "cuda:N".
        batch_size: pairs at a time.
    """

    def __init__(self, model: str, *, revision: str = "", device: str = "auto", batch_size: int = 32) -> None:
        self.model = model
        self.revision = revision
        self.device = device
        self.batch_size = batch_size
        self._encoder: CrossEncoder | None = None

    def load(self) -> None:
        """Loads the model, where that is not done.

        Raises:
            ModelError: it can't be had, is no cross-encoder, or can't be loaded.
        """
        if self._encoder is None:
            self._encoder = _load(self.model, self.revision, choose_device(self.device))

    def scores(self, query: str, passages: Sequence[str]) -> list[float]:
        """One a passage, in the same order; higher is better. A pair too long for the model is cut at its end.

        Raises:
            ModelError: see `load`; or the model gives several scores a pair, or some that are no numbers.
        """
        import numpy as np

        self.load()
        if not passages or self._encoder is None:
            return []
        pairs = [(without_surrogates(query), without_surrogates(passage)) for passage in passages]
        scores = np.asarray(self._encoder.predict(pairs, batch_size=self.batch_size, show_progress_bar=False))
        if scores.ndim != 1:
            raise ModelError(f"reranker {self.model!r} gives {scores.shape[1]} scores a pair: one is needed")
        if not np.isfinite(scores).all():
            raise ModelError(f"reranker {self.model!r} gives scores that are no numbers")
        return [float(score) for score in scores]

    def rerank(self, query: str, hits: Sequence[SearchHit]) -> list[SearchHit]:
        """The hits by its scores, equal ones as before; `metadata["first_score"]` has what the search gave.

        A passage is what a reader sees: the chunk's context and text.
        """
        passages = [f"{hit.context}\n{hit.text}" if hit.context else hit.text for hit in hits]
        scored = [
            replace(hit, score=score, metadata={**hit.metadata, "first_score": hit.score})
            for hit, score in zip(hits, self.scores(query, passages), strict=True)
        ]
        return sorted(scored, key=lambda hit: -hit.score)


def _load(model: str, revision: str, device: str) -> CrossEncoder:
    folder = _folder(model, revision)
    try:
        from sentence_transformers import CrossEncoder
        from transformers.utils import logging as transformers_logging
    except ImportError as e:
        raise ModelError(f"package {e.name!r} is not installed: pip install sentence-transformers") from e
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        return CrossEncoder(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": choose_dtype("auto", device)},
        )
    except Exception as e:  # transformers and safetensors raise many kinds
        raise ModelError(f"reranker {model!r} can't be opened: {first_line(e)}") from e
    finally:
        if bars:
            transformers_logging.enable_progress_bar()


def _folder(model: str, revision: str) -> Path:
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if not HUB_NAME.fullmatch(model):
            raise ModelError(f"reranker {model!r} can't be opened: it is no folder and no hub name (owner/name)")
        folder = snapshot(model, revision, needed="config.json")
    if not any(folder.rglob("*.safetensors")):
        raise ModelError(f"reranker {model!r} has no .safetensors weights (other formats are not loaded)")
    named = _architectures(folder)
    if not any(name.endswith(_HEADS) for name in named):
        raise ModelError(f"{model!r} is no cross-encoder: it is a {', '.join(named) or 'model of unknown kind'}")
    return folder


def _architectures(folder: Path) -> list[str]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise ModelError(f"{folder / 'config.json'} can't be read: {e}") from e
    return [name for name in config.get("architectures") or [] if isinstance(name, str)]
