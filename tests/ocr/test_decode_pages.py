"""The engine's two decoders beside each other: the same answers, and a cache that keeps to its budget."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch
import transformers

from rag_ingest.errors import ConfigError, OcrError
from rag_ingest.ocr.decode_ahead import ahead
from rag_ingest.ocr.decode_cache import CacheShape, allocate
from rag_ingest.ocr.lightonocr import LightOnOCR, LightOnOcrOptions
from rag_ingest.ocr.lightonocr_model import Answer, Loaded
from rag_ingest.types import Failure, Page, PageMarkdown, TextLine
from tests.small_model import FOLDER, loaded, pictures

OPTIONS = LightOnOcrOptions(temperature=0.0, max_new_tokens=240, device="cpu", retries=0, fallback="none")
PLAIN = replace(OPTIONS, decoder="generate")
PAGES = [0, 2, 5, 14, 16, 18]
TOKEN_BYTES = 2 * 3 * 2 * 32 * 4


@cache
def unlearned() -> Loaded:
    """Random weights, which repeat themselves."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.LightOnOcrForConditionalGeneration(loaded().model.config)
    return Loaded(model, loaded().processor)


@pytest.fixture
def model() -> Iterator[Loaded]:
    yield loaded()
    loaded().free_cache()


def read(model: Loaded, options: LightOnOcrOptions, layers: Any = None, count: int = len(PAGES)) -> list[Answer]:
    """Answers of the first pages, without what they cost."""
    images, keys = [pictures()[page] for page in PAGES[:count]], [str(page) for page in PAGES[:count]]
    answers = model.read(images, keys, options, layers)
    return [replace(answer, passes=0) for answer in answers]


def lines(page: int) -> tuple[TextLine, ...]:
    """The page's text as a text layer would have it, without the markup."""
    text = (FOLDER / "pages" / f"{page + 1:02}.md").read_text(encoding="utf-8") if page < 16 else "nothing of the kind"
    rows = [line.strip("#-* ") for line in text.split("\n") if line.strip()]
    return tuple(TextLine(row, (50.0, 20.0 * n, 500.0, 20.0 * n + 12)) for n, row in enumerate(rows))


@pytest.mark.parametrize("hot", [{}, {"temperature": 0.2}, {"temperature": 1.5, "top_p": 0.95, "seed": 3}])
def test_the_loop_answers_as_generate_does(model: Loaded, hot: dict[str, Any]) -> None:
    assert read(model, replace(OPTIONS, **hot)) == read(model, replace(PLAIN, **hot))


@pytest.mark.parametrize("temperature", [0.0, 0.1])
def test_pages_that_repeat_themselves_are_stopped_as_under_generate(temperature: float) -> None:
    hot = {"temperature": temperature, "max_new_tokens": 320}
    looped = read(unlearned(), replace(OPTIONS, **hot), count=3)
    assert looped == read(unlearned(), replace(PLAIN, **hot), count=3)
    assert all(answer.loop for answer in looped) == (temperature == 0)
    assert read(unlearned(), replace(OPTIONS, **hot), [lines(page) for page in PAGES[:3]], count=3) == looped


@pytest.mark.parametrize("temperature", [0.0, 0.2])
def test_a_text_layer_saves_passes_and_changes_no_answer(model: Loaded, temperature: float) -> None:
    options = replace(OPTIONS, temperature=temperature)
    images, keys = [pictures()[page] for page in PAGES], [str(page) for page in PAGES]
    plain = model.read(images, keys, options)
    drafted = model.read(images, keys, options, [lines(page) for page in PAGES])
    assert [replace(answer, passes=0) for answer in drafted] == [replace(answer, passes=0) for answer in plain]
    known = [place for place, page in enumerate(PAGES) if page < 16]
    assert sum(drafted[place].passes for place in known) < 0.6 * sum(plain[place].passes for place in known)
    # nothing to draft from, or told not to: one token a pass
    blank = (TextLine(" \n", (0.0, 0.0, 9.0, 9.0)),)
    for layers, draft in (([None, (), blank] * 2, True), ([lines(page) for page in PAGES], False)):
        assert model.read(images, keys, replace(options, draft=draft), layers) == plain


@pytest.mark.parametrize("calls", [0, 3])
def test_an_encoder_that_fails_costs_drafts_alone(
    model: Loaded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, calls: int
) -> None:
    left, encode = calls, model._pages._encode

    def failing(text: str) -> list[int]:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError("no such text")
        return list(encode(text))

    monkeypatch.setattr(model._pages, "_encode", failing)
    layers = [lines(page) for page in PAGES[:2]]
    assert read(model, OPTIONS, layers, count=2) == read(model, OPTIONS, count=2)
    assert len(caplog.messages) == 2
    assert "no such text" in caplog.text


def test_the_cache_keeps_to_its_budget_and_pages_wait(model: Loaded) -> None:
    expected = read(model, PLAIN)
    for rows in (1, 3):
        options = replace(OPTIONS, cache_gb=(rows * 2304 + 1000) * TOKEN_BYTES / 1e9)
        assert read(model, options) == expected
        kept = model._pages._loop.steppers[0].cache
        assert kept.rows == rows
        assert kept.nbytes <= options.cache_gb * 1e9


def test_a_page_that_needs_more_than_the_cache_has_fails_alone(model: Loaded) -> None:
    engine = LightOnOCR.from_loaded(
        model.model, model.processor, replace(OPTIONS, cache_gb=330 * TOKEN_BYTES / 1e9), model_id="tiny"
    )
    pages = [Page("a", n, pictures()[n], None, pictures()[n].size) for n in PAGES]
    results = engine.recognize(pages)
    failed = [result for result in results if isinstance(result, Failure)]
    assert [result.page for result in failed] == [5], "the one of 105 tokens"
    assert "ocr.cache_gb" in failed[0].reason
    assert sum(isinstance(result, PageMarkdown) for result in results) == len(pages) - 1


def test_the_cache_is_kept_between_calls_and_given_back_when_memory_runs_out(model: Loaded) -> None:
    read(model, OPTIONS)
    kept = model._pages._loop
    model.read([pictures()[14]], ["a"], replace(OPTIONS, max_new_tokens=30))
    assert model._pages._loop is kept, "a smaller call"
    model.read([pictures()[14]] * 7, list("abcdefg"), replace(OPTIONS, max_new_tokens=30))
    assert model._pages._loop is not kept
    assert model._pages._loop.steppers[0].cache.rows == 7
    model.free_cache()
    assert model._pages._loop is None


def test_an_allocation_is_at_most_the_budget() -> None:
    shape = CacheShape(3, 2, 32, torch.float32, torch.device("cpu"))
    assert shape.token_bytes == TOKEN_BYTES
    for tokens, rows, length in ((1, 4, 10), (9, 4, 10), (10, 4, 10), (39, 4, 10), (1000, 4, 10)):
        for parts in (1, 2, 3):
            made = allocate(shape, tokens * TOKEN_BYTES + TOKEN_BYTES // 2, rows, length, parts)
            counts = [each.rows for each in made]
            assert all(each.nbytes == each.rows * each.length * TOKEN_BYTES for each in made)
            assert sum(each.nbytes for each in made) <= tokens * TOKEN_BYTES
            assert len(counts) == min(parts, sum(counts))
            assert max(counts) - min(counts) <= 1
            assert (sum(counts), made[0].length) == ((min(4, tokens // 10), 10) if tokens >= 10 else (1, tokens))
    with pytest.raises(ConfigError, match="cache_gb"):
        allocate(shape, TOKEN_BYTES - 1, 4, 10)


def test_what_comes_next_is_made_ahead_in_order_and_not_too_far() -> None:
    made: list[int] = []

    def make(item: int) -> str:
        made.append(item)
        assert threading.current_thread() is not threading.main_thread()
        return str(item)

    coming = ahead(make, range(20), 3)
    assert made == [], "nothing before it is asked for"
    assert next(coming) == "0"
    assert len(made) <= 4
    assert list(coming) == [str(n) for n in range(1, 20)]
    assert list(ahead(make, [], 3)) == []
    begun = ahead(make, range(20, 40), 3)
    next(begun)
    begun.close()  # type: ignore[attr-defined]
    assert 23 not in made or len(made) <= 24


def test_an_error_made_ahead_comes_in_its_turn() -> None:
    def make(item: int) -> int:
        if item == 2:
            raise OcrError("two")
        return item

    coming = ahead(make, range(5), 3)
    assert [next(coming), next(coming)] == [0, 1]
    with pytest.raises(OcrError, match="two"):
        next(coming)


@pytest.mark.parametrize("wrong", [{"decoder": "fast"}, {"cache_gb": -1.0}, {"cache_gb": float("nan")}])
def test_options_out_of_range_name_themselves(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"ocr.{next(iter(wrong))}"):
        LightOnOcrOptions(**wrong)


def test_neither_decoder_nor_cache_nor_drafts_are_in_the_fingerprint(model: Loaded) -> None:
    def fingerprint(**changes: Any) -> str:
        return LightOnOCR.from_loaded(model.model, model.processor, replace(OPTIONS, **changes)).fingerprint

    same = {fingerprint(), fingerprint(decoder="generate"), fingerprint(cache_gb=1.0), fingerprint(draft=False)}
    assert len(same) == 1
