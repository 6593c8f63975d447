"""The loop against `model.generate`, page by page, on the small checkpoint: the tokens are the same."""

from __future__ import annotations

import gc
import random
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_ingest.errors import OcrError
from rag_ingest.ocr.decode_cache import allocate
from rag_ingest.ocr.decode_graph import Captured
from rag_ingest.ocr.decode_loop import DecodeLoop, Job, Written
from rag_ingest.ocr.decode_sample import Sampling
from rag_ingest.ocr.decode_step import Stepper, cache_shape
from rag_ingest.ocr.lightonocr_model import load
from tests.small_model import FOLDER, ROOM, expected, job, loaded, loop, pictures, prompts

GREEDY = Sampling(0.0, 1.0)
PAGES = [0, 2, 4, 5, 6, 8, 13, 14, 16, 17, 18, 19]
"""Twelve of unequal length, in prompt and answer; the first eight are known, the last four are of noise."""


@pytest.fixture(autouse=True)
def inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def tokens(written: list[Written]) -> list[list[int]]:
    return [each.tokens for each in written]


@pytest.mark.parametrize(("fixed_shapes", "lanes"), [(False, 1), (True, 2)])
@pytest.mark.parametrize("rows", [2, 4, 8])
def test_pages_that_join_and_leave_get_the_tokens_of_generate(rows: int, fixed_shapes: bool, lanes: int) -> None:
    order = random.Random(rows).sample(PAGES, len(PAGES))
    written = loop(rows, fixed_shapes=fixed_shapes, lanes=lanes).run([job(page) for page in order], GREEDY)
    assert tokens(written) == [expected(page) for page in order]


def test_one_page_at_a_time_is_the_same() -> None:
    assert tokens(loop(1).run([job(page) for page in PAGES[6:]], GREEDY)) == [expected(page) for page in PAGES[6:]]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.sampled_from(PAGES), st.integers(1, 24)), min_size=1, max_size=9),
    st.integers(1, 6),
    st.booleans(),
    st.integers(1, 3),
)
def test_any_pages_of_any_length_in_any_number_of_rows(
    pages: list[tuple[int, int]], rows: int, fixed_shapes: bool, lanes: int
) -> None:
    with torch.inference_mode():
        jobs = [job(page, room) for page, room in pages]
        assert tokens(loop(rows, fixed_shapes=fixed_shapes, lanes=lanes).run(jobs, GREEDY)) == [
            expected(page)[:room] for page, room in pages
        ]


def test_a_page_waits_for_a_row_and_is_made_when_it_joins() -> None:
    made: list[int] = []

    def jobs() -> Iterator[Job]:
        for page in PAGES[:6]:
            made.append(page)
            yield job(page, 4)

    cache_rows, seen = 2, []
    decoder = loop(cache_rows)
    step = decoder.steppers[0].step

    def watched(*rows: list[list[int]]) -> torch.Tensor:
        seen.append((len(rows[0]), len(made)))
        return step(*rows)

    decoder.steppers[0].step = watched  # type: ignore[method-assign,assignment]
    decoder.run(jobs(), GREEDY)
    assert max(count for count, _ in seen) == cache_rows
    assert seen[0] == (2, 2), "the first step runs before the third page is made"


def test_a_page_that_needs_more_than_a_row_is_refused() -> None:
    decoder = loop(2, length=100)
    short = next(page for page in PAGES if decoder.needs(prompts()[page].shape[0], 4) <= 100)
    long = next(page for page in PAGES if prompts()[page].shape[0] > 100)
    with pytest.raises(OcrError, match="100"):
        decoder.run([job(short, 4), job(long, 4)], GREEDY)
    assert tokens(decoder.run([job(short, 4)], GREEDY)) == [expected(short)[:4]], "the loop can be used again"


def test_the_cache_takes_no_more_than_at_its_start() -> None:
    decoder = loop(3)
    held = decoder.steppers[0].cache._held
    place, size = held.data_ptr(), decoder.steppers[0].cache.nbytes
    decoder.run([job(page, 40) for page in PAGES], GREEDY)
    assert (decoder.steppers[0].cache._held.data_ptr(), decoder.steppers[0].cache.nbytes) == (place, size)


@pytest.mark.parametrize(("rows", "fixed_shapes", "lanes"), [(1, True, 1), (2, False, 1), (3, True, 1), (4, True, 2)])
def test_a_page_of_nan_spoils_no_other(rows: int, fixed_shapes: bool, lanes: int) -> None:
    lost = replace(job(13, 50), prompt=torch.full_like(prompts()[13], float("nan")))
    decoder = loop(rows, fixed_shapes=fixed_shapes, lanes=lanes)
    # the lost ones leave before, between and behind the others, so that rows are taken again and moved over
    written = decoder.run([lost, job(14), replace(lost, room=9), job(8), lost, job(5), job(0)], GREEDY)
    assert tokens([written[place] for place in (1, 3, 5, 6)]) == [expected(page) for page in (14, 8, 5, 0)]
    assert all(bool(stepper.cache._held.isfinite().all()) for stepper in decoder.steppers)


def test_a_loop_that_is_let_go_frees_its_cache_at_once() -> None:
    gc.disable()
    try:
        decoder = loop(2)
        decoder.run([job(14, 4)], GREEDY)
        cache = weakref.ref(decoder.steppers[0].cache)
        del decoder
        assert cache() is None, "a larger one is made in its place"
    finally:
        gc.enable()


def test_nothing_is_put_on_the_device_behind_a_pass() -> None:
    decoder, order = loop(2), list[str]()
    stepper = decoder.steppers[0]
    forward, there = stepper._forward, stepper._there

    def passing(tokens: torch.Tensor, lengths: torch.Tensor, reach: int) -> torch.Tensor:
        order.append("pass")
        return forward(tokens, lengths, reach)

    def putting(numbers: Sequence[Any]) -> torch.Tensor:
        order.append("put")
        return there(numbers)

    stepper._forward, stepper._there = passing, putting  # type: ignore[method-assign]
    with stepper.attention():
        stepper.step([[5, 6], [7]], [3, 4])
    assert order[-1] == "pass", "it would wait for the pass, and the other lane with it"


def test_fixed_shapes_are_few_and_fit_the_cache() -> None:
    decoder, shapes = loop(7, fixed_shapes=True), set()
    stepper = decoder.steppers[0]
    forward = stepper._forward

    def watched(tokens: torch.Tensor, lengths: torch.Tensor, reach: int) -> torch.Tensor:
        shapes.add((*tokens.shape, reach))
        return forward(tokens, lengths, reach)

    stepper._forward = watched
    decoder.run([job(page) for page in PAGES], GREEDY)
    assert {rows for rows, _, _ in shapes} <= {1, 2, 4, 7}
    assert {width for _, width, _ in shapes} == {1}
    assert {reach for _, _, reach in shapes} <= {256, 512, 640}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_captured_steps_write_what_steps_write() -> None:
    model = load(FOLDER / "model", "cuda", "float32", "sdpa")
    embeds = [model._prompted(model.image_features(picture)) for picture in pictures()]
    caches = allocate(cache_shape(model.model), 10**9, 6, 640, 2)
    steppers = [Stepper(model.model, cache, fixed_shapes=True) for cache in caches]
    decoder = DecodeLoop(steppers, model.end_ids, model._text_of)
    jobs = [Job(embeds[page], ROOM, torch.zeros(ROOM)) for page in PAGES[:8]]
    assert all(isinstance(stepper._forward, Captured) for stepper in steppers)
    assert tokens(decoder.run(jobs, GREEDY)) == [expected(page) for page in PAGES[:8]], "those that it knows by heart"


def test_generate_attends_as_before_once_the_loop_is_done() -> None:
    config = loaded().model.model.language_model.config
    usual = config._attn_implementation
    with pytest.raises(OcrError):
        loop(1, length=60).run([job(13, 4)], GREEDY)
    assert config._attn_implementation == usual
    assert expected.__wrapped__(14) == expected(14)
    assert len(expected(15)) == ROOM
