"""Server-sent events (WHATWG HTML, section 9.2), as far as completions use them: the data of each, and nothing else."""

from __future__ import annotations


class EventReader:
    """Told bytes as they come, it says which events are complete. An event that the end of the body cuts is none.

    Lines end in LF or CRLF: no server at hand ends them in CR alone.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, part: bytes) -> list[bytes]:
        """The data of the events that these bytes complete; comments, names, ids and events without data fall out."""
        events = []
        *lines, self._rest = (self._rest + part).split(b"\n")
        for raw in lines:
            line = raw.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                events.append(b"\n".join(self._data))
                self._data = []
        return events

    @property
    def held(self) -> int:
        """Bytes of the event that is not complete yet."""
        return len(self._rest) + sum(map(len, self._data))
