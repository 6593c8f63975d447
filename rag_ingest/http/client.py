"""Requests: in flight together, tried again, read as JSON.

The event loop runs in a thread of its own, kept until `close()`: the blocking calls work as well where the caller
already runs a loop (Jupyter, a web server).
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from rag_ingest.errors import ConfigError, RagIngestError
from rag_ingest.http.endpoint import EndpointOptions, base_url

if TYPE_CHECKING:
    import anyio
    import httpx
    from anyio.from_thread import BlockingPortal
    from tenacity import RetryCallState

T = TypeVar("T")
R = TypeVar("R")
Reply = TypeVar("Reply", bound=BaseModel)

_MAX_REPLY_BYTES = 64 * 2**20  # a page is some 20 kB, 64 vectors of 4,096 numbers 6 MB: more is a fault or an attack
_EXCERPT_CHARS = 200
_NAMED_MODELS = 10


@dataclass(eq=False)
class _AttemptError(Exception):
    """Why one attempt failed, whether another may help, and how long the server asked us to wait."""

    reason: str
    again: bool = False
    status: int | None = None
    retry_after_s: float = 0.0
    timed_out: bool = False

    def __str__(self) -> str:
        return self.reason


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Model]


class HttpClient:
    """Requests to one endpoint, at most `max_in_flight` at a time, each tried up to `max_attempts` times.

    Nothing is opened before the first request. Safe to use from several threads.

    Args:
        options: the endpoint.
        error: raised when a request has failed for good; its message is one line with the status and the start of the
            body, the key struck out.
        timeout_error: raised instead when the last attempt timed out; `error` when not given.

    Raises:
        ConfigError: `api_key_env` names a variable that is not set.
    """

    def __init__(
        self,
        options: EndpointOptions,
        *,
        error: type[RagIngestError],
        timeout_error: type[RagIngestError] | None = None,
    ) -> None:
        self.options = options
        self.url = base_url(options.url)
        self._error = error
        self._timeout_error = timeout_error or error
        self._key = options.api_key()
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._http: httpx.AsyncClient
        self._slots: anyio.Semaphore
        self._cores: anyio.CapacityLimiter

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def map(self, call: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
        """Awaits `call(item)` for every item, at most `max_in_flight` at a time over all threads; same order.

        The first exception cancels the others and is raised. So does whatever interrupts the caller, Ctrl-C included:
        requests under way are cancelled and nothing waits for them.
        """
        return self._run(self._map, call, items) if items else []

    def check(self, hint: str) -> None:
        """Asks `GET /models` once, within `connect_timeout_s`.

        Args:
            hint: what to do when no server answers.

        Raises:
            ConfigError: no server, a refused key, or a server that does not list `options.model`.
        """
        options, waive = self.options, f"{self.options.named('check_models')} = false skips this"
        try:
            served = self._run(self._models)
        except _AttemptError as e:
            if e.status in {401, 403}:
                key = options.named("api_key_env")
                raise ConfigError(f"{self.url} refuses the key ({key} = {options.api_key_env!r}): {e}") from e
            if e.status is None:
                raise ConfigError(f"no server at {self.url}: {e}; {hint}") from e
            if options.check_models:
                raise ConfigError(f"{self.url}/models: {e}; is {options.named('url')} right? ({waive})") from e
            return
        if options.check_models and served and options.model not in served:
            more = f" and {len(served) - _NAMED_MODELS} more" if len(served) > _NAMED_MODELS else ""
            raise ConfigError(
                f"{self.url} does not list model {options.model!r} but {', '.join(served[:_NAMED_MODELS])}{more}: "
                f"set {options.named('model')} to one of these ({waive})"
            )

    async def post(self, path: str, body: bytes, reply: type[Reply]) -> Reply:
        """Sends JSON and reads JSON, with retries; to be awaited inside `map`.

        Raises:
            RagIngestError: of the class given to the constructor: refused, attempts spent, or not the JSON wanted.
        """
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        attempts = AsyncRetrying(
            stop=stop_after_attempt(self.options.max_attempts),
            wait=self._pause_s,
            retry=retry_if_exception(lambda e: isinstance(e, _AttemptError) and e.again),
            reraise=True,
        )
        try:
            content: bytes = await attempts(self._send, "POST", path, body, self.options.timeout_s)
            return self._parsed(reply, content)
        except _AttemptError as e:
            kind = self._timeout_error if e.timed_out else self._error
            tries = attempts.statistics.get("attempt_number", 1)
            spent = f" (attempt {tries} of {self.options.max_attempts})" if e.again else ""
            raise kind(f"POST {self.url}{path}: {e}{spent}") from e

    async def in_thread(self, call: Callable[[T], R], item: T) -> R:
        """Runs something that computes outside the event loop, on as many threads as there are cores."""
        from anyio import to_thread

        return await to_thread.run_sync(call, item, limiter=self._cores)

    def close(self) -> None:
        """Closes connections and ends the thread; a second call does nothing, a later request opens them again."""
        atexit.unregister(self.close)
        with self._lock:
            self._portal = None
            self._stack.close()

    def _run(self, call: Callable[..., Awaitable[R]], *args: Any) -> R:
        future = self._open().start_task_soon(call, *args)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # reaches the requests under way; does nothing when it was they that failed
            raise

    def _open(self) -> BlockingPortal:
        with self._lock:
            if self._portal is None:
                from anyio.from_thread import start_blocking_portal

                with ExitStack() as stack:
                    portal = stack.enter_context(start_blocking_portal(name="rag-ingest-http"))
                    portal.call(self._prepare)
                    stack.callback(portal.call, self._http.aclose)
                    self._stack = stack.pop_all()
                self._portal = portal
                atexit.register(
                    self.close
                )  # later than that the thread is gone, and closing would wait for it for ever
            return self._portal

    async def _prepare(self) -> None:
        import anyio
        import httpx

        options = self.options
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._http = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(options.timeout_s, connect=options.connect_timeout_s, pool=None),
            limits=httpx.Limits(max_connections=options.max_in_flight, max_keepalive_connections=options.max_in_flight),
            trust_env=urlsplit(self.url).hostname not in {"localhost", "127.0.0.1", "::1"},  # no proxy to ourselves
        )
        self._slots = anyio.Semaphore(options.max_in_flight)
        self._cores = anyio.CapacityLimiter(os.cpu_count() or 1)

    async def _map(self, call: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
        from anyio import create_task_group

        results: dict[int, R] = {}
        failed: list[Exception] = []

        async def one(index: int) -> None:
            async with self._slots:  # held through the pauses too: a busy server gets fewer requests, not others
                try:
                    results[index] = await call(items[index])
                except Exception as e:
                    failed.append(e)
                    group.cancel_scope.cancel()

        async with create_task_group() as group:
            for index in range(len(items)):
                group.start_soon(one, index)
        if failed:
            raise failed[0]
        return [results[index] for index in range(len(items))]

    async def _models(self) -> list[str]:
        content = await self._send("GET", "/models", None, self.options.connect_timeout_s)
        return [model.id for model in self._parsed(_Models, content).data]

    async def _send(self, method: str, path: str, body: bytes | None, timeout_s: float) -> bytes:
        """One attempt, bounded as a whole: a server that drips bytes never trips a read time-out."""
        import anyio
        import httpx

        try:
            with anyio.fail_after(timeout_s):
                async with self._http.stream(method, self.url + path, content=body) as response:
                    content = await _read(response)
        except httpx.ConnectTimeout as e:
            limit = min(timeout_s, self.options.connect_timeout_s)
            raise _AttemptError(f"no connection in {limit:g} s", again=True, timed_out=True) from e
        except (TimeoutError, httpx.TimeoutException) as e:
            raise _AttemptError(f"no reply in {timeout_s:g} s", again=True, timed_out=True) from e
        except httpx.TransportError as e:
            raise _AttemptError(f"connection failed: {self._excerpt(str(e) or type(e).__name__)}", again=True) from e
        status = response.status_code
        if response.is_success:
            return content
        raise _AttemptError(
            f"status {status}: {self._excerpt(content) or '(no body)'}",
            again=status == 429 or status >= 500,
            status=status,
            retry_after_s=min(_retry_after_s(response.headers), self.options.max_backoff_s),
        )

    def _pause_s(self, state: RetryCallState) -> float:
        """Exponential with full jitter, on top of what the server asked for."""
        from tenacity import wait_random_exponential

        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, _AttemptError) else 0.0
        backoff = wait_random_exponential(multiplier=self.options.backoff_s, max=self.options.max_backoff_s)
        return asked + backoff(state)

    def _parsed(self, reply: type[Reply], content: bytes) -> Reply:
        try:
            return reply.model_validate_json(content)
        except ValidationError as e:
            first = e.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            what = f"{where}: {first['msg']}" if where else first["msg"]
            raise _AttemptError(f"not the reply asked for ({what}): {self._excerpt(content)}", status=200) from e

    def _excerpt(self, text: bytes | str) -> str:
        """The start of a text on one line: no key, no control characters."""
        plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        if self._key:
            plain = plain.replace(self._key, "[key]")
        plain = " ".join("".join(c if c.isprintable() else " " for c in plain[: 4 * _EXCERPT_CHARS]).split())
        return plain if len(plain) <= _EXCERPT_CHARS else plain[:_EXCERPT_CHARS] + "…"


async def _read(response: httpx.Response) -> bytes:
    import httpx

    content = bytearray()
    try:
        async for part in response.aiter_bytes():
            content += part
            if len(content) > _MAX_REPLY_BYTES:
                raise _AttemptError(f"reply exceeds {_MAX_REPLY_BYTES >> 20} MiB", status=response.status_code)
    except httpx.DecodingError as e:
        raise _AttemptError(f"reply is not what its Content-Encoding says: {e}", status=response.status_code) from e
    return bytes(content)


def _retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds or an HTTP date (RFC 9110, 10.2.3); 0 when absent, past or malformed."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0
