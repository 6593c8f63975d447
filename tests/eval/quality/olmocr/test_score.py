from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.datasets import data_folder
from eval.quality.katex import load_katex
from eval.quality.olmocr.pages import folder_pages
from eval.quality.olmocr.score import Dataset, load_dataset, run_cases, score, summarise
from rag_ingest.errors import ConfigError

ROWS = [
    {"pdf": "a.pdf", "page": 1, "id": "a1", "type": "present", "text": "oak", "checked": "verified", "url": None},
    {"pdf": "a.pdf", "page": 2, "id": "a2", "type": "absent", "text": "elm"},
    {"pdf": "b/c_pg1.pdf", "page": 1, "id": "c1", "type": "math", "math": "x=1"},
]
READY = {"a_pg1_repeat1.md": "an oak", "a_pg1_repeat2.md": "an elm", "a_pg2.md": "an ash", "b/c_pg1.md": "$x=1$"}


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    for name in ("a.pdf", "b/c_pg1.pdf"):
        path = tmp_path / "bench" / "pdfs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "bench" / "trees.jsonl").write_text("\n\n".join(map(json.dumps, ROWS)))
    for name, markdown in READY.items():
        path = tmp_path / "ready" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(markdown)
    return tmp_path


def test_scores_by_type_and_file(bench: Path) -> None:
    dataset = load_dataset(bench / "bench")
    scored = score(dataset, folder_pages(dataset, bench / "ready").pages)
    assert scored["by_type"]["present"] == {"pass_rate": 0.5, "low": 0.5, "high": 0.5, "n": 1, "passed": 0}
    assert scored["by_type"]["absent"]["pass_rate"] == scored["by_type"]["math"]["pass_rate"] == 1.0
    assert scored["by_type"]["baseline"]["n"] == 2
    assert scored["n"] == 5
    assert scored["pass_rate"] == pytest.approx(4.5 / 5)
    assert scored["overall"] == pytest.approx((2.5 / 3 + 1.0) / 2)
    assert [failure["id"] for failure in scored["failures"]] == ["a1"]
    assert scored["math"].startswith("MathML of KaTeX")


def test_a_page_that_was_not_read_fails(bench: Path) -> None:
    outcomes = run_cases(load_dataset(bench / "bench"), {})
    assert {outcome.score for outcome in outcomes} == {0.0}
    assert {outcome.why for outcome in outcomes} == {"page not read"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"type": "smell"}, "unknown type 'smell' (known: present"),
        ({"text": " "}, "text must not be empty"),
        ({"max_diffs": -1}, "max_diffs = -1"),
        ({"texts": "x"}, "unknown field texts"),
        ({"id": ""}, "pdf and id must not be empty"),
        ({"pdf": "z.pdf"}, "pdfs/z.pdf, which is not there"),
        ({"type": "order", "before": "abc", "after": "abcd", "max_diffs": 2}, "unknown field text"),
    ],
)
def test_a_line_that_is_no_test_is_named(bench: Path, row: dict[str, object], message: str) -> None:
    (bench / "bench" / "trees.jsonl").write_text(json.dumps({**ROWS[0], **row}))
    with pytest.raises(ConfigError) as error:
        load_dataset(bench / "bench")
    assert message in str(error.value)


def test_too_many_differences_and_ids_that_stand_twice(bench: Path) -> None:
    row = {"pdf": "a.pdf", "page": 1, "id": "o", "type": "order", "before": "abc", "after": "abcd", "max_diffs": 2}
    (bench / "bench" / "trees.jsonl").write_text(json.dumps(row))
    with pytest.raises(ConfigError, match=r"trees.jsonl:1 .* more than half of the text"):
        load_dataset(bench / "bench")
    (bench / "bench" / "trees.jsonl").write_text("\n".join(map(json.dumps, [ROWS[0], ROWS[0]])))
    with pytest.raises(ConfigError, match="two tests have the id 'a1'"):
        load_dataset(bench / "bench")


def test_a_folder_that_is_no_benchmark(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it has no folder pdfs/"):
        load_dataset(tmp_path)
    (tmp_path / "pdfs").mkdir()
    with pytest.raises(ConfigError, match=r"it has no \.jsonl file with tests"):
        load_dataset(tmp_path)


@pytest.fixture(scope="module")
def sample() -> Dataset:
    folder = data_folder() / "olmocr" / "sample_data"
    if not folder.is_dir():
        pytest.skip(f"no olmOCR-bench sample in {folder}")
    return load_dataset(folder)


@pytest.mark.real
def test_real_output_of_an_engine(sample: Dataset) -> None:
    """Judged by eye: what the engine's Markdown and the page's picture say about these tests."""
    katex = load_katex()
    assert not isinstance(katex, str)
    pages = folder_pages(sample, data_folder() / "olmocr" / "sample_data" / "olmocr_pipeline").pages
    outcomes = {outcome.case.id: outcome for outcome in run_cases(sample, pages, katex)}
    assert {id_ for id_, outcome in outcomes.items() if outcome.score < 1} == {
        "discoverworld_crazy_table4_02",  # GPT-40 for GPT-4O
        "mattsnotes_minediff_03",  # "Order by Repo"
        "building_notes_02",
        "lincoln_letter_minediff_00",  # "January 15th, 1864"
        "olmo2-pg4_table08",  # column of sources one row off
        "olmo2-discoverworld_crazy_table4_t02",  # its header row is lost
        "earnings_table00",  # "Year Ended" heads the first column
        "mathfuncs_06",  # formula missing
        "mathfuncscol_01",  # columns interleaved
        "test_graphical_text_00",
        "test_graphical_text_01",  # text in a picture not read
        "ff3d6e051903fe5ca9bc172ece14964c5632_01a",  # footer kept
        "headers_footers/ffaac214730d2b8c2ec842e3618ccb9c4259_pg1.pdf_baseline",  # empty file
    }
    assert outcomes["math_2503_04086_02"].score == 1.0
    assert summarise(list(outcomes.values()))["passed"] == 107
