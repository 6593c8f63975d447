"""Worker processes that can be killed: each request has a time-out, and a crash costs that request alone.

Workers are fresh interpreters (nothing is forked, and the caller's `__main__` is not run again in them, so a script
needs no main guard). A thread stands for each; it waits for the reply, and a timer kills the worker that is too slow.
Pebble's pool was considered: its workers share one pipe, it polls, and its workers outlive a parent that is killed.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from rag_ingest.errors import LoadError
from rag_ingest.load import wire

START_TIMEOUT_S = 120.0
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from rag_ingest.load.worker import main; main()"


class WorkerLost(Exception):
    """A worker went amid a request.

    Attributes:
        timed_out: it was killed because it took too long.
        ending: what ended it otherwise, for example "SIGSEGV", or "exit code 1".
    """

    def __init__(self, *, timed_out: bool, ending: str = "") -> None:
        super().__init__("timed out" if timed_out else f"ended by {ending}")
        self.timed_out = timed_out
        self.ending = ending


class Worker:
    """One process, started at its first request and again after it is lost; used by one thread at a time."""

    def __init__(self, setup: Mapping[str, Any]) -> None:
        self._setup = setup
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._closed = False

    def call(self, request: Mapping[str, Any], timeout_s: float) -> wire.Message:
        """Sends a request and waits for the reply.

        Raises:
            WorkerLost: it took too long, or the process ended.
            LoadError: no worker could be started.
        """
        process = self._process or self._start()
        try:
            return self._exchange(process, request, timeout_s)
        except WorkerLost as error:
            self._discard()
            if self._closed:
                raise LoadError("the loader is closed") from error
            raise

    def recycle(self) -> None:
        """Ends the process; the next request starts another."""
        self._discard()

    def close(self) -> None:
        """Ends the process for good, even amid a request; its thread then gets `LoadError`."""
        with self._lock:
            self._closed = True
        self._discard()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise LoadError("the loader is closed")
            self._process = process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # out of reach of the terminal's Ctrl-C
            )
        try:
            self._exchange(process, self._setup, START_TIMEOUT_S)
        except WorkerLost as error:
            self._discard()
            raise LoadError(f"the page reader's process did not start ({error})") from error
        return process

    @staticmethod
    def _exchange(process: subprocess.Popen[bytes], request: Mapping[str, Any], timeout_s: float) -> wire.Message:
        assert process.stdin is not None
        assert process.stdout is not None
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            process.kill()

        timer = threading.Timer(timeout_s, expire)
        timer.daemon = True
        timer.start()
        try:
            wire.send(process.stdin, request)
            reply = wire.receive(process.stdout)
        except (EOFError, OSError, ValueError) as error:  # ValueError: the pipe was closed, or no message came
            lost = WorkerLost(timed_out=expired.is_set(), ending=_ending(process))
            raise lost from error
        finally:
            timer.cancel()
            timer.join()  # so that it never kills amid the next request
        if expired.is_set():
            raise WorkerLost(timed_out=True)
        return reply

    def _discard(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()


class Pool:
    """A few workers behind one queue."""

    def __init__(self, workers: int, setup: Mapping[str, Any]) -> None:
        self.size = workers
        self._setup = setup
        self._own = threading.local()
        self._workers: list[Worker] = []
        self._threads = ThreadPoolExecutor(workers, "rag-ingest-load", initializer=self._adopt)

    def submit(self, request: Mapping[str, Any], timeout_s: float) -> Future[wire.Message]:
        """Queues a request; the future raises `WorkerLost` or `LoadError`."""
        try:
            return self._threads.submit(self._call, request, timeout_s)
        except RuntimeError as error:  # after shutdown
            raise LoadError("the loader is closed") from error

    def kill(self) -> None:
        """Ends every worker and waits for no thread; requests under way are lost, queued ones cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.close()

    def close(self) -> None:
        """Ends every worker and waits for the threads; a second call does nothing."""
        self.kill()
        self._threads.shutdown(wait=True)
        for worker in self._workers:  # one more may have come while the others went
            worker.close()

    def _adopt(self) -> None:
        self._own.worker = Worker(self._setup)
        self._workers.append(self._own.worker)

    def _call(self, request: Mapping[str, Any], timeout_s: float) -> wire.Message:
        worker: Worker = self._own.worker
        fields, blob = worker.call(request, timeout_s)
        if fields.get("worn"):
            worker.recycle()
        return fields, blob


def _ending(process: subprocess.Popen[bytes]) -> str:
    try:
        code = process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        return "a broken pipe"
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
