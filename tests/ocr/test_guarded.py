"""The ladder by itself: what is tried after what, when it ends, and what is kept. No model takes part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from rag_ingest.errors import ConfigError
from rag_ingest.ocr.checks import guards
from rag_ingest.ocr.fallback import Fallback
from rag_ingest.ocr.guarded import GuardOptions
from rag_ingest.ocr.ladder import Attempt, Broken, Climb, Outcome, Result, Then, climb, run
from rag_ingest.ocr.lightonocr import LightOnOcrOptions
from rag_ingest.ocr.server import ServerOptions
from rag_ingest.types import Failure, Page, PageMarkdown, TextLine, Word

LAYER = (TextLine("The text of the layer", (10.0, 10.0, 200.0, 20.0)),)
GOOD, CUT, EMPTY = ("The text of the layer, read well", "stop"), ("The text of the la", "length"), ("", "stop")


def page(number: int = 1, *, blank: bool = False, layer: tuple[TextLine, ...] = LAYER, longest: int = 1540) -> Page:
    image = Image.new("RGB", (longest * 3 // 4, longest), "white")
    if not blank:
        ImageDraw.Draw(image).rectangle((100, 100, 300, 120), fill="black")
    return Page("d", number, image, layer, (450.0, 600.0))


def worded(text: str, n: int) -> TextLine:
    """A line whose words have boxes, as the loader gives them."""
    words = tuple(Word(w, (10.0 + 9 * i, 20.0 * n, 18.0 + 9 * i, 20.0 * n + 9)) for i, w in enumerate(text.split()))
    return TextLine(text, (10.0, 20.0 * n, 300.0, 20.0 * n + 9), words=words)


def read(attempt: Attempt, said: tuple[str, str], seconds: float = 1.0) -> PageMarkdown:
    text, reason = said
    name = attempt.engine or "model"
    return PageMarkdown(
        attempt.page.doc_id, attempt.page.number, text, name, f"print of {name}", reason, seconds=seconds  # type: ignore[arg-type]
    )  # fmt: skip


def start(options: GuardOptions, on: Page, temperature: float = 0.2) -> Climb:
    own = PageMarkdown(on.doc_id, on.number, "", "model", "own print")
    return climb(on, options, temperature, guards(), own)


def climbed(
    answers: Sequence[tuple[str, str] | Then], on: Page | None = None, seconds: float = 1.0, **options: Any
) -> tuple[Result, list[Attempt]]:
    """Runs one ladder; a word stands for an attempt that broke."""
    tried: list[Attempt] = []

    def answer(attempts: Sequence[Attempt]) -> list[Outcome]:
        (attempt,) = attempts
        tried.append(attempt)
        said = answers[len(tried) - 1]
        if isinstance(said, str):
            return [Broken(f"broken, {said}", said, seconds)]
        return [read(attempt, said, seconds)]

    return run([start(GuardOptions(**options), on or page())], answer)[0], tried


def test_a_good_page_is_read_once() -> None:
    result, tried = climbed([GOOD])
    assert [attempt.told() for attempt in tried] == [{"temperature": 0.2, "scale": 1.0}]
    assert isinstance(result, PageMarkdown)
    assert (result.markdown, result.engine, result.fingerprint) == (GOOD[0], "model", "own print")
    assert result.checks["verdict"] == "ok"
    assert "attempts" not in result.checks


def test_the_rungs_are_hotter_then_another_size_then_another_engine() -> None:
    result, tried = climbed([CUT, EMPTY, CUT, GOOD])
    assert isinstance(result, PageMarkdown)
    assert result.checks["attempts"] == [
        {"temperature": 0.2, "scale": 1.0, "verdict": "truncated"},
        {"temperature": 0.5, "scale": 1.0, "verdict": "empty"},
        {"temperature": 0.8, "scale": 0.8, "verdict": "truncated"},
        {"engine": "layout", "verdict": "ok"},
    ]
    assert [attempt.number for attempt in tried] == [0, 1, 2, 3]
    assert (result.engine, result.fingerprint, result.checks["fallback"]) == ("layout", "own print", "print of layout")
    assert (result.markdown, result.seconds) == (GOOD[0], 4.0)


def test_it_ends_with_the_first_good_one() -> None:
    result, tried = climbed([EMPTY, GOOD])
    assert isinstance(result, PageMarkdown)
    assert len(tried) == 2
    assert (result.engine, result.checks["verdict"]) == ("model", "ok")
    assert "fallback" not in result.checks


@pytest.mark.parametrize(
    ("answers", "kept"),
    [
        ([EMPTY, CUT, EMPTY, EMPTY], CUT[0]),
        ([("short", "length"), ("much longer", "length"), EMPTY, EMPTY], "much longer"),
        ([("assistant\nI am here", "stop"), EMPTY, EMPTY, EMPTY], "assistant\nI am here"),
        ([EMPTY, "again", CUT, "nowhere"], CUT[0]),
        ([CUT, "smaller", EMPTY, EMPTY], CUT[0]),
    ],
)
def test_the_best_of_bad_ones_is_kept(answers: list[tuple[str, str] | Then], kept: str) -> None:
    result, tried = climbed(answers)
    assert isinstance(result, PageMarkdown)
    assert result.markdown == kept
    assert len(tried) == len(result.checks["attempts"]) == 4
    assert result.checks["verdict"] != "ok"


def test_a_doubtful_page_is_read_again_and_not_left_to_who_copies_the_layer() -> None:
    story = [f"On day {n} the gauge of the northern station stood at {n * 37 + 100} hectopascal." for n in range(12)]
    on = page(layer=tuple(worded(line, n) for n, line in enumerate(story)))
    partly = ["\n".join(story[:count]) for count in (8, 9, 7)]
    result, tried = climbed([(text, "stop") for text in partly], on)
    assert isinstance(result, PageMarkdown)
    assert [attempt.engine for attempt in tried] == ["", "", ""]
    assert (result.markdown, result.checks["verdict"]) == (partly[1], "doubtful")
    result, tried = climbed([(story[0], "stop")] * 3 + [("\n".join(story), "stop")], on)
    assert isinstance(result, PageMarkdown)
    assert (result.engine, result.checks["verdict"]) == ("layout", "ok")
    assert [told["verdict"] for told in result.checks["attempts"]] == ["contradicted"] * 3 + ["ok"]


def steps(result: Result) -> list[tuple[str, float, float]]:
    """Verdict, temperature and scale of each; zeros for another engine."""
    assert isinstance(result, PageMarkdown), result
    return [(t["verdict"], t.get("temperature", 0.0), t.get("scale", 0.0)) for t in result.checks["attempts"]]


def test_a_broken_answer_is_a_bad_one() -> None:
    result, _ = climbed(["again", "again", GOOD])
    assert steps(result) == [("failed", 0.2, 1.0), ("failed", 0.5, 1.0), ("ok", 0.8, 0.8)]
    assert isinstance(result, PageMarkdown)
    assert result.checks["attempts"][0]["reason"] == "broken, again"


def test_too_much_is_tried_smaller_and_no_hotter_then_elsewhere() -> None:
    result, _ = climbed(["smaller", "smaller", GOOD])
    assert steps(result) == [("failed", 0.2, 1.0), ("failed", 0.2, 0.8), ("ok", 0.2, 0.64)]
    result, tried = climbed(["smaller"] * 3 + [GOOD])
    assert [attempt.engine for attempt in tried] == ["", "", "", "layout"]
    small = page(longest=800)  # whose other size would be a larger one
    assert [s for _, _, s in steps(climbed(["smaller", CUT, CUT, GOOD], small, retries=3)[0])] == [1.0, 0.8, 0.8, 0.8]


def test_what_the_model_will_not_have_goes_elsewhere_at_once() -> None:
    result, tried = climbed(["elsewhere", GOOD], retries=9)
    assert isinstance(result, PageMarkdown)
    assert [attempt.engine for attempt in tried] == ["", "layout"]
    assert (result.engine, result.checks["verdict"]) == ("layout", "ok")


@pytest.mark.parametrize("answers", [["nowhere"], [CUT, "nowhere"], ["again", CUT, "nowhere"], ["smaller", "nowhere"]])
def test_where_nobody_reads_now_the_page_is_left_for_later(answers: list[tuple[str, str] | Then]) -> None:
    result, tried = climbed(answers)
    assert isinstance(result, Failure)
    assert result.reason == "broken, nowhere"
    assert len(tried) == len(answers)


@pytest.mark.parametrize(
    "answers", [["elsewhere", "nowhere"], ["elsewhere", EMPTY], ["again", "smaller", "again", EMPTY]]
)
def test_a_page_of_which_nothing_was_read_is_a_failure(answers: list[tuple[str, str] | Then]) -> None:
    result, tried = climbed(answers)
    assert isinstance(result, Failure)
    assert result.reason == f"broken, {answers[0]}"
    assert len(tried) == len(answers)
    result, _ = climbed(["elsewhere"], fallback="none")
    assert isinstance(result, Failure)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["again", "smaller", "elsewhere", "nowhere", GOOD, CUT, EMPTY]), min_size=12, max_size=12),
    st.integers(0, 10),
    st.sampled_from(["layout", "none"]),
    st.floats(0.1, 50.0),
)
def test_whatever_comes_it_ends_within_its_attempts_and_seconds(
    answers: list[tuple[str, str] | Then], retries: int, fallback: str, seconds: float
) -> None:
    options: dict[str, Any] = {"retries": retries, "fallback": fallback, "page_budget_s": 100.0, "skip_blank": False}
    result, tried = climbed(answers, page(longest=400), seconds, **options)
    asked = [attempt for attempt in tried if not attempt.engine]
    assert 1 <= len(asked) <= retries + 1
    assert len(tried) - len(asked) <= (fallback != "none")
    assert seconds * (len(asked) - 1) < 100.0
    assert all(attempt.budget_s > 0 for attempt in asked)
    assert max(attempt.temperature for attempt in tried) <= 1.0
    assert isinstance(result, Failure) or result.engine == (tried[-1].engine or "model") or "attempts" in result.checks


def test_a_page_that_took_too_long_goes_to_the_fallback() -> None:
    result, tried = climbed([CUT, CUT, GOOD], seconds=3.0, retries=10, page_budget_s=5.0)
    assert isinstance(result, PageMarkdown)
    assert [attempt.engine for attempt in tried] == ["", "", "layout"]
    assert [told["verdict"] for told in result.checks["attempts"]].count("out of time") == 9


@pytest.mark.parametrize("retries", [0, 1, 5, 10])
@pytest.mark.parametrize("fallback", ["layout", "textlayer", "none"])
def test_it_always_ends(retries: int, fallback: str) -> None:
    result, tried = climbed([EMPTY] * 20, retries=retries, fallback=fallback)
    assert isinstance(result, PageMarkdown)
    assert len(tried) == 1 + retries + (fallback != "none")
    assert max(attempt.temperature for attempt in tried) <= 1.0


def test_small_pages_are_enlarged_and_large_ones_reduced() -> None:
    for longest, scale in ((1540, 0.8), (1300, 0.8), (1232, 1.25), (800, 1.25)):
        _, tried = climbed([EMPTY] * 4, page(longest=longest))
        assert tried[2].scale == scale


def test_a_blank_page_costs_nothing() -> None:
    result, tried = climbed([], page(blank=True, layer=()))
    assert tried == []
    assert isinstance(result, PageMarkdown)
    assert (result.markdown, result.engine, result.checks) == ("", "model", {"verdict": "blank"})


def test_a_page_that_renders_blank_but_has_text_is_read_by_the_fallback() -> None:
    result, tried = climbed([GOOD], page(blank=True))
    assert [attempt.engine for attempt in tried] == ["layout"]
    assert isinstance(result, PageMarkdown)
    assert (result.markdown, result.engine) == (GOOD[0], "layout")
    assert result.checks["attempts"] == [{"engine": "layout", "verdict": "ok"}]
    result, tried = climbed([], page(blank=True), fallback="none")
    assert tried == []


def test_blank_pages_are_read_where_that_is_wanted() -> None:
    _, tried = climbed([GOOD], page(blank=True), skip_blank=False)
    assert len(tried) == 1


def test_attempts_of_different_sizes_share_a_batch() -> None:
    batches: list[list[tuple[int, float]]] = []

    def answer(attempts: Sequence[Attempt]) -> list[Outcome]:
        batches.append([(attempt.page.number, attempt.scale) for attempt in attempts])
        return [read(a, CUT if a.number < 2 else GOOD) for a in attempts]

    run([start(GuardOptions(), page(n, longest=longest)) for n, longest in enumerate((1540, 800, 1540))], answer)
    assert batches[2] == [(0, 0.8), (1, 1.25), (2, 0.8)]


def test_pages_climb_together_and_come_back_in_order() -> None:
    batches: list[list[tuple[int, int]]] = []

    def answer(attempts: Sequence[Attempt]) -> list[Outcome]:
        assert len({(attempt.engine, attempt.temperature) for attempt in attempts}) == 1
        batches.append([(attempt.page.number, attempt.number) for attempt in attempts])
        return [read(a, GOOD if a.number >= a.page.number % 3 else CUT) for a in attempts]

    results = run([start(GuardOptions(), page(n)) for n in range(7)], answer)
    assert [result.number for result in results if isinstance(result, PageMarkdown)] == list(range(7))
    assert batches == [[(n, 0) for n in range(7)], [(n, 1) for n in (1, 2, 4, 5)], [(n, 2) for n in (2, 5)]]
    assert run([], answer) == []


def test_pages_are_looked_at_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look waits for another page's."""
    meet = Barrier(2)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("rag_ingest.ocr.ladder.is_blank", lambda image: meet.wait(10) < 0)
    climbs = [start(GuardOptions(), page(n)) for n in range(6)]
    results = run(climbs, lambda attempts: [read(attempt, GOOD) for attempt in attempts])
    assert [r.number for r in results if isinstance(r, PageMarkdown)] == list(range(6))


def test_a_ready_fallback_reads_and_its_trouble_is_a_failure() -> None:
    fallback = Fallback()
    result = fallback.read(Attempt(page(), 3, engine="textlayer"))
    assert isinstance(result, PageMarkdown)
    assert result.markdown == LAYER[0].text
    failed = Fallback().read(Attempt(replace(page(), image=None), 3, engine="layout"))
    assert isinstance(failed, Broken)
    fallback.close()
    fallback.close()


MAKERS: dict[str, Callable[..., GuardOptions]] = {"ocr": LightOnOcrOptions, "server": ServerOptions}


@pytest.mark.parametrize("section", MAKERS)
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("retries", -1),
        ("retries", 11),
        ("retry_temperature", -0.1),
        ("retry_scale", 1.0),
        ("page_budget_s", 0),
        ("fallback", "surya"),
        ("scripts", ("Klingon",)),
    ],
)
def test_ranges_are_checked_and_named(section: str, option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{section}.{option}"):
        MAKERS[section](**{option: value})
