"""The server engine's protocol, against a real server on the loopback: what it sends, and how many at a time."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable

import pytest
from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from rag_ingest.errors import ConfigError
from rag_ingest.ocr.server import ServerEngine, ServerOptions
from rag_ingest.types import Engine, Failure, Page, PageMarkdown
from tests.http.scripted_server import ScriptedServer, hang, painted, serving, streamed
from tests.ocr.conftest import MakeEngine


def page(number: int, image: Image.Image | None = None) -> Page:
    return Page("d" * 64, number, image or painted(number), None, (612.0, 792.0))


def sent_image(server: ScriptedServer, index: int = 0) -> Image.Image:
    url = server.seen[index].body["messages"][0]["content"][0]["image_url"]["url"]
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_it_is_an_engine() -> None:
    made = ServerEngine(ServerOptions(max_in_flight=7))
    assert isinstance(made, Engine)
    assert (made.name, made.needs_image, made.batch_size) == ("server", True, 7)
    assert made.recognize([]) == []
    made.close()
    made.close()


@pytest.mark.parametrize("bound", [1, 5])
def test_no_more_pages_in_flight_than_allowed(engine: MakeEngine, bound: int) -> None:
    with serving(work_s=0.04) as server:
        reader = engine(server, max_in_flight=bound)
        results = reader.recognize([page(number) for number in range(20)])
        reader.close()
    assert [r.markdown for r in results if isinstance(r, PageMarkdown)] == [f"page {n}" for n in range(20)]
    assert server.most_open == bound


def test_images_are_encoded_as_they_are_sent(engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    from rag_ingest.ocr import server as module

    encoded_ahead: list[int] = []
    encode, count = module._encode, [0]

    def counting(image: Image.Image, image_format: str) -> bytes:
        count[0] += 1
        encoded_ahead.append(count[0] - len(scripted.seen))
        return encode(image, image_format)

    monkeypatch.setattr(module, "_encode", counting)
    with serving(work_s=0.02) as scripted:
        reader = engine(scripted, max_in_flight=2)
        reader.recognize([page(number) for number in range(12)])
        reader.close()
    assert len(encoded_ahead) == 12
    assert max(encoded_ahead) <= 2


def test_the_request_is_the_image_alone_with_the_generation_options(engine: MakeEngine) -> None:
    with serving() as server:
        reader = engine(server, model="m", max_new_tokens=77, temperature=0.5, top_p=0.8, seed=3)
        reader.recognize([page(1)])
        greedy = engine(server, model="m", temperature=0, seed=3)
        greedy.recognize([page(1)])
        for one in (reader, greedy):
            one.close()
    sampled, cold = (request.body for request in server.seen)
    (message,) = sampled.pop("messages")
    assert [part["type"] for part in message["content"]] == ["image_url"]
    assert message["role"] == "user"
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    assert sampled == {"model": "m", "max_tokens": 77, "temperature": 0.5, "top_p": 0.8, "seed": 3, **asked}
    assert cold.keys() == {"model", "max_tokens", "temperature", "messages", *asked}


def test_png_carries_the_very_pixels_that_the_local_engine_sees(engine: MakeEngine) -> None:
    from rag_ingest.ocr.lightonocr_input import prepare

    noise = Image.effect_noise((200, 131), 80).convert("RGB")
    large = Image.effect_noise((2000, 700), 80).convert("RGB")
    with serving() as server:
        reader = engine(server, max_in_flight=1)
        reader.recognize([page(1, noise), page(2, large)])
        reader.close()
    for index, image in enumerate((noise, large)):
        sent = sent_image(server, index)
        assert sent.format == "PNG"
        assert sent.tobytes() == prepare(image).tobytes()
        assert all(side % 28 == 0 and side <= 1540 for side in sent.size)


def test_jpeg_is_close_and_unsampled(engine: MakeEngine) -> None:
    from rag_ingest.ocr.lightonocr_input import prepare

    gradient = Image.merge("RGB", [Image.linear_gradient("L").rotate(turn) for turn in (0, 90, 180)]).resize((280, 280))
    with serving() as server:
        reader = engine(server, image_format="jpeg", skip_blank=False)  # shades alone are no ink
        reader.recognize([page(1, gradient)])
        reader.close()
    sent = sent_image(server)
    assert sent.format == "JPEG"
    assert get_sampling(sent) == 0  # 4:4:4
    pairs = zip(sent.convert("RGB").tobytes(), prepare(gradient).tobytes(), strict=True)
    assert max(abs(a - b) for a, b in pairs) <= 8


def test_a_cut_page_says_so_and_a_blank_one_is_no_failure(engine: MakeEngine) -> None:
    with serving(script={1: [streamed("cut", "length")], 2: [streamed("")]}) as server:
        reader = engine(server)
        cut, blank = reader.recognize([page(1), page(2)])
        reader.close()
    assert isinstance(cut, PageMarkdown)
    assert (cut.markdown, cut.finish_reason) == ("cut", "length")
    assert isinstance(blank, PageMarkdown)
    assert (blank.markdown, blank.finish_reason) == ("", "stop")


def test_check_names_the_address_the_command_and_the_way_round(engine: MakeEngine) -> None:
    with serving() as server:
        reader = engine(server)
        reader.check()
        stranger = engine(server, model="somebody/else")
        with pytest.raises(ConfigError, match=r"does not list model 'somebody/else' but lightonai/LightOnOCR-2-1B"):
            stranger.check()
        for one in (reader, stranger):
            one.close()
    with pytest.raises(ConfigError) as e:
        reader.check()
    reader.close()
    assert all(part in str(e.value) for part in (server.url, "vllm serve lightonai/LightOnOCR-2-1B", "--engine layout"))
    assert "\n" not in str(e.value)


def test_fingerprint_follows_what_decides_the_output_and_nothing_else() -> None:
    base = ServerEngine(ServerOptions()).fingerprint
    same = [{"url": "http://elsewhere:1"}, {"max_in_flight": 3}, {"timeout_s": 9.0}, {"stream": False}]
    other = [
        {"model": "m"},
        {"max_new_tokens": 9},
        {"temperature": 0.3},
        {"top_p": 0.5},
        {"seed": 1},
        {"image_format": "jpeg"},
    ]
    assert {ServerEngine(ServerOptions(**options)).fingerprint for options in same} == {base}  # type: ignore[arg-type]
    changed = {ServerEngine(ServerOptions(**options)).fingerprint for options in other}  # type: ignore[arg-type]
    assert len(changed | {base}) == len(other) + 1
    cold = {ServerEngine(ServerOptions(temperature=0, top_p=p, seed=s)).fingerprint for p, s in ((0.5, 1), (0.9, None))}
    assert len(cold) == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [("max_new_tokens", 0), ("temperature", -0.1), ("temperature", 3), ("top_p", 0), ("image_format", "gif")],
)
def test_ranges_are_checked_and_named(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=option):
        ServerOptions(**{option: value})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="model"):
        ServerOptions(model="")


def test_several_threads_share_one_engine(engine: MakeEngine) -> None:
    with serving(work_s=0.01) as server:
        reader = engine(server, max_in_flight=3)
        results: dict[int, list[PageMarkdown | Failure]] = {}

        def read(start: int) -> None:
            results[start] = reader.recognize([page(number) for number in range(start, start + 5)])

        threads = [threading.Thread(target=read, args=(start,)) for start in (0, 50, 100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        reader.close()
    for start, group in results.items():
        read_numbers = [r.number for r in group if isinstance(r, PageMarkdown)]
        assert read_numbers == list(range(start, start + 5))
    assert len(results) == 3
    assert server.most_open <= 3


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT to a process")
def test_ctrl_c_cancels_what_is_under_way_and_sends_nothing_more() -> None:
    program = textwrap.dedent("""
        import sys
        from PIL import Image
        from rag_ingest.ocr.server import ServerEngine, ServerOptions
        from rag_ingest.types import Page
        engine = ServerEngine(ServerOptions(url=sys.argv[1], max_in_flight=4))
        pages = [Page("d", n, Image.new("RGB", (56, 56), (n, 0, 0)), None, (1.0, 1.0)) for n in range(12)]
        try:
            engine.recognize(pages)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        sys.stdin.readline()  # as in a notebook: the engine lives on
        engine.close()
    """)
    command = [sys.executable, "-c", program]
    with (
        serving(script={number: [hang] for number in range(12)}) as server,
        subprocess.Popen([*command, server.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child,
    ):
        assert child.stdout is not None
        _wait(lambda: len(server.seen) == 4)
        began = time.monotonic()
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "interrupted\n"
        assert time.monotonic() - began < 5
        _wait(lambda: server.hung_up == 4)
        child.communicate("\n", timeout=15)
    assert child.returncode == 0
    assert len(server.seen) == 4


def _wait(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 15
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_options_are_json_that_a_report_can_keep() -> None:
    import dataclasses

    assert json.loads(json.dumps(dataclasses.asdict(ServerOptions())))["max_in_flight"] == 64


def test_a_blank_page_is_not_sent(engine: MakeEngine) -> None:
    blank = Page("d" * 64, 2, Image.new("RGB", (600, 800), "white"), None, (612.0, 792.0))
    with serving() as server:
        reader = engine(server)
        first, result = reader.recognize([page(1), blank])
        reader.close()
    assert isinstance(first, PageMarkdown)
    assert isinstance(result, PageMarkdown)
    assert (result.markdown, result.checks) == ("", {"verdict": "blank"})
    assert [request.key for request in server.seen] == [1]
