"""Suites and datasets: wrong ones are refused with a line that says what is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from eval.datasets import DATASETS, load_dataset
from eval.relevance import Judge
from eval.suite import load_suite
from rag_ingest.errors import ConfigError

GOOD = """
name = "x"
dataset = "builtin"
baseline = "a"
[[arms]]
name = "a"
engine = "textlayer"
splitter = "sentence"
"""

SUITES = Path(__file__).resolve().parents[2] / "eval" / "suites"


@pytest.mark.parametrize("file", sorted(SUITES.glob("*.toml")), ids=lambda f: f.stem)
def test_shipped_suites_load(file: Path) -> None:
    suite = load_suite(file)
    assert suite.dataset in DATASETS
    assert "structure" in {arm.splitter for arm in suite.arms}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('name = "x"', 'name = "x"\nbase_line = "a"'), "base_line"),
        (('"a"\n[[', '"b"\n[['), "baseline 'b' is no arm"),
        (('splitter = "sentence"', 'splitter = "lines"'), "arms.0.splitter"),
        (('dataset = "builtin"', 'dataset = "builtin"\nbudgets = [10]'), "primary_budget"),
        (("[[arms]]", "[[arms"), "not TOML"),
        (('engine = "textlayer"', 'engine = "textlayer"\noverlap_tokens = -1'), "overlap_tokens"),
        (('engine = "textlayer"', 'engine = "textlayer"\nsplit.max_tokens = 9'), "not of 'sentence'"),
        (
            ('engine = "textlayer"', 'engine = "textlayer"\nmax_tokens = 9\noverlap_tokens = 9'),
            "less than max_tokens 9",
        ),
        (('dataset = "builtin"', 'dataset = "builtin"\nseed = -1'), "seed: .*greater than or equal to 0"),
        (('dataset = "builtin"', 'dataset = "builtin"\nbudgets = [1024, 1024]'), "must rise"),
        (('splitter = "sentence"', 'splitter = "structure"\nmax_tokens = 9'), "no max_tokens"),
        (('engine = "textlayer"', 'engine = "textlayer"\nwider = false'), "wider is an option"),
        (('engine = "textlayer"', 'engine = "textlayer"\noptional = true'), "can't be optional"),
        (('splitter = "sentence"', 'splitter = "structure"\nsplit.targt_tokens = 9'), "targt_tokens.*target_tokens"),
        (('splitter = "sentence"', 'splitter = "structure"\nsplit.min_tokens = "few"'), "split.min_tokens"),
    ],
)
def test_wrong_suites_are_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    file = tmp_path / "suite.toml"
    file.write_text(GOOD, encoding="utf-8")
    assert load_suite(file).baseline == "a"
    file.write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        load_suite(file)


def test_missing_suite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        load_suite(tmp_path / "none.toml")


def test_unknown_dataset_and_paper_are_refused() -> None:
    with pytest.raises(ConfigError, match="known: builtin, papers"):
        load_dataset("bultin")
    with pytest.raises(ConfigError, match="tides"):
        load_dataset("builtin").only(("tides",))


def test_papers_that_nothing_is_asked_about_are_refused() -> None:
    dataset = load_dataset("builtin")
    silent = replace(dataset, questions=tuple(q for q in dataset.questions if q.doc != "bus-holding"))
    with pytest.raises(ConfigError, match=r"no question .* is about bus-holding"):
        silent.only(("bus-holding",))


def test_a_folder_of_markdown_is_looked_for_beside_the_suite(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    file = tmp_path / "suite.toml"
    file.write_text(GOOD.replace("textlayer", "folder:own"), encoding="utf-8")
    assert load_suite(file).arms[0].engine == f"folder:{tmp_path / 'own'}"
    file.write_text(GOOD.replace("textlayer", "folder:elsewhere"), encoding="utf-8")
    assert load_suite(file).arms[0].engine == "folder:elsewhere"


def test_a_part_of_a_dataset_keeps_its_questions() -> None:
    part = load_dataset("builtin").only(("bus-holding",))
    assert {q.doc for q in part.questions} == set(part.papers) == {"bus-holding"}


def test_absent_real_papers_say_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAG_INGEST_DATA", str(tmp_path))
    with pytest.raises(ConfigError, match="RAG_INGEST_DATA"):
        load_dataset("papers")


@pytest.mark.real
def test_most_evidence_of_the_real_papers_is_in_their_ground_truth() -> None:
    dataset = load_dataset("papers")
    found = [
        Judge(q.evidence).relevant(dataset.ground_truth[q.doc].read_text(encoding="utf-8")) for q in dataset.questions
    ]
    assert sum(found) / len(found) >= 0.9, "the judge misses evidence that stands in the authors' own text"


@pytest.mark.real
def test_evidence_is_not_found_in_another_paper() -> None:
    dataset = load_dataset("papers")
    texts = {doc: path.read_text(encoding="utf-8") for doc, path in dataset.ground_truth.items()}
    judges = [(q.doc, Judge(q.evidence)) for q in dataset.questions if q.stratum != "table"]
    wrong = [
        (doc, other) for doc, judge in judges for other, text in texts.items() if doc != other and judge.relevant(text)
    ]
    assert wrong == []
