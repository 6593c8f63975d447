"""The server engine when its server misbehaves: whose fault it is, what is tried, when it ends, and nothing lost."""

from __future__ import annotations

import base64
import io
import re
import time
from importlib import import_module
from typing import Any

import pytest
from PIL import Image

from rag_ingest import Pipeline
from rag_ingest.config import load_config
from rag_ingest.ocr.layout import LayoutOptions
from rag_ingest.types import Failure, Page, PageMarkdown, TextLine
from tests.http.scripted_server import (
    Action,
    completion,
    content,
    drip,
    drops,
    ends,
    hang,
    painted,
    reset,
    says,
    serving,
    stalls,
    status,
    streamed,
    written,
)
from tests.ocr.conftest import MakeEngine

LOOPING = "# Title\n\n" + "The same sentence again and again. " * 200
LAYER = (TextLine("What the layer says", (10.0, 10.0, 90.0, 20.0)),)
LOOP = streamed(LOOPING, "length", size=200)
NONSENSE = content(b"<html>gateway</html>", "text/html")


def page(number: int, image: Image.Image | None = None, layer: tuple[TextLine, ...] | None = None) -> Page:
    return Page("d" * 64, number, image or painted(number), layer, (612.0, 792.0))


def sent_size(body: Any) -> tuple[int, int]:
    url = body["messages"][0]["content"][0]["image_url"]["url"]
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size


def told(result: PageMarkdown | Failure) -> list[str]:
    assert isinstance(result, PageMarkdown), result
    return [attempt["verdict"] for attempt in result.checks["attempts"]]


TROUBLE: list[tuple[list[Action], int, str | None]] = [
    ([status(500)], 2, None),
    ([reset], 2, None),
    ([drops], 2, None),
    ([streamed("half an ans", then=drops)], 2, None),
    ([streamed("half an ans", then=ends)], 2, None),
    ([streamed("half an ans", then=says(b'{"error": {"message": "engine died"}}'))], 2, None),
    ([streamed("half an ans", then=stalls)], 2, None),
    ([status(429, Retry_After="0")], 2, None),
    ([hang], 2, None),
    ([drip], 2, None),
    ([status(400, b'{"error": "image too large"}')], 1, "status 400.*image too large"),
    ([status(500)] * 3, 3, r"status 500.*\(attempt 3 of 3\)"),
    ([hang] * 3, 3, r"no reply in 1 s \(attempt 3 of 3\)"),
    ([reset] * 3, 3, "connection failed"),
    ([streamed("half an ans", then=ends)] * 3, 3, r"the stream broke off before its end \(attempt 3 of 3\)"),
    ([streamed("", then=says(b'{"error": {"message": "no such layer", "code": 400}}'))], 1, "error: no such layer"),
    ([content(b'{"choices": [{"mess')], 1, "not the reply asked for"),
    ([NONSENSE], 1, "not the reply asked for.*gateway"),
    ([content(b'{"choices": []}')], 1, "no choices"),
    ([content(completion(7))], 1, "not the reply asked for"),
    ([streamed("cut", "content_filter")], 1, "stopped early.*content_filter"),
]


def test_each_trouble_costs_its_own_page_alone_and_order_is_kept(engine: MakeEngine) -> None:
    troubled = {3 * i: actions for i, (actions, _, _) in enumerate(TROUBLE)}
    numbers = list(range(3 * len(TROUBLE)))
    with serving(script={number: list(actions) for number, actions in troubled.items()}, work_s=0.01) as server:
        results = engine(server, max_attempts=3, max_in_flight=8, timeout_s=1.0).recognize([page(n) for n in numbers])
    assert [r.page if isinstance(r, Failure) else r.number for r in results] == numbers
    assert server.most_open <= 8
    for number, result in zip(numbers, results, strict=True):
        attempts, reason = (1, None) if number % 3 else TROUBLE[number // 3][1:]
        assert server.attempts[number] == attempts, number
        if reason is None:
            assert isinstance(result, PageMarkdown), result
            assert (result.markdown, result.finish_reason) == (f"page {number}", "stop")
        else:
            assert isinstance(result, Failure)
            assert (result.stage, result.doc_id) == ("ocr", "d" * 64)
            assert re.search(reason, result.reason)
            assert result.reason.isprintable()


def test_bad_answers_climb_the_ladder_and_are_recorded(engine: MakeEngine) -> None:
    script: dict[int | str, list[Action]] = {
        1: [LOOP, streamed(""), streamed("cut", "length")],
        2: [written(LOOPING)],
    }
    with serving(script=script) as server:
        reader = engine(server, retries=3, seed=7, temperature=0.2, max_in_flight=2, skip_blank=False)
        results = reader.recognize([page(number, painted(number, (280, 420))) for number in (1, 2, 3)])
    for number, result in enumerate(results, start=1):
        assert isinstance(result, PageMarkdown)
        assert (result.markdown, result.checks["verdict"]) == (f"page {number}", "ok")
        assert result.fingerprint == reader.fingerprint
    assert told(results[0]) == ["loop", "empty", "truncated", "ok"]
    assert told(results[1]) == ["loop", "ok"]
    assert isinstance(results[2], PageMarkdown)
    assert "attempts" not in results[2].checks
    bodies = [request.body for request in server.seen if request.key == 1]
    assert [round(body["temperature"], 3) for body in bodies] == [0.2, 0.5, 0.8, 1.0]
    assert [body["seed"] for body in bodies] == [7, 8, 9, 10]
    assert [sent_size(body) for body in bodies] == [(280, 420), (280, 420), (364, 532), (280, 420)]


def test_a_page_that_stays_bad_ends_at_the_fallback_or_keeps_its_first_copy(engine: MakeEngine) -> None:
    for fallback in ("textlayer", "none"):
        with serving(script={1: [LOOP] * 2}) as server:
            reader = engine(server, retries=1, fallback=fallback)
            (result,) = reader.recognize([page(1, layer=LAYER)])
        assert isinstance(result, PageMarkdown)
        assert server.attempts[1] == 2
        if fallback == "none":
            assert result.markdown.startswith("# Title\n\nThe same sentence again and again.")
            assert len(result.markdown) < 60
            assert (result.finish_reason, result.checks["verdict"]) == ("length", "loop")
        else:
            assert (result.markdown, result.engine) == ("What the layer says", "textlayer")
            assert result.fingerprint == reader.fingerprint


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (status(500), "status 500"),
        (status(400, b"a page like no other"), "a page like no other"),
        (streamed("half", then=says(b'{"error": {"message": "bad page", "code": 400}}')), "bad page"),
    ],
)
def test_a_page_that_the_server_refuses_goes_to_the_fallback(engine: MakeEngine, trouble: Action, reason: str) -> None:
    with serving(script={1: [trouble] * 9}) as server:
        (result,) = engine(server, retries=2, fallback="textlayer", max_attempts=2).recognize([page(1, layer=LAYER)])
    assert isinstance(result, PageMarkdown)
    assert (result.markdown, result.engine, result.checks["verdict"]) == (LAYER[0].text, "textlayer", "ok")
    first, last = result.checks["attempts"]
    assert first["verdict"] == "failed"
    assert re.search(reason, first["reason"])
    assert last == {"engine": "textlayer", "verdict": "ok"}
    assert server.proofs == 1


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_is_null_is_an_empty_one(engine: MakeEngine, stream: bool) -> None:
    null = content(completion(None))
    with serving(script={1: [null, null]}, always=null) as server:
        reader = engine(server, retries=1, fallback="textlayer", stream=stream)
        (result,) = reader.recognize([page(1, layer=LAYER)])
        assert told(result) == ["empty", "empty", "ok"]
        server.script[2] = [status(400)]
        (refused,) = reader.recognize([page(2, layer=LAYER)])
    assert told(refused) == ["failed", "ok"], "a proof that is answered with null is answered"


@pytest.mark.parametrize("broken", ["judge", "upright", "read_conventions"])
def test_code_that_breaks_down_over_a_page_costs_that_page_alone(
    engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """Such as a model of onnxruntime that looks at the page."""
    module = f"rag_ingest.ocr.{'server' if broken == 'read_conventions' else 'ladder'}"
    whole = getattr(import_module(module), broken)

    def breaks(*args: Any, **named: Any) -> Any:
        if any((isinstance(arg, Page) and arg.number == 3) or arg == "page 3" for arg in args):
            raise RuntimeError("no kernel\nat all")
        return whole(*args, **named)

    monkeypatch.setattr(f"{module}.{broken}", breaks)
    with serving() as server:
        results = engine(server).recognize([page(n) for n in range(1, 6)])
    assert [r.number for r in results if isinstance(r, PageMarkdown)] == [1, 2, 4, 5]
    assert isinstance(results[2], Failure)
    assert (results[2].page, results[2].reason) == (3, "RuntimeError: no kernel")


@pytest.mark.parametrize(
    "trouble",
    [*map(status, (429, 502, 503, 504)), drops, reset, streamed("half", then=drops), streamed("half", then=ends)],
)
def test_a_server_that_is_busy_is_no_reason_for_the_fallback(engine: MakeEngine, trouble: Action) -> None:
    """It answers others, the proof included; the page, cut at first, is left to a later retry."""
    with serving(script={1: [streamed("cut", "length"), trouble, trouble]}) as server:
        reader = engine(server, retries=2, fallback="textlayer", max_attempts=2)
        busy, good = reader.recognize([page(1, layer=LAYER), page(2)])
    assert isinstance(busy, Failure)
    assert re.search("status|connection failed|broke off", busy.reason)
    assert isinstance(good, PageMarkdown)
    assert (server.attempts[1], server.proofs) == (3, 0)


@pytest.mark.parametrize("trouble", [status(413), hang, streamed("half", then=stalls)])
def test_a_page_that_is_too_much_is_sent_smaller_and_no_hotter(engine: MakeEngine, trouble: Action) -> None:
    with serving(script={1: [trouble, trouble]}) as server:
        reader = engine(server, retries=3, fallback="none", max_attempts=1, timeout_s=0.4, skip_blank=False)
        (result,) = reader.recognize([page(1, painted(1, (700, 1400)))])
    assert told(result) == ["failed", "failed", "ok"]
    assert [sent_size(seen.body) for seen in server.seen] == [(700, 1400), (560, 1120), (448, 896)]
    assert {seen.body["temperature"] for seen in server.seen} == {0.2}


@pytest.mark.parametrize(
    "trouble", [status(500), status(401), status(404), status(400), drops, NONSENSE, hang, streamed("", then=stalls)]
)
def test_a_server_that_reads_nothing_leaves_its_pages_to_a_later_retry(engine: MakeEngine, trouble: Action) -> None:
    numbers = list(range(6))
    with serving(always=trouble) as server:
        quick: dict[str, Any] = {"timeout_s": 0.2, "connect_timeout_s": 0.2, "max_attempts": 2}
        results = engine(server, retries=2, fallback="textlayer", **quick).recognize(
            [page(n, layer=LAYER) for n in numbers]
        )
    assert [r.page for r in results if isinstance(r, Failure)] == numbers
    assert all(server.attempts[n] <= 2 for n in numbers)
    assert (0 if trouble is drops else 1) <= server.proofs <= len(numbers)


def test_a_server_that_goes_away_on_the_way_is_no_reason_for_the_fallback(engine: MakeEngine) -> None:
    with serving(script={1: [LOOP]}) as server:
        reader = engine(server, retries=2, fallback="textlayer", max_attempts=2)
        assert isinstance(reader.recognize([page(0)])[0], PageMarkdown)
        server.always = status(503)
        results = reader.recognize([page(n, layer=LAYER) for n in (1, 2)])
    assert all(isinstance(r, Failure) and "status 503" in r.reason for r in results)


def test_a_server_that_is_not_there_fails_every_page_without_raising(engine: MakeEngine) -> None:
    with serving() as server:
        pass
    reader = engine(server, max_attempts=2, retries=2, fallback="textlayer")
    results = reader.recognize([page(number, layer=LAYER) for number in range(3)])
    assert len(results) == 3
    assert all(isinstance(r, Failure) and "connection failed" in r.reason for r in results)


def test_a_page_without_a_usable_image_fails_alone(engine: MakeEngine) -> None:
    torn = io.BytesIO()
    Image.effect_noise((300, 300), 90).save(torn, "PNG")

    def damaged() -> Image.Image:
        return Image.open(io.BytesIO(torn.getvalue()[:5000]))

    pages = [Page("d" * 64, 1, None, None, (1.0, 1.0)), page(2, painted(2, (1540, 1))), page(3, damaged()), page(4)]
    with serving() as server:
        none, thin, broken, good = engine(server).recognize(pages)
        again = [Page("d" * 64, 1, None, LAYER, (612.0, 792.0)), page(3, damaged(), LAYER)]
        still, layered = engine(server, fallback="textlayer").recognize(again)
    for result, reason in ((none, "no image"), (thin, "1540 x 1"), (broken, "can't be read"), (still, "no image")):
        assert isinstance(result, Failure)
        assert reason in result.reason
    assert isinstance(good, PageMarkdown)
    assert isinstance(layered, PageMarkdown)
    assert (layered.engine, len(server.seen), server.proofs) == ("textlayer", 1, 0)


def test_who_has_nothing_to_say_in_place_of_a_failed_model_is_no_reading(engine: MakeEngine) -> None:
    with serving(script={1: [status(500)] * 9}) as server:
        (result,) = engine(server, fallback="textlayer", max_attempts=1).recognize([page(1)])
    assert isinstance(result, Failure)
    assert "status 500" in result.reason


def test_a_server_that_always_loops_ends_after_its_attempts(engine: MakeEngine) -> None:
    with serving(always=LOOP) as server:
        results = engine(server, retries=4, fallback="textlayer").recognize([page(n, layer=LAYER) for n in range(8)])
    assert all(told(result) == ["loop"] * 5 + ["ok"] for result in results)
    assert set(server.attempts.values()) == {5}


def test_a_page_that_always_stalls_ends_after_its_seconds(engine: MakeEngine) -> None:
    stalling = {n: [streamed("half", then=stalls)] * 99 for n in range(4)}
    with serving(script=dict(stalling)) as server:
        reader = engine(server, retries=10, fallback="textlayer", timeout_s=0.4, max_attempts=9, page_budget_s=1.0)
        began = time.monotonic()
        results = reader.recognize([page(n, layer=LAYER) for n in range(4)])
        assert time.monotonic() - began < 5
    for number, result in enumerate(results):
        assert told(result)[0] == "failed"
        assert set(told(result)[1:-1]) <= {"out of time", "failed"}
        assert told(result)[-1] == "ok"
        assert 2 <= server.attempts[number] <= 4, "of 99 that its attempts alone would allow"


def test_the_fallback_has_the_configured_options(monkeypatch: pytest.MonkeyPatch) -> None:
    from rag_ingest.ocr import layout

    given: list[LayoutOptions | None] = []

    class Noted(layout.LayoutEngine):
        def __init__(self, options: LayoutOptions | None = None) -> None:
            given.append(options)
            super().__init__(options)

    monkeypatch.setattr(layout, "LayoutEngine", Noted)
    with serving(script={1: [LOOP]}) as server:
        settings = [f"server.url={server.url}", "server.retries=0", "layout.min_score=0.77"]
        with Pipeline(load_config(settings=settings, engine="server")) as pipeline:
            pipeline.engine.recognize([page(1, layer=LAYER)])
    assert given == [LayoutOptions(min_score=0.77)]
