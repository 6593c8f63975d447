"""A malformed dataset stops before the first question, with file, line and what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.datasets import load_dataset
from rag_ingest.errors import ConfigError
from tests.eval.dataset_folders import FOLDERS


def corrupt(folder: Path, file: str, change: tuple[str, str] | None) -> None:
    target = folder / file
    if change is None:
        target.unlink()
        return
    text = target.read_text(encoding="utf-8")
    assert change[0] in text
    target.write_text(text.replace(*change), encoding="utf-8")


QUESTIONS = "questions.jsonl"

WRONG: list[tuple[str, str, tuple[str, str] | None, str]] = [
    ("beir", "corpus.jsonl", None, "corpus.jsonl can't be read"),
    ("beir", "queries.jsonl", None, "queries.jsonl can't be read"),
    ("beir", "qrels/test.tsv", None, "test.tsv can't be read"),
    ("beir", "corpus.jsonl", ('{"_id": "d2"', '{"_id" "d2"'), r"corpus.jsonl:2 is no JSON"),
    ("beir", "corpus.jsonl", ('"_id": "d2"', '"id": "d2"'), r"corpus.jsonl:2: no '_id'"),
    ("beir", "corpus.jsonl", ('"_id": "d2"', '"_id": "d1"'), r"corpus.jsonl:2: .*twice"),
    ("beir", "queries.jsonl", ('"text": "When', '"was": "When'), r"queries.jsonl:1: no 'text'"),
    ("beir", "qrels/test.tsv", ("q1\td3\t1", "q1\td9\t1"), r"test.tsv:3: unknown document 'd9'"),
    ("beir", "qrels/test.tsv", ("q1\td3\t1", "q9\td3\t1"), r"test.tsv:3: unknown query 'q9'"),
    ("beir", "qrels/test.tsv", ("q1\td3\t1", "q1 d3 1"), r"test.tsv:3: expected"),
    ("beir", "qrels/test.tsv", ("q1\td3\t1", "q1\td3\t--1"), r"test.tsv:3: expected"),
    ("beir", "qrels/test.tsv", ("q1\td3\t1", "q1\td3\t²"), r"test.tsv:3: expected"),
    ("beir", "queries.jsonl", ('"_id": "q2"', '"_id": "q1"'), r"queries.jsonl:2: .*twice"),
    ("ohr-bench", "qas.json", None, "qas.json can't be read"),
    ("ohr-bench", "gt/manual/weir.json", None, "no gt/DOMAIN/DOCUMENT.json"),
    ("ohr-bench", "qas.json", ("manual/weir", "manual/dam"), r"qas.json, item 1: unknown paper 'manual/dam'"),
    ("ohr-bench", "qas.json", ('"evidence_page_no": 2', '"evidence_page_no": "2"'), r"item 1: 'evidence_page_no'"),
    ("ohr-bench", "gt/manual/weir.json", ('"page_idx": 2', '"page": 2'), r"weir.json, item 2: no 'page_idx'"),
    ("open-rag-bench", "qrels.json", ('"section_id": 1', '"section_id": 7'), r"entry 'u1': .*no section 7"),
    ("open-rag-bench", "qrels.json", ("2401.00001v1", "2401.9"), r"entry 'u1': unknown paper"),
    ("open-rag-bench", "queries.json", ("u1", "u2"), r"entry 'u1': needs an object"),
    ("open-rag-bench", "answers.json", None, "answers.json can't be read"),
    ("open-rag-bench", "corpus/2401.00001v1.json", None, "no corpus/PAPER.json"),
    ("jsonl", QUESTIONS, None, "questions.jsonl can't be read"),
    ("jsonl", QUESTIONS, ('"doc": "pump", "question"', '"doc": "pipe", "question"'), r"jsonl:3: unknown paper"),
    ("jsonl", QUESTIONS, ('"doc": "pump", "evidence"', '"doc": "pipe", "evidence"'), r"jsonl:1: unknown paper"),
    ("jsonl", QUESTIONS, ('{"tex": "h = a + b"}', '{"latex": "h"}'), r"jsonl:2: evidence of no known kind"),
    ("jsonl", QUESTIONS, ('{"tex": "h = a + b"}', '{"tex": "{}"}'), r"jsonl:2: evidence without tokens"),
    ("jsonl", QUESTIONS, ('{"tex": "h = a + b"}', '{"tex": 3}'), r"jsonl:2: evidence with a value that is no"),
    ("jsonl", QUESTIONS, ('{"tex": "h = a + b"}', '{"value": "3", "row": "a"}'), r"jsonl:2: evidence without '"),
    ("jsonl", QUESTIONS, ("[2, 3]", "[0]"), r"jsonl:1: 'page' must be"),
    ("jsonl", QUESTIONS, ('"prose"', "7.5"), r"jsonl:1: 'stratum' must be str, not float"),
    ("jsonl", QUESTIONS, ('"id": 2', '"id": "a"'), r"jsonl:2: id 'a' is also that of .*jsonl:1"),
    ("jsonl", QUESTIONS, ('"stratum": "odd"', '"startum": "odd"'), r"jsonl:3 is no question: unknown key"),
    ("jsonl", QUESTIONS, ('{"id": "c"', '["c", {"id": "c"'), r"jsonl:3 is no JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "file", "change", "said"), WRONG)
def test_wrong_folders_are_refused(
    name: str, file: str, change: tuple[str, str] | None, said: str, tmp_path: Path
) -> None:
    FOLDERS[name](tmp_path)
    corrupt(tmp_path, file, change)
    with pytest.raises(ConfigError, match=said):
        load_dataset(f"{name}:{tmp_path}")
