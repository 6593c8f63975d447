"""Every loader keeps the same contract, on folders written in the real formats; wrong ones are refused with a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eval.datasets import DATASETS, FORMATS, GROUND_TRUTH, Dataset, Gold, Question, data_folder, load_dataset
from eval.relevance import QuestionJudge, judge
from rag_ingest.errors import ConfigError
from tests.eval.dataset_folders import FOLDERS, GATE, ohr_folder, own_folder, write

BUILT = ["builtin", *FOLDERS]


def load(name: str, folder: Path) -> Dataset:
    return load_dataset(f"{name}:{FOLDERS[name](folder)}" if name in FOLDERS else name)


def test_every_format_is_tested() -> None:
    assert set(FOLDERS) == set(FORMATS)


def keeps_the_contract(dataset: Dataset) -> None:
    docs = set(dataset.docs)
    assert docs
    assert dataset.questions
    assert len({q.id for q in dataset.questions}) == len(dataset.questions)
    assert {q.stratum for q in dataset.questions} == set(dataset.strata)
    assert all(gold.doc in docs and min(gold.pages, default=1) >= 1 for q in dataset.questions for gold in q.golds)
    assert all(q.question.strip() for q in dataset.questions)
    for source in dataset.sources:
        texts = dataset.texts(source)
        assert texts.keys() <= docs
        assert all(isinstance(page, str) for pages in texts.values() for page in pages)
    assert all(judge(question).docs <= docs for question in dataset.questions)
    first = dataset.questions[0].doc
    part = dataset.only((first,))
    assert set(part.docs) == {first}
    assert all(gold.doc == first for q in part.questions for gold in q.golds)
    with pytest.raises(ConfigError, match="nowhere"):
        dataset.only(("nowhere",))


@pytest.mark.parametrize("name", BUILT)
def test_contract(name: str, tmp_path: Path) -> None:
    keeps_the_contract(load(name, tmp_path))


@pytest.mark.real
@pytest.mark.parametrize("name", [name for name in DATASETS if name != "builtin"])
def test_contract_on_real_data(name: str) -> None:
    if not data_folder().is_dir():
        pytest.skip(f"no {data_folder()}: set RAG_INGEST_DATA")
    keeps_the_contract(load_dataset(name))


@pytest.mark.parametrize("name", ["beir", "ohr-bench", "open-rag-bench", "jsonl"])
def test_evidence_is_relevant_in_the_ready_markdown(name: str, tmp_path: Path) -> None:
    dataset = load(name, tmp_path)
    texts = dataset.texts(GROUND_TRUTH)
    for question in dataset.questions:
        if question.doc in texts and question.stratum != "reading_order":
            assert judge(question).relevant(question.doc, "\n".join(texts[question.doc])), question.id


def test_beir_any_judged_document_counts_and_grades_of_zero_do_not(tmp_path: Path) -> None:
    dataset = load("beir", tmp_path)
    assert [q.id for q in dataset.questions] == ["q1", "q3"]
    gate = judge(dataset.questions[0])
    assert gate.docs == {"d1", "d3"}
    assert gate.relevant("d1", "Any passage")
    assert not gate.relevant("d2", "Any passage")
    assert not gate.relevant("d1", " | ")
    assert dataset.texts(GROUND_TRUTH)["d1"] == (f"# Gates\n\n{GATE}",)


def test_ohr_bench_pages_count_from_one_and_left_out_pages_are_empty(tmp_path: Path) -> None:
    dataset = load("ohr-bench", tmp_path)
    assert dataset.sources == (GROUND_TRUTH, "MinerU")
    assert dataset.texts(GROUND_TRUTH)["manual/weir"][:2] == ("# Manual", "")
    assert [q.stratum for q in dataset.questions] == ["prose", "table", "reading_order"]
    assert [q.golds[0].pages for q in dataset.questions] == [(3,), (3,), (1, 3)]
    assert dataset.papers == {}


def test_ohr_bench_leaves_out_pdfs_of_another_version(tmp_path: Path) -> None:
    folder = ohr_folder(tmp_path)
    write(folder / "pdfs" / "manual" / "weir.pdf", "%PDF-1.4")
    assert set(load_dataset(f"ohr-bench:{folder}").papers) == {"manual/weir"}
    write(folder / "pdfs" / "PROVENANCE.json", {"manual/weir": {"version_note": "a later one"}})
    assert load_dataset(f"ohr-bench:{folder}").papers == {}


def test_ohr_bench_is_read_where_upstream_puts_it(tmp_path: Path) -> None:
    ohr_folder(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "retrieval_base").mkdir()
    for name in ("gt", "MinerU"):
        (tmp_path / name).rename(tmp_path / "retrieval_base" / name)
    (tmp_path / "retrieval_base").rename(tmp_path / "data" / "retrieval_base")
    (tmp_path / "qas.json").rename(tmp_path / "data" / "qas_v2.json")
    assert len(load_dataset(f"ohr-bench:{tmp_path}").questions) == 3


def test_open_rag_bench_gold_is_the_section_with_its_table(tmp_path: Path) -> None:
    dataset = load("open-rag-bench", tmp_path)
    (question,) = dataset.questions
    (text,) = dataset.texts(GROUND_TRUTH)[question.doc]
    assert text.startswith("# Weirs\n\n## Abstract")
    assert "| North | 3.5 |" in text
    assert "img-0" not in text
    section = judge(question)
    assert section.relevant(question.doc, f"Gates {GATE}")
    assert not section.relevant(question.doc, "We study weirs and the pumps that keep the polder dry.")
    assert not section.relevant(question.doc, "Gates")


def test_own_set_with_places_in_two_documents(tmp_path: Path) -> None:
    dataset = load("jsonl", tmp_path)
    first, second, _ = dataset.questions
    assert dataset.strata == ("prose", "formula", "odd")
    assert second.id == "2"
    assert first.golds[1] == Gold("pump", {"text": "the gate is shut"}, (1,))
    both: QuestionJudge = judge(first)
    assert both.relevant("weir", GATE)
    assert both.relevant("pump", "So the gate is shut.")
    assert not both.relevant("pump", GATE)
    left = dataset.only(("pump",)).questions[0]
    assert (left.doc, left.page, left.also) == ("pump", 1, ())


def test_own_set_lists_documents_elsewhere(tmp_path: Path) -> None:
    folder = own_folder(tmp_path / "set")
    for doc in ("weir.md", "pump.pdf"):
        (folder / "papers" / doc).rename(tmp_path / doc)
    write(folder / "dataset.json", {"documents": {"pump": "../pump.pdf"}, "markdown": {"weir": "../weir.md"}})
    dataset = load_dataset("jsonl:set", tmp_path)
    assert dataset.docs == ("pump", "weir")
    assert GATE in dataset.texts(GROUND_TRUTH)["weir"][0]


def test_a_path_is_looked_for_beside_the_suite_then_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own_folder(tmp_path / "here")
    assert load_dataset("jsonl:here", tmp_path / "suites").name == "here"
    own_folder(tmp_path / "suites" / "here")
    (tmp_path / "suites" / "here" / "papers" / "more.md").write_text("x", encoding="utf-8")
    assert "more" in load_dataset("jsonl:here", tmp_path / "suites").docs


@pytest.mark.parametrize("name", ["beirs:x", "beir:", "jsonl:/nowhere/at/all"])
def test_unknown_names_and_places_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"known: .*jsonl:PATH|no such file or folder"):
        load_dataset(name)


def test_a_dataset_checks_itself() -> None:
    def ask(**change: Any) -> Question:
        return Question(**{"id": "q", "doc": "a", "question": "?", "answer": "", "stratum": "prose", "page": 1,
                           "evidence": {"text": "x"}} | change)  # fmt: skip

    papers = {"a": Path("a.pdf")}
    assert Dataset("d", papers, {}, (ask(),)).docs == ("a",)
    with pytest.raises(ConfigError, match="unknown paper 'b'"):
        Dataset("d", papers, {}, (ask(also=(Gold("b", {"text": "x"}),)),))
    with pytest.raises(ConfigError, match="unknown stratum 'odd'"):
        Dataset("d", papers, {}, (ask(stratum="odd"),))
    with pytest.raises(ConfigError, match="two questions"):
        Dataset("d", papers, {}, (ask(), ask()))
    with pytest.raises(ConfigError, match=r"no Markdown from 'MinerU' \(sources: none\)"):
        Dataset("d", papers, {}, ()).texts("MinerU")
