r"""A node's metadata as text, one key a line, so that a filter can ask for any key and type of value.

    \n"author": "Müller 100%"\n"year": 1935\n"tags": ["a", "b"]\n

Expressions can't look into structs (lancedb 0.40), whose fields are fixed besides. JSON escapes line breaks, so that a
raw one only ends a line: text contains `\n"year": 1935\n` for exactly those rows whose `year` is 1935.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rag_ingest.store.schema import storable

__all__ = ["key_start", "metadata_lines", "metadata_of", "value_lines"]

_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)

_FLAT_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=("\n", ": "))
_FLAT = frozenset({str, int, float, bool, type(None)})
"""Values in which no separator stands, so that all lines can be written at once, which takes a third of the time."""

_IDS = ("_node_type", "document_id", "doc_id", "ref_doc_id")


def metadata_of(struct: Mapping[str, Any]) -> dict[str, Any]:
    """A node's own metadata and the ids that LlamaIndex's stores add, from the struct in which these keep a node."""
    content = struct.get("_node_content")
    own = json.loads(content).get("metadata", {}) if content else struct
    return {**own, **{key: struct[key] for key in _IDS if key in struct}}


def metadata_lines(struct: Mapping[str, Any]) -> str:
    """Of `metadata_of` such a struct."""
    metadata = metadata_of(struct)
    if metadata and _FLAT.issuperset(map(type, metadata.values())):
        return f"\n{storable(_FLAT_ENCODER.encode(metadata)[1:-1])}\n"
    return "\n" + "".join(f"{_json(key)}: {_json(value)}\n" for key, value in metadata.items())


def key_start(key: str) -> str:
    """What a line of this key starts with, the line break before it included."""
    return f"\n{_json(key)}: "


def value_lines(key: str, value: str | int | float) -> list[str]:
    """Every line, with both its line breaks, whose value equals this one as Python compares: 1, 1.0 and true."""
    if isinstance(value, str):
        written = [_json(value)]
    else:
        forms: list[Any] = [form for form in (_whole(value), _real(value)) if form is not None]
        forms += [bool(value)] if value in (0, 1) else []
        forms += [0.0, -0.0] if value == 0 else []
        written = [_json(form) for form in forms]
    return [f"{key_start(key)}{text}\n" for text in dict.fromkeys(written)]


def _whole(value: int | float) -> int | None:
    return int(value) if isinstance(value, int) or value.is_integer() else None


def _real(value: int | float) -> float | None:
    try:
        real = float(value)
    except OverflowError:
        return None
    return real if real == value else None


def _json(value: Any) -> str:
    return storable(_ENCODER.encode(value))
