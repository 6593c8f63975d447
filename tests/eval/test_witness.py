"""Faults planted into Markdown, and limits chosen from clean pages."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from eval.corruptions import CORRUPTIONS, blocks, paragraphs
from eval.datasets import data_folder
from eval.witness import choose_limits, olmocr_cases, rate
from rag_ingest.ocr.witness import Witness, compare

PARAGRAPHS = [
    " ".join(f"{topic} number {n} of {n + 10} is said in words" for n in range(12, 24))
    for topic in ("Retrieval", "Splitting", "Recognition")
]
PAGE = "\n\n".join(["# Heading", PARAGRAPHS[0], "<table><tr><td>12.5</td></tr></table>", *PARAGRAPHS[1:]])
OTHER = " ".join(["A page about something else entirely"] * 9)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_fault_changes_the_page_the_same_way_each_time(name: str):
    faulty = [CORRUPTIONS[name](PAGE, [OTHER], random.Random(3)) for _ in range(2)]
    assert faulty[0] == faulty[1]
    assert faulty[0] is not None
    assert faulty[0] != PAGE


@pytest.mark.parametrize(
    "name", [name for name in CORRUPTIONS if name not in ("last 10 % cut off", "last 30 % cut off")]
)
def test_markup_stays_as_it_is(name: str):
    faulty = CORRUPTIONS[name](PAGE, [OTHER], random.Random(3))
    assert faulty is not None
    assert "# Heading" in faulty
    assert faulty.count("<td>") == faulty.count("</td>") == 1


def test_a_page_without_text_has_nothing_to_harm():
    assert [CORRUPTIONS[name]("![image](image_1.png)", [OTHER], random.Random(1)) for name in CORRUPTIONS] == (
        [None] * len(CORRUPTIONS)
    )


def test_paragraphs_are_running_text():
    assert [blocks(PAGE)[at] for at in paragraphs(PAGE)] == PARAGRAPHS


def test_limits_hold_the_share_of_false_alarms():
    clean = [Witness(1 - n / 1000, 1.0, 0.9, 1.0, words=100) for n in range(100)]
    limits = choose_limits(clean, 0.02)
    assert rate(clean, limits) <= 0.02
    assert rate([Witness(0.5, 1.0, 0.9, 1.0, words=100)], limits) == 1.0


@pytest.mark.real
def test_what_olmocr_wrote_of_real_pages():
    """Judged by eye: one page was left empty, one ISSN lost a digit, and a page of plain prose is right."""
    if not (data_folder() / "olmocr").is_dir():
        pytest.skip("no olmOCR-bench sample")
    refused: Counter[str] = Counter()
    found = {case.doc.partition("_pg")[0]: compare(case.markdown, case.words) for case in olmocr_cases(refused)}
    assert found["headers_footers/ffaac214730d2b8c2ec842e3618ccb9c4259"].recall == 0
    assert "misread" in found["multi_column_miss.pdf"].below()
    assert found["headers_footers/ff0f0b22c55d8b90dd77d153f48e144fc9db"].below() == ()
    assert refused["invisible"] == 1
