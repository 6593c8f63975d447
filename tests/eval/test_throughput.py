"""Throughput on the small checkpoint: the told answers are written, and drafts from a layer save passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from eval.throughput import Dictated, Subject, measure, subject
from eval.throughput_pages import Sample, load, save
from rag_ingest.errors import ConfigError
from rag_ingest.types import TextLine

TEXT = "# A page\n\nIt has some words, and more of them than one draft holds.\n\nThen it ends."


def sample(number: int) -> Sample:
    lines = [line.strip("# ") for line in TEXT.split("\n") if line]
    layer = tuple(TextLine(line, (50.0, 30.0 * n, 500.0, 30.0 * n + 12)) for n, line in enumerate(lines))
    return Sample(Image.new("RGB", (300 + 40 * number, 400), (9 * number,) * 3), TEXT[number:], layer, 0.1)


@pytest.fixture(scope="module")
def what(root: Path) -> Subject:
    return subject([sample(n) for n in range(5)], root / "tests" / "tiny_lightonocr" / "model", "cpu", 448, 60)


def test_every_decoder_writes_what_it_is_told(what: Subject) -> None:
    lines = list(measure(what, rows=[2], batches=[2], temperature=0.2))
    assert [line["decoder"] for line in lines] == [
        "generate, batches of 2",
        "loop, 2 rows, without drafts",
        "loop, 2 rows, with drafts",
    ]
    assert all(line["tokens_s"] > line["pages_s"] > 0 for line in lines)
    assert lines[1]["passes"] == 3 * 59 == lines[0]["passes"], "three pairs of 60 tokens, the first from the prompt"
    assert lines[2]["passes"] < lines[1]["passes"] / 2
    assert {"vision", "prefill", "decode", "choose", "draft"} <= lines[2]["stages_s"].keys()
    assert sum(lines[1]["stages_s"].values()) < 1.5 * lines[1]["wall_s"]


@pytest.mark.parametrize("temperature", [0.0, 0.2])
def test_the_told_token_is_chosen_whatever_the_scores(temperature: float) -> None:
    scores = 5 * torch.randn(7, 300, generator=torch.Generator().manual_seed(0))
    told = torch.tensor([0, 299, 5, 5, 17, 200, 1])
    assert torch.equal(Dictated(temperature, 0.9).choose(scores, told.float()), told)


def test_saved_pages_are_the_same(tmp_path: Path) -> None:
    pages = [sample(n) for n in range(2)]
    save(pages, tmp_path)
    for before, after in zip(pages, load(tmp_path), strict=True):
        assert before.image.tobytes() == after.image.tobytes()
        assert _without_image(before) == _without_image(after)
    with pytest.raises(ConfigError, match=r"pages\.json"):
        load(tmp_path / "none")


def _without_image(page: Sample) -> Any:
    return replace(page, image=Image.new("RGB", (1, 1))).layer, page.target, page.render_s
