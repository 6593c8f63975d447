"""Requests: in flight together, and tried again.

The event loop runs in a thread of its own, kept until `close()`: the blocking calls work as well where the caller
already runs a loop (Jupyter, a web server).
"""

from __future__ import annotations

import atexit
import math
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from rag_ingest.errors import ConfigError, RagIngestError
from rag_ingest.http.endpoint import EndpointOptions, base_url
from rag_ingest.http.exchange import Exchange, RequestFailed

if TYPE_CHECKING:
    import anyio
    from anyio.from_thread import BlockingPortal
    from tenacity import RetryCallState

T = TypeVar("T")
R = TypeVar("R")
Reply = TypeVar("Reply", bound=BaseModel)
Event = TypeVar("Event", bound=BaseModel)

_NAMED_MODELS = 10


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
        self._started: set[Future[Any]] = set()
        self._exchange: Exchange
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

    def start(self, call: Callable[[T], Awaitable[R]], item: T) -> Future[R]:
        """Begins to await `call(item)`, in a slot as under `map`; cancelling the future cancels its requests."""
        started = self._open().start_task_soon(self._in_slot, call, item)
        self._started.add(started)
        started.add_done_callback(self._started.discard)
        return started

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
        except RequestFailed as e:
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

    async def post(self, path: str, body: bytes, reply: type[Reply], *, within_s: float = math.inf) -> Reply:
        """Sends JSON and reads JSON, with retries; to be awaited inside `map`.

        Args:
            path: under the base address.
            body: JSON.
            reply: what the answer is.
            within_s: no further attempt is begun after so long; one under way has its `timeout_s`.

        Raises:
            RagIngestError: of the class given to the constructor: refused, attempts spent, or not the JSON wanted. Its
                cause is the last attempt's `RequestFailed`.
        """
        return await self._tried(within_s, self._exchange.reply, "POST", path, body, reply)

    async def stream(
        self,
        path: str,
        body: bytes,
        event: type[Event],
        take: Callable[[AsyncIterator[Event]], Awaitable[R]],
        whole: type[Reply],
        *,
        within_s: float = math.inf,
    ) -> R | Reply:
        """Sends JSON and hands the events of the reply to `take`, with retries; to be awaited inside `map`.

        A stream that breaks off or reports an error is an attempt that failed, and `take` is called anew: half an
        answer is never kept. See `Exchange.streamed` for the arguments, `post` for `within_s` and for what is raised.
        """
        return await self._tried(within_s, self._exchange.streamed, "POST", path, body, event, take, whole)

    async def once(self, path: str, body: bytes, reply: type[Reply], timeout_s: float) -> Reply:
        """Sends JSON and reads JSON, in one attempt; raises as `post` does."""
        try:
            return await self._exchange.reply("POST", path, body, reply, timeout_s)
        except RequestFailed as e:
            raise self._raised(path, e) from e

    async def in_thread(self, call: Callable[[T], R], item: T) -> R:
        """Runs something that computes outside the event loop, on as many threads as there are cores."""
        from anyio import to_thread

        return await to_thread.run_sync(call, item, limiter=self._cores)

    def close(self) -> None:
        """Closes connections and ends the thread; a second call does nothing, a later request opens them again.

        What was started and is not done is cancelled.
        """
        atexit.unregister(self.close)
        for started in list(self._started):
            started.cancel()
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
                    stack.callback(portal.call, self._exchange.aclose)
                    self._stack = stack.pop_all()
                self._portal = portal
                atexit.register(
                    self.close
                )  # later than that the thread is gone, and closing would wait for it for ever
            return self._portal

    async def _prepare(self) -> None:
        import anyio

        self._exchange = Exchange(self.url, self._key, self.options)
        self._slots = anyio.Semaphore(self.options.max_in_flight)
        self._cores = anyio.CapacityLimiter(os.cpu_count() or 1)

    async def _map(self, call: Callable[[T], Awaitable[R]], items: Sequence[T]) -> list[R]:
        from anyio import create_task_group

        results: dict[int, R] = {}
        failed: list[Exception] = []

        async def one(index: int) -> None:
            try:
                results[index] = await self._in_slot(call, items[index])
            except Exception as e:
                failed.append(e)
                group.cancel_scope.cancel()

        async with create_task_group() as group:
            for index in range(len(items)):
                group.start_soon(one, index)
        if failed:
            raise failed[0]
        return [results[index] for index in range(len(items))]

    async def _in_slot(self, call: Callable[[T], Awaitable[R]], item: T) -> R:
        async with self._slots:  # held through the pauses too: a busy server gets fewer requests, not others
            return await call(item)

    async def _models(self) -> list[str]:
        models = await self._exchange.reply("GET", "/models", None, _Models, self.options.connect_timeout_s)
        return [model.id for model in models.data]

    async def _tried(self, within_s: float, call: Callable[..., Awaitable[R]], method: str, path: str, *args: Any) -> R:
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, stop_before_delay

        attempts = AsyncRetrying(
            stop=stop_after_attempt(self.options.max_attempts) | stop_before_delay(within_s),
            wait=self._pause_s,
            retry=retry_if_exception(lambda e: isinstance(e, RequestFailed) and e.again),
            reraise=True,
        )
        try:
            result: R = await attempts(call, method, path, *args, self.options.timeout_s)
            return result
        except RequestFailed as e:
            tries = attempts.statistics.get("attempt_number", 1)
            spent = f" (attempt {tries} of {self.options.max_attempts})" if e.again else ""
            raise self._raised(path, e, spent) from e

    def _raised(self, path: str, failed: RequestFailed, spent: str = "") -> RagIngestError:
        kind = self._timeout_error if failed.timed_out else self._error
        return kind(f"POST {self.url}{path}: {failed}{spent}")

    def _pause_s(self, state: RetryCallState) -> float:
        """Exponential with full jitter, on top of what the server asked for."""
        from tenacity import wait_random_exponential

        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, RequestFailed) else 0.0
        backoff = wait_random_exponential(multiplier=self.options.backoff_s, max=self.options.max_backoff_s)
        return asked + backoff(state)
