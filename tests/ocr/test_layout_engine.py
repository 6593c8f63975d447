"""The layout engine at its seam: routes, failures, options, silence."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from rag_ingest.errors import ConfigError
from rag_ingest.ocr.layout import LayoutEngine, LayoutOptions
from rag_ingest.ocr.layout_ocr import Reading, why_ocr
from rag_ingest.ocr.layout_regions import Region, resolve
from rag_ingest.ocr.layout_turn import quarter_turns, turn_box, turn_lines
from rag_ingest.ocr.threads import model_threads
from rag_ingest.types import Engine, Failure, Page, PageMarkdown, TextLine, Word

SIZE = (300.0, 400.0)
REGION = Region("text", (20.0, 20.0, 280.0, 200.0), 0.9)


def line(text: str, top: float, left: float = 30.0) -> TextLine:
    words = []
    x = left
    for word in text.split():
        words.append(Word(word, (x, top, x + 5.0 * len(word), top + 8)))
        x += 5.0 * len(word) + 3
    return TextLine(text, (left, top, x - 3, top + 8), 10.0, False, tuple(words))


def page(*lines: TextLine, number: int = 1, none: bool = False, image: bool = True) -> Page:
    picture = Image.new("RGB", (600, 800), "white") if image else None
    return Page("d" * 64, number, picture, None if none else lines, SIZE)


def sees(*regions: Region):
    return lambda image, size_pt: list(regions)


def reads(*lines: TextLine):
    return lambda image, size_pt: Reading(tuple(lines), 0, 0.95)


def engine(ocr: str = "auto") -> LayoutEngine:
    return LayoutEngine(LayoutOptions(ocr=ocr), detector=sees(REGION), reader=reads(line("read from the image", 60)))  # type: ignore[arg-type]


def test_it_is_an_engine():
    assert isinstance(engine(), Engine)
    assert engine().needs_image


def test_a_good_text_layer_is_taken():
    [result] = engine().recognize([page(line("words of the text layer", 60))])
    assert isinstance(result, PageMarkdown)
    assert result.markdown == "words of the text layer"
    assert result.checks["route"] == "text-layer"
    assert result.seconds > 0


@pytest.mark.parametrize(
    ("lines", "none", "why"),
    [
        ((), True, "no text layer"),
        ((), False, "empty text layer"),
        ((line("\ufffd\ufffd\ue000\ue001 \ufffd\ufffd ok", 60),), False, "mean nothing"),
        ((line("x" * 250, 60),), False, "no spaces"),
        ((line("a stamp", 390),), False, "text regions empty"),
    ],
)
def test_a_useless_text_layer_is_read_from_the_image(lines: tuple[TextLine, ...], none: bool, why: str):
    [result] = engine().recognize([page(*lines, none=none)])
    assert isinstance(result, PageMarkdown)
    assert result.markdown == "read from the image"
    assert result.checks["route"] == "ocr"
    assert why in result.checks["why"]
    json.dumps(dict(result.checks))


def test_ocr_can_be_forbidden_or_forced():
    [never] = engine("never").recognize([page(none=True)])
    [always] = engine("always").recognize([page(line("words of the text layer", 60))])
    assert isinstance(never, PageMarkdown)
    assert isinstance(always, PageMarkdown)
    assert (never.markdown, never.checks["route"]) == ("", "text-layer")
    assert always.markdown == "read from the image"


def test_one_bad_page_costs_that_page_alone():
    def detector(image: Image.Image, size_pt: tuple[float, float]) -> list[Region]:
        if image.getpixel((0, 0)) == (0, 0, 0):
            raise ValueError("broken")
        return [REGION]

    bad = Page("d" * 64, 2, Image.new("RGB", (600, 800), "black"), (line("b", 60),), SIZE)
    made = LayoutEngine(detector=detector)
    results = made.recognize(
        [page(line("first", 60)), bad, page(line("third", 60), number=3), page(image=False, number=4)]
    )
    assert [type(r) for r in results] == [PageMarkdown, Failure, PageMarkdown, Failure]
    assert isinstance(results[1], Failure)
    assert (results[1].page, results[1].stage) == (2, "ocr")
    assert "broken" in results[1].reason
    assert isinstance(results[3], Failure)
    assert "image" in results[3].reason


@pytest.mark.parametrize("options", [{"ocr": "maybe"}, {"min_score": 0.1}, {"min_score": 1.0}, {"threads": -1}])
def test_options_are_checked(options: dict[str, object]):
    with pytest.raises(ConfigError, match=f"layout.{next(iter(options))}"):
        LayoutOptions(**options)  # type: ignore[arg-type]


def test_the_fingerprint_follows_what_decides_the_output():
    base = LayoutEngine().fingerprint
    assert LayoutEngine(LayoutOptions(threads=3)).fingerprint == base
    assert LayoutEngine(LayoutOptions(ocr="always")).fingerprint != base
    assert LayoutEngine(LayoutOptions(min_score=0.5)).fingerprint != base


def test_a_blank_page_is_blank_and_nothing_is_printed(capfd: pytest.CaptureFixture[str]):
    made = LayoutEngine(LayoutOptions(threads=1))
    [result] = made.recognize([page(none=True)])
    made.close()
    made.close()
    assert isinstance(result, PageMarkdown)
    assert result.markdown == ""
    assert result.checks["route"] == "ocr"
    assert capfd.readouterr() == ("", "")


def test_chinese_has_no_spaces_and_is_fine():
    assert why_ocr([line("中文" * 150, 60)], [], SIZE) == ""


def test_of_two_detections_the_surer_stays_and_figures_are_joined():
    sure, unsure = Region("text", (0, 0, 100, 100), 0.9), Region("title", (0, 0, 100, 90), 0.5)
    assert resolve([unsure, sure]) == [sure]
    parts = [Region("figure", (0, 0, 100, 100), 0.9), Region("figure", (10, 10, 110, 90), 0.6)]
    assert resolve(parts) == [Region("figure", (0, 0, 110, 100), 0.9)]
    assert resolve([Region("table", (0, 0, 100, 100), 0.4)]) == []


def sideways(text: str, left: float, *, up: bool) -> TextLine:
    words = []
    y = 380.0 if up else 20.0
    for word in text.split():
        length = 5.0 * len(word)
        words.append(Word(word, (left, y - length, left + 8, y) if up else (left, y, left + 8, y + length)))
        y += -(length + 3) if up else length + 3
    tops = [w.bbox for w in words]
    box = (left, min(b[1] for b in tops), left + 8, max(b[3] for b in tops))
    return TextLine(text, box, 10.0, False, tuple(words))


@pytest.mark.parametrize(("up", "turns"), [(True, 1), (False, 3)])
def test_a_page_set_sideways_is_turned(up: bool, turns: int):
    lines = [sideways(f"sideways words of line number {i}", 100 + 12 * i, up=up) for i in range(5)]
    assert quarter_turns(lines) == turns
    for turned in turn_lines(lines, turns, SIZE):
        assert [w.text for w in sorted(turned.words, key=lambda w: w.bbox[0])] == turned.text.split()
    box = (10.0, 20.0, 30.0, 60.0)
    assert turn_box(turn_box(box, turns, SIZE), -turns, (SIZE[1], SIZE[0])) == box
    [result] = engine().recognize([page(*lines)])
    assert isinstance(result, PageMarkdown)
    assert result.checks["turned"] == 90 * turns
    assert "sideways words of line number" in result.markdown


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_lines_read_from_a_turned_image_stand_on_the_page_as_it_is_shown(turns: int):
    lines = [line("some words of a first line and", 60), line("some others of the second line", 72)]
    shown_size = SIZE if turns % 2 == 0 else SIZE[::-1]
    asked = LayoutEngine(
        detector=sees(REGION),  # type: ignore[arg-type]
        reader=lambda image, size_pt: Reading(tuple(lines), turns, 0.95),
    )
    picture = Image.new("RGB", (int(2 * shown_size[0]), int(2 * shown_size[1])), "white")
    [result] = asked.recognize([Page("d" * 64, 1, picture, None, shown_size)])
    assert isinstance(result, PageMarkdown)
    texts = [result.markdown[box.span.start : box.span.end].strip() for box in result.boxes]
    assert texts == [one.text for one in lines]
    assert [box.bbox for box in result.boxes] == [turn_box(one.bbox, -turns, SIZE) for one in lines]


@pytest.mark.parametrize(
    ("asked", "environment", "taken"),
    [(3, "1", 3), (0, "2", 2), (0, "4,2", 4), (0, "", -1), (0, "0", -1), (0, "many", -1), (0, None, -1)],
)
def test_threads_are_those_asked_for_or_the_environments(
    monkeypatch: pytest.MonkeyPatch, asked: int, environment: str | None, taken: int
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if environment is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", environment)
    assert model_threads(asked) == taken
