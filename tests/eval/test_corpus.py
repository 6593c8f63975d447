"""The built-in papers come from their Markdown, and every question's evidence stands in one of them alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pypdfium2 import PdfDocument

from eval.corpus.build import CORPUS, PAPERS, compile_paper
from eval.corpus.tables import Table, read_table
from eval.corpus.tex import to_typst
from eval.normalise import text_tokens
from eval.relevance import Judge
from rag_ingest import Config, ingest

QUESTIONS = [json.loads(line) for line in (CORPUS / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
TRUTH = {name: paper.truth.read_text(encoding="utf-8") for name, paper in PAPERS.items()}
SCANS = [name for name, paper in PAPERS.items() if paper.scanned]

RELATED = {
    "regularity": (
        ("bus-holding", "tram-priority", "trolley-boarding", "ferry-shuttle"),
        {"None", "Schedule", "Threshold"},
        {"Peak / $C_H$", "Peak / Wait", "Peak / Hold", "Off-peak / Wait"},
    ),
    "level error": (
        ("tide-gauges", "pressure-gauges", "radar-gauges"),
        {"Harrow Quay", "Selby Point", "Maren Lock", "Ostrand", "Tolle Bay", "Vig Skerry"},
        {"Installation / Range (m)"},
    ),
    "cells": (
        ("sodium-cells", "lfp-cells", "polymer-cells"),
        {"None", "FEC", "VC", "FEC + VC"},
        {"45 °C / Capacity", "45 °C / $R_{ct}$"},
    ),
    "cultures": (
        ("starter-kinetics", "kefir-drift", "cider-repitch"),
        {"1:10", "1:50", "1:100", "20 °C", "24 °C"},
        {"Acidity / First", "Acidity / Thirtieth", "Gas rate / Thirtieth"},
    ),
}
"""Groups of papers with the rows and columns that their tables share."""

READ_PAGES = """
import json, sys, pypdfium2
pdf = pypdfium2.PdfDocument(sys.stdin.buffer.read())
json.dump([page.get_textpage().get_text_range() for page in pdf], sys.stdout)
"""


def pages_of(pdf: bytes) -> list[str]:
    """Text of each page; in a process of its own, because PDFium must not share one."""
    done = subprocess.run([sys.executable, "-c", READ_PAGES], input=pdf, capture_output=True, check=True)
    return list(json.loads(done.stdout))


@pytest.fixture(scope="module")
def pages() -> dict[str, list[str]]:
    """Text of each page, of the scans as it was before they were scanned."""
    return {name: pages_of(compile_paper(name)) for name in PAPERS}


def ids(question: dict[str, Any]) -> str:
    return str(question["id"])


def of_stratum(stratum: str) -> list[dict[str, Any]]:
    return [q for q in QUESTIONS if q["stratum"] == stratum]


def tables(name: str) -> Mapping[str, Table]:
    """Caption to table."""
    found = re.findall(r"^Table \w+\. ([^\n]+)\n\n(<table>.+?</table>)$", TRUTH[name], re.MULTILINE | re.DOTALL)
    return {caption: read_table(table) for caption, table in found}


def test_committed_pdfs_are_what_the_sources_say() -> None:
    command = [sys.executable, "-m", "eval.corpus.build", "--check"]
    done = subprocess.run(command, cwd=CORPUS.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {p.stem for p in CORPUS.rglob("*.pdf")} == set(PAPERS)


@pytest.mark.parametrize("name", PAPERS)
def test_two_builds_give_the_same_bytes(name: str) -> None:
    assert compile_paper(name) == compile_paper(name)


def test_corpus_is_large_enough_and_small_on_disk() -> None:
    sizes = [paper.pdf.stat().st_size for paper in PAPERS.values()]
    assert len(PAPERS) >= 12
    assert len(SCANS) >= 3
    assert max(sizes) < 500_000
    assert sum(sizes) < 6_000_000


@pytest.mark.parametrize("name", PAPERS)
def test_papers_are_rich_and_marked_as_fiction(name: str, pages: dict[str, list[str]]) -> None:
    text, truth = "\n".join(pages[name]), TRUTH[name]
    assert 2 <= len(pages[name]) <= 6
    assert len(text.split()) >= 1200
    assert "fictional demonstration paper" in " ".join(pages[name][0].split())
    assert len(tables(name)) >= 2
    assert truth.count("$$\n") >= 2 * 4
    assert all(mark in truth for mark in ("\nFigure 1. ", "\n## References", "<sup>1</sup>"))


@pytest.mark.parametrize("name", PAPERS)
def test_page_shows_what_the_truth_says(name: str, pages: dict[str, list[str]]) -> None:
    shown = Counter(text_tokens(" ".join(pages[name])))
    prose = [line for line in TRUTH[name].splitlines() if line and "$" not in line and "<" not in line]
    said = Counter(text_tokens(" ".join(prose)))
    assert sum((said - shown).values()) <= 0.02 * said.total(), said - shown


def test_two_columns_hyphenate(pages: dict[str, list[str]]) -> None:
    columns = [name for name, paper in PAPERS.items() if paper.look in {"journal", "conference", "bulletin"}]
    assert len([name for name in columns if re.search("[\ufffe\u00ad]", "".join(pages[name]))]) >= 4


@pytest.mark.parametrize("name", SCANS)
def test_scans_have_no_text(name: str) -> None:
    texts = pages_of(PAPERS[name].pdf.read_bytes())
    assert texts
    assert not any(text.strip() for text in texts)


@pytest.mark.parametrize("group", RELATED)
def test_related_papers_share_rows_and_columns(group: str) -> None:
    names, rows, columns = RELATED[group]
    for name in names:
        held = tables(name).values()
        assert rows <= {row[0] for table in held for row in table.rows}, name
        assert columns <= {column for table in held for column in table.columns}, name


def test_a_long_table_crosses_pages(pages: dict[str, list[str]]) -> None:
    heads = [text.count("Removed") for text in pages["bell-tones"]]
    assert sum(head > 0 for head in heads) >= 2, "its header is not repeated"


def test_questions_are_balanced_and_unique() -> None:
    strata = Counter(q["stratum"] for q in QUESTIONS)
    assert len(QUESTIONS) >= 150
    assert strata.keys() == {"prose", "table", "formula"}
    assert min(strata.values()) >= 50
    assert max(strata.values()) == min(strata.values())
    assert len({q["id"] for q in QUESTIONS}) == len({q["question"] for q in QUESTIONS}) == len(QUESTIONS)
    assert {q["doc"] for q in QUESTIONS} == set(PAPERS)


@pytest.mark.parametrize("question", QUESTIONS, ids=ids)
def test_one_paper_answers(question: dict[str, Any]) -> None:
    judge = Judge(question["evidence"])
    assert [name for name, truth in TRUTH.items() if judge.relevant(truth)] == [question["doc"]]


@pytest.mark.parametrize("question", of_stratum("prose"), ids=ids)
def test_prose_evidence_stands_word_for_word(question: dict[str, Any], pages: dict[str, list[str]]) -> None:
    text = question["evidence"]["text"]
    assert text in TRUTH[question["doc"]]
    assert Judge(question["evidence"]).relevant(pages[question["doc"]][question["page"] - 1])
    asked, told = set(text_tokens(question["question"])), set(text_tokens(text))
    assert len(asked & told) <= 0.6 * len(asked), "the question repeats its evidence"


@pytest.mark.parametrize("question", of_stratum("table"), ids=ids)
def test_table_evidence_is_that_cell(question: dict[str, Any], pages: dict[str, list[str]]) -> None:
    evidence = question["evidence"]
    table = tables(question["doc"])[evidence["caption"]]
    named = [row for row in table.rows if row[0] == evidence["row"]]
    assert named[0][table.columns.index(evidence["column"])] == evidence["value"]
    assert [evidence["row"], evidence["column"], evidence["value"]] in evidence["cells"]
    assert Judge(evidence).relevant(pages[question["doc"]][question["page"] - 1])


@pytest.mark.parametrize("question", of_stratum("formula"), ids=ids)
def test_formula_evidence_is_that_equation(question: dict[str, Any], pages: dict[str, list[str]]) -> None:
    evidence, truth = question["evidence"], TRUTH[question["doc"]]
    number = re.search(re.escape(f"$$\n{evidence['tex']} \\tag{{") + r"(\d+)\}", truth)
    assert number is not None
    assert evidence["lead"] in truth[: number.start()]
    assert re.search(rf"\({number[1]}\)\s", pages[question["doc"]][question["page"] - 1] + "\n")


@pytest.mark.parametrize(
    ("tex", "typst"),
    [
        (r"\frac{H}{2}", "frac( H , 2 )"),
        (r"\left( x_{n,k} \right]", r"lr( \( x _( n \, k ) \] )"),
        (r"\mathrm{d}t / T_{\mathrm{head}}", 'upright(d) t \\/ T _( upright("head") )'),
        (r"\begin{cases} a & b \\ c & d \end{cases}", "cases( a & b ,  c & d )"),
    ],
)
def test_tex_becomes_typst(tex: str, typst: str) -> None:
    assert to_typst(tex) == typst


def test_an_unknown_command_is_not_left_out() -> None:
    with pytest.raises(ValueError, match="unknown command"):
        to_typst(r"\unheardof{x}")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bell-tones", "kefir-drift"])
def test_layout_engine_reads_it(name: str, tmp_path: Path) -> None:
    with PdfDocument(PAPERS[name].pdf) as paper, PdfDocument.new() as page:
        page.import_pages(paper, [0])
        page.save(tmp_path / "page.pdf")
    report = ingest(tmp_path / "page.pdf", tmp_path / "kb", config=Config(engine="layout"))
    assert not report.failures
    assert report.chunks > 3
