"""Recorded settings, read back into a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from rag_ingest.errors import ConfigError

__all__ = ["with_settings"]

T = TypeVar("T")


def with_settings(default: T, settings: Mapping[str, Any]) -> T:
    """A configuration dataclass with recorded values in place of its own; names that it does not know are left out.

    Raises:
        ConfigError: it is no dataclass.
    """
    if not is_dataclass(default) or isinstance(default, type):
        raise ConfigError(f"a configuration is a dataclass, not {default!r}")
    known = {f.name: getattr(default, f.name) for f in fields(default)}
    changes = {name: _as_in(known[name], value) for name, value in settings.items() if name in known}
    return replace(default, **changes)


def _as_in(default: Any, value: Any) -> Any:
    """JSON has no tuples and no dataclasses."""
    if is_dataclass(default):
        return with_settings(default, value)
    return tuple(value) if isinstance(default, tuple) else value
