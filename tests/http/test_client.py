"""The client's promises, against a real server on the loopback that misbehaves as told."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from rag_ingest.errors import ConfigError, EmbedError, OcrError, OcrTimeout
from rag_ingest.http import EndpointOptions, HttpClient, base_url
from tests.http.scripted_server import Action, content, drip, hang, proper, reset, serving, status

KEY = "sk-very-secret-0123456789"
MADE: list[HttpClient] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Closes what a test made and, having failed, did not close: its open sockets would hide the failure."""
    yield
    while MADE:
        MADE.pop().close()


class Vectors(BaseModel):
    """What the scripted server answers to /embeddings."""

    class Row(BaseModel):
        embedding: list[float]

    data: list[Row]


def client(url: str, **options: object) -> HttpClient:
    quick = {"timeout_s": 5.0, "connect_timeout_s": 2.0, "backoff_s": 0.001, "max_backoff_s": 0.01, **options}
    MADE.append(HttpClient(EndpointOptions(url=url, **quick), error=OcrError, timeout_error=OcrTimeout))  # type: ignore[arg-type]
    return MADE[-1]


def ask(http: HttpClient, *texts: str) -> list[Vectors]:
    async def one(text: str) -> Vectors:
        return await http.post("/embeddings", json.dumps({"input": [text]}).encode(), Vectors)

    return http.map(one, texts)


@pytest.mark.parametrize(
    ("trouble", "attempts"),
    [
        ([status(500)], 2),
        ([status(503), status(502)], 3),
        ([status(429)], 2),
        ([reset], 2),
        ([reset, status(500), status(429)], 4),
    ],
)
def test_passing_trouble_is_tried_again(trouble: list[Action], attempts: int) -> None:
    with serving(script={"a": trouble}) as server:
        http = client(server.url)
        assert len(ask(http, "a")) == 1
        http.close()
    assert server.attempts["a"] == attempts


@pytest.mark.parametrize("code", [400, 401, 404, 413, 422])
def test_other_client_errors_are_not_tried_again(code: int) -> None:
    with serving(script={"a": [status(code, b"the reason")]}) as server:
        http = client(server.url)
        with pytest.raises(OcrError, match=rf"POST {server.url}/embeddings: status {code}: the reason$"):
            ask(http, "a")
        http.close()
    assert server.attempts["a"] == 1


def test_attempts_are_bounded_and_counted_in_the_message() -> None:
    with serving(script={"a": [status(500, b"out of\n  memory")] * 9}) as server:
        http = client(server.url, max_attempts=3)
        with pytest.raises(OcrError, match=r"status 500: out of memory \(attempt 3 of 3\)$"):
            ask(http, "a")
        http.close()
    assert server.attempts["a"] == 3


@pytest.mark.parametrize("silence", [hang, drip])
def test_an_attempt_ends_in_time_even_when_bytes_trickle(silence: Action) -> None:
    with serving(script={"a": [silence] * 2}) as server:
        http = client(server.url, timeout_s=0.3, max_attempts=2)
        began = time.monotonic()
        with pytest.raises(OcrTimeout, match=r"no reply in 0\.3 s \(attempt 2 of 2\)"):
            ask(http, "a")
        assert 0.6 <= time.monotonic() - began < 3
        http.close()
    assert server.attempts["a"] == 2


def test_a_refused_connection_is_tried_again_then_raised() -> None:
    with serving() as server:
        pass
    http = client(server.url, max_attempts=3)
    with pytest.raises(OcrError, match=r"connection failed: .*\(attempt 3 of 3\)"):
        ask(http, "a")
    http.close()


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for(form: str) -> None:
    after = "1" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    with serving(script={"a": [status(429, Retry_After=after)]}) as server:
        http = client(server.url, max_backoff_s=5)
        ask(http, "a")
        http.close()
    first, second = server.seen
    assert second.at_s - first.at_s >= 1.0


@pytest.mark.parametrize("after", ["86400", "Fri, 31 Dec 2099 23:59:59 GMT", "-5", "soon", "Fri, 99 Foo 2099", ""])
def test_retry_after_is_capped_and_nonsense_is_ignored(after: str) -> None:
    with serving(script={"a": [status(429, Retry_After=after)]}) as server:
        http = client(server.url, max_backoff_s=0.2)
        began = time.monotonic()
        ask(http, "a")
        assert time.monotonic() - began < 2
        http.close()


@pytest.mark.parametrize(
    "body",
    [b'{"data": [{"embed', b"", b"null", b'{"data": 3}', b"<html>\x1b[31mproxy</html>", b"\xff\xfe", b'{"data": [{}]}'],
)
def test_a_reply_of_another_shape_is_one_clear_line(body: bytes) -> None:
    with serving(script={"a": [content(body, "text/html")]}) as server:
        http = client(server.url)
        with pytest.raises(OcrError, match="not the reply asked for") as e:
            ask(http, "a")
        http.close()
    assert str(e.value).isprintable()
    assert server.attempts["a"] == 1


def test_a_long_body_is_cut_and_a_bomb_is_refused() -> None:
    with serving(script={"a": [status(400, b"x" * 10_000)], "b": [content(b" " * (65 * 2**20))]}) as server:
        http = client(server.url)
        with pytest.raises(OcrError, match="status 400") as e:
            ask(http, "a")
        assert len(str(e.value)) < 400
        with pytest.raises(OcrError, match="reply exceeds 64 MiB"):
            ask(http, "b")
        http.close()


@pytest.mark.parametrize("bound", [1, 4])
def test_requests_in_flight_are_bounded_over_all_threads(bound: int) -> None:
    with serving(work_s=0.03) as server:
        http = client(server.url, max_in_flight=bound)
        threads = [threading.Thread(target=ask, args=(http, *(f"{n}-{i}" for i in range(6)))) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        http.close()
    assert len(server.seen) == 12
    assert server.most_open == bound


def test_order_is_kept_whatever_arrives_first() -> None:
    def late(handler: object) -> None:
        time.sleep(0.2)
        proper(handler)  # type: ignore[arg-type]

    texts = [chr(ord("a") + i) for i in range(10)]
    with serving(script={"a": [late], "c": [late, late], "d": [status(500)]}) as server:
        http = client(server.url)
        replies = ask(http, *texts)
        http.close()
    assert [reply.data[0].embedding[1] for reply in replies] == [float(ord(text)) for text in texts]


def test_the_first_error_stops_the_others() -> None:
    with serving(script={"a": [status(400)], **{f"h{i}": [hang] for i in range(3)}}) as server:
        http = client(server.url)
        began = time.monotonic()
        with pytest.raises(OcrError, match="status 400"):
            ask(http, "h0", "h1", "h2", "a")
        assert time.monotonic() - began < 3
        http.close()


def test_it_works_inside_a_running_loop() -> None:
    with serving() as server:
        http = client(server.url)

        async def notebook() -> int:
            return len(ask(http, "a", "b"))

        assert asyncio.run(notebook()) == 2
        assert asyncio.run(notebook()) == 2
        http.close()


def test_close_twice_then_use_again() -> None:
    with serving() as server:
        http = client(server.url)
        before = threading.active_count()
        http.close()
        assert len(ask(http, "a")) == 1
        http.close()
        http.close()
        assert len(ask(http, "a")) == 1
        http.close()
        assert not [t for t in threading.enumerate() if t.name == "rag-ingest-http"]
        assert threading.active_count() <= before + 2  # the test server's own threads may linger


def test_a_client_that_nobody_closes_does_not_keep_the_process() -> None:
    program = textwrap.dedent("""
        import sys
        from pydantic import BaseModel
        from rag_ingest.errors import OcrError
        from rag_ingest.http import EndpointOptions, HttpClient
        class Reply(BaseModel):
            data: list
        client = HttpClient(EndpointOptions(url=sys.argv[1]), error=OcrError)
        client.map(lambda body: client.post("/embeddings", body, Reply), [b'{"input": ["a"]}'])
        if sys.argv[2] == "raise":
            raise SystemExit(7)
    """)
    with serving() as server:
        for end, code in (("return", 0), ("raise", 7)):
            done = subprocess.run([sys.executable, "-c", program, server.url, end], timeout=30, capture_output=True)
            assert (done.returncode, done.stderr) == (code, b"")


def test_the_key_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    echo = f'{{"error": "incorrect key {KEY}"}}'.encode()
    with serving(script={"a": [status(401, echo)], "models": [status(401, echo)]}) as server:
        http = client(server.url, api_key_env="SOME_KEY")
        with pytest.raises(OcrError, match=r"incorrect key \[key\]") as e:
            ask(http, "a")
        with pytest.raises(ConfigError, match="SOME_KEY") as refused:
            http.check("")
        shown = [repr(http), repr(http.options), str(e.value), repr(e.value.__cause__), str(refused.value)]
        http.close()
    assert server.seen[0].headers["Authorization"] == f"Bearer {KEY}"
    assert not [text for text in shown if KEY in text]


def test_a_key_that_is_not_set_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(ConfigError, match="api_key_env names SOME_KEY, which is not set"):
        client("http://127.0.0.1:1", api_key_env="SOME_KEY")


def test_a_proxy_is_not_used_for_the_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serving() as server:
        http = client(server.url)
        assert len(ask(http, "a")) == 1
        http.close()


def test_check_says_what_is_wrong() -> None:
    with serving(script={"models": [proper, status(404), content(b"[]"), hang]}, models=["other", "one"]) as server:
        http = client(server.url, model="mine", connect_timeout_s=0.3)
        with pytest.raises(ConfigError, match="does not list model 'mine' but other, one"):
            http.check("do this")
        with pytest.raises(ConfigError, match=r"models: status 404: .* is url right\?"):
            http.check("do this")
        with pytest.raises(ConfigError, match="not the reply asked for"):
            http.check("do this")
        with pytest.raises(ConfigError, match=r"no server at .*: no reply in 0\.3 s; do this"):
            http.check("do this")
        http.close()
    with pytest.raises(ConfigError, match=r"no server at .*: connection failed: .*; do this"):
        http.check("do this")
    http.close()


def test_check_passes_a_listed_model_an_empty_list_and_a_waived_one() -> None:
    with serving(script={"models": [proper, content(b'{"data": []}'), proper, status(500)]}, models=["mine"]) as server:
        for model, check_models in (("mine", True), ("any", True), ("any", False), ("any", False)):
            http = client(server.url, model=model, check_models=check_models)
            http.check("")
            http.close()
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    ("given_url", "expected"),
    [
        ("http://h:8000", "http://h:8000/v1"),
        ("http://h:8000/", "http://h:8000/v1"),
        ("http://h:8000/v1", "http://h:8000/v1"),
        ("https://h/v1/", "https://h/v1"),
        ("https://h/ocr", "https://h/ocr/v1"),
        ("https://h/v1beta/openai/", "https://h/v1beta/openai"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
    ],
)
def test_base_url_with_or_without_version(given_url: str, expected: str) -> None:
    assert base_url(given_url) == expected == base_url(expected)


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://h/v1", "http://", "http://h:99999", "http://h/v1?key=x", "http://[::1", "h"]
)
def test_an_unusable_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="url"):
        EndpointOptions(url=url)


@pytest.mark.parametrize("url", ["http://me:hunter2@h/v1", "me:hunter2@h/v1", "http://me:hunter2@h:x/v1"])
def test_a_password_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as e:
        EndpointOptions(url=url)
    assert "hunter2" not in str(e.value)


@given(
    option=st.sampled_from(
        ["max_in_flight", "connect_timeout_s", "timeout_s", "max_attempts", "backoff_s", "max_backoff_s"]
    ),
    value=st.sampled_from([-1, float("nan"), float("inf"), 10**7]),
)
def test_every_range_is_checked_and_named(option: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"^{option} must be from .* to "):
        EndpointOptions(**{option: value})  # type: ignore[arg-type]


def test_one_error_class_is_enough() -> None:
    with serving(script={"a": [hang]}) as server:
        options = EndpointOptions(url=server.url, timeout_s=0.1, max_attempts=1)
        http = HttpClient(options, error=EmbedError)
        with pytest.raises(EmbedError, match="no reply"):
            ask(http, "a")
        http.close()
