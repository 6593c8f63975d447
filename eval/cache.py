"""What is slow and does not change is kept on disk: pages as the engine read them, and vectors.

Parsing, splitting, retrieval and judging always run afresh.
"""

from __future__ import annotations

import hashlib
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import rag_ingest
from eval.progress import track
from rag_ingest.types import Embedder, Engine, Failure, Figure, Page, PageMarkdown, Span, TextBox

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EMBED_BATCH = 256
"""Texts between two saves of the vector cache."""


class CachedEngine:
    """An engine that reads a page once; keyed by document content, page number, the engine's fingerprint and `also`.

    Failures are not kept: they are tried again. `PageMarkdown.seconds` is that of the first reading.

    Args:
        engine: does the work.
        folder: made where it is missing.
        also: what else decides the output, such as how pages are rendered.
    """

    def __init__(self, engine: Engine, folder: Path, also: str = "") -> None:
        self._engine = engine
        self._folder = folder / _digest(f"{engine.fingerprint}\n{also}")

    @property
    def name(self) -> str:
        """The engine's own."""
        return self._engine.name

    @property
    def fingerprint(self) -> str:
        """The engine's own."""
        return self._engine.fingerprint

    @property
    def needs_image(self) -> bool:
        """The engine's own."""
        return self._engine.needs_image

    @property
    def batch_size(self) -> int:
        """The engine's own."""
        return self._engine.batch_size

    def recognize(self, pages: Sequence[Page]) -> list[PageMarkdown | Failure]:
        """Same length and order as `pages`; only pages not seen before reach the engine."""
        known = [self._load(page) for page in pages]
        missing = [page for page, found in zip(pages, known, strict=True) if found is None]
        fresh = iter(self._engine.recognize(missing) if missing else [])
        results = [found if found is not None else next(fresh) for found in known]
        for page, found, result in zip(pages, known, results, strict=True):
            if found is None and isinstance(result, PageMarkdown):
                self._save(page, result)
        return results

    def close(self) -> None:
        """Nothing: the owner of the inner engine closes it."""

    def _file(self, page: Page) -> Path:
        return self._folder / page.doc_id / f"{page.number}.json"

    def _load(self, page: Page) -> PageMarkdown | None:
        file = self._file(page)
        if not file.is_file():
            return None
        try:
            row = json.loads(file.read_text(encoding="utf-8"))
            row["figures"] = tuple(map(_figure, row["figures"]))
            row["boxes"] = tuple(TextBox(Span(**box["span"]), tuple(box["bbox"])) for box in row["boxes"])
            return PageMarkdown(**row)
        except (ValueError, KeyError, TypeError):  # damaged, as after a power cut: read again
            return None

    def _save(self, page: Page, result: PageMarkdown) -> None:
        file = self._file(page)
        file.parent.mkdir(parents=True, exist_ok=True)
        row = {**asdict(result), "checks": dict(result.checks)}
        replace_file(file, json.dumps(row, default=_as_text).encode("ascii"))


def _as_text(image: bytes) -> str:
    return b64encode(image).decode("ascii")


def _figure(row: Mapping[str, Any]) -> Figure:
    image = b64decode(row["image"], validate=True)
    return Figure(row["placeholder"], tuple(row["bbox"]) if row["bbox"] else None, image, row["path"])


class VectorCache:
    """Vectors of texts by one embedder, kept by its name, the text's hash and, of a question, the prompt set for it.

    A file a batch, which is never written again, so that an interrupted run keeps its batches and two runs may share a
    folder.

    Args:
        embedder: makes what is missing.
        folder: made where it is missing.
    """

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        import numpy as np

        self._embedder = embedder
        self._folder = folder / _digest(embedder.name)
        self._vectors: dict[str, NDArray[np.float32]] = {}
        for file in sorted(self._folder.glob("*.npz")):
            try:
                with file.open("rb") as opened, np.load(opened) as stored:
                    self._vectors.update(zip(stored["keys"].tolist(), stored["vectors"], strict=True))
            except (ValueError, KeyError, EOFError, BadZipFile):  # damaged: embedded again
                continue

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32[len(texts), dimension], unit length, same order."""
        return self._known(texts, "", self._embedder.embed_documents)

    def embed_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The same for questions."""
        prompt = getattr(getattr(self._embedder, "options", None), "query_prompt", "")  # no part of an embedder's name
        return self._known(texts, f"query\0{prompt}", self._embedder.embed_queries)

    def _known(
        self, texts: Sequence[str], role: str, embed: Callable[[Sequence[str]], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        import numpy as np

        keys = [_digest(role + text) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
        fresh = list(missing.items())
        batches = range(0, len(fresh), EMBED_BATCH)
        for start in track(batches, "embedding", len(batches), f"batches of {EMBED_BATCH} texts"):
            part = dict(fresh[start : start + EMBED_BATCH])
            vectors = embed(list(part.values()))
            self._vectors.update(zip(part, vectors, strict=True))
            self._save(list(part), vectors)
        if not texts:
            return np.zeros((0, self._embedder.dimension), dtype=np.float32)
        return np.stack([self._vectors[key] for key in keys])

    def _save(self, keys: Sequence[str], vectors: NDArray[np.float32]) -> None:
        import io

        import numpy as np

        self._folder.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.savez(buffer, keys=np.array(keys), vectors=vectors)
        replace_file(self._folder / f"{_digest(' '.join(keys))}.npz", buffer.getvalue())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def replace_file(file: Path, content: bytes) -> None:
    """Whole or not at all, also where another process writes the same file."""
    temporary = file.with_suffix(f".{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


@cache
def reading_code() -> str:
    """A digest of the code between a file and its pages' Markdown; a fingerprint tells releases of it apart alone."""
    package = Path(rag_ingest.__file__).parent
    files = sorted(file for part in ("load", "ocr") for file in (package / part).glob("*.py"))
    code = hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]
    return f"{code} pypdfium2-{version('pypdfium2')}"
