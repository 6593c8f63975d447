"""Every exception that the package raises on purpose.

    RagIngestError
    ├── ConfigError            wrong option, unknown key or name          (exit code 2)
    │   └── MissingExtraError  a package is not installed; names the extra
    ├── ModelError             weights or tokenizer missing or unreadable (exit code 2)
    ├── StoreError             the database can't be used
    │   ├── NoKnowledgeBaseError  there is none at that place     (exit code 2)
    │   └── StoreMismatchError written by another embedder                (exit code 2)
    ├── LoadError              one source can't be read
    │   ├── UnsupportedSourceError
    │   ├── EncryptedSourceError
    │   └── LoadTimeout        a page took too long or too much memory
    ├── OcrError               one page can't be recognised
    │   └── OcrTimeout
    └── EmbedError             a text can't be embedded

Each carries one line that says what is wrong and, where possible, what to do.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "EmbedError",
    "EncryptedSourceError",
    "LoadError",
    "LoadTimeout",
    "MissingExtraError",
    "ModelError",
    "NoKnowledgeBaseError",
    "OcrError",
    "OcrTimeout",
    "RagIngestError",
    "StoreError",
    "StoreMismatchError",
    "UnsupportedSourceError",
    "first_line",
    "reason_of",
]


class RagIngestError(Exception):
    """Base of all; catching it catches every error that the package raises on purpose."""


class ConfigError(RagIngestError):
    """A wrong option, an unknown key, an unknown engine."""


class MissingExtraError(ConfigError):
    """A package is needed that is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"package {package!r} is not installed: pip install 'rag-ingest[{extra}]'")
        self.package = package
        self.extra = extra


class ModelError(RagIngestError):
    """Weights, tokenizer or configuration of a model are missing or unreadable."""


class StoreError(RagIngestError):
    """The database can't be opened, read or written."""


class NoKnowledgeBaseError(StoreError):
    """There is no knowledge base at that place, and none can be made there."""


class StoreMismatchError(StoreError):
    """The database was written by another embedder."""


class LoadError(RagIngestError):
    """One source can't be read."""


class UnsupportedSourceError(LoadError):
    """The content is neither a PDF nor an image that can be read."""


class EncryptedSourceError(LoadError):
    """The PDF needs a password, or another one."""


class LoadTimeout(LoadError):
    """A page took longer, or more memory, than allowed."""


class OcrError(RagIngestError):
    """One page can't be recognised."""


class OcrTimeout(OcrError):
    """No reply for a page in time."""


class EmbedError(RagIngestError):
    """A text can't be embedded."""


def first_line(error: BaseException) -> str:
    """What somebody else's exception says, without the lines that follow; its type where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def reason_of(error: BaseException) -> str:
    """For a `Failure`: our own errors speak for themselves, others are named by type."""
    return str(error) if isinstance(error, RagIngestError) else f"{type(error).__name__}: {error}"
