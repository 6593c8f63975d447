"""What every `Engine` promises. Another one joins by a factory in `ENGINES`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from rag_ingest.ocr.layout import LayoutEngine, LayoutOptions
from rag_ingest.ocr.lightonocr import LightOnOCR, LightOnOcrOptions
from rag_ingest.ocr.server import ServerEngine, ServerOptions
from rag_ingest.ocr.textlayer import TextLayerEngine, TextLayerOptions
from rag_ingest.types import Engine, Failure, Page, PageMarkdown, TextLine, Word
from tests.http.scripted_server import serving

TINY = Path(__file__).parents[1] / "tiny_lightonocr"
Factory = Callable[..., Engine]
ONE_ATTEMPT: dict[str, Any] = {"retries": 0, "fallback": "none"}
"""Pages of 24 tokens are cut, and would all end at another engine."""


def _lightonocr(stack: ExitStack, max_new_tokens: int = 24) -> Engine:
    folder = TINY / "model" if (TINY / "model").is_dir() else TINY
    return LightOnOCR(
        LightOnOcrOptions(model=str(folder), temperature=0, max_new_tokens=max_new_tokens, device="cpu", **ONE_ATTEMPT)
    )


def _server(stack: ExitStack, max_new_tokens: int = 24) -> Engine:
    server = stack.enter_context(serving())
    return ServerEngine(ServerOptions(url=server.url, temperature=0, max_new_tokens=max_new_tokens, **ONE_ATTEMPT))


def _layout(stack: ExitStack, min_score: float = 0.5) -> Engine:
    return LayoutEngine(LayoutOptions(min_score=min_score))


def _textlayer(stack: ExitStack) -> Engine:
    return TextLayerEngine(TextLayerOptions())


ENGINES: dict[str, Factory] = {
    "layout": _layout,
    "lightonocr": _lightonocr,
    "server": _server,
    "textlayer": _textlayer,
}
OTHER_OPTIONS = {"lightonocr": {"max_new_tokens": 8}, "server": {"max_new_tokens": 8}, "layout": {"min_score": 0.9}}


def line(text: str, top: float) -> TextLine:
    left, words = 20.0, []
    for word in text.split():
        words.append(Word(word, (left, top, left + 5.0 * len(word), top + 8)))
        left += 5.0 * (len(word) + 1)
    return TextLine(text, (20, top, left - 5, top + 8), 8.0, False, tuple(words))


def page(number: int) -> Page:
    """A page with a picture and a text layer that say the same."""
    image = Image.new("RGB", (336, 448), (255, 255, 255))
    lines = [f"Page {number} of the contract.", "Every engine reads it alone or in company."]
    for i, text in enumerate(lines):
        ImageDraw.Draw(image).text((40, 60 + 40 * i), text, fill=(0, 0, 0))
    return Page("d" * 64, number, image, tuple(line(t, 30 + 20.0 * i) for i, t in enumerate(lines)), (168, 224))


@pytest.fixture(scope="module", params=sorted(ENGINES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def make(name: str) -> Iterator[Factory]:
    with ExitStack() as stack:
        yield partial(ENGINES[name], stack)


@pytest.fixture(scope="module")
def engine(make: Factory) -> Iterator[Engine]:
    made = make()
    yield made
    made.close()


def test_it_says_who_it_is(engine: Engine, name: str) -> None:
    assert isinstance(engine, Engine)
    assert engine.name == name
    assert engine.fingerprint
    assert engine.batch_size >= 1


def test_nothing_in_nothing_out(engine: Engine) -> None:
    assert engine.recognize([]) == []


def test_pages_come_back_whole_and_in_order(engine: Engine) -> None:
    results = engine.recognize([page(n) for n in (3, 1, 2)])
    assert [r.number for r in results if isinstance(r, PageMarkdown)] == [3, 1, 2]
    for result in results:
        assert isinstance(result, PageMarkdown)
        assert (result.doc_id, result.engine, result.fingerprint) == ("d" * 64, engine.name, engine.fingerprint)
        assert result.finish_reason in ("stop", "length")
        assert result.seconds >= 0
        json.dumps(dict(result.checks))


def test_company_changes_nothing(engine: Engine) -> None:
    together = engine.recognize([page(n) for n in (1, 2, 3)])
    alone = [engine.recognize([page(n)])[0] for n in (1, 2, 3)]
    assert [replace(r, seconds=0) for r in together] == [replace(r, seconds=0) for r in alone]  # type: ignore[type-var]


def test_a_page_that_cannot_be_read_costs_itself_alone(engine: Engine) -> None:
    bad = replace(page(2), image=None) if engine.needs_image else page(2)
    results = engine.recognize([page(1), bad, page(3)])
    assert len(results) == 3
    assert isinstance(results[0], PageMarkdown)
    assert isinstance(results[2], PageMarkdown)
    if engine.needs_image:
        assert isinstance(results[1], Failure)
        assert (results[1].page, results[1].stage) == (2, "ocr")
        assert results[1].reason


def test_a_dot_is_a_failure_not_a_crash(engine: Engine) -> None:
    dot = replace(page(1), image=Image.new("RGB", (1, 1)), text_layer=None)
    result = engine.recognize([dot])[0]
    assert isinstance(result, Failure if engine.name in ("lightonocr", "server") else Failure | PageMarkdown)


def test_the_fingerprint_is_of_the_options(make: Factory, engine: Engine, name: str) -> None:
    again = make()
    assert again.fingerprint == engine.fingerprint
    again.close()
    if name in OTHER_OPTIONS:
        other = make(**OTHER_OPTIONS[name])
        assert other.fingerprint != engine.fingerprint
        other.close()


def test_closing_twice_is_fine(make: Factory) -> None:
    made = make()
    made.close()
    made.close()


@pytest.mark.parametrize("name", ["lightonocr", "server"])
def test_the_ladder_keeps_the_promises(name: str) -> None:
    """Every page is cut at 24 tokens here, or good at once: some end at the fallback, in order and in any company."""
    with ExitStack() as stack:
        made = ENGINES[name](stack)
        made.options = replace(made.options, retries=1, fallback="textlayer")  # type: ignore[attr-defined]
        results = made.recognize([page(n) for n in (3, 1, 2)])
        alone = [made.recognize([page(n)])[0] for n in (3, 1, 2)]
        made.close()
        made.close()
    assert [replace(r, seconds=0) for r in results] == [replace(r, seconds=0) for r in alone]  # type: ignore[type-var]
    for result, number in zip(results, (3, 1, 2), strict=True):
        assert isinstance(result, PageMarkdown)
        assert (result.number, result.fingerprint) == (number, made.fingerprint)
        assert result.engine in (name, "textlayer")
        assert (result.engine == "textlayer") == ("fallback" in result.checks)
        json.dumps(dict(result.checks))
