"""One request and its reply: bounded as a whole, and every fault told as a `RequestFailed`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from rag_ingest.http.endpoint import EndpointOptions
from rag_ingest.http.events import EventReader

if TYPE_CHECKING:
    import httpx

R = TypeVar("R")
Reply = TypeVar("Reply", bound=BaseModel)
Event = TypeVar("Event", bound=BaseModel)

_MAX_REPLY_BYTES = 64 * 2**20  # a page is some 20 kB, 64 vectors of 4,096 numbers 6 MB: more is a fault or an attack
_MAX_EVENT_BYTES = 2**20
_EXCERPT_CHARS = 200
_STREAM = "text/event-stream"


@dataclass(eq=False)
class RequestFailed(Exception):
    """Why one attempt failed, and what follows from it.

    Attributes:
        reason: one line, the key struck out.
        again: whether another attempt may help.
        status: of the reply, or of the error that a stream reports; None where there is none.
        retry_after_s: how long the server asked us to wait.
        timed_out: there was no reply, or no end of it, in time.
    """

    reason: str
    again: bool = False
    status: int | None = None
    retry_after_s: float = 0.0
    timed_out: bool = False

    def __str__(self) -> str:
        return self.reason


class _Detail(BaseModel):
    message: str = ""
    code: int | str | None = None


class _Error(BaseModel):
    error: _Detail | str


class Exchange:
    """Requests to one endpoint, from inside an event loop.

    Args:
        url: base address.
        key: sent with every request and shown in no message; empty when there is none.
        options: time-outs and the number of connections.
    """

    def __init__(self, url: str, key: str, options: EndpointOptions) -> None:
        import httpx

        self._url, self._key, self._options = url, key, options
        headers = {"Accept": f"application/json, {_STREAM}", "Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        connections = options.max_in_flight
        self._http = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(options.timeout_s, connect=options.connect_timeout_s, pool=None),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=urlsplit(url).hostname not in {"localhost", "127.0.0.1", "::1"},  # no proxy to ourselves
        )

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def reply(self, method: str, path: str, body: bytes | None, reply: type[Reply], timeout_s: float) -> Reply:
        """Sends a request and reads its JSON, within `timeout_s` from the first byte to the last."""

        async def whole(response: httpx.Response) -> Reply:
            return self._parsed(reply, await self._content(response))

        return await self._send(method, path, body, timeout_s, whole)

    async def streamed(
        self,
        method: str,
        path: str,
        body: bytes,
        event: type[Event],
        take: Callable[[AsyncIterator[Event]], Awaitable[R]],
        whole: type[Reply],
        timeout_s: float,
    ) -> R | Reply:
        """Sends a request and reads the events of its reply while they come, all within `timeout_s`.

        Args:
            method: of the request.
            path: under the base address.
            body: JSON.
            event: what each event's data is.
            take: reads the events and may stop before their end, which closes the connection: to a server of
                completions that is the sign to stop writing. The events end with `[DONE]`; that it is missing is a
                `RequestFailed`, raised after the last event.
            whole: what the reply is where the server does not stream it.
            timeout_s: from the first byte to the last.
        """

        async def read(response: httpx.Response) -> R | Reply:
            if response.headers.get("content-type", "").partition(";")[0].strip().lower() != _STREAM:
                return self._parsed(whole, await self._content(response))
            async with aclosing(self._events(event, response)) as events:
                return await take(events)

        return await self._send(method, path, body, timeout_s, read)

    async def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        timeout_s: float,
        read: Callable[[httpx.Response], Awaitable[R]],
    ) -> R:
        """Bounded as a whole: a server that drips bytes never trips a read time-out."""
        import anyio
        import httpx

        try:
            with anyio.fail_after(timeout_s):
                async with self._http.stream(method, self._url + path, content=body) as response:
                    if response.is_success:
                        return await read(response)
                    content = await self._content(response)
        except httpx.ConnectTimeout as e:
            limit = min(timeout_s, self._options.connect_timeout_s)
            raise RequestFailed(f"no connection in {limit:g} s", again=True, timed_out=True) from e
        except (TimeoutError, httpx.TimeoutException) as e:
            raise RequestFailed(f"no reply in {timeout_s:g} s", again=True, timed_out=True) from e
        except httpx.TransportError as e:
            raise self._dropped(e) from e
        raise RequestFailed(
            f"status {response.status_code}: {self._excerpt(content) or '(no body)'}",
            again=response.status_code == 429 or response.status_code >= 500,
            status=response.status_code,
            retry_after_s=min(_retry_after_s(response.headers), self._options.max_backoff_s),
        )

    async def _content(self, response: httpx.Response) -> bytes:
        content = bytearray()
        async for part in self._parts(response):
            content += part
        return bytes(content)

    async def _events(self, event: type[Event], response: httpx.Response) -> AsyncGenerator[Event, None]:
        reader, done = EventReader(), False
        async for part in self._parts(response):
            for data in reader.feed(part):
                done = done or data == b"[DONE]"  # read on to the body's end, so that the connection is used again
                if not done:
                    yield self._event(event, data)
            if reader.held > _MAX_EVENT_BYTES:
                raise RequestFailed(f"an event exceeds {_MAX_EVENT_BYTES >> 20} MiB", status=response.status_code)
        if not done:
            raise RequestFailed("the stream broke off before its end", again=True)

    async def _parts(self, response: httpx.Response) -> AsyncGenerator[bytes, None]:
        import httpx

        size = 0
        try:
            async for part in response.aiter_bytes():
                size += len(part)
                if size > _MAX_REPLY_BYTES:
                    reason = f"reply exceeds {_MAX_REPLY_BYTES >> 20} MiB"
                    raise RequestFailed(reason, status=response.status_code)
                yield part
        except httpx.DecodingError as e:
            reason = f"reply is not what its Content-Encoding says: {e}"
            raise RequestFailed(reason, status=response.status_code) from e
        except httpx.TimeoutException:
            raise
        except httpx.TransportError as e:
            raise self._dropped(e) from e

    def _event(self, event: type[Event], data: bytes) -> Event:
        try:
            return event.model_validate_json(data)
        except ValidationError:
            try:
                error = _Error.model_validate_json(data).error
            except ValidationError:
                return self._parsed(event, data)  # raises
        detail = _Detail(message=error) if isinstance(error, str) else error
        code = int(str(detail.code)) if str(detail.code).isdecimal() else None
        told = f"the server reports an error: {self._excerpt(detail.message) or '(no message)'}"
        raise RequestFailed(told, again=code is None or code == 429 or code >= 500, status=code)

    def _parsed(self, reply: type[Reply], content: bytes) -> Reply:
        try:
            return reply.model_validate_json(content)
        except ValidationError as e:
            first = e.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            what = f"{where}: {first['msg']}" if where else first["msg"]
            raise RequestFailed(f"not the reply asked for ({what}): {self._excerpt(content)}", status=200) from e

    def _dropped(self, error: Exception) -> RequestFailed:
        return RequestFailed(f"connection failed: {self._excerpt(str(error) or type(error).__name__)}", again=True)

    def _excerpt(self, text: bytes | str) -> str:
        """The start of a text on one line: no key, no control characters."""
        plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        if self._key:
            plain = plain.replace(self._key, "[key]")
        plain = " ".join("".join(c if c.isprintable() else " " for c in plain[: 4 * _EXCERPT_CHARS]).split())
        return plain if len(plain) <= _EXCERPT_CHARS else plain[:_EXCERPT_CHARS] + "…"


def _retry_after_s(headers: Mapping[str, Any]) -> float:
    """Seconds or an HTTP date (RFC 9110, 10.2.3); 0 when absent, past or malformed."""
    value = str(headers.get("retry-after", "")).strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0
