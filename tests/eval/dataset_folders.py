"""Datasets in the real formats of others, small: every loader's tests write these."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

GATE = "The sluice gate is closed when the tide rises above four metres at the outer weir."


def write(file: Path, content: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def beir_folder(folder: Path) -> Path:
    docs = [{"_id": "d1", "title": "Gates", "text": GATE, "metadata": {}}, {"_id": "d2", "title": "", "text": "Rain."}]
    write(folder / "corpus.jsonl", lines(*docs, {"_id": "d3", "title": "Tides", "text": "The tide rises twice a day."}))
    queries = [{"_id": "q1", "text": "When is the gate closed?"}, {"_id": "q2", "text": "Not judged"}]
    write(folder / "queries.jsonl", lines(*queries, {"_id": "q3", "text": "How often does the tide rise?"}))
    table = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td3\t1\nq1\td2\t0\nq3\td3\t1\n"
    write(folder / "qrels" / "test.tsv", table)
    return folder


def ohr_folder(folder: Path) -> Path:
    pages = [{"page_idx": 0, "text": "# Manual"}, {"page_idx": 2, "text": f"Gates\n\n{GATE}\n\n| a | 3.5 |"}]
    write(folder / "gt" / "manual" / "weir.json", pages)
    write(folder / "MinerU" / "manual" / "weir.json", [{"page_idx": 0, "text": "Manual"}])
    common = {"doc_name": "manual/weir", "doc_type": "manual", "answer_form": "Short Answer", "is_extra_qa": False}
    asked = [
        {"ID": "x1", "questions": "When?", "answers": "At high tide", "evidence_source": "text"},
        {"ID": "x2", "questions": "How many?", "answers": "3.5", "evidence_source": "table"},
        {"ID": "x3", "questions": "Both?", "answers": "", "evidence_source": "reading_order"},
    ]
    places: list[dict[str, Any]] = [
        {"evidence_context": GATE, "evidence_page_no": 2},
        {"evidence_context": "a & 3.5", "evidence_page_no": 2},
        {"evidence_context": ["Manual", "Gates"], "evidence_page_no": [0, 2]},
    ]
    write(folder / "qas.json", [common | row | place for row, place in zip(asked, places, strict=True)])
    return folder


def open_rag_folder(folder: Path) -> Path:
    sections = [
        {"section_id": 0, "text": "## Abstract\nWe study weirs and the pumps that keep the polder dry.", "tables": {}},
        {"section_id": 1, "text": f"## Gates\n{GATE}\n![table_0](table_0)\n![img-0.jpeg](img-0.jpeg)",
         "tables": {"table_0": "| Gate | Width |\n|---|---|\n| North | 3.5 |"}, "images": {"img-0.jpeg": "data:xyz"}},
    ]  # fmt: skip
    paper = {"id": "2401.00001v1", "title": "# Weirs", "abstract": "We study weirs.", "sections": sections}
    write(folder / "corpus" / "2401.00001v1.json", paper)
    write(folder / "queries.json", {"u1": {"query": "How wide is the north gate?", "type": "extractive",
                                           "source": "text-table-image"}})  # fmt: skip
    write(folder / "qrels.json", {"u1": {"doc_id": "2401.00001v1", "section_id": 1}})
    write(folder / "answers.json", {"u1": "3.5"})
    return folder


def own_folder(folder: Path) -> Path:
    write(folder / "papers" / "weir.md", f"# Weir\n\n{GATE}\n\n$$h = a + b$$")
    write(folder / "papers" / "pump.pdf", "%PDF-1.4")
    rows = [
        {"id": "a", "doc": "weir", "question": "When?", "answer": "At high tide", "stratum": "prose", "page": [2, 3],
         "evidence": {"text": GATE}, "also": [{"doc": "pump", "evidence": {"text": "the gate is shut"}, "page": 1}]},
        {"id": 2, "doc": "weir", "question": "Which sum?", "stratum": "formula", "evidence": {"tex": "h = a + b"}},
        {"id": "c", "doc": "pump", "question": "What else?", "stratum": "odd", "evidence": {"text": "it leaks"}},
    ]  # fmt: skip
    write(folder / "questions.jsonl", lines(*rows))
    return folder


FOLDERS: dict[str, Callable[[Path], Path]] = {
    "beir": beir_folder,
    "ohr-bench": ohr_folder,
    "open-rag-bench": open_rag_folder,
    "jsonl": own_folder,
}
