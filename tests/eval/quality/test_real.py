"""On real papers: a text equals itself, a planted fault is seen, and a parser known to be good is near the truth."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from eval.datasets import data_folder
from eval.quality import arm_quality
from eval.quality.measure import document_quality

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def truth() -> dict[str, str]:
    files = sorted((data_folder() / "gt-markdown").glob("*.md"))
    if not files:
        pytest.skip(f"no ground truth in {data_folder() / 'gt-markdown'}")
    return {path.stem: path.read_text(encoding="utf-8") for path in files}


def _ohr_bench(side: str) -> dict[str, str]:
    folder = data_folder() / "ohr-bench" / side / "paper"
    if not folder.is_dir():
        pytest.skip(f"no OHR-Bench in {folder}")
    return {path.stem: _pages(path) for path in sorted(folder.glob("*.json"))}


def _pages(path: Path) -> str:
    pages = json.loads(path.read_text(encoding="utf-8"))
    return "\n\n".join(page["text"] for page in sorted(pages, key=lambda page: page["page_idx"]))


def test_every_paper_equals_itself(truth: dict[str, str]) -> None:
    started = time.perf_counter()
    measured = arm_quality(truth, truth)
    assert time.perf_counter() - started < 15 * len(truth)
    assert measured.pop("extra_tables")["mean"] == 0.0
    assert {name: measure["low"] for name, measure in measured.items()} == dict.fromkeys(measured, 1.0)
    assert measured["teds"]["items"] > 40
    assert measured["formula_exact"]["items"] > 250


def test_a_lost_section_and_swapped_ones(truth: dict[str, str]) -> None:
    paper = truth["1706.03762"]
    sections = re.split(r"^(?=# )", paper, flags=re.MULTILINE)
    assert len(sections) > 4
    lost = document_quality("".join(sections[:2] + sections[3:]), paper).text
    swapped = document_quality("".join([*sections[:2], sections[3], sections[2], *sections[4:]]), paper).text
    assert lost is not None
    assert swapped is not None
    assert lost.edit_similarity == pytest.approx(lost.kept, abs=0.05)
    assert lost.edit_similarity < 0.97
    assert lost.reading_order == 1.0
    assert swapped.edit_similarity > 0.99
    assert swapped.reading_order is not None
    assert swapped.reading_order < 0.95


def test_mineru_reads_papers_well_but_not_perfectly() -> None:
    measured = arm_quality(_ohr_bench("MinerU"), _ohr_bench("gt"))
    assert 0.90 < measured["edit_similarity"]["mean"] < 0.99
    assert 0.90 < measured["reading_order"]["mean"] <= 1.0
    assert 0.60 < measured["teds"]["mean"] < measured["teds_structure"]["mean"] < 0.95
    assert 0.40 < measured["formula_exact"]["mean"] < measured["formula_similarity"]["mean"] < 0.99
    assert measured["teds"]["items"] > 80


def test_another_paper_is_far_away(truth: dict[str, str]) -> None:
    other = arm_quality({"a": truth["celerite"]}, {"a": truth["1706.03762"]})
    assert other["edit_similarity"]["mean"] < 0.4
    assert other["text_kept"]["mean"] < 0.5
    assert other["teds"]["mean"] == 0.0
    assert other["formula_exact"]["mean"] == 0.0
