"""The engine on the project's own small checkpoint: real classes, real weights, pages that it was trained on."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from rag_ingest.errors import ConfigError, ModelError
from rag_ingest.ocr.lightonocr import LightOnOCR, LightOnOcrOptions, accelerator
from rag_ingest.ocr.lightonocr_model import Loaded, load
from rag_ingest.types import Engine, Failure, Page, PageMarkdown

GREEDY = LightOnOcrOptions(temperature=0.0, max_new_tokens=400, device="cpu", retries=0, fallback="none")
"""One attempt a page: what the ladder makes of it is in `test_ladder.py`."""
Make = Callable[..., LightOnOCR]


def read(path: Path, number: int) -> Page:
    with Image.open(path) as image:
        return Page("fixtures", number, image.convert("RGB"), None, (image.width, image.height))


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "tests" / "tiny_lightonocr"


@pytest.fixture(scope="module")
def pages(folder: Path) -> list[Page]:
    return [read(path, number) for number, path in enumerate(sorted((folder / "pages").glob("*.png")), start=1)]


@pytest.fixture(scope="module")
def texts(folder: Path) -> list[str]:
    return [path.read_text(encoding="utf-8").strip() for path in sorted((folder / "pages").glob("*.md"))]


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Loaded:
    return load(folder / "model", "cpu", "auto", "auto")


@pytest.fixture(scope="module")
def make(loaded: Loaded) -> Make:
    def engine(**changes: Any) -> LightOnOCR:
        return LightOnOCR.from_loaded(loaded.model, loaded.processor, replace(GREEDY, **changes), model_id="tiny")

    return engine


def markdown(results: list[PageMarkdown | Failure]) -> list[str]:
    assert all(isinstance(result, PageMarkdown) for result in results), results
    return [result.markdown for result in results if isinstance(result, PageMarkdown)]


def noise(number: int) -> Page:
    """A page that the model never saw: every answer is unsure."""
    return Page("noise", number, Image.frombytes("L", (84, 84), random.Random(number).randbytes(84 * 84)), None, (1, 1))


def test_the_fixture_pages_hold_what_they_are_for(pages: list[Page], texts: list[str]) -> None:
    sizes = {page.image.size for page in pages if page.image}
    assert len(pages) >= 12
    assert len(sizes) > 8
    assert any(side % 28 for size in sizes for side in size)
    whole = "\n".join(texts)
    for part in ("# ", "## ", "<table>", "$$", "![image](image_1.png)", "- ", "1. "):
        assert part in whole


@pytest.mark.parametrize("batch_size", [1, 4, 8])
def test_every_page_is_read_exactly_in_order_at_any_batch(
    make: Make, pages: list[Page], texts: list[str], batch_size: int
) -> None:
    results = make(batch_size=batch_size).recognize(pages)
    assert markdown(results) == texts
    assert [result.number for result in results if isinstance(result, PageMarkdown)] == [page.number for page in pages]
    for result in results:
        assert isinstance(result, PageMarkdown)
        assert (result.finish_reason, result.engine, result.doc_id) == ("stop", "lightonocr", "fixtures")
        assert result.seconds > 0


def test_the_company_of_a_page_does_not_change_its_text(make: Make, pages: list[Page], texts: list[str]) -> None:
    order = random.Random(5).sample(range(len(pages)), len(pages))
    results = make(batch_size=5).recognize([pages[n] for n in order])
    assert markdown(results) == [texts[n] for n in order]


def test_twins_differ_only_in_the_strip_that_no_whole_cell_holds(pages: list[Page], texts: list[str]) -> None:
    for first, second, edge in ((6, 7, "height"), (8, 9, "width")):
        a, b = pages[first].image, pages[second].image
        assert a
        assert b
        assert texts[first] != texts[second]
        assert getattr(a, edge) % 28
        whole = (0, 0, a.width, a.height // 28 * 28) if edge == "height" else (0, 0, a.width // 28 * 28, a.height)
        assert a.crop(whole).tobytes() == b.crop(whole).tobytes()


def test_the_text_comes_from_the_image(make: Make, pages: list[Page], texts: list[str]) -> None:
    image = pages[0].image
    assert image
    grey = image.convert("L").tobytes()
    shuffled = Image.frombytes("L", image.size, bytes(random.Random(1).sample(grey, len(grey))))
    assert set(markdown(make().recognize([replace(pages[0], image=shuffled)]))).isdisjoint(texts)
    assert len(set(texts)) == len(texts)


def test_an_empty_page_has_no_text_whatever_its_size(make: Make, pages: list[Page]) -> None:
    empty = [replace(page, image=Image.new("RGB", page.image.size, "white")) for page in pages if page.image]
    assert set(markdown(make(batch_size=8).recognize(empty))) == {""}


def test_the_engine_agrees_with_plain_transformers(
    make: Make, loaded: Loaded, pages: list[Page], texts: list[str]
) -> None:
    whole = [n for n, page in enumerate(pages) if page.image and not any(side % 28 for side in page.image.size)]
    assert len(whole) >= 3
    message = [{"role": "user", "content": [{"type": "image"}]}]
    prompt = loaded.processor.apply_chat_template(message, add_generation_prompt=True, tokenize=False)
    for n in whole:
        inputs = loaded.processor(images=pages[n].image, text=prompt, return_tensors="pt")
        ids = loaded.model.generate(**inputs, max_new_tokens=400)[0, inputs["input_ids"].shape[1] :]
        assert loaded.processor.tokenizer.decode(ids, skip_special_tokens=True) == texts[n]
        size = inputs["image_sizes"]
        plain = loaded.model.get_image_features(pixel_values=inputs["pixel_values"], image_sizes=size).pooler_output[0]
        image = pages[n].image
        assert image
        torch.testing.assert_close(loaded.image_features(image), plain)
        both = loaded.model.get_image_features(inputs["pixel_values"].repeat(2, 1, 1, 1), image_sizes=size.repeat(2, 1))
        torch.testing.assert_close(both.pooler_output[1], plain, msg="images of one batch are kept apart afterwards")


def test_bfloat16_reads_the_same(folder: Path, pages: list[Page], texts: list[str]) -> None:
    engine = LightOnOCR(replace(GREEDY, model=str(folder / "model"), dtype="bfloat16", batch_size=8))
    assert markdown(engine.recognize(pages)) == texts
    assert engine.load().model.dtype == torch.bfloat16


def test_a_page_that_fails_costs_itself(make: Make, pages: list[Page], texts: list[str]) -> None:
    tiny = Page("fixtures", 90, Image.new("RGB", (1, 1)), None, (1.0, 1.0))
    none = Page("fixtures", 91, None, None, (1.0, 1.0))
    results = make(batch_size=3).recognize([pages[0], tiny, pages[1], none, pages[2]])
    assert markdown([results[n] for n in (0, 2, 4)]) == texts[:3]
    for result, number, part in ((results[1], 90, "too small"), (results[3], 91, "no image")):
        assert isinstance(result, Failure)
        assert (result.page, result.stage, result.doc_id) == (number, "ocr", "fixtures")
        assert part in result.reason


@pytest.mark.parametrize(("decoder", "method"), [("loop", "_looped"), ("generate", "_generated")])
def test_a_batch_that_does_not_fit_is_halved(
    make: Make, pages: list[Page], texts: list[str], monkeypatch: pytest.MonkeyPatch, decoder: str, method: str
) -> None:
    write, batches = getattr(Loaded, method), []

    def short_of_memory(self: Loaded, images: Any, *rest: Any) -> Any:
        batches.append(len(images))
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return write(self, images, *rest)

    monkeypatch.setattr(Loaded, method, short_of_memory)
    assert markdown(make(batch_size=8, decoder=decoder).recognize(pages[:8])) == texts[:8]
    assert batches == [8, 4, 2, 2, 4, 2, 2]


def test_a_page_that_never_fits_is_a_failure_and_the_others_are_read(
    make: Make, pages: list[Page], texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    features = Loaded._features

    def fails_on_large(self: Loaded, image: Image.Image, pixels: torch.Tensor) -> torch.Tensor:
        if image.width > 301:
            raise torch.OutOfMemoryError("CUDA out of memory\nmore lines")
        return features(self, image, pixels)

    monkeypatch.setattr(Loaded, "_features", fails_on_large)
    results = make(batch_size=8).recognize(pages[:8])
    assert [n for n, result in enumerate(results) if isinstance(result, Failure)] == [5]
    failure = results.pop(5)
    assert isinstance(failure, Failure)
    assert failure.reason == "OutOfMemoryError: CUDA out of memory"
    assert markdown(results) == texts[:5] + texts[6:8]


def test_the_token_limit_is_said(make: Make, pages: list[Page], texts: list[str]) -> None:
    exact = len(texts[0].encode())
    for most, reason in ((20, "length"), (exact, "length"), (exact + 1, "stop")):
        (result,) = make(max_new_tokens=most).recognize(pages[:1])
        assert isinstance(result, PageMarkdown)
        assert result.finish_reason == reason
        assert result.markdown == texts[0].encode()[:most].decode().strip()


def test_the_position_limit_ends_each_page_by_itself(
    make: Make, pages: list[Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    def positions(batch_size: int) -> list[tuple[str, str]]:
        engine = make(batch_size=batch_size)
        monkeypatch.setattr(engine.load(), "max_positions", 190)
        results = engine.recognize(pages[:6])
        return [(r.markdown, r.finish_reason) for r in results if isinstance(r, PageMarkdown)]

    assert positions(1) == positions(6)
    assert {reason for _, reason in positions(6)} == {"stop", "length"}
    engine = make(batch_size=6)
    monkeypatch.setattr(engine.load(), "max_positions", 120)
    failures = [result for result in engine.recognize(pages) if isinstance(result, Failure)]
    assert 0 < len(failures) < len(pages)
    assert all("positions" in failure.reason for failure in failures)


def test_sampling_repeats_by_seed_and_ignores_the_batch(make: Make, pages: list[Page]) -> None:
    unknown = [noise(n) for n in range(1, 4)]
    hot = {"temperature": 1.5, "top_p": 0.95, "max_new_tokens": 40}
    first = markdown(make(**hot, batch_size=3).recognize(unknown))
    assert len(set(first)) == 3
    assert markdown(make(**hot, batch_size=3).recognize(unknown)) == first
    assert markdown(make(**hot, batch_size=1).recognize(unknown)) == first
    assert markdown(make(**hot, batch_size=2).recognize([pages[13], *unknown]))[1:] == first
    assert markdown(make(**hot, batch_size=3, seed=1).recognize(unknown)) != first


def test_the_recommended_sampling_reads_the_pages(make: Make, pages: list[Page], texts: list[str]) -> None:
    assert markdown(make(temperature=0.2, top_p=0.9, batch_size=8).recognize(pages)) == texts


def test_a_very_small_top_p_is_greedy(make: Make) -> None:
    (greedy,) = markdown(make(max_new_tokens=40).recognize([noise(1)]))
    assert markdown(make(max_new_tokens=40, temperature=2.0, top_p=1e-6).recognize([noise(1)])) == [greedy]


def test_fingerprint_follows_what_decides_the_text(make: Make, folder: Path) -> None:
    base = make().fingerprint
    assert len(base) == 16
    assert make(batch_size=7).fingerprint == base
    assert make(device="cuda", attention="eager").fingerprint == base
    assert make(seed=3, top_p=0.5).fingerprint == base, "greedy ignores the seed and top_p"
    changed = [
        make(temperature=0.2),
        make(temperature=0.2, seed=1),
        make(temperature=0.2, top_p=0.8),
        make(max_new_tokens=399),
        make(dtype="float16"),
        LightOnOCR(replace(GREEDY, model=str(folder / "model"))),
    ]
    assert len({base, *(engine.fingerprint for engine in changed)}) == 1 + len(changed)


def test_loading_and_reading_write_nothing(
    folder: Path, pages: list[Page], texts: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with ClosedTwice(replace(GREEDY, model=str(folder / "model"))) as engine:
        assert isinstance(engine, Engine)
        assert markdown(engine.recognize(pages[:2])) == texts[:2]
        engine.close()
        assert markdown(engine.recognize(pages[2:3])) == texts[2:3], "it loads again"
    assert engine.recognize([]) == []
    assert capfd.readouterr() == ("", "")


class ClosedTwice:
    """Closes twice, as `Engine.close` allows."""

    def __init__(self, options: LightOnOcrOptions) -> None:
        self.engine = LightOnOCR(options)

    def __enter__(self) -> LightOnOCR:
        return self.engine

    def __exit__(self, *_: object) -> None:
        self.engine.close()
        self.engine.close()


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder / "model", tmp_path / "model"))


def test_a_hub_config_that_says_mistral3_is_read_quietly(
    copy: Path, pages: list[Page], texts: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "model_type": "mistral3"}))
    assert markdown(LightOnOCR(replace(GREEDY, model=str(copy))).recognize(pages[:1])) == texts[:1]
    assert capfd.readouterr() == ("", "")


def test_unreadable_weights_are_a_model_error(copy: Path, pages: list[Page]) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="can't be loaded"):
        LightOnOCR(replace(GREEDY, model=str(copy))).recognize(pages[:1])


def test_weights_that_lack_a_tensor_are_a_model_error(copy: Path, pages: list[Page]) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(copy / "model.safetensors")
    tensors.pop("model.vision_projection.linear_1.weight")
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lack 1 tensors, model\.vision_projection\.linear_1\.weight"):
        LightOnOCR(replace(GREEDY, model=str(copy))).recognize(pages[:1])


def test_a_closed_engine_over_loaded_objects_says_so(folder: Path, pages: list[Page]) -> None:
    own = load(folder / "model", "cpu", "auto", "auto")
    engine = LightOnOCR.from_loaded(own.model, own.processor, GREEDY)
    engine.close()
    with pytest.raises(ConfigError, match="closed"):
        engine.recognize(pages[:1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": -1},
        {"max_new_tokens": 0},
        {"temperature": 2.1},
        {"top_p": 0},
        {"top_p": 1.1},
        {"seed": -1},
        {"device": "gpu"},
        {"dtype": "int8"},
        {"attention": "fast"},
        {"model": ""},
    ],
)
def test_options_out_of_range_name_themselves(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"ocr.{next(iter(wrong))}"):
        LightOnOcrOptions(**wrong)


def test_the_device_is_one_that_torch_can_use() -> None:
    assert accelerator() == ("cuda" if torch.cuda.is_available() else None) or torch.backends.mps.is_available()
