"""Messages between the parent and its worker processes: JSON, then raw bytes.

JSON and no pickle: a worker that a hostile file has taken over can send wrong data, but not code.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import IO, Any

_HEADER = struct.Struct("<IQ")

Message = tuple[dict[str, Any], bytearray]


def send(stream: IO[bytes], fields: Mapping[str, Any], blob: bytes | memoryview = b"") -> None:
    """Writes one message and flushes it; ASCII, so that a file name that is no UTF-8 passes."""
    text = json.dumps(fields, separators=(",", ":")).encode()
    stream.write(_HEADER.pack(len(text), len(blob)))
    stream.write(text)
    stream.write(blob)
    stream.flush()


def receive(stream: IO[bytes]) -> Message:
    """Reads one message.

    Raises:
        EOFError: the other side is gone.
    """
    text_size, blob_size = _HEADER.unpack(_read(stream, _HEADER.size))
    fields = json.loads(_read(stream, text_size))
    return fields, _read(stream, blob_size)


def _read(stream: IO[bytes], size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    done = 0
    while done < size:
        count = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError("the other process is gone")
        done += count
    return data
