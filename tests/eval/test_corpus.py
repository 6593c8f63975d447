"""The built-in papers come from their sources, and every question's evidence stands where it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from eval.corpus.build import PAPERS, compile_paper
from eval.normalise import tex_tokens, text_tokens
from eval.relevance import Judge

CORPUS = Path(__file__).resolve().parents[2] / "eval" / "corpus"
QUESTIONS = [json.loads(line) for line in (CORPUS / "questions.jsonl").read_text(encoding="utf-8").splitlines()]

READ_PAGES = """
import json, sys, pypdfium2
pdf = pypdfium2.PdfDocument(sys.argv[1])
json.dump([page.get_textpage().get_text_range() for page in pdf], sys.stdout)
"""


def pages_of(pdf: Path) -> list[str]:
    """Text of each page; in a process of its own, because PDFium must not share one."""
    done = subprocess.run([sys.executable, "-c", READ_PAGES, pdf], capture_output=True, check=True)
    return list(json.loads(done.stdout))


@pytest.fixture(scope="module")
def pages() -> dict[str, list[str]]:
    return {name: pages_of(CORPUS / f"{name}.pdf") for name in PAPERS}


def ids(question: dict[str, Any]) -> str:
    return str(question["id"])


@pytest.mark.parametrize("name", PAPERS)
def test_committed_pdf_is_what_the_source_says(name: str, pages: dict[str, list[str]], tmp_path: Path) -> None:
    rebuilt = tmp_path / "rebuilt.pdf"
    rebuilt.write_bytes(compile_paper(name))
    assert pages_of(rebuilt) == pages[name]


@pytest.mark.parametrize("name", PAPERS)
def test_two_builds_give_the_same_bytes(name: str) -> None:
    assert compile_paper(name) == compile_paper(name)


@pytest.mark.parametrize("name", PAPERS)
def test_papers_are_rich_and_marked_as_fiction(name: str, pages: dict[str, list[str]]) -> None:
    text = "\n".join(pages[name])
    assert 3 <= len(pages[name]) <= 4
    assert len(text.split()) >= 1200
    assert "fictional demonstration paper" in " ".join(pages[name][0].split())
    assert "\ufffe" in text or "\u00ad" in text, "no word is hyphenated at a line end"
    assert {"drift", "lag", "calibration", "threshold"} & set(text_tokens(text))


def test_questions_are_balanced_and_unique() -> None:
    assert Counter(q["stratum"] for q in QUESTIONS) == {"prose": 4, "table": 4, "formula": 4}
    assert len({q["id"] for q in QUESTIONS}) == len(QUESTIONS)
    assert {q["doc"] for q in QUESTIONS} == set(PAPERS)


@pytest.mark.parametrize("question", [q for q in QUESTIONS if q["stratum"] == "prose"], ids=ids)
def test_prose_evidence_stands_word_for_word(question: dict[str, Any], pages: dict[str, list[str]]) -> None:
    wanted = " ".join(text_tokens(question["evidence"]["text"]))
    assert wanted in " ".join(text_tokens(pages[question["doc"]][question["page"] - 1]))
    assert wanted in " ".join(text_tokens(source_of(question)))


@pytest.mark.parametrize("question", [q for q in QUESTIONS if q["stratum"] == "table"], ids=ids)
def test_table_evidence_is_that_cell(question: dict[str, Any], pages: dict[str, list[str]]) -> None:
    evidence = question["evidence"]
    page = pages[question["doc"]][question["page"] - 1]
    columns, rows = source_table(source_of(question), evidence["caption"])
    assert rows[evidence["row"]][columns.index(plain(evidence["column"]))] == evidence["value"]
    assert [evidence["row"], evidence["column"], evidence["value"]] in evidence["cells"]
    assert any(line.startswith(evidence["row"]) and evidence["value"] in line.split() for line in page.splitlines())
    assert Judge(evidence).relevant(page)


@pytest.mark.parametrize("question", [q for q in QUESTIONS if q["stratum"] == "formula"], ids=ids)
def test_formula_evidence_is_that_equation(question: dict[str, Any], pages: dict[str, list[str]]) -> None:
    evidence = question["evidence"]
    page = pages[question["doc"]][question["page"] - 1]
    assert f"#eq(`{evidence['tex']}`" in source_of(question)
    assert " ".join(text_tokens(evidence["lead"])) in " ".join(text_tokens(page))
    symbols = Counter(t for t in tex_tokens(evidence["tex"]) if t not in {"_", "^", r"\frac"})
    assert not symbols - Counter(tex_tokens(page)), "the page lacks symbols of the TeX"


@pytest.mark.parametrize("question", QUESTIONS, ids=ids)
def test_no_other_paper_answers(question: dict[str, Any], pages: dict[str, list[str]]) -> None:
    judge = Judge(question["evidence"])
    assert not any(judge.relevant(page) for name in PAPERS if name != question["doc"] for page in pages[name])


def source_of(question: dict[str, Any]) -> str:
    return (CORPUS / f"{question['doc']}.typ").read_text(encoding="utf-8")


def plain(text: str) -> str:
    return " ".join(text_tokens(text))


def source_table(source: str, caption: str) -> tuple[list[str], dict[str, list[str]]]:
    """Columns (first one included) with joined headers, and the cells of each row by its label."""
    for block in source.split("#data-table(")[1:]:
        found = re.search(r"caption: \[(.+?)\],\n", block)
        assert found is not None
        if plain(re.sub(r"\$(\w+)\$", r"$\\\1$", found[1])) != plain(caption) and plain(found[1]) != plain(caption):
            continue
        head, _, body = block.partition("rule-mid,")
        flat: list[str] = []
        sub = [plain(re.sub(r"\$(\w{2,})", r"$\\\1", c)) for c in re.findall(r"\[([^\[\]]*)\],?(?=[ \n])", lower(head))]
        for kind, number, name in re.findall(r"table\.cell\((rowspan|colspan): (\d+)[^)]*\)\[([^\]]*)\]", head):
            flat += [plain(name)] if kind == "rowspan" else [f"{plain(name)} {sub.pop(0)}" for _ in range(int(number))]
        lines = [re.findall(r"\[([^\]]*)\]", line) for line in body.split("rule-bottom")[0].splitlines()]
        return flat, {cells[0]: cells for cells in lines if cells}
    raise AssertionError(f"no table with the caption {caption!r}")


def lower(head: str) -> str:
    """The second header row: the line of plain cells before the header closes."""
    return [line + "\n" for line in head.splitlines() if line.strip().startswith("[")][-1]
