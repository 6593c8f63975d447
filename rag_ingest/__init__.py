"""PDFs and page images into a searchable LanceDB knowledge base.

The names below are imported at first use, so that `import rag_ingest` costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import rag_ingest.ocr as _ocr_stage

if TYPE_CHECKING:
    import inspect

    from rag_ingest.api import ingest, ocr, search, split_markdown
    from rag_ingest.config import Config
    from rag_ingest.pipeline import Pipeline

__version__ = "0.1.0"

__all__ = ["Config", "Pipeline", "ingest", "ocr", "search", "split_markdown"]

_HOMES = {
    "Config": "rag_ingest.config",
    "Pipeline": "rag_ingest.pipeline",
    "ingest": "rag_ingest.api",
    "search": "rag_ingest.api",
    "split_markdown": "rag_ingest.api",
}


class _CallableStage(ModuleType):
    """`ocr` names both a stage (the folder) and a verb; calling the one runs the other (see `api.ocr`)."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return import_module("rag_ingest.api").ocr(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        import inspect

        return inspect.signature(import_module("rag_ingest.api").ocr)

    def __reduce__(self) -> tuple[Any, ...]:
        return import_module, (self.__name__,)


sys.modules[_ocr_stage.__name__].__class__ = _CallableStage


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
