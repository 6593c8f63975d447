"""Streamed replies: read as they come, ended early, and never half a one for a whole."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from rag_ingest.errors import OcrError, OcrTimeout
from rag_ingest.http import EndpointOptions, HttpClient, RequestFailed
from tests.http.scripted_server import (
    Action,
    ScriptedServer,
    content,
    drops,
    ends,
    says,
    serving,
    stalls,
    status,
    streamed,
    written,
)

MADE: list[HttpClient] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while MADE:
        MADE.pop().close()


class Whole(BaseModel):
    """A reply at once."""

    choices: list[dict[str, Any]]


class Event(Whole):
    """A reply in pieces."""


def client(server: ScriptedServer, **options: Any) -> HttpClient:
    quick = {"timeout_s": 5.0, "connect_timeout_s": 2.0, "backoff_s": 0.001, "max_backoff_s": 0.01, **options}
    MADE.append(HttpClient(EndpointOptions(url=server.url, **quick), error=OcrError, timeout_error=OcrTimeout))
    return MADE[-1]


async def text_of(events: AsyncIterator[Event]) -> str:
    return "".join([event.choices[0]["delta"].get("content", "") async for event in events if event.choices])


def ask(http: HttpClient, take: Any = text_of, within_s: float = 60.0) -> Any:
    async def one(key: str) -> Any:
        body = json.dumps({"input": [key]}).encode()
        return await http.stream("/stream", body, Event, take, Whole, within_s=within_s)

    return http.map(one, ["a"])[0]


WORDS = "some words of an answer, and some more of them"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_it_is_read_piece_by_piece(size: int) -> None:
    with serving(script={"a": [streamed(WORDS, size=size)]}) as server:
        assert ask(client(server)) == WORDS


@pytest.mark.parametrize(
    "trouble",
    [
        status(503),
        drops,
        streamed(WORDS, then=drops),
        streamed(WORDS, then=ends),
        streamed(WORDS, done=False),
        streamed(WORDS, then=says(b'{"error": {"message": "engine died", "code": 500}}')),
        streamed(WORDS, then=says(b'{"error": "CUDA out of memory"}')),
    ],
)
def test_a_stream_that_breaks_off_is_asked_for_again_and_its_half_forgotten(trouble: Action) -> None:
    with serving(script={"a": [trouble, trouble, streamed("whole")]}) as server:
        assert ask(client(server)) == "whole"
    assert server.attempts["a"] == 3


@pytest.mark.parametrize(
    ("trouble", "reason", "code"),
    [
        (streamed("x", then=says(b'{"error": {"message": "too\\nlong", "code": 400}}')), "an error: too long$", 400),
        (streamed("x", then=says(b'{"error": {"message": "", "code": "404"}}')), r"\(no message\)$", 404),
        (streamed("x", then=says(b"<html>")), "not the reply asked for.*<html>", 200),
        (streamed("x", then=says(b"[]")), "not the reply asked for", 200),
        (content(b"<html>", "text/html"), "not the reply asked for", 200),
        (content(b"data: 1\n\n", "text/event-stream"), "not the reply asked for", 200),
        (status(422), "status 422", 422),
    ],
)
def test_a_refusal_is_one_line_and_not_asked_again(trouble: Action, reason: str, code: int) -> None:
    with serving(script={"a": [trouble]}) as server, pytest.raises(OcrError, match=reason) as e:
        ask(client(server))
    assert server.attempts["a"] == 1
    assert str(e.value).isprintable()
    assert isinstance(e.value.__cause__, RequestFailed)
    assert e.value.__cause__.status == code


def test_a_whole_reply_to_a_streamed_request_is_read() -> None:
    with serving(script={"a": [written("at once")]}) as server:
        assert ask(client(server)).choices[0]["message"]["content"] == "at once"


def test_who_stops_reading_ends_the_request() -> None:
    async def first(events: AsyncIterator[Event]) -> int:
        async for event in events:
            if event.choices[0]["delta"].get("content"):
                break
        return 1

    with serving(script={"a": [streamed("word " * 40_000, pause_s=0.001)]}) as server:
        http = client(server)
        assert ask(http, first) == 1
        assert server.sees_hang_ups(1)
    assert server.sent["a"] < 100_000


def test_connections_are_used_again_after_a_whole_stream() -> None:
    with serving() as server:
        server.always = streamed(WORDS)
        http = client(server)
        for _ in range(3):
            ask(http)
    assert server.connections == 1


@pytest.mark.parametrize("words", ["", WORDS])
def test_a_stream_that_stalls_ends_in_time_and_no_attempt_is_begun_too_late(words: str) -> None:
    with serving(always=streamed(words, then=stalls)) as server:
        began = time.monotonic()
        with pytest.raises(OcrTimeout, match=r"no reply in 0\.3 s \(attempt 2 of 9\)"):
            ask(client(server, timeout_s=0.3, max_attempts=9), within_s=0.5)
        assert 0.6 <= time.monotonic() - began < 3
    assert server.attempts["a"] == 2


def test_an_event_without_end_is_refused() -> None:
    endless = content(b"data: " + b"x" * 3 * 2**20, "text/event-stream")
    with serving(script={"a": [endless]}) as server, pytest.raises(OcrError, match="an event exceeds 1 MiB"):
        ask(client(server))
