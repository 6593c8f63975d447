"""What a sentence-transformers model says about itself on disk: shape, prompts, tokenizer, content hash.

Read straight from its JSON files, so that naming a model, counting tokens and opening a database never import torch.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_ingest.errors import ModelError
from rag_ingest.types import TokenCounter

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "ModelShape",
    "content_hash",
    "load_tokenizer",
    "read_shape",
    "sha256_of",
    "token_counter",
    "without_surrogates",
]

_SANE_TOKENS = 1_000_000  # tokenizer configs hold 1e30 where nobody knew the limit


@dataclass(frozen=True)
class ModelShape:
    """What has to be known of a model before it is loaded.

    Attributes:
        dimension: length of a vector.
        max_tokens: of one text as the model sees it, special tokens and prompt included.
        document_prompt: put before every document by the model's own configuration.
        query_prompt: put before every query by the model's own configuration.
    """

    dimension: int
    max_tokens: int
    document_prompt: str
    query_prompt: str


def read_shape(folder: Path) -> ModelShape:
    """Reads a model's shape by the rules of sentence-transformers 6 (`base/model.py`, `base/modules/transformer.py`).

    Raises:
        ModelError: a file is missing or says something that these rules don't cover.
    """
    settings = _json(folder / "config_sentence_transformers.json", required=False)
    stored = settings.get("prompts") or {}
    default = stored.get(settings.get("default_prompt_name") or "") or ""
    documents = [stored[name] for name in ("document", "passage", "corpus") if name in stored]
    return ModelShape(
        dimension=int(settings.get("truncate_dim") or _dimension(folder)),
        max_tokens=_max_tokens(folder),
        document_prompt=(documents[0] if documents else default) or "",
        query_prompt=stored.get("query", default) or "",
    )


def _dimension(folder: Path) -> int:
    """The last pooling or dense layer has the say; a plain transformers model gets mean pooling."""
    dimension = 0
    for module in _modules(folder):
        kind, config = str(module.get("type", "")).rpartition(".")[2], folder / str(module.get("path", ""))
        if kind == "Pooling":
            dimension = _pooled(_json(config / "config.json"))
        elif kind == "Dense":
            dimension = int(_json(config / "config.json")["out_features"])
        elif kind not in {"Transformer", "Normalize", "Dropout", "LayerNorm"}:
            raise ModelError(f"{folder} holds a {kind or 'nameless'} module, which is not supported here")
    if not dimension:
        config_json = _json(folder / "config.json")
        dimension = int(config_json.get("hidden_size") or config_json.get("dim") or config_json.get("d_model") or 0)
    if not dimension:
        raise ModelError(f"{folder}: the length of its vectors stands in none of its configuration files")
    return dimension


def _pooled(config: Mapping[str, Any]) -> int:
    modes = config.get("pooling_mode")
    if modes is None:
        count = sum(bool(value) for key, value in config.items() if key.startswith("pooling_mode_"))
    else:
        count = 1 if isinstance(modes, str) else len(modes)
    return max(1, count) * int(config.get("embedding_dimension") or config["word_embedding_dimension"])


def _max_tokens(folder: Path) -> int:
    transformer = folder
    for module in _modules(folder):
        if str(module.get("type", "")).endswith(".Transformer"):
            transformer = folder / str(module.get("path", ""))
    stated = _json(transformer / "sentence_bert_config.json", required=False).get("max_seq_length")
    if stated:
        return int(stated)
    known = [
        _json(transformer / "tokenizer_config.json", required=False).get("model_max_length"),
        _json(transformer / "config.json").get("max_position_embeddings"),
    ]
    limits = [int(n) for n in known if isinstance(n, int | float) and 0 < n < _SANE_TOKENS]
    if not limits:
        raise ModelError(f"{folder}: how many tokens it takes stands in none of its files; set embed.max_tokens")
    return min(limits)


def _modules(folder: Path) -> list[Mapping[str, Any]]:
    path = folder / "modules.json"
    return list(_json(path)) if path.is_file() else []


def _json(path: Path, *, required: bool = True) -> Any:
    if not required and not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise ModelError(f"{path} can't be read: {e}") from e


def content_hash(folder: Path) -> str:
    """64 hex digits that change with the weights.

    Raises:
        ModelError: the folder holds no safetensors file; other weight formats can run code when they are loaded.
    """
    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        raise ModelError(f"{folder} holds no .safetensors weights (other formats are not loaded)")
    digests = [_hashed(path, path.stat().st_size, path.stat().st_mtime_ns) for path in weights]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


@cache
def _hashed(path: Path, size_bytes: int, modified_ns: int) -> str:
    return sha256_of(path)


def sha256_of(path: Path) -> str:
    """64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_tokenizer(path: Path) -> Tokenizer:
    """A fast tokenizer that neither truncates nor pads, whatever its file says.

    Raises:
        ModelError: the file is missing or no tokenizer.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer: Tokenizer = Tokenizer.from_file(str(path))
    except Exception as e:  # the package raises bare Exception
        raise ModelError(f"{path} is not a tokenizer that can be read: {e}") from e
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def token_counter(path: Path) -> TokenCounter:
    """Counts tokens by a `tokenizer.json`, special tokens left out; a text of any length, without torch.

    Raises:
        ModelError: the file is missing or no tokenizer.
    """
    tokenizer = load_tokenizer(path)

    def count(text: str) -> int:
        return len(tokenizer.encode(without_surrogates(text), add_special_tokens=False).ids)

    return count


_SURROGATES = re.compile("[\ud800-\udfff]")


def without_surrogates(text: str) -> str:
    """The same text with U+FFFD for halves of characters, which no tokenizer takes."""
    return _SURROGATES.sub("\ufffd", text)
