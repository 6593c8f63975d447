"""A real HTTP server on the loopback that misbehaves as told, and keeps a record of what it saw.

Each request has a key: the number painted into a page's image, or the first text to embed. `script[key]` is a list of
actions, taken one a request; when it is spent, or there is none, the request is answered properly.
"""

from __future__ import annotations

import base64
import io
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

from PIL import Image

Action: TypeAlias = Callable[["Handler"], None]
Key: TypeAlias = int | str

LONGEST_HANG_S = 20.0  # what keeps a test from waiting for ever, were the client to


def painted(number: int, size: tuple[int, int] = (56, 84)) -> Image.Image:
    """A page whose number the server can read from its first pixel."""
    return Image.new("RGB", size, (number, 255 - number, 128))


@dataclass
class Seen:
    """One request as it arrived."""

    path: str
    key: Key
    body: Any
    headers: dict[str, str]
    at_s: float


@dataclass
class ScriptedServer:
    """What the server is told and what it saw.

    Attributes:
        always: done instead of the proper thing where the script has nothing for a key.
        sent: characters of streamed answers that went out, by key.
        proofs: requests for one token, which ask whether the server reads anything; they are in nothing else.
    """

    script: dict[Key, list[Action]] = field(default_factory=dict)
    models: list[str] = field(default_factory=lambda: ["lightonai/LightOnOCR-2-1B", "minilm"])
    always: Action | None = None
    work_s: float = 0.0
    proofs: int = 0
    dimension: int = 3
    seen: list[Seen] = field(default_factory=list)
    sent: Counter[Key] = field(default_factory=Counter)
    most_open: int = 0
    hung_up: int = 0
    connections: int = 0
    url: str = ""
    _open: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def attempts(self) -> Counter[Key]:
        """How often each key was asked for."""
        return Counter(request.key for request in self.seen)

    def sees_hang_ups(self, count: int) -> bool:
        """Waits until so many clients have left before the end of their answer."""
        until = time.monotonic() + 10
        while self.hung_up < count and time.monotonic() < until:
            time.sleep(0.01)
        return self.hung_up == count

    def answer(self, handler: Handler) -> None:
        """Takes one request from its first byte to its last."""
        with self._lock:
            self._open += 1
            self.most_open = max(self.most_open, self._open)
        try:
            handler.asked = self._read(handler)
            with self._lock:
                action = self._action(handler.asked)
            self._over.wait(self.work_s)
        finally:
            with self._lock:  # before the answer: the client may send the next one as soon as it has it
                self._open -= 1
        action(handler)

    def _action(self, asked: Seen) -> Action:
        if asked.body and asked.body.get("max_tokens") == 1:
            self.proofs += 1
            return self.always or proper
        self.seen.append(asked)
        todo = self.script.get(asked.key, [])
        return todo.pop(0) if todo else self.always or proper

    def _read(self, handler: Handler) -> Seen:
        body = json.loads(handler.rfile.read(int(handler.headers.get("Content-Length", 0))) or b"null")
        if handler.path.endswith("/chat/completions"):
            url = body["messages"][0]["content"][0]["image_url"]["url"]
            key: Key = (
                Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB").getpixel((0, 0))[0]
            )
        else:
            key = body["input"][0] if body else handler.path.rpartition("/")[2]
        return Seen(handler.path, key, body, dict(handler.headers), time.monotonic())


class Handler(BaseHTTPRequestHandler):
    """Hands every request to the `ScriptedServer`."""

    protocol_version = "HTTP/1.1"
    scripted: ScriptedServer
    asked: Seen

    def setup(self) -> None:
        """Counts connections."""
        super().setup()
        with self.scripted._lock:
            self.scripted.connections += 1

    def do_POST(self) -> None:
        self.scripted.answer(self)

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def reply(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        """A whole, well-formed HTTP reply."""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def event(self, data: bytes) -> None:
        """One server-sent event, in a chunk of its own."""
        told = b"data: " + data + b"\n\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(told), told))


def completion(text: object, finish_reason: str | None = "stop") -> bytes:
    """A chat completion with one choice."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    return json.dumps({"object": "chat.completion", "choices": [choice]}).encode()


def proper(handler: Handler) -> None:
    """What a server in good health answers."""
    asked, scripted = handler.asked, handler.scripted
    if asked.path == "/v1/models":
        handler.reply(200, json.dumps({"data": [{"id": name} for name in scripted.models]}).encode())
    elif asked.path == "/v1/chat/completions":
        (streamed if asked.body.get("stream") else written)(f"page {asked.key}")(handler)
    elif asked.path == "/v1/embeddings":
        rows = [{"index": i, "embedding": vector(t, scripted.dimension)} for i, t in enumerate(asked.body["input"])]
        handler.reply(200, json.dumps({"data": rows[::-1]}).encode())  # out of order: the index tells
    else:
        handler.reply(404, b'{"error": "no such path"}')


def written(text: str, finish_reason: str | None = "stop") -> Action:
    """A completion that comes at once, whatever was asked for."""
    return content(completion(text, finish_reason))


def streamed(
    text: str,
    finish_reason: str | None = "stop",
    *,
    size: int = 16,
    pause_s: float = 0.0,
    then: Action | None = None,
    done: bool = True,
) -> Action:
    """A completion as events of `size` characters, with its usage where that was asked for.

    Args:
        text: the answer.
        finish_reason: None ends it without one.
        size: characters an event.
        pause_s: before each.
        then: what happens after the text instead of its end.
        done: whether `[DONE]` is said.
    """

    def act(handler: Handler) -> None:
        scripted, key = handler.scripted, handler.asked.key
        handler.close_connection = then is not None
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        try:
            handler.event(chunk({"role": "assistant", "content": ""}))
            for start in range(0, len(text), size):
                if scripted._over.wait(pause_s):
                    return
                handler.event(chunk({"content": text[start : start + size]}))
                scripted.sent[key] += len(text[start : start + size])
            if then is not None:
                then(handler)
                return
            if finish_reason is not None:
                handler.event(chunk({}, finish_reason))
            if (handler.asked.body.get("stream_options") or {}).get("include_usage"):
                handler.event(json.dumps({"choices": [], "usage": {"completion_tokens": len(text)}}).encode())
            if done:
                handler.event(b"[DONE]")
            handler.wfile.write(b"0\r\n\r\n")
        except OSError:
            handler.close_connection = True
            scripted.hung_up += 1

    return act


def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    """One event's data."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return json.dumps({"object": "chat.completion.chunk", "choices": [choice], "usage": None}).encode()


def says(data: bytes) -> Action:
    """For `streamed(then=…)`: one more event, and the proper end of the body."""

    def act(handler: Handler) -> None:
        handler.event(data)
        ends(handler)

    return act


def ends(handler: Handler) -> None:
    """For `streamed(then=…)`: the body ends properly, in the middle of the answer."""
    handler.wfile.write(b"0\r\n\r\n")


def stalls(handler: Handler) -> None:
    """For `streamed(then=…)`: comments and nothing else, as servers send them to keep a connection."""
    until = time.monotonic() + LONGEST_HANG_S
    while time.monotonic() < until and not handler.scripted._over.wait(0.05):
        handler.wfile.write(b"d\r\n: still here\n\r\n")


def drops(handler: Handler) -> None:
    """The connection is reset; for `streamed(then=…)`, or before a word was said."""
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def vector(text: str, dimension: int) -> list[float]:
    """Not of unit length, and different for different texts of one length or another."""
    return [1.0 + len(text), *[float(ord(text[-1])) if text else 0.5] * (dimension - 1)]


def status(code: int, body: bytes = b'{"error": "scripted"}', **headers: str) -> Action:
    """Answers with a status; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.reply(code, body, named)


def content(body: bytes, content_type: str = "application/json") -> Action:
    """Status 200 with whatever body."""
    return lambda handler: handler.reply(200, body, {"Content-Type": content_type})


def hang(handler: Handler) -> None:
    """Reads the request and never answers; notes when the client hangs up."""
    handler.close_connection = True
    until = time.monotonic() + LONGEST_HANG_S
    handler.connection.settimeout(0.05)
    while time.monotonic() < until and not handler.scripted._over.is_set():
        try:
            if handler.connection.recv(1) == b"":
                handler.scripted.hung_up += 1
                return
        except TimeoutError:
            continue
        except OSError:
            handler.scripted.hung_up += 1
            return


def drip(handler: Handler) -> None:
    """Sends a byte now and then, so that no read ever times out."""
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    until = time.monotonic() + LONGEST_HANG_S
    while time.monotonic() < until and not handler.scripted._over.wait(0.05):
        try:
            handler.wfile.write(b" ")
        except OSError:
            return


def reset(handler: Handler) -> None:
    """Half a body, then the connection is reset."""
    handler.close_connection = True
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    drops(handler)


@contextmanager
def serving(**told: Any) -> Iterator[ScriptedServer]:
    """Runs a `ScriptedServer` on a port of its own until the block ends."""
    scripted = ScriptedServer(**told)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"scripted": scripted}))
    server.daemon_threads = True
    scripted.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield scripted
    finally:
        scripted._over.set()
        server.shutdown()
        server.server_close()
        thread.join()
