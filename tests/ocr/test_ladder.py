"""The `lightonocr` engine when its model goes wrong: the small checkpoint, some answers scripted by the token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from rag_ingest.ocr.layout_turn import turn_box, turn_lines, turned_image, turned_size
from rag_ingest.ocr.lightonocr import LightOnOCR, LightOnOcrOptions
from rag_ingest.ocr.lightonocr_model import Loaded, load
from rag_ingest.ocr.lightonocr_watch import EVERY
from rag_ingest.ocr.loops import MOST_RUN
from rag_ingest.ocr.upright import turned_back
from rag_ingest.types import Failure, Figure, Page, PageMarkdown, TextLine, Word

GREEDY = LightOnOcrOptions(
    temperature=0.0, max_new_tokens=900, device="cpu", batch_size=4, fallback="textlayer", decoder="generate"
)
"""The plain path, whose rows can be scripted; the loop's own looping pages are in `test_decode_pages.py`."""
HEAD, UNIT = "# Results\n\nWe saw that ", "the gauge drifted slowly, and "
LOOP = HEAD + UNIT * 60


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "tests" / "tiny_lightonocr"


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Loaded:
    return load(folder / "model", "cpu", "auto", "auto")


@pytest.fixture(scope="module")
def pages(folder: Path) -> list[Page]:
    def read(path: Path, number: int) -> Page:
        layer = (TextLine(f"The layer of page {number}", (10.0, 10.0, 90.0, 20.0)),)
        with Image.open(path) as image:
            return Page("fixtures", number, image.convert("RGB"), layer, (image.width, image.height))

    return [read(path, number) for number, path in enumerate(sorted((folder / "pages").glob("*.png"))[:4], start=1)]


@pytest.fixture(scope="module")
def texts(folder: Path) -> list[str]:
    return [path.read_text(encoding="utf-8").strip() for path in sorted((folder / "pages").glob("*.md"))[:4]]


def engine(loaded: Loaded, **changes: Any) -> LightOnOCR:
    return LightOnOCR.from_loaded(loaded.model, loaded.processor, replace(GREEDY, **changes), model_id="tiny")


@contextmanager
def scripted(monkeypatch: pytest.MonkeyPatch, script: dict[str, str]) -> Iterator[list[int]]:
    """Answers by key (`doc:page`, `:n` behind it for a retry); yields a list of the steps that each batch took."""
    read, steps = Loaded.read, []

    def reading(self: Loaded, images: Any, keys: Any, options: Any, layers: Any = None) -> Any:
        said = {
            row: self.processor.tokenizer(script[key])["input_ids"] for row, key in enumerate(keys) if key in script
        }
        steps.append(0)

        def force(module: Any, args: Any, output: Any) -> None:
            for row, ids in said.items():
                token = ids[steps[-1]] if steps[-1] < len(ids) else self.end_ids[0]
                output.logits[row, -1] = float("-inf")
                output.logits[row, -1, token] = 0.0
            steps[-1] += 1

        hook = self.model.register_forward_hook(force)
        try:
            return read(self, images, keys, options, layers)
        finally:
            hook.remove()

    with monkeypatch.context() as patch:
        patch.setattr(Loaded, "read", reading)
        yield steps


def ready(results: list[Any]) -> list[PageMarkdown]:
    assert all(isinstance(result, PageMarkdown) for result in results), results
    return [replace(result, seconds=0.0) for result in results]


def test_a_page_that_loops_is_stopped_retried_and_recorded_and_the_others_are_untouched(
    loaded: Loaded, pages: list[Page], texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = ready(engine(loaded).recognize(pages))
    assert [result.checks["verdict"] for result in undisturbed] == ["ok"] * 4
    with scripted(monkeypatch, {"fixtures:2": LOOP}) as steps:
        results = ready(engine(loaded).recognize(pages))
    assert [result.markdown for result in results] == texts
    assert [results[n] for n in (0, 2, 3)] == [undisturbed[n] for n in (0, 2, 3)]
    assert results[1].checks["attempts"] == [
        {"temperature": 0.0, "scale": 1.0, "verdict": "loop"},
        {"temperature": 0.3, "scale": 1.0, "verdict": "ok"},
    ]
    assert (results[1].engine, results[1].finish_reason) == ("lightonocr", "stop")
    assert len(steps) == 2
    assert steps[0] <= max(len(HEAD) + len(UNIT) + MOST_RUN + EVERY, *(len(text.encode()) + 1 for text in texts))


def test_a_loop_is_stopped_alike_in_any_company(
    loaded: Loaded, pages: list[Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept(batch_size: int) -> PageMarkdown:
        with scripted(monkeypatch, {"fixtures:2": LOOP, "fixtures:4": HEAD + "x" * 700}):
            return ready(engine(loaded, retries=0, fallback="none", batch_size=batch_size).recognize(pages))[1]

    alone = kept(1)
    assert kept(2) == kept(4) == alone
    assert alone.markdown == (HEAD + UNIT).strip()
    assert (alone.finish_reason, alone.checks["verdict"]) == ("length", "loop")
    assert alone.checks["loop"]["period"] == len(UNIT)
    assert alone.checks["new_tokens"] == alone.checks["loop"]["noticed"] <= len(HEAD) + len(UNIT) + MOST_RUN + 4


def test_a_page_that_always_loops_ends_at_the_fallback(
    loaded: Loaded, pages: list[Page], texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = {f"fixtures:3{again}": LOOP for again in ("", ":1", ":2")}
    made = engine(loaded)
    with scripted(monkeypatch, script) as steps:
        results = ready(made.recognize(pages))
    assert len(steps) == 3
    assert [results[n].markdown for n in (0, 1, 3)] == [texts[n] for n in (0, 1, 3)]
    assert (results[2].markdown, results[2].engine) == ("The layer of page 3", "textlayer")
    assert results[2].fingerprint == made.fingerprint
    assert [told["verdict"] for told in results[2].checks["attempts"]] == ["loop", "loop", "loop", "ok"]


def test_a_retry_at_another_size_sends_another_image(
    loaded: Loaded, pages: list[Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    features, sizes = Loaded.image_features, []

    def noted(self: Loaded, image: Image.Image) -> torch.Tensor:
        sizes.append(image.size)
        return features(self, image)

    monkeypatch.setattr(Loaded, "image_features", noted)
    with scripted(monkeypatch, {f"fixtures:1{again}": "" for again in ("", ":1", ":2")}):
        (result,) = ready(engine(loaded).recognize(pages[:1]))
    assert [told["verdict"] for told in result.checks["attempts"]] == ["empty", "empty", "empty", "ok"]
    assert sizes[0] == sizes[1]
    assert sizes[2][0] > sizes[0][0]
    assert all(side % 28 == 0 for side in sizes[2])


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, key: str, error: str, *, until_px: int = 0) -> Iterator[list[int]]:
    """A model that fails with one page (with every one where the key is empty) as long as it is wider than that."""
    read, widths = Loaded.read, []

    def reading(self: Loaded, images: Any, keys: Any, *others: Any) -> Any:
        for image, name in zip(images, keys, strict=True):
            if name.startswith(key) and image.width > until_px:
                widths.append(image.width)
                raise RuntimeError(error)
        return read(self, images, keys, *others)

    with monkeypatch.context() as patch:
        patch.setattr(Loaded, "read", reading)
        yield widths


def test_a_page_too_large_for_the_memory_is_read_smaller(
    loaded: Loaded, pages: list[Page], texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pages[1].image
    with failing(monkeypatch, "fixtures:2", "CUDA out of memory. Tried", until_px=pages[1].image.width - 1) as widths:
        results = ready(engine(loaded).recognize(pages))
    assert [results[n].markdown for n in (0, 2, 3)] == [texts[n] for n in (0, 2, 3)]
    first, second = results[1].checks["attempts"][:2]
    assert "out of memory" in first["reason"]
    assert (second["temperature"], second["scale"]) == (0.0, 0.8)
    assert len(widths) == 3, "among four, among two, alone"


def test_a_page_that_the_model_fails_at_is_read_by_the_fallback(
    loaded: Loaded, pages: list[Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    with failing(monkeypatch, "fixtures:2", "index out of range"):
        results = ready(engine(loaded).recognize(pages))
        (alone,) = engine(loaded, fallback="none").recognize(pages[1:2])
    assert [result.engine for result in results] == ["lightonocr", "textlayer", "lightonocr", "lightonocr"]
    assert [told["verdict"] for told in results[1].checks["attempts"]] == ["failed", "ok"]
    assert isinstance(alone, Failure)
    assert "index out of range" in alone.reason


def test_a_device_that_fails_with_every_page_leaves_them_for_later(
    loaded: Loaded, pages: list[Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    with failing(monkeypatch, "", "CUDA error: an illegal memory access was encountered"):
        results = engine(loaded).recognize(pages)
    assert all(isinstance(result, Failure) and "illegal memory access" in result.reason for result in results)


@pytest.mark.parametrize("turns", [1, 3])
def test_a_page_whose_layer_runs_sideways_is_turned_first(
    loaded: Loaded, pages: list[Page], texts: list[str], turns: int
) -> None:
    """Page 4 has a figure; its words are given places on the level page, and then all is turned the other way."""
    page = pages[3]
    assert page.image
    words = tuple(Word(w, (10.0 + 30 * n, 10.0, 36.0 + 30 * n, 18.0)) for n, w in enumerate(["What", "stands", "here"]))
    level = (TextLine("What stands here", (10.0, 10.0, 96.0, 18.0), words=words),)
    lying = replace(
        page,
        image=turned_image(page.image, -turns),
        text_layer=turn_lines(level, -turns % 4, page.size_pt),
        size_pt=turned_size(page.size_pt, turns),
    )
    (result,) = ready(engine(loaded, fallback="none").recognize([lying]))
    assert result.markdown == texts[3]
    assert result.checks["turned"] == 90 * turns


def test_figures_of_a_turned_page_are_turned_back() -> None:
    read = PageMarkdown("d", 1, "", "lightonocr", "f", figures=(Figure("a.png", (10, 20, 30, 60)), Figure("b.png")))
    back = turned_back(read, 1, (200.0, 100.0))
    assert back.figures == (Figure("a.png", turn_box((10, 20, 30, 60), 3, (200.0, 100.0))), Figure("b.png"))
    assert back.figures[0].bbox == (20, 170, 60, 190), "on the page of 100 x 200 points as it lies in the file"


def test_a_blank_page_never_reaches_the_model(
    loaded: Loaded, pages: list[Page], texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = replace(pages[0], number=9, image=Image.new("RGB", (252, 308), "white"), text_layer=None)
    with scripted(monkeypatch, {}) as steps:
        results = ready(engine(loaded).recognize([pages[0], blank, pages[1]]))
        assert len(steps) == 1
        (alone,) = ready(engine(loaded).recognize([blank]))
        assert len(steps) == 1
    assert [result.markdown for result in results] == [texts[0], "", texts[1]]
    assert results[1] == alone
    assert alone.checks == {"verdict": "blank"}


def test_guards_are_part_of_the_fingerprint(loaded: Loaded) -> None:
    base = engine(loaded).fingerprint
    assert engine(loaded).fingerprint == base
    changes: list[dict[str, Any]] = [
        {"retries": 1}, {"retry_scale": 0.7}, {"retry_temperature": 0.2}, {"fallback": "none"}, {"scripts": ("Latin",)},
        {"skip_blank": False}, {"seed": 1},
    ]  # fmt: skip
    assert len({base, *(engine(loaded, **change).fingerprint for change in changes)}) == 1 + len(changes)
    assert engine(loaded, retries=0).fingerprint == engine(loaded, retries=0, seed=1).fingerprint
