"""`python -m eval init`: the same papers give the same set, which the harness then reads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eval.__main__ import app
from eval.datasets import ROOT, data_folder, load_dataset
from eval.init.ask import Corpus, questions
from eval.init.find import find_pdfs, find_source
from eval.init.source import Formula, Source, Table
from eval.init.write import BIASES
from eval.relevance import judge
from eval.suite import load_suite
from rag_ingest.errors import ConfigError

SENTENCE = "Spartina seedlings colonised the brackish mudflat where dredged sediment had buried the former oyster bank."
OTHERS = tuple(f"A filler sentence number {n} says that the water of the weir rises at night." for n in "abcdefgh")
LEVELS = Table("Levels of sluice gates at the weir", ("Gate", "Day level", "Night level"), (("North", "3.51", "4.02"),
               ("South", "3.51", "2.70"), ("East", "1.15", "1.15")))  # fmt: skip
DELAY = Formula("d = a_0 + b_1 s^2 + c T", "The hydraulic delay of brackish sediment depends on salinity as")


def asked(*paragraphs: str, tables: tuple[Table, ...] = (), formulas: tuple[Formula, ...] = ()) -> dict[str, list[str]]:
    source = Source("TeX", (*paragraphs, *OTHERS), tables, formulas)
    return {s: [q.question for q in found] for s, found in questions(source, Corpus({"a": source})).items()}


def test_a_known_item_is_asked_by_rare_words_and_not_verbatim() -> None:
    (question,) = asked(SENTENCE)["prose"]
    words = question.split()
    assert 5 <= len(words) <= 7
    assert set(words) <= {word.strip(".").lower() for word in SENTENCE.split()}
    assert not any(" ".join(words[i : i + 4]) in SENTENCE.lower() for i in range(len(words) - 3))
    assert "water" not in words


def test_what_two_sentences_say_is_not_asked() -> None:
    assert asked(SENTENCE, SENTENCE.replace("seedlings", "plants"))["prose"] == []


def test_cells_are_asked_when_their_labels_and_value_are_alone() -> None:
    found = asked(tables=(LEVELS,))["table"]
    expected = ["Day level for North", "Night level for North", "Day level for South", "Night level for South"]
    assert found == [f"Levels of sluice gates at the weir: {end}" for end in expected]
    same = Table(LEVELS.caption, LEVELS.columns, (*LEVELS.rows, ("North", "9.11", "9.22")))
    assert not any("North" in question for question in asked(tables=(same,))["table"])
    assert asked(tables=(Table("", LEVELS.columns, LEVELS.rows),))["table"] == []


def test_a_formula_is_asked_by_the_sentence_that_leads_to_it() -> None:
    assert asked(formulas=(DELAY,))["formula"] == ["equation: hydraulic delay brackish sediment depends salinity"]
    assert asked(formulas=(DELAY, DELAY))["formula"] == []
    assert asked(formulas=(Formula("a = b", DELAY.lead),))["formula"] == []
    assert asked(formulas=(Formula(DELAY.tex, DELAY.lead + " before."),))["formula"] == []


def put(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        text = r"\documentclass{a}\begin{document}x\end{document}" if file.suffix == ".tex" else "<article/>"
        file.write_text(text, encoding="utf-8")


def test_papers_are_called_by_stem_folder_or_path(tmp_path: Path) -> None:
    put(*(tmp_path / p for p in ("a.pdf", "x/paper.pdf", "y/paper.pdf", "p/z/main.pdf", "q/z/main.PDF")))
    assert list(find_pdfs(tmp_path)) == ["a", "p/z/main", "q/z/main", "x", "y"]
    with pytest.raises(ConfigError, match="no PDFs"):
        find_pdfs(_empty(tmp_path))
    with pytest.raises(ConfigError, match="is no folder"):
        find_pdfs(tmp_path / "nowhere")


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


@pytest.mark.parametrize(
    "place", ["a.tex", "a.nxml", "a/src/main.tex", "other.tex", "sources/a.xml", "sources/a/b.tex"]
)
def test_sources_are_found_beside_the_pdf_or_in_a_folder(place: str, tmp_path: Path) -> None:
    put(tmp_path / "a.pdf", tmp_path / place)
    found = find_source("a", tmp_path / "a.pdf", tmp_path / "sources", lone=place == "other.tex")
    assert found == tmp_path / place
    (tmp_path / place).unlink()
    assert find_source("a", tmp_path / "a.pdf", tmp_path / "sources", lone=True) is None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two of the built-in papers, which have a text layer alone, and a file that is no PDF."""
    papers = tmp_path / "papers"
    papers.mkdir()
    for name in ("bus-holding", "tide-gauges"):
        source = next((ROOT / "eval" / "corpus").rglob(f"{name}.pdf"))
        (papers / f"{name}.pdf").write_bytes(source.read_bytes())
    (papers / "broken.pdf").write_text("no PDF", encoding="utf-8")
    return papers


def test_the_command_makes_a_set_that_the_harness_reads(folder: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["init", str(folder), "--out", str(tmp_path / "set"), "--max", "5"])
    assert done.exit_code == 3, "a paper is lost"
    assert "broken: left out" in done.stderr
    assert all(bias in done.stderr for bias in BIASES)
    dataset = load_dataset(load_suite(tmp_path / "set" / "suite.toml").dataset, tmp_path / "set")
    assert set(dataset.docs) == {"bus-holding", "tide-gauges"}
    assert len(dataset.questions) == 5
    assert all(judge(q).relevant(q.doc, q.answer) and q.page for q in dataset.questions)
    assert "broken" in json.loads((tmp_path / "set" / "dataset.json").read_text(encoding="utf-8"))["left_out"]
    assert all(bias in (tmp_path / "set" / "README.md").read_text(encoding="utf-8") for bias in BIASES)


def test_a_copy_of_a_paper_is_left_out(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.pdf").write_bytes((folder / "bus-holding.pdf").read_bytes())
    out = tmp_path / "my set"
    done = CliRunner().invoke(app, ["init", str(folder), "--out", str(out)])
    assert done.exit_code == 3
    assert "bus-holding: left out, a copy of broken" in done.stderr
    assert set(load_dataset("jsonl:.", out).docs) == {"broken", "tide-gauges"}
    assert f"run '{out}/suite.toml'" in done.stdout, "a path with a space can be pasted"


def test_same_papers_same_seed_same_files(folder: Path, tmp_path: Path) -> None:
    made = []
    for out, seed in (("one", "0"), ("two", "0"), ("three", "7")):
        CliRunner().invoke(app, ["init", str(folder), "--out", str(tmp_path / out), "--seed", seed])
        files = ("questions.jsonl", "dataset.json", "suite.toml")
        made.append([(tmp_path / out / name).read_text(encoding="utf-8") for name in files])
    assert made[0] == made[1]
    assert made[0][0] != made[2][0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["nowhere"], "is no folder"), (["."], "no PDFs in"), ([".", "--sources", "nowhere"], "--sources nowhere")],
)
def test_wrong_folders_are_refused(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["init", *arguments])
    assert done.exit_code == 2
    assert said in done.stderr
    assert not list(tmp_path.glob("*-eval"))


def test_no_readable_pdf_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "papers" / "a.pdf")
    done = CliRunner().invoke(app, ["init", str(tmp_path / "papers"), "--out", str(tmp_path / "set")])
    assert done.exit_code == 2
    assert "can be read" in done.stderr


@pytest.mark.real
@pytest.mark.slow
def test_real_papers_give_all_three_kinds_with_evidence_on_their_pages(tmp_path: Path) -> None:
    if not (data_folder() / "papers").is_dir():
        pytest.skip(f"no {data_folder() / 'papers'}: set RAG_INGEST_DATA")
    for paper in ("1706.03762", "9802040", "PMC3178181", "PMC5376420", "celerite", "dynonet"):
        shutil.copytree(data_folder() / "papers" / paper, tmp_path / "papers" / paper)
    done = CliRunner().invoke(app, ["init", str(tmp_path / "papers"), "--out", str(tmp_path / "set")])
    assert done.exit_code == 0
    dataset = load_dataset(f"jsonl:{tmp_path / 'set'}")
    assert dataset.strata == ("prose", "table", "formula")
    assert sum(bool(q.page) for q in dataset.questions) >= 0.95 * len(dataset.questions)
