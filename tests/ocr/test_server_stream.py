"""Answers that the server engine reads while they are written."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from rag_ingest.ocr.layout_turn import turn_lines, turned_image, turned_size
from rag_ingest.ocr.lightonocr_input import prepare
from rag_ingest.ocr.loops import without_loop
from rag_ingest.types import Failure, Page, PageMarkdown, TextLine, Word
from tests.http.scripted_server import Action, Handler, painted, proper, serving, status, streamed, written
from tests.ocr.conftest import MakeEngine

HEAD, UNIT = "# Title\n\n", "The same sentence again and again. "
LOOPING = HEAD + UNIT * 600


def page(number: int, image: Image.Image | None = None) -> Page:
    return Page("d" * 64, number, image or painted(number), None, (612.0, 792.0))


def refusing(*words: str) -> Action:
    """A server that is strict about what it does not know."""

    def act(handler: Handler) -> None:
        known = not any(handler.asked.body.get(word) for word in words)
        (proper if known else status(400, f'{{"detail": "extra field {words[0]}"}}'.encode()))(handler)

    return act


def test_a_loop_ends_its_request_and_keeps_what_the_whole_answer_would_have_kept(engine: MakeEngine) -> None:
    with serving(script={1: [streamed(LOOPING, "length", pause_s=0.001)], 2: [written(LOOPING, "length")]}) as server:
        early, late = engine(server).recognize([page(1), page(2)])
        assert server.sees_hang_ups(1)
    assert isinstance(early, PageMarkdown)
    assert isinstance(late, PageMarkdown)
    assert early.markdown == late.markdown == without_loop(LOOPING)[0]
    assert early.markdown.startswith((HEAD + UNIT).strip())
    assert (early.finish_reason, early.checks) == ("length", late.checks)
    assert server.sent[1] < len(LOOPING) / 2


def test_tokens_are_counted_by_the_server(engine: MakeEngine) -> None:
    with serving(script={1: [streamed("twelve chars")]}) as server:
        (result,) = engine(server).recognize([page(1)])
    assert isinstance(result, PageMarkdown)
    assert (result.markdown, result.finish_reason, result.checks["new_tokens"]) == ("twelve chars", "stop", 12)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["stream_options"], [(True, True), (True, False), (True, False)]),
        (["stream"], [(True, True), (True, False), (False, False), (False, False)]),
    ],
)
def test_what_the_server_refuses_is_not_asked_again(engine: MakeEngine, words: list[str], asked: Any) -> None:
    with serving(always=refusing(*words)) as server:
        reader = engine(server)
        results = [*reader.recognize([page(1)]), *reader.recognize([page(2)])]
    assert [r.markdown for r in results if isinstance(r, PageMarkdown)] == ["page 1", "page 2"]
    assert [(seen.body.get("stream", False), "stream_options" in seen.body) for seen in server.seen] == asked


def test_a_refusal_of_something_else_stays_one(engine: MakeEngine) -> None:
    with serving(script={1: [status(400, b"no stream of consciousness")] * 3}) as server:
        reader = engine(server)
        refused, good = reader.recognize([page(1)])[0], reader.recognize([page(2)])[0]
    assert isinstance(refused, Failure)
    assert isinstance(good, PageMarkdown)
    assert server.seen[-1].body["stream"] is True, "one page's refusal does not end the streaming"


def test_streaming_can_be_turned_off(engine: MakeEngine) -> None:
    with serving() as server:
        (result,) = engine(server, stream=False).recognize([page(1)])
    assert isinstance(result, PageMarkdown)
    assert server.seen[0].body["stream"] is False
    assert "stream_options" not in server.seen[0].body


def test_a_server_without_a_last_word_loses_nothing(engine: MakeEngine) -> None:
    """`transformers serve` sends no `[DONE]`."""
    with serving(always=streamed("text", done=False)) as server:
        (result,) = engine(server).recognize([page(1)])
    assert isinstance(result, PageMarkdown)
    assert (result.markdown, len(server.seen)) == ("text", 1)


BOXED = "A figure\n\n![image](image_1.png)100,200,500,600\n\n![image](image_2.png) 900,100,100,300"


@pytest.mark.parametrize("way", [streamed, written])
@pytest.mark.parametrize("turns", [0, 1, 3])
@pytest.mark.parametrize("attempts", [1, 3])
def test_boxes_are_in_points_of_the_page_as_it_lies(engine: MakeEngine, way: Any, turns: int, attempts: int) -> None:
    """The third attempt is of another size, so that other strips fill its cells; a page lying on its side is turned."""
    image, size_pt = painted(7, (1000, 1300)), (500.0, 650.0)
    words = tuple(Word(w, (10.0 + 30 * n, 10.0, 36.0 + 30 * n, 18.0)) for n, w in enumerate(["what", "stands", "here"]))
    level = (TextLine("what stands here", (10.0, 10.0, 96.0, 18.0), words=words),)
    lying = turn_lines(level, -turns % 4, size_pt) if turns else level
    on = Page("d" * 64, 7, turned_image(image, -turns % 4), lying, turned_size(size_pt, turns))
    script: dict[int | str, list[Action]] = {7: [*[streamed("")] * (attempts - 1), way(BOXED)]}
    with serving(script=script) as server:
        (result,) = engine(server, retries=2, witness=False, skip_blank=False).recognize([on])
    assert isinstance(result, PageMarkdown)
    assert result.markdown == "A figure\n\n![image](image_1.png)\n\n![image](image_2.png)"
    good, bad = result.figures
    assert (bad.bbox, result.checks["bad_boxes"]) == (None, ["image_2.png 900 100 100 300 of 1000: inverted"])
    scale = 1.0 if attempts == 1 else 0.8
    padded = prepare(image, scale).size
    x, y = (0.5 * side / (1000 * scale) for side in padded)  # points of a thousandth, strips included
    left, top, right, bottom = (100 * x, 200 * y, 500 * x, 600 * y)
    expected = {
        0: (left, top, right, bottom),
        1: (top, 500 - right, bottom, 500 - left),
        3: (650 - bottom, left, 650 - top, right),
    }[turns]
    assert good.bbox == pytest.approx(expected, abs=0.1)
