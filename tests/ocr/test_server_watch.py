"""A loop in an answer that is still being written: found soon, and what is kept does not depend on how it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_ingest.errors import OcrError
from rag_ingest.http import RequestFailed
from rag_ingest.ocr.loops import MOST_RUN, pieces, without_loop
from rag_ingest.ocr.server_answer import Answer, Chunk, followed
from rag_ingest.ocr.server_watch import EVERY_CHARS, TextWatch
from tests.http.scripted_server import chunk

HEAD = "# Results\n\nOn the first day we saw that "
UNITS = (
    "the gauge drifted, and ",
    "a",
    " x",
    "é ",
    ". ",
    "0 ",
    "\n| no | yes |",
    "\nFigure 3. A map of the bay",
    "\\!",
)
TEXTS = st.builds(
    lambda head, unit, count, tail: head + unit * count + tail,
    st.text(alphabet=" ab1.\n|é-", max_size=40),
    st.sampled_from(UNITS),
    st.integers(0, 1000),
    st.text(alphabet=" ab1.\n", max_size=200),
)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(1, 500), st.integers(1, 90))
def test_what_is_kept_is_what_the_whole_answer_would_have_given(text: str, first: int, size: int) -> None:
    watch = TextWatch()
    cuts = [text[:first], *(text[start : start + size] for start in range(first, len(text), size))]
    for cut in cuts:
        watch.add(cut)
    assert (watch.end(), watch.loop) == without_loop(text)


def test_counting_lines_are_a_loop_too() -> None:
    text = HEAD + "".join(f"\nFigure {n}. The gauge of the northern station" for n in range(200))
    watch = TextWatch()
    ended_at = next(at for at, letter in enumerate(text) if watch.add(letter))
    assert ended_at < len(text) / 2
    assert (watch.end(), watch.loop) == without_loop(text)


def test_it_stops_within_two_hundred_tokens() -> None:
    for unit in ("the gauge drifted, and ", "We saw that the gauge of the northern station drifted slowly at night. "):
        watch = TextWatch()
        text = HEAD + unit * 400
        written = next(at for at in range(0, len(text), 5) if watch.add(text[at : at + 5])) + 5
        assert len(pieces(text[:written])) <= len(pieces(HEAD + unit)) + MOST_RUN + len(pieces(text[:EVERY_CHARS]))
        assert watch.end() == without_loop(text)[0]


def answer(*events: bytes, broken: bool = False) -> Answer:
    async def chunks() -> AsyncIterator[Chunk]:
        for event in events:
            yield Chunk.model_validate_json(event)
        if broken:
            raise RequestFailed("broke off", again=True)

    return asyncio.run(followed(chunks()))  # type: ignore[arg-type]


USAGE = b'{"choices": [], "usage": {"completion_tokens": 7}}'


def test_an_answer_is_put_together() -> None:
    said = [chunk({"role": "assistant"}), chunk({"content": "# A"}), chunk({"content": "\n\nb"}), chunk({}, "stop")]
    assert answer(*said, USAGE) == Answer("# A\n\nb", "stop", 7, None, 6)
    assert answer(*said, broken=True) == Answer("# A\n\nb", "stop", None, None, 6), "the text was whole"
    assert answer(chunk({"content": "cut"}, "length"), USAGE).finish_reason == "length"
    assert answer(chunk({"content": "x"})).finish_reason == "stop", "the server said that this is the end"


def test_half_an_answer_is_none() -> None:
    with pytest.raises(RequestFailed, match="broke off"):
        answer(chunk({"content": "half"}), broken=True)
    with pytest.raises(OcrError, match="content_filter"):
        answer(chunk({"content": "half"}, "content_filter"))
    with pytest.raises(OcrError, match="no choices"):
        answer(USAGE)
