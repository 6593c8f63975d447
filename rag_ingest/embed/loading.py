"""Finds a sentence-transformers model (package, folder, hub cache, hub), chooses a device and loads it."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_ingest.embed.bundled import BUNDLED_MODEL, bundled_model_folder
from rag_ingest.embed.model_files import content_hash
from rag_ingest.errors import ConfigError, ModelError, first_line

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["HUB_NAME", "ModelFiles", "choose_device", "choose_dtype", "load", "locate", "snapshot"]

_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
_FOREIGN = ["onnx/*", "openvino/*"]
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelFiles:
    """Where a model lies, and what it is called in a database: `name@hash`, or `owner/name@commit` from the hub."""

    folder: Path
    identity: str


def locate(model: str, revision: str) -> ModelFiles:
    """Finds a model: the bundled one, a folder that exists, else a hub name (`owner/name`).

    Raises:
        ModelError: there is no such model, it can't be had, or it has no safetensors weights.
    """
    if model == BUNDLED_MODEL:
        folder = bundled_model_folder()
        return ModelFiles(folder, f"{BUNDLED_MODEL}@{content_hash(folder)[:12]}")
    folder = Path(model).expanduser()
    if folder.is_dir():
        return ModelFiles(folder, f"{folder.resolve().name}@{content_hash(folder)[:12]}")
    if not HUB_NAME.fullmatch(model):
        raise ModelError(
            f"embed.model = {model!r} is no folder and no hub name (owner/name); "
            f"{BUNDLED_MODEL!r} comes with the package"
        )
    try:
        folder = snapshot(model, revision)
    except ModelError as e:
        raise ModelError(f'{e}; embed.model = "{BUNDLED_MODEL}" works without a download') from e
    return ModelFiles(folder, f"{model}@{folder.name}")  # a snapshot's folder is named by its commit


def snapshot(model: str, revision: str, needed: str = "tokenizer.json") -> Path:
    """A hub model's snapshot folder, from the cache where weights and `needed` are there, else downloaded.

    Raises:
        ModelError: it can't be had.
    """
    from huggingface_hub import snapshot_download

    wanted: dict[str, Any] = {
        "repo_id": model,
        "revision": revision or None,
        "allow_patterns": _FILES,
        "ignore_patterns": _FOREIGN,
    }
    try:
        folder = Path(snapshot_download(local_files_only=True, **wanted))
        if any(folder.rglob("*.safetensors")) and (folder / needed).is_file():
            return folder
    except Exception:
        log.debug("%s is not in the cache", model, exc_info=True)
    try:
        return Path(snapshot_download(**wanted))
    except Exception as e:  # the hub client raises many kinds: offline, not found, gated, disk full
        raise ModelError(f"{model} is not in the cache and can't be downloaded: {first_line(e)}") from e


def choose_device(wanted: str) -> str:
    """A torch device name; "auto" takes CUDA, then MPS, then the CPU.

    Raises:
        ConfigError: the device asked for is not there.
    """
    try:
        import torch
    except ImportError as e:
        raise ModelError("torch is not installed: pip install torch") from e
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name, found in there.items() if found)
    kind, _, index = wanted.partition(":")
    if not there[kind] or (index and int(index) >= torch.cuda.device_count()):
        raise ConfigError(f"embed.device = {wanted!r}: no such device here; 'auto' takes what is there")
    return wanted


def choose_dtype(wanted: str, device: str) -> str:
    """A torch dtype name; "auto" takes float16 on CUDA, else float32."""
    if wanted == "auto":
        return "float16" if device.startswith("cuda") else "float32"
    return wanted


def load(folder: Path, device: str, dtype: str, sequence_tokens: int) -> SentenceTransformer:
    """Loads a model from safetensors, without any code that comes with it and without progress bars.

    Raises:
        ModelError: a package is missing or the files can't be used.
    """
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging
    except ImportError as e:
        raise ModelError(f"package {e.name!r} is not installed: pip install sentence-transformers") from e
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        model = SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": dtype},
        )
    except Exception as e:  # transformers and safetensors raise many kinds
        raise ModelError(f"the model in {folder} can't be loaded: {e}") from e
    finally:
        if bars:
            transformers_logging.enable_progress_bar()
    model.max_seq_length = sequence_tokens
    return model.eval()
